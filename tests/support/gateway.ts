/**
 * A real gateway on loopback for tests: real sockets, real children, and a look at everything that it holds.
 *
 * @module
 */

import type { CallRecord } from "../../src/call/call_record.ts";
import { configFrom } from "../../src/config/load.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";

/** A gateway that listens. */
export interface RunningGateway {
  readonly gateway: Gateway;
  /** `127.0.0.1:port` of its UDP listener. */
  readonly udp: string;
  /** The same for TCP. */
  readonly tcp: string;
  /** Every call that ended so far. */
  readonly records: CallRecord[];
  /** Every line that was logged so far, but debug. */
  readonly logs: string[];
  /** Resolves when this many calls have ended; rejects after `timeoutMs`. */
  ended(count: number, timeoutMs?: number): Promise<readonly CallRecord[]>;
  /** Resolves when nothing is held any more; rejects after `timeoutMs`, naming what is. */
  idle(timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/** Parts of a configuration; listeners and ports are chosen here. */
export interface GatewayConfig {
  readonly routes: readonly unknown[];
  readonly sip?: Readonly<Record<string, unknown>>;
  readonly rtp?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, unknown>>;
  readonly registrations?: readonly unknown[];
  readonly trunks?: Readonly<Record<string, unknown>>;
  readonly speech?: Readonly<Record<string, unknown>>;
  readonly http?: Readonly<Record<string, unknown>>;
  readonly breaker?: Readonly<Record<string, unknown>>;
  readonly api?: Readonly<Record<string, unknown>>;
}

/** Test runs beside each other take ports for RTP from different places. */
const PORTS_FIRST = Number(process.env["TEST_RTP_PORTS"] ?? 21_000);
const PORTS_LAST = PORTS_FIRST + 8000;

let nextPorts = PORTS_FIRST;

/** Starts a gateway on free ports of 127.0.0.1. */
export async function startGateway(given: GatewayConfig): Promise<RunningGateway> {
  const first = nextPorts;
  nextPorts = nextPorts >= PORTS_LAST ? PORTS_FIRST : nextPorts + 400;
  const config = configFrom({
    routes: given.routes,
    sip: { listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], ...given.sip },
    rtp: { ports: `${first}-${first + 399}`, ...given.rtp },
    // Tests share one loop, and refuse nobody because it is late
    limits: { calls_per_second: 1000, lag: "0s", ...given.limits },
    registrations: given.registrations ?? [],
    trunks: given.trunks ?? {},
    speech: given.speech ?? {},
    http: given.http ?? {},
    breaker: given.breaker ?? {},
    ...(given.api === undefined ? {} : { api: given.api }),
  });
  const records: CallRecord[] = [];
  const logs: string[] = [];
  const gateway = new Gateway({
    runtime: createRuntime(),
    config,
    environment: process.env as Record<string, string>,
    observer: {
      log: (level, message) => {
        if (level !== "debug") logs.push(message);
      },
      callEnded: (record) => {
        records.push(record);
      },
    },
  });
  await gateway.start();
  const [udp = "", tcp = ""] = gateway.listeners.map((listener) => listener.split("//")[1]);
  return {
    gateway,
    udp,
    tcp,
    records,
    logs,
    ended: async (count, timeoutMs = 10_000) => {
      await until(() => records.length >= count, timeoutMs, () => `${records.length} calls ended`);
      return records;
    },
    idle: (timeoutMs = 10_000) =>
      until(() => isIdle(gateway), timeoutMs, () => `held: ${JSON.stringify(gateway.held)}`),
    stop: () => gateway.stop(),
  };
}

/** Looks again and again, since what it waits for happens in other processes. */
export async function until(
  done: () => boolean,
  timeoutMs: number,
  describe: () => string,
): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() > giveUpAt) {
      throw new Error(`Timed out after ${timeoutMs} ms: ${describe()}`);
    }
    await Bun.sleep(10);
  }
}

/** Transactions linger for 64·T1 by design; everything else must be gone. */
function isIdle(gateway: Gateway): boolean {
  return Object.entries(gateway.held).every(([name, count]) =>
    name === "transactions" || count === 0
  );
}
