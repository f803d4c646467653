/**
 * Plain TCP connections that we open.
 *
 * @module
 */

import type { ConnectOptions, ServerAddress, TcpEvents, TcpSocket } from "./client_ports.ts";

/** Not there yet. */
export function connectTcp(
  _to: ServerAddress,
  _options: ConnectOptions,
  _events: TcpEvents,
): TcpSocket {
  throw new Error("connectTcp is not there yet");
}
