/**
 * Turns a table of SIPp scenarios into tests against one gateway.
 *
 * The rows of a table run side by side. What belongs to which call is told apart by its Call-ID;
 * that nothing is left of any of them is looked at when all are over.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { SocketAddress } from "../../src/base/socket_address.ts";
import type { CallRecord } from "../../src/call/call_record.ts";
import {
  type GatewayConfig,
  type RunningGateway,
  startGateway,
  until,
} from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { SilentPipe } from "../support/silent_pipe.ts";
import { tlsPath } from "../support/tls_fixtures.ts";
import type { RelayCut } from "./relay.ts";
import { runSipp, type SippOptions, type SippResult, type SippTransport } from "./sipp.ts";
import type { WireMessage } from "./wire_message.ts";

/** What is known of a scenario that went as it says. */
export interface Seen {
  readonly messages: readonly WireMessage[];
  readonly records: readonly CallRecord[];
  /** What the handler of the first call was told, where the route has a {@linkcode handler}. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

/** A scenario and what it needs. */
export interface SippRow {
  /** Default: the name of the scenario's file. */
  readonly name?: string;
  readonly scenario: SippOptions["scenario"];
  /** Default: all three. */
  readonly transports?: readonly SippTransport[];
  /** Names the route. Default: echo. */
  readonly room?: string;
  readonly keys?: Readonly<Record<string, string>>;
  readonly calls?: number;
  readonly extra?: readonly string[];
  readonly cut?: RelayCut;
  /** What the record of each call holds; `undefined`: there is none. */
  readonly record: Partial<CallRecord> | undefined;
  /** How many there are; default: one for each call. */
  readonly records?: number;
  readonly check?: (seen: Seen) => void;
}

/**
 * Where the rows call. T1 is what it is by default: over streams SIPp takes what is repeated for
 * something new, as soon as the machine is slow.
 */
export interface SippTable {
  readonly title: string;
  readonly rows: readonly SippRow[];
  /** Routes before the last one, which is an echo. */
  readonly routes?: (helpers: RouteHelpers) => readonly unknown[];
  readonly config?: Omit<GatewayConfig, "routes">;
}

/** What routes are made of. */
export interface RouteHelpers {
  /** A handler that is a shell script. What it is told stands in the file `$EVENTS`. */
  readonly exec: (script: string) => readonly string[];
  /** A sound that never begins. */
  readonly silence: string;
}

export const ALL: readonly SippTransport[] = ["udp", "tcp", "tls"];
/** SIPp drops repeated 200s over TCP itself, so what is repeated is shown over UDP. */
export const UDP: readonly SippTransport[] = ["udp"];
/** With a T1 of 50 ms, what takes 32 s at the default is over after 3.2 s. */
export const FAST_TIMERS = { t1: "50ms" } as const;
export const STREAMS: readonly SippTransport[] = ["tcp", "tls"];

/** For all rows of a table that wait for their turn, too. */
const TIMEOUT_MS = 60_000;
/** Of SIPp side by side: each has a processor's share to itself. */
const TOGETHER_MAX = 12;

/** Declares the tests of a table. */
export function describeSipp({ title, rows, routes, config = {} }: SippTable): void {
  describe(title, () => {
    let server: RunningGateway;
    let folder: string;
    let pipe: SilentPipe;

    beforeAll(async () => {
      folder = mkdtempSync(`${tmpdir()}/voicegw-peers-`);
      pipe = new SilentPipe();
      const helpers = {
        // Braces are no placeholders here
        exec: (script: string) => [
          "sh",
          "-c",
          `EVENTS="${folder}/$VOICEGW_SIP_CALL_ID"; cat <&3 >"$EVENTS" & ${script}`
            .replaceAll("{", "{{"),
        ],
        silence: pipe.path,
      };
      server = await startGateway({
        ...config,
        sip: { ...LISTEN, ...config.sip },
        routes: [...routes?.(helpers) ?? [], { echo: true }],
      });
    });

    afterAll(async () => {
      pipe.close();
      await server.stop();
      rmSync(folder, { recursive: true });
    });

    const turns = new Turns(TOGETHER_MAX);
    /** Call-IDs of runs that have not passed. Those that failed may be repeated. */
    const failed = new Set<string>();
    for (const row of rows) {
      for (const transport of row.transports ?? ALL) {
        const name = `${row.name ?? row.scenario} over ${transport}`;
        peerTest(name, ["sipp"], async () => {
          const result = await turns.take(() => runSipp(optionsOf(row, transport, server)));
          failed.add(result.callId);
          expectSuccess(result);
          const records = await recordsOf(result, row, server);
          const events = eventsOf(`${folder}/${result.callId}1`);
          row.check?.({ messages: result.messages, records, events });
          failed.delete(result.callId);
        }, { timeoutMs: TIMEOUT_MS, isConcurrent: true });
      }
    }

    peerTest("leaves nothing behind", ["sipp"], async () => {
      await server.idle();
      expect(server.gateway.counters.get("internal_errors")).toBe(0);
      const expected = rows.reduce(
        (sum, row) => sum + recordCount(row) * (row.transports ?? ALL).length,
        0,
      );
      const records = server.records.filter((record) =>
        ![...failed].some((callId) => isOf(record, callId))
      );
      expect(records).toHaveLength(expected);
    });
  });
}

/** A run that did not go as its scenario says shows what SIPp has to say. */
export function expectSuccess({ exitCode, output }: SippResult): void {
  expect({ exitCode, output: exitCode === 0 ? "" : output }).toEqual({ exitCode: 0, output: "" });
}

/** Listeners for every transport of SIPp, and what they need. */
export const LISTEN = {
  listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0"],
  tls: {
    certificate: tlsPath("server.pem"),
    key: tlsPath("server.key"),
    ca: tlsPath("ca.pem"),
  },
} as const;

/** Where a gateway listens for a transport. */
export function listenerOf(server: RunningGateway, transport: SippTransport): SocketAddress {
  const found = server.gateway.listeners.find((listener) => listener.startsWith(`${transport}:`));
  const [address = "", port = ""] = found?.split("//")[1]?.split(":") ?? [];
  return { address, port: Number(port) };
}

function optionsOf(row: SippRow, transport: SippTransport, server: RunningGateway): SippOptions {
  const { scenario, calls = 1, room = "echo", keys, extra, cut } = row;
  return {
    scenario,
    target: listenerOf(server, transport),
    transport,
    calls,
    keys: { room, ...keys },
    ...(extra === undefined ? {} : { extra }),
    ...(cut === undefined ? {} : { cut }),
  };
}

/** Waits for the records of a run, and compares them. */
async function recordsOf(
  { callId }: SippResult,
  row: SippRow,
  server: RunningGateway,
): Promise<readonly CallRecord[]> {
  const find = () => server.records.filter((record) => isOf(record, callId));
  const count = recordCount(row);
  await until(() => find().length >= count, 5000, () => `${find().length} of ${count} records`);
  const found = find();
  expect(found).toHaveLength(count);
  for (const one of found) expect(one).toMatchObject(row.record ?? {});
  return found;
}

/** Whether a call belongs to the run whose Call-IDs hold this. */
function isOf({ call }: CallRecord, callId: string): boolean {
  return call.sip_call_id.includes(callId);
}

function recordCount({ record, records, calls = 1 }: SippRow): number {
  return record === undefined ? 0 : records ?? calls;
}

function eventsOf(file: string): Seen["events"] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").trim().split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Lets only so many at once. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take<T>(act: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
