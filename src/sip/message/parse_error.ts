/**
 * The one error of everything that reads SIP: the peer's fault, with what is needed to answer it.
 *
 * @module
 */

import type { SipRequest } from "./message.ts";

/** What a {@linkcode SipParseError} carries besides its message. */
export interface SipParseErrorDetail {
  /** Where in the text or message the fault lies; default 0. */
  readonly offset?: number;
  /** The answer to give when it was a request; default 400. */
  readonly statusCode?: number;
  /** What could be read of the request. */
  readonly request?: SipRequest | undefined;
}

/** Thrown for text or bytes from the wire that are not SIP, or beyond the limits. */
export class SipParseError extends Error {
  override readonly name = "SipParseError";
  /**
   * From `parseMessage`, bytes from the start of the message (from the start of the header's value
   * as if it were not folded); from a parser of one value, characters from the start of its text.
   */
  readonly offset: number;
  /** 400, or where RFC 3261 §21 has a better answer: 413, 414, 501, 505, 513. */
  readonly statusCode: number;
  /**
   * The request as far as it could be read, fit for `createResponse`: its topmost Via parses, and
   * From, To, Call-ID and CSeq are present, once each, as received. The body is empty. Absent for
   * responses, for requests that cannot be answered, and from parsers of one value.
   */
  readonly request: SipRequest | undefined;

  constructor(message: string, detail: SipParseErrorDetail = {}) {
    super(message);
    this.offset = detail.offset ?? 0;
    this.statusCode = detail.statusCode ?? 400;
    this.request = detail.request;
  }
}

/** Quotes text from the wire for an error message: escaped, and cut when long. */
export function quoteForError(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
