/**
 * Why calls end, and how the network is told: Q.850 causes in the Reason header. RFC 3326, ITU-T Q.850.
 *
 * @module
 */

import type { EndCause } from "./handler_message.ts";

interface Q850 {
  readonly cause: number;
  readonly text: string;
}

/** What our BYE says for each cause that makes us send one. */
const Q850_CAUSES: Readonly<Record<EndCause, Q850>> = {
  caller_hangup: { cause: 16, text: "Normal call clearing" },
  caller_cancel: { cause: 16, text: "Normal call clearing" },
  handler_hangup: { cause: 16, text: "Normal call clearing" },
  operator_hangup: { cause: 16, text: "Normal call clearing" },
  duration_limit: { cause: 31, text: "Call duration limit reached" },
  handler_failed: { cause: 41, text: "Handler failed" },
  shutdown: { cause: 41, text: "Gateway shut down" },
  media_timeout: { cause: 102, text: "No audio received" },
  ack_timeout: { cause: 102, text: "No ACK received" },
  bye_timeout: { cause: 102, text: "No answer to BYE" },
  setup_timeout: { cause: 102, text: "Set-up took too long" },
  session_expired: { cause: 102, text: "Session expired" },
  refused: { cause: 21, text: "Call rejected" },
  redirected: { cause: 23, text: "Redirected" },
  internal_error: { cause: 127, text: "Internal error" },
};

/** The Reason header of a BYE. RFC 3326 §2 */
export function reasonHeader(cause: EndCause): readonly [string, string] {
  const { cause: code, text } = Q850_CAUSES[cause];
  return ["Reason", `Q.850;cause=${code};text="${text}"`];
}
