/**
 * The CSeq header. RFC 3261 §8.1.1.5, §20.16.
 *
 * @module
 */

import { CLASS, isSpace, scanScalar, skipClass, skipSpace } from "./grammar.ts";
import { sliceMethod } from "./method.ts";
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
  const sequence = scanScalar(text, 0, digitsEnd, { what: "CSeq number", max: CSEQ_MAX });
  const methodStart = skipSpace(text, digitsEnd);
  if (methodStart === text.length || skipClass(text, methodStart, CLASS.token) < text.length) {
    const message = `CSeq method ${quoteForError(text.slice(methodStart))} is not a token`;
    throw new SipParseError(message, { offset: methodStart });
  }
  return { sequence, method: sliceMethod(text, methodStart, text.length) };
}

/** Writes the value of a CSeq header. */
export function serializeCSeq(cseq: CSeq): string {
  return `${cseq.sequence} ${cseq.method}`;
}
