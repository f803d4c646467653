/**
 * Makes the output that sends a message: the one place where transactions serialize. What may have to
 * go out again much later is kept as bytes alone.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { SipMessage } from "../message/message.ts";
import { parseMessage } from "../message/parse.ts";
import { serializeMessage } from "../message/serialize.ts";
import type { Flow } from "../transport/flow.ts";
import type { SendOutput } from "./output.ts";

/** Serializes `message`, to be sent over `flow` as often as need be. */
export function sendOutput(message: SipMessage, flow: Flow, to: SocketAddress): SendOutput {
  return { type: "send", flow, to, bytes: serializeMessage(message), message };
}

/** The same output for later, without the message: most are never sent again. */
export function repeatLater({ flow, to, bytes }: SendOutput): SendOutput {
  return new Repeat(flow, to, bytes);
}

class Repeat implements SendOutput {
  readonly type = "send";
  readonly flow: Flow;
  readonly to: SocketAddress;
  readonly bytes: Uint8Array;

  constructor(flow: Flow, to: SocketAddress, bytes: Uint8Array) {
    this.flow = flow;
    this.to = to;
    this.bytes = bytes;
  }

  /** Read from the bytes each time: only a trace wants it. */
  get message(): SipMessage {
    return parseMessage(this.bytes);
  }
}
