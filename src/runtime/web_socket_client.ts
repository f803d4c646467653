/**
 * WebSockets that handlers open.
 *
 * @module
 */

import type { WebSocketClient, WebSocketEvents, WebSocketOptions } from "./client_ports.ts";
import type { RandomSource } from "../base/random.ts";
/** Not there yet. */
export function connectWebSocket(
  _options: WebSocketOptions,
  _events: WebSocketEvents,
  _random: RandomSource,
): WebSocketClient {
  throw new Error("connectWebSocket is not there yet");
}
