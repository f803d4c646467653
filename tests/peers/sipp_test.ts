import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { SocketAddress } from "../../src/base/socket_address.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { runSipp, type SippOptions } from "./sipp.ts";

/** A scenario and what it needs. */
interface Row {
  readonly scenario: SippOptions["scenario"];
  readonly transports: readonly ("udp" | "tcp")[];
  /** Names the route. Default: echo. */
  readonly room?: string;
  readonly keys?: Readonly<Record<string, string>>;
  readonly calls?: number;
  readonly extra?: readonly string[];
  /** Cause of each call that the scenario makes; none when it makes none. */
  readonly cause: string | undefined;
}

const BOTH = ["udp", "tcp"] as const;
/** SIPp drops repeated 200s over TCP itself, so what is repeated is shown over UDP. */
const UDP = ["udp"] as const;

const ROWS: readonly Row[] = [
  // 50 calls of 200 ms in all: the caller that SIPp brings along
  { scenario: "uac", transports: BOTH, calls: 50, extra: ["-d", "200"], cause: "caller_hangup" },
  { scenario: "basic_call.xml", transports: BOTH, cause: "caller_hangup" },
  { scenario: "bye_before_ack.xml", transports: UDP, cause: "caller_hangup" },
  { scenario: "cancel_after_180.xml", transports: BOTH, room: "slow", cause: "caller_cancel" },
  { scenario: "hold.xml", transports: BOTH, cause: "caller_hangup" },
  { scenario: "lost_200.xml", transports: UDP, cause: "caller_hangup" },
  { scenario: "lost_ack.xml", transports: UDP, cause: "ack_timeout" },
  { scenario: "options.xml", transports: BOTH, cause: undefined },
  { scenario: "payload_97.xml", transports: BOTH, cause: "caller_hangup" },
  {
    scenario: "reject.xml",
    transports: BOTH,
    room: "busy",
    keys: { status: "486" },
    cause: undefined,
  },
  {
    scenario: "retransmitted_invite_after_answer.xml",
    transports: UDP,
    cause: "caller_hangup",
  },
  {
    scenario: "retransmitted_invite_before_answer.xml",
    transports: UDP,
    room: "slow",
    cause: "caller_cancel",
  },
  { scenario: "server_bye.xml", transports: BOTH, room: "short", cause: "handler_hangup" },
  { scenario: "two_m_lines.xml", transports: BOTH, cause: "caller_hangup" },
  { scenario: "unknown_method.xml", transports: BOTH, cause: undefined },
  { scenario: "wrong_tags.xml", transports: BOTH, cause: "caller_hangup" },
];

describe("SIPp calls the gateway", () => {
  let server: RunningGateway;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(`${tmpdir()}/voicegw-peers-`);
    // Nobody writes into the pipe: a call for it rings until the caller gives up
    Bun.spawnSync(["mkfifo", `${folder}/never.wav`]);
    server = await startGateway({
      // T1 of 50 ms: what takes 32 s at the default is over after 3.2 s
      sip: { t1: "50ms" },
      routes: [
        { when: { "X-Room-ID": "slow" }, play: `${folder}/never.wav` },
        { when: { "X-Room-ID": "busy" }, reject: 486 },
        { when: { "X-Room-ID": "short" }, exec: ["true"] },
        { echo: true },
      ],
    });
  });

  afterAll(async () => {
    // Whoever still waits to read from the pipe gets an end of file
    Bun.spawnSync(["timeout", "1", "sh", "-c", `: > ${folder}/never.wav`]);
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  for (const row of ROWS) {
    for (const transport of row.transports) {
      peerTest(`${row.scenario} over ${transport}`, ["sipp"], async () => {
        const before = server.records.length;
        const { exitCode, output } = await runSipp({
          scenario: row.scenario,
          target: addressOf(transport === "udp" ? server.udp : server.tcp),
          transport,
          calls: row.calls ?? 1,
          keys: { room: row.room ?? "echo", ...row.keys },
          ...(row.extra === undefined ? {} : { extra: row.extra }),
        });
        expect({ exitCode, output: exitCode === 0 ? "" : output })
          .toEqual({ exitCode: 0, output: "" });
        await server.idle();
        const causes = server.records.slice(before).map((record) => record.cause);
        const expected = row.cause === undefined ? [] : new Array(row.calls ?? 1).fill(row.cause);
        expect(causes as string[]).toEqual(expected);
      });
    }
  }
});

function addressOf(listener: string): SocketAddress {
  const [address = "", port = ""] = listener.split(":");
  return { address, port: Number(port) };
}
