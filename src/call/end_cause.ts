/**
 * Why calls end, and how the network is told: Q.850 causes in the Reason header. RFC 3326, ITU-T
 * Q.850.
 *
 * @module
 */

import type { SipRequest } from "../sip/message/message.ts";
import { scanParameters } from "../sip/message/parameters.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import type { EndCause } from "./handler_message.ts";

interface Q850 {
  readonly cause: number;
  readonly text: string;
}

/** What our BYE says for each cause that makes us send one. */
const Q850_CAUSES: Readonly<Record<EndCause, Q850>> = {
  callee_hangup: { cause: 16, text: "Normal call clearing" },
  caller_hangup: { cause: 16, text: "Normal call clearing" },
  caller_cancel: { cause: 16, text: "Normal call clearing" },
  handler_hangup: { cause: 16, text: "Normal call clearing" },
  rejected: { cause: 21, text: "Call rejected" },
  transferred: { cause: 16, text: "Call transferred" },
  operator_hangup: { cause: 16, text: "Normal call clearing" },
  duration_limit: { cause: 31, text: "Call duration limit reached" },
  handler_failed: { cause: 41, text: "Handler failed" },
  shutdown: { cause: 41, text: "Gateway shut down" },
  media_timeout: { cause: 102, text: "No audio received" },
  ack_timeout: { cause: 102, text: "No ACK received" },
  prack_timeout: { cause: 102, text: "No PRACK received" },
  setup_timeout: { cause: 102, text: "Set-up took too long" },
  session_expired: { cause: 102, text: "Session expired" },
  refused: { cause: 21, text: "Call rejected" },
  dial_failed: { cause: 16, text: "Normal call clearing" },
  redirected: { cause: 23, text: "Redirected" },
  internal_error: { cause: 127, text: "Internal error" },
};

/** The Reason header of a BYE. RFC 3326 §2 */
export function reasonHeader(cause: EndCause): readonly [string, string] {
  const { cause: code, text } = Q850_CAUSES[cause];
  return ["Reason", `Q.850;cause=${code};text="${text}"`];
}

/** Longest that a peer's reason may be in a record, in characters. */
const PEER_REASON_LENGTH_MAX = 256;

/**
 * What a CANCEL or BYE of the peer says about its cause, for a person: `Call completed elsewhere
 * (SIP 200)`. RFC 3326 §2
 *
 * @returns Empty when it says nothing. A header that cannot be read says nothing, either.
 */
export function peerReason(request: SipRequest): string {
  const reasons = request.headers.values("Reason");
  if (reasons.length === 0) return "";
  return reasons.map(readReason).filter((text) => text !== "")
    .join("; ").slice(0, PEER_REASON_LENGTH_MAX);
}

function readReason(value: string): string {
  const protocol = /^[^;]*/.exec(value)?.[0] ?? "";
  try {
    const { parameters } = scanParameters(value, protocol.length);
    const cause = parameters.get("cause");
    const code = cause === undefined ? protocol.trim() : `${protocol.trim()} ${cause}`;
    const text = printable(parameters.get("text") ?? "");
    return text === "" ? code : `${text} (${code})`;
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return "";
  }
}

/** Control characters would speak to whoever reads the record in a terminal. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\x00-\x1f\x7f]+/g, " ").trim();
}
