/**
 * Reads attributes of TwiML verbs: numbers, times, keys, URLs, each within its bounds.
 *
 * @module
 */

import type { NextRequest } from "../action/action.ts";
import { URL_LENGTH_MAX } from "../action/parse_actions.ts";
import type { Millis } from "../base/units.ts";
import { LOOP_MAX, NAME_LENGTH_MAX } from "../call/parse_command.ts";
import type { TwimlElement } from "./twiml_tree.ts";

/** Seconds that attributes may say, where Twilio sets no bound. */
const SECONDS_MAX = 86_400;

/** Letters of a name that messages show: it may be as long as the document. */
const SHOWN_MAX = 64;

/** A verb or attribute that is not taken; the message names line and fix. */
export class TwimlError extends Error {
  constructor({ line, name }: TwimlElement, what: string) {
    super(`line ${line}: <${name.slice(0, SHOWN_MAX)}> ${what}`);
  }
}

/** Where more verbs come from. An empty URL is the one that the document came from. */
export function nextOf(
  element: TwimlElement,
  { url, method: attribute = "method" }: { readonly url: string; readonly method?: string },
): NextRequest {
  const method = (element.attributes[attribute] ?? "POST").toUpperCase();
  if (method === "GET" || method === "POST") return { url: urlOf(element, url), method };
  throw new TwimlError(element, `has a ${attribute} other than GET and POST`);
}

/** A URL as written: what it is relative to is known to whoever asked for the document. */
export function urlOf(element: TwimlElement, written: string): string {
  const url = written.trim();
  if (url.length > URL_LENGTH_MAX) {
    throw new TwimlError(element, `has a URL of more than ${URL_LENGTH_MAX} characters`);
  }
  if (isLine(url)) return url;
  throw new TwimlError(element, "has a URL of more than one line");
}

/** An attribute that names something; without it, or when it is empty, no key is in the result. */
export function nameOf<Name extends string>(
  element: TwimlElement,
  attribute: Name,
): { readonly [each in Name]?: string } {
  const name = element.attributes[attribute] ?? "";
  if (name === "") return {};
  if (name.length <= NAME_LENGTH_MAX && isLine(name)) {
    return { [attribute]: name } as { readonly [each in Name]?: string };
  }
  const fix = `is longer than ${NAME_LENGTH_MAX} characters, or more than one line`;
  throw new TwimlError(element, `has a ${attribute} that ${fix}`);
}

/** Keys that complete input; may be empty. */
export function finishKeysOf(element: TwimlElement, fallback: string): string {
  const keys = element.attributes.finishOnKey ?? fallback;
  if (/^[\d*#]*$/.test(keys)) return keys;
  throw new TwimlError(element, "has a finishOnKey other than 0-9, * and #");
}

/** How often; 0 is for ever. */
export function loopOf(element: TwimlElement): number {
  if (element.attributes.loop === undefined) return 1;
  const loop = countOf(element, "loop", { least: 0, most: LOOP_MAX });
  return loop === 0 ? Infinity : loop;
}

/** A time that the attribute says in seconds, as `fallback` and `most` do. */
export function secondsOf(
  element: TwimlElement,
  { name, fallback, most = SECONDS_MAX }: {
    readonly name: string;
    readonly fallback: number;
    readonly most?: number;
  },
): Millis {
  if (element.attributes[name] === undefined) return fallback * 1000;
  return countOf(element, name, { least: 0, most }) * 1000;
}

/** A whole number. */
export function countOf(
  element: TwimlElement,
  name: string,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const written = (element.attributes[name] ?? "").trim();
  const count = Number(written);
  if (/^\d+$/.test(written) && count >= least && count <= most) return count;
  throw new TwimlError(element, `has a ${name} that is no whole number from ${least} to ${most}`);
}

/** Yes or no, in any case of letters. */
export function flagOf(
  element: TwimlElement,
  { name, fallback }: { readonly name: string; readonly fallback: boolean },
): boolean {
  const written = element.attributes[name]?.toLowerCase();
  if (written === undefined) return fallback;
  if (written === "true" || written === "false") return written === "true";
  throw new TwimlError(element, `has a ${name} other than true and false`);
}

function isLine(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return !/[\0-\x1f\x7f]/.test(text);
}
