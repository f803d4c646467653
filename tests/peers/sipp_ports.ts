/**
 * Ports for SIPp, which finds none by itself when several look at once.
 *
 * They are apart from those that the kernel gives to others, and no two test runs on one machine
 * give out the same.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { createServer } from "node:net";

/** Test runs on one machine at once. */
const RUNS = 4;
/** For SIP: a port is given again when its connections are forgotten, a minute later. */
const SIP = { first: 15_000, count: 1000, step: 1 } as const;
/** For RTP and RTCP of two streams. */
const MEDIA = { first: 19_000, count: 500, step: 4 } as const;

/** Who listens on the n-th of these has the n-th part of each range. */
const LOCKS_FIRST = 14_990;

/** Which test run this is, on this machine. */
let run: Promise<number> | undefined;
const given = { SIP: 0, MEDIA: 0 };

/** Ports that nobody has: one for SIP, and the first of four for RTP. */
export async function nextSippPorts(
  transport: "udp" | "tcp",
): Promise<{ readonly sip: number; readonly media: number }> {
  run ??= takeRun();
  const index = await run;
  const next = (name: keyof typeof given, isFree: (port: number) => boolean): number => {
    const { first, count, step } = { SIP, MEDIA }[name];
    for (let tries = 0; tries < count / step; tries++) {
      const port = first + index * count + given[name];
      given[name] = (given[name] + step) % count;
      if (isFree(port)) return port;
    }
    throw new Error("There are no ports left for SIPp");
  };
  return {
    sip: next("SIP", (port) => !isInUse(transport, port)),
    media: next("MEDIA", (port) => !isInUse("udp", port)),
  };
}

/** Whether somebody on this machine listens there, as the kernel says. Linux only. */
export function isListening(transport: "udp" | "tcp", port: number): boolean {
  return new RegExp(`: [0-9A-F]{8}:${hex(port)} 00000000:0000`).test(sockets(transport));
}

/** Connections that were closed lately count. */
function isInUse(transport: "udp" | "tcp", port: number): boolean {
  return new RegExp(`: [0-9A-F]{8}:${hex(port)} `).test(sockets(transport));
}

async function takeRun(): Promise<number> {
  for (let index = 0; index < RUNS; index++) {
    if (await listens(LOCKS_FIRST + index)) return index;
  }
  throw new Error(`More than ${RUNS} test runs at once`);
}

/** Listens until the process ends, unless somebody else does. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.unref();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
}

function sockets(transport: "udp" | "tcp"): string {
  return readFileSync(`/proc/net/${transport}`, "latin1");
}

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}
