/**
 * A web server of ours.
 *
 * @module
 */

import type { HttpListener } from "./client_ports.ts";
import type { SocketAddress } from "../base/socket_address.ts";
/** Not there yet. */
export function serveHttp(
  _at: SocketAddress,
  _answer: (request: Request, remote: SocketAddress) => Response | Promise<Response>,
): Promise<HttpListener> {
  throw new Error("serveHttp is not there yet");
}
