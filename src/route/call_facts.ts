/**
 * What is known of a call before it is answered: the facts that rules match, placeholders take and
 * handlers are told.
 *
 * Names of fields are part of the product's contract (they travel as JSON), hence the underscores.
 *
 * @module
 */

/** The transports that a call can come by. RFC 3261 §18, §26.2; RFC 7118. */
export const TRANSPORTS = ["udp", "tcp", "tls", "ws", "wss"] as const;

/** One of {@linkcode TRANSPORTS}. */
export type TransportWord = (typeof TRANSPORTS)[number];

/** One side of the call, as the From or To header names it. */
export interface PartyFacts {
  /** The whole URI, such as `sip:alice@example.com`. */
  readonly uri: string;
  readonly user: string;
  readonly host: string;
  /** Unquoted; empty when there is none. */
  readonly display_name: string;
}

/** Somebody who sent the call on before it came here. RFC 5806, RFC 7044. */
export interface DiversionFacts {
  readonly uri: string;
  /** User part of the URI, or the number of a `tel:` one. */
  readonly user: string;
  /** In lower case, as RFC 5806 has them: `no-answer`, `user-busy`; `unknown` when none is given. */
  readonly reason: string;
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
  /**
   * Who the caller is by the word of a network, as sent: P-Asserted-Identity, RFC 3325. Whether
   * that network is to be trusted is the operator's to know. `null` when there is none.
   */
  readonly asserted_identity: PartyFacts | null;
  /** Who sent the call on, the last one first: Diversion, else what History-Info tells of it. */
  readonly diversion: readonly DiversionFacts[];
  readonly request_uri: string;
  /** User part of the Request-URI. */
  readonly user: string;
  /** `address:port` that the INVITE came from. */
  readonly source: string;
  readonly transport: TransportWord;
  /** The user that digest authentication proved; empty when it was not asked for. */
  readonly auth_user: string;
  /** Name of the registration that the call came through; empty when it came by itself. */
  readonly registration: string;
  /** The first Reason header, such as `SIP;cause=302`; empty when there is none. RFC 3326. */
  readonly reason: string;
  readonly method: string;
  /** Every header whose name starts with `X-`: case as sent, first value. */
  readonly x_headers: Readonly<Record<string, string>>;
  /** Name of the chosen route; empty before the choice. */
  readonly route: string;
  /** Named groups of the regular expressions that matched. */
  readonly match: Readonly<Record<string, string>>;
}
