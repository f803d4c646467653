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

const FIRST = 15_000;
/** One for SIP, and after a gap those for RTP and RTCP of two streams. */
const EACH = 6;
const BLOCKS = 200;
/** Test runs on one machine at once. */
const RUNS = 5;

/** Who listens on the n-th of these has the n-th range. */
const LOCKS_FIRST = 14_990;

let range: Promise<number> | undefined;
let given = 0;

/** A port that nobody has and that was not used lately; the next five are for RTP. */
export async function nextSippPort(): Promise<number> {
  range ??= takeRange();
  const first = await range;
  for (let tries = 0; tries < BLOCKS; tries++) {
    const port = first + (given++ % BLOCKS) * EACH;
    if (!isInUse("udp", port) && !isInUse("tcp", port)) return port;
  }
  throw new Error("There are no ports left for SIPp");
}

/** Whether somebody on this machine listens there, as the kernel says. Linux only. */
export function isListening(transport: "udp" | "tcp", port: number): boolean {
  return new RegExp(`: [0-9A-F]{8}:${hex(port)} 00000000:0000`).test(sockets(transport));
}

/** Connections that were closed lately count. */
function isInUse(transport: "udp" | "tcp", port: number): boolean {
  return new RegExp(`: [0-9A-F]{8}:${hex(port)} `).test(sockets(transport));
}

async function takeRange(): Promise<number> {
  for (let run = 0; run < RUNS; run++) {
    if (await listens(LOCKS_FIRST + run)) return FIRST + run * BLOCKS * EACH;
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
