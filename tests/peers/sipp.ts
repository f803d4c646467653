/**
 * Runs SIPp against a gateway on this machine.
 *
 * Scenarios of ours stand in `sipp/`; each says at its top what it checks.
 *
 * @module
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { formatSocketAddress, type SocketAddress } from "../../src/base/socket_address.ts";

/** A scenario of ours by file name, or a caller's that SIPp brings along. */
export type SippScenario = `${string}.xml` | "uac" | "branchc" | "regexp";

/** What is to be run. */
export interface SippOptions {
  readonly scenario: SippScenario;
  /** Where the gateway listens. */
  readonly target: SocketAddress;
  /** How many calls are made. Default: 1. */
  readonly calls?: number;
  /** Calls a second. Default: 10. */
  readonly rate?: number;
  readonly transport?: "udp" | "tcp";
  /** The whole run fails after that. Default: 20 s. */
  readonly timeoutMs?: number;
  /** Values for `[name]` in the scenario. `room` has one already. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Further arguments of SIPp. */
  readonly extra?: readonly string[];
}

/** How a run ended. */
export interface SippResult {
  /** 0: every call went as the scenario says. */
  readonly exitCode: number;
  /** What SIPp printed, its errors and, when a call failed, its messages. */
  readonly output: string;
}

/** Arguments that belong to a scenario: those with `-nr` look at every repeated response. */
const SCENARIO_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  "bye_before_ack.xml": ["-nr"],
  "lost_200.xml": ["-nr"],
  "retransmitted_invite_after_answer.xml": ["-nr"],
  "retransmitted_invite_before_answer.xml": ["-nr"],
};

const TIMEOUT_MS = 20_000;
/** How long SIPp has to end by itself after its own time-out. */
const GRACE_MS = 3_000;
const OUTPUT_CHARACTERS_MAX = 20_000;

/** Runs a scenario as the caller, bound to 127.0.0.1, and waits for its end. */
export async function runSipp(options: SippOptions): Promise<SippResult> {
  const folder = mkdtempSync(`${tmpdir()}/voicegw-sipp-`);
  const errors = `${folder}/errors.log`;
  const messages = `${folder}/messages.log`;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  try {
    const child = Bun.spawn([
      "sipp",
      formatSocketAddress(options.target),
      ...sippArguments(options, timeoutMs),
      "-trace_err",
      ...["-error_file", errors],
      "-trace_msg",
      ...["-message_file", messages],
    ], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs + GRACE_MS,
      killSignal: "SIGKILL",
    });
    const [exitCode, stdout, stderr] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    const parts = [stdout, stderr, contentOf(errors)];
    if (exitCode !== 0) parts.push(contentOf(messages));
    const output = parts.map((part) => part.slice(-OUTPUT_CHARACTERS_MAX)).join("\n");
    return { exitCode, output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sippArguments(options: SippOptions, timeoutMs: number): readonly string[] {
  const { scenario, calls = 1, rate = 10, transport = "udp", keys = {}, extra = [] } = options;
  const ours = scenario.endsWith(".xml");
  const file = new URL(`sipp/${scenario}`, import.meta.url).pathname;
  if (ours && !existsSync(file)) throw new RangeError(`There is no scenario "${scenario}"`);
  return [
    ...(ours ? ["-sf", file] : ["-sn", scenario]),
    ...["-i", "127.0.0.1", "-mi", "127.0.0.1", "-bind_local"],
    ...["-t", transport === "udp" ? "u1" : "t1"],
    ...["-m", `${calls}`, "-l", `${calls}`, "-r", `${rate}`],
    // Without a terminal SIPp must not look for one; the limit on open files is the machine's.
    "-nostdin",
    "-skip_rlimit",
    // SIPp counts whole seconds.
    ...["-timeout", `${Math.ceil(timeoutMs / 1000)}s`, "-timeout_error"],
    ...Object.entries({ room: "sipp", ...keys }).flatMap(([name, value]) => ["-key", name, value]),
    ...(SCENARIO_ARGUMENTS[scenario] ?? []),
    ...extra,
  ];
}

function contentOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
