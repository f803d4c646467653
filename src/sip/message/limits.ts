/**
 * How large a message may be before it is refused. RFC 3261 §18.1.1 sets the ceiling of a datagram.
 *
 * @module
 */

/** Limits of one message. Each excess is a `SipParseError` with the status code named here. */
export interface SipLimits {
  /** Start line, headers and body together: 513. */
  readonly messageBytesMax: number;
  /** The body alone: 413. */
  readonly bodyBytesMax: number;
  /** The Request-URI, in characters: 414. */
  readonly requestUriBytesMax: number;
  /** Header lines: 513. */
  readonly headersMax: number;
  /** One header line with its continuations, in characters: 513. */
  readonly headerBytesMax: number;
}

/** What fits any sane call: the largest datagram, with a bound on everything in it. */
export const SIP_LIMITS: SipLimits = {
  messageBytesMax: 65_535,
  bodyBytesMax: 49_152,
  requestUriBytesMax: 4_096,
  headersMax: 256,
  headerBytesMax: 8_192,
};
