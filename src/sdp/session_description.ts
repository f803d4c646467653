/**
 * Session descriptions as values. RFC 8866 §5.
 *
 * What the text looks like is left to `parse.ts` and `serialize.ts`; what an offer and an answer
 * mean together, to `offer_answer.ts`.
 *
 * @module
 */

/** The family that a session description names for an address. RFC 8866 §5.2, §5.7. */
export type SdpAddressType = "IP4" | "IP6";

/** Who made the description, and which version of it this is: the `o=` line. RFC 8866 §5.2. */
export interface SdpOrigin {
  /** `-` when the maker has no idea of users. */
  readonly username: string;
  /** Digits as a rule. Kept as text, since it may exceed 2^53. */
  readonly sessionId: string;
  /** Digits only, raised with each change. Kept as text, since it may exceed 2^53. */
  readonly sessionVersion: string;
  /** `IN`, or what the peer says instead. */
  readonly netType: string;
  readonly addressType: SdpAddressType;
  /** A literal address or a domain name; nothing is sent there. */
  readonly address: string;
}

/** Where media is to be sent: a `c=` line. RFC 8866 §5.7. */
export interface SdpConnection {
  readonly addressType: SdpAddressType;
  /** A literal address, a domain name, or a multicast address with `/ttl` and `/count`. */
  readonly address: string;
}

/** One `a=` line. RFC 8866 §5.13. */
export interface SdpAttribute {
  readonly name: string;
  /** What follows the colon, without spaces around it; `undefined` when there is no colon. */
  readonly value: string | undefined;
}

/** A line that is kept as it came. */
export interface SdpLine {
  /** The letter before the equals sign. */
  readonly type: string;
  readonly value: string;
}

/** An `m=` line and what follows it. RFC 8866 §5.14. */
export interface MediaDescription {
  /** `audio`, `video`, `text`, `application`, `image`, … in lower case. */
  readonly kind: string;
  /** 0 refuses or disables the stream. RFC 3264 §5.1, §6. */
  readonly port: number;
  /** 1 unless the `m=` line says `port/count`. */
  readonly portCount: number;
  /** `RTP/AVP`, `RTP/SAVP`, `udptl`, … as received. */
  readonly protocol: string;
  /** RTP payload types as text, for the RTP protocols. */
  readonly formats: readonly string[];
  /** Absent: the session's holds. */
  readonly connection?: SdpConnection | undefined;
  readonly attributes: readonly SdpAttribute[];
  /** `i=`, `b=`, `k=` and lines of unknown types, in the order received. */
  readonly otherLines: readonly SdpLine[];
}

/** A whole description. RFC 8866 §5. */
export interface SessionDescription {
  /** The only one there is. */
  readonly version: 0;
  readonly origin: SdpOrigin;
  /** `-` when the maker has none. */
  readonly sessionName: string;
  readonly connection?: SdpConnection | undefined;
  /** `t=`, `r=` and `z=` lines, in the order received. At least one `t=`. */
  readonly timing: readonly SdpLine[];
  readonly attributes: readonly SdpAttribute[];
  readonly media: readonly MediaDescription[];
  /** `i=`, `u=`, `e=`, `p=`, `b=`, `k=` and lines of unknown types, in the order received. */
  readonly otherLines: readonly SdpLine[];
}

/** The timing of a session that is not planned: from now, without end. RFC 3264 §5. */
export const UNBOUNDED_TIMING: readonly SdpLine[] = [{ type: "t", value: "0 0" }];

/** Shared by the descriptions that have none. */
export const NO_LINES: readonly SdpLine[] = [];

/** Shared likewise. */
export const NO_ATTRIBUTES: readonly SdpAttribute[] = [];

/** The attributes that are looked for: of those, descriptions that are read share the names. */
export const ATTRIBUTE_NAMES = [
  "rtpmap",
  "fmtp",
  "ptime",
  "sendrecv",
  "sendonly",
  "recvonly",
  "inactive",
  "maxptime",
  "rtcp",
  "rtcp-mux",
  "rtcp-xr",
  "crypto",
] as const;
