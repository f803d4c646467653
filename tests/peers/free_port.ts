/**
 * Finds ports for programs that cannot choose their own.
 *
 * @module
 */

import { createServer } from "node:net";

/** A TCP port of 127.0.0.1 that nobody has, for one who takes it soon. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("There is no free port");
  return address.port;
}
