/**
 * Finds ports for programs that cannot choose their own.
 *
 * @module
 */

import { createServer } from "node:net";

/** Where pairs are: apart from the ports that the kernel gives, and from RTP of the tests. */
const PAIRS = { first: 12_000, last: 19_998 };
const ATTEMPTS_MAX = 50;

/** A TCP port of 127.0.0.1 that nobody has, for one who takes it soon. */
export async function freePort(): Promise<number> {
  const port = await tryPort(0);
  if (port === undefined) throw new Error("There is no free port");
  return port;
}

/** The lower of two free ports in a row, for one who takes both soon. */
export async function freePortPair(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const span = (PAIRS.last - PAIRS.first) / 2;
    const port = PAIRS.first + 2 * Math.floor(Math.random() * span);
    if (await tryPort(port) !== undefined && await tryPort(port + 1) !== undefined) return port;
  }
  throw new Error("There are no two free ports in a row");
}

async function tryPort(wanted: number): Promise<number | undefined> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(wanted, "127.0.0.1", () => resolve(true));
  });
  if (!listens) return undefined;
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return address === null || typeof address === "string" ? undefined : address.port;
}
