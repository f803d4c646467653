/**
 * What is known of a call before it is answered: the facts that rules match, placeholders take and
 * handlers are told.
 *
 * Names of fields are part of the product's contract (they travel as JSON), hence the underscores.
 *
 * @module
 */

/** One side of the call, as the From or To header names it. */
export interface PartyFacts {
  /** The whole URI, such as `sip:alice@example.com`. */
  readonly uri: string;
  readonly user: string;
  readonly host: string;
  /** Unquoted; empty when there is none. */
  readonly display_name: string;
}

/** The facts of one call. */
export interface CallFacts {
  /** UUIDv7, made by us. */
  readonly id: string;
  /** The Call-ID header. */
  readonly sip_call_id: string;
  /** X-Room-ID, else the Call-ID. */
  readonly room_id: string;
  /** X-Session-ID, else the Call-ID. */
  readonly session_id: string;
  /** X-Session-ID, else the caller's URI. */
  readonly participant_id: string;
  readonly from: PartyFacts;
  readonly to: PartyFacts;
  readonly request_uri: string;
  /** User part of the Request-URI. */
  readonly user: string;
  /** `address:port` that the INVITE came from. */
  readonly source: string;
  readonly transport: "udp" | "tcp";
  readonly method: string;
  /** Every header whose name starts with `X-`: case as sent, first value. */
  readonly x_headers: Readonly<Record<string, string>>;
  /** Name of the chosen route; empty before the choice. */
  readonly route: string;
  /** Named groups of the regular expressions that matched. */
  readonly match: Readonly<Record<string, string>>;
}
