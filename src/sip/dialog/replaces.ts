/**
 * The value of Replaces: which dialog a new one is to take the place of. RFC 3891 §6.1.
 *
 * It stands in an INVITE, and escaped in the URI of a Refer-To. Which dialog it means (§3) is left
 * to the user agent, which knows them all.
 *
 * @module
 */

import { scanParameters, serializeParameter } from "../message/parameters.ts";
import { quoteForError, SipParseError } from "../message/parse_error.ts";

/** Names a dialog as the one who receives it sees it. */
export interface ReplacesValue {
  readonly callId: string;
  /** The receiver's own tag. §3 */
  readonly toTag: string;
  /** The tag of the receiver's peer in that dialog. */
  readonly fromTag: string;
  /** `true`: a dialog that is confirmed already must not be replaced, but answered 486. §3 */
  readonly earlyOnly: boolean;
}

/**
 * Reads `callid;to-tag=…;from-tag=…`, with or without `;early-only`.
 *
 * @param text Unescaped.
 * @throws SipParseError when a tag is missing or comes twice, or a control character is in it.
 */
export function parseReplaces(text: string): ReplacesValue {
  requirePrintable(text, "Replaces");
  const semicolon = text.indexOf(";");
  const end = semicolon < 0 ? text.length : semicolon;
  const callId = text.slice(0, end).trim();
  if (!isCallId(callId)) {
    throw new SipParseError(`Replaces has no Call-ID in ${quoteForError(text)}`);
  }
  const { parameters, end: parametersEnd } = scanParameters(text, end);
  if (parametersEnd < text.length) {
    throw new SipParseError("Replaces does not end here", { offset: parametersEnd });
  }
  const toTag = parameters.get("to-tag");
  const fromTag = parameters.get("from-tag");
  // §6.1: exactly one to-tag and one from-tag
  if (!toTag || !fromTag) {
    throw new SipParseError("Replaces must have both a to-tag and a from-tag", { offset: end });
  }
  return { callId, toTag, fromTag, earlyOnly: parameters.has("early-only") };
}

/**
 * Writes the value of a Replaces header, unescaped.
 *
 * @throws RangeError for a value that cannot be written: an empty part, a control character, or a
 * Call-ID with white space or a semicolon.
 */
export function formatReplaces({ callId, toTag, fromTag, earlyOnly }: ReplacesValue): string {
  if (!isCallId(callId)) throw new RangeError(`Call-ID ${quoteForError(callId)} is not one`);
  for (const tag of [toTag, fromTag]) {
    if (tag === "" || hasControlCharacter(tag)) {
      throw new RangeError(`Tag ${quoteForError(tag)} is not one`);
    }
  }
  const tags = serializeParameter("to-tag", toTag) + serializeParameter("from-tag", fromTag);
  return `${callId}${tags}${earlyOnly ? ";early-only" : ""}`;
}

/**
 * Refuses text that could end a header line, or that a log or terminal would obey. A tab may stand
 * in a header.
 *
 * @param what Named in the error.
 * @throws SipParseError
 */
export function requirePrintable(text: string, what: string): void {
  if (!hasControlCharacter(text)) return;
  throw new SipParseError(`${what} has a control character in ${quoteForError(text)}`);
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true;
  }
  return false;
}

/** RFC 3261 §25.1 `callid`, taken as loosely as the header itself; a semicolon ends it here. */
function isCallId(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7f || code === 0x3b) return false;
  }
  return text !== "";
}
