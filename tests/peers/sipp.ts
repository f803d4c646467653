/**
 * Runs SIPp on this machine, as the caller of a gateway or as the one who is called.
 *
 * Scenarios are scripts, or files in `sipp/`; each of those says at its top what it checks. SIPp
 * speaks UDP and TCP; for TLS it speaks TCP to a relay.
 *
 * @module
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { formatSocketAddress, type SocketAddress } from "../../src/base/socket_address.ts";
import { until } from "../support/gateway.ts";
import { type Relay, type RelayCut, startRelay } from "./relay.ts";
import { isListening, nextSippPorts } from "./sipp_ports.ts";
import type { SippScript } from "./sipp_script.ts";
import { readMessages, type WireMessage } from "./wire_message.ts";

/** A scenario of ours by file name, or a caller's that SIPp brings along. */
export type SippScenario = `${string}.xml` | "uac" | "branchc" | "regexp";

export type SippTransport = "udp" | "tcp" | "tls";

/** What either side is told. */
interface CommonOptions {
  readonly scenario: SippScenario | SippScript;
  readonly transport?: SippTransport;
  /** The whole run fails after that. Default: 20 s. */
  readonly timeoutMs?: number;
  /** It fails, too, when what it waits for does not come within this time. Default: 9 s. */
  readonly receiveMs?: number;
  /** Values for `[name]` in the scenario. `room` has one already. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Further arguments of SIPp. */
  readonly extra?: readonly string[];
}

/** What is to be run as the caller. */
export interface SippOptions extends CommonOptions {
  /** Where the gateway listens. */
  readonly target: SocketAddress;
  /** How many calls are made. Default: 1. */
  readonly calls?: number;
  /** Calls a second. Default: 10. */
  readonly rate?: number;
  /** How the stream is cut; not over UDP. */
  readonly cut?: RelayCut;
}

/** How a run ended. */
export interface SippResult {
  /** 0: every call went as the scenario says. */
  readonly exitCode: number;
  /** What SIPp printed, its errors and, when a call failed, its messages. */
  readonly output: string;
  /** Everything that it sent and received. */
  readonly messages: readonly WireMessage[];
  /** What the Call-ID of every call that it placed begins with. */
  readonly callId: string;
}

/** A SIPp that waits for a call. */
export interface SippCallee {
  /** Whom to call to reach it, with the transport. */
  readonly uri: string;
  readonly port: number;
  /** Resolves when it had its call. */
  readonly result: Promise<SippResult>;
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
const RECEIVE_MS_MAX = 9_000;
const START_MS_MAX = 5_000;
const OUTPUT_CHARACTERS_MAX = 20_000;

let counted = 0;
/** Runs a scenario as the caller, bound to 127.0.0.1, and waits for its end. */
export async function runSipp(options: SippOptions): Promise<SippResult> {
  const { target, transport = "udp", cut } = options;
  const needsRelay = transport === "tls" || cut !== undefined;
  const relay = needsRelay
    ? await startRelay({
      to: target,
      ...(transport === "tls" ? { tls: "connection" } : {}),
      ...(cut === undefined ? {} : { cut }),
    })
    : undefined;
  const { calls = 1, rate = 10 } = options;
  try {
    const { result } = await run(options, [
      formatSocketAddress(relay?.address ?? target),
      ...["-t", transport === "udp" ? "u1" : "t1"],
      ...["-m", `${calls}`, "-l", `${calls}`, "-r", `${rate}`],
    ]);
    return await result;
  } finally {
    relay?.close();
  }
}

/** Starts SIPp on 127.0.0.1, and resolves when it can be called. It takes one call. */
export async function startSippCallee(options: CommonOptions): Promise<SippCallee> {
  const { transport = "udp" } = options;
  const { result, isOver, port } = await run(options, [
    ...["-m", "1", "-t", transport === "udp" ? "u1" : "t1"],
  ]);
  const table = transport === "udp" ? "udp" : "tcp";
  await until(
    () => isOver() || isListening(table, port),
    START_MS_MAX,
    () => "SIPp does not listen",
  );
  if (isOver()) throw new Error(`SIPp does not start: ${(await result).output}`);
  if (transport !== "tls") {
    const suffix = transport === "tcp" ? ";transport=tcp" : "";
    return { uri: `sip:100@127.0.0.1:${port}${suffix}`, port, result };
  }
  const to = { address: "127.0.0.1", port };
  const relay = await startRelay({ to, tls: "listener" });
  const uri = `sip:100@127.0.0.1:${relay.address.port};transport=tls`;
  return { uri, port: relay.address.port, result: closing(relay, result) };
}

async function closing(relay: Relay, result: Promise<SippResult>): Promise<SippResult> {
  try {
    return await result;
  } finally {
    relay.close();
  }
}

/** A SIPp that runs. */
interface Run {
  readonly port: number;
  readonly result: Promise<SippResult>;
  readonly isOver: () => boolean;
}

/** Starts SIPp in a folder of its own. */
async function run(options: CommonOptions, role: readonly string[]): Promise<Run> {
  const folder = mkdtempSync(`${tmpdir()}/voicegw-sipp-`);
  const files = { errors: `${folder}/errors.log`, messages: `${folder}/messages.log` };
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const callId = `sipp-${process.pid}-${++counted}-`;
  const { transport = "udp" } = options;
  const { sip: port, media } = await nextSippPorts(transport === "udp" ? "udp" : "tcp");
  const child = Bun.spawn([
    "sipp",
    ...role,
    ...["-p", `${port}`, "-mp", `${media}`],
    ...sippArguments(options, folder, timeoutMs),
    ...["-cid_str", `${callId}%u`],
    "-trace_err",
    ...["-error_file", files.errors],
    "-trace_msg",
    ...["-message_file", files.messages],
  ], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs + GRACE_MS,
    killSignal: "SIGKILL",
  });
  const finish = async (): Promise<SippResult> => {
    const [exitCode, stdout, stderr] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    const messages = contentOf(files.messages);
    const parts = [stdout, stderr, contentOf(files.errors)];
    if (exitCode !== 0) parts.push(messages);
    const output = parts.map((part) => part.slice(-OUTPUT_CHARACTERS_MAX)).join("\n");
    rmSync(folder, { recursive: true, force: true });
    return { exitCode, output, messages: readMessages(messages), callId };
  };
  return { result: finish(), isOver: () => child.exitCode !== null, port };
}

function sippArguments(
  { scenario, keys = {}, extra = [], receiveMs = RECEIVE_MS_MAX }: CommonOptions,
  folder: string,
  timeoutMs: number,
): readonly string[] {
  return [
    ...scenarioArguments(scenario, folder),
    ...["-i", "127.0.0.1", "-mi", "127.0.0.1", "-bind_local"],
    // Without a terminal SIPp must not look for one; the limit on open files is the machine's.
    "-nostdin",
    "-skip_rlimit",
    ...["-recv_timeout", `${receiveMs}`],
    // SIPp counts whole seconds.
    ...["-timeout", `${Math.ceil(timeoutMs / 1000)}s`, "-timeout_error"],
    ...Object.entries({ room: "sipp", ...keys }).flatMap(([name, value]) => ["-key", name, value]),
    ...extra,
  ];
}

function scenarioArguments(scenario: CommonOptions["scenario"], folder: string): readonly string[] {
  if (typeof scenario !== "string") {
    const file = `${folder}/script.xml`;
    writeFileSync(file, scenario.toXml());
    return ["-sf", file];
  }
  if (!scenario.endsWith(".xml")) return ["-sn", scenario];
  const file = new URL(`sipp/${scenario}`, import.meta.url).pathname;
  if (!existsSync(file)) throw new RangeError(`There is no scenario "${scenario}"`);
  return ["-sf", file, ...SCENARIO_ARGUMENTS[scenario] ?? []];
}

function contentOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
