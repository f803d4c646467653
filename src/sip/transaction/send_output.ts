/**
 * Makes the output that sends a message: the one place where transactions serialize.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { SipMessage } from "../message/message.ts";
import { serializeMessage } from "../message/serialize.ts";
import type { Flow } from "../transport/flow.ts";
import type { SendOutput } from "./output.ts";

/** Serializes `message`, to be sent over `flow` as often as need be. */
export function sendOutput(message: SipMessage, flow: Flow, to: SocketAddress): SendOutput {
  return { type: "send", flow, to, bytes: serializeMessage(message), message };
}
