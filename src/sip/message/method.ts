/**
 * Names of methods. RFC 3261 §7.1, §27.4 and the extensions that are registered.
 *
 * @module
 */

import { findWord } from "../../base/words.ts";

/** The most frequent ones first. */
const METHODS: readonly string[] =
  ("ACK BYE INVITE CANCEL OPTIONS INFO PRACK UPDATE REFER NOTIFY REGISTER SUBSCRIBE MESSAGE " +
    "PUBLISH").split(" ");

const KNOWN: ReadonlySet<string> = new Set(METHODS);

/** Tells whether a method is a registered one. Case matters. */
export function isKnownMethod(method: string): boolean {
  return KNOWN.has(method);
}

/** The method that stands from `start` to `end`; no new text is made for a registered one. */
export function sliceMethod(text: string, start: number, end: number): string {
  return findWord(text, start, end, METHODS) ?? text.slice(start, end);
}
