/**
 * The CSeq header. RFC 3261 §8.1.1.5, §20.16.
 *
 * @module
 */

import { isSpace, isToken, parseScalar, skipSpace } from "./grammar.ts";
import { quoteForError, SipParseError } from "./parse_error.ts";

/** The largest sequence number: §8.1.1.5 wants it below 2**31. */
export const CSEQ_MAX = 0x7fff_ffff;

/** A place in a dialog's order of requests. */
export interface CSeq {
  /** 0 to {@linkcode CSEQ_MAX}. */
  readonly sequence: number;
  /** Case-sensitive. */
  readonly method: string;
}

/**
 * Reads `1*DIGIT LWS Method`.
 *
 * @throws SipParseError
 */
export function parseCSeq(text: string): CSeq {
  let digitsEnd = 0;
  while (digitsEnd < text.length && !isSpace(text.charCodeAt(digitsEnd))) digitsEnd++;
  const sequence = parseScalar(text.slice(0, digitsEnd), { what: "CSeq number", max: CSEQ_MAX });
  const methodStart = skipSpace(text, digitsEnd);
  const method = text.slice(methodStart);
  if (!isToken(method)) {
    const message = `CSeq method ${quoteForError(method)} is not a token`;
    throw new SipParseError(message, { offset: methodStart });
  }
  return { sequence, method };
}

/** Writes the value of a CSeq header. */
export function serializeCSeq(cseq: CSeq): string {
  return `${cseq.sequence} ${cseq.method}`;
}
