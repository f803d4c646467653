/**
 * Bounds of one program: niceness, address space, time of the processor.
 *
 * Linux has programs that set them and then become the one that is to run: `nice` (coreutils) and
 * `prlimit` (util-linux). They stand in front of its argv; no shell is involved, the process stays
 * the same, and its children inherit what was set.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { ExecLimits, ExecSpec } from "../../route/route.ts";
import type { ProcessStartError } from "../../runtime/ports.ts";
import { exitFailure, type ProcessExit, startFailure } from "./exit_reason.ts";

/** What `nice` and `prlimit` exit with when the program is not there, or may not run. */
const NOT_FOUND_STATUS = 127;
const NOT_RUNNABLE_STATUS = 126;

/** Where to find what sets limits. */
const PACKAGES: Readonly<Record<string, string>> = { nice: "coreutils", prlimit: "util-linux" };

/** From the signal that can be handled to the one that cannot: setrlimit(2) counts seconds. */
const CPU_GRACE_SECONDS = 1;

/** Units of the configuration, the largest first. */
const UNITS = [["GiB", 2 ** 30], ["GB", 1e9], ["MiB", 2 ** 20], ["MB", 1e6]] as const;

/** Puts what sets the limits in front of an argv; without limits it is the same one. */
export function limitedCommand(
  command: readonly string[],
  limits: ExecLimits = {},
): readonly string[] {
  const { nice, memory, cpu } = limits;
  const seconds = cpuSeconds(cpu);
  const bounds = [
    ...(memory === undefined ? [] : [`--as=${memory}`]),
    ...(seconds === undefined ? [] : [`--cpu=${seconds}:${seconds + CPU_GRACE_SECONDS}`]),
  ];
  return [
    ...(nice === undefined ? [] : ["nice", "-n", `${nice}`, "--"]),
    ...(bounds.length === 0 ? [] : ["prlimit", ...bounds, "--"]),
    ...command,
  ];
}

/** Why a program could not be started: it, or what sets its limits. */
export function execStartFailure(spec: ExecSpec, error: ProcessStartError): string {
  const { command, limits, cwd } = spec;
  const [limiter = ""] = limitedCommand([], limits);
  if (limiter === "" || error.code !== "ENOENT") return startFailure(command[0] ?? "", error, cwd);
  const directory = cwd === undefined ? "" : `, and see that the directory "${cwd}" exists`;
  return `exec "${command[0]}": its limits need the program ${limiter}, install ` +
    `${PACKAGES[limiter]} or remove "limits"${directory}`;
}

/**
 * Why a program that ran failed, with the limit that may have ended it.
 *
 * @param lastLine Of its standard error.
 */
export function execExitFailure(spec: ExecSpec, exit: ProcessExit, lastLine: string): string {
  const { command: [program = ""], limits = {}, cwd } = spec;
  // What could not be found or run is told by the one who was to become it
  const code = /^(?:nice|prlimit): /.test(lastLine) ? START_ERRORS.get(exit.code) : undefined;
  if (code !== undefined) return startFailure(program, { code, message: lastLine }, cwd);
  return exitFailure(program, { ...exit, limit: limitReached(exit, lastLine, limits) }, lastLine);
}

const START_ERRORS: ReadonlyMap<number | undefined, string> = new Map([
  [NOT_FOUND_STATUS, "ENOENT"],
  [NOT_RUNNABLE_STATUS, "EACCES"],
]);

/** `undefined`: none of them. */
function limitReached(
  { signal }: ProcessExit,
  lastLine: string,
  { memory, cpu }: ExecLimits,
): string | undefined {
  const seconds = cpuSeconds(cpu);
  if (seconds !== undefined && (signal === "SIGXCPU" || signal === "SIGKILL")) {
    return `limits.cpu is ${seconds} s`;
  }
  if (memory === undefined) return undefined;
  const isLikely = signal !== undefined && MEMORY_SIGNALS.has(signal) ||
    /memory|alloc|map segment/i.test(lastLine);
  return isLikely ? `limits.memory is ${formatBytes(memory)}` : undefined;
}

/** How programs end that got no memory and had not thought of it. */
const MEMORY_SIGNALS: ReadonlySet<string> = new Set([
  "SIGABRT",
  "SIGBUS",
  "SIGILL",
  "SIGKILL",
  "SIGSEGV",
  "SIGTRAP",
]);

/** The kernel knows whole seconds, and takes 0 for 1. */
function cpuSeconds(cpu: Millis | undefined): number | undefined {
  return cpu === undefined ? undefined : Math.max(1, Math.ceil(cpu / 1000));
}

function formatBytes(bytes: number): string {
  const [unit, size] = UNITS.find(([, each]) => bytes % each === 0) ?? ["bytes", 1];
  return `${bytes / size} ${unit}`;
}
