/**
 * Requests to web servers.
 *
 * @module
 */

import type { HttpEvents, HttpExchange, HttpRequest } from "./client_ports.ts";

/** Not there yet. */
export function requestHttp(_request: HttpRequest, _events: HttpEvents): HttpExchange {
  throw new Error("requestHttp is not there yet");
}
