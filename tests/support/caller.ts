/**
 * Calls a gateway of a test with the caller of the product itself.
 *
 * @module
 */

import { tone } from "../../src/audio/tone.ts";
import { placeCall } from "../../src/gateway/outbound_call.ts";
import type {
  OutboundCallOptions,
  OutboundCallResult,
} from "../../src/gateway/outbound_options.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";

/** Samples of sound that a caller plays and hears in a second. */
export const RATE = 8000;

/** Ports of the callers, apart from those of the gateways. */
const PORTS = { first: 29_800, last: 30_999 };

const runtime = createRuntime();

/** Places a call to `127.0.0.1:port` for a room, and resolves when it is over. */
export function callRoom(
  at: string,
  room: string,
  given: Partial<OutboundCallOptions> = {},
): Promise<OutboundCallResult> {
  const { headers = [], ...rest } = given;
  return placeCall({
    runtime,
    target: `sip:100@${at}`,
    from: "<sip:ann@127.0.0.1>",
    codecs: ["PCMU"],
    localAddress: "127.0.0.1",
    ports: PORTS,
    sound: tone(440, 300, RATE),
    digits: "",
    linger: 200,
    ringTimeout: 5000,
    ...rest,
    headers: [["X-Room-ID", room], ...headers],
  });
}
