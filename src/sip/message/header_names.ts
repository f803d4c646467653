/**
 * Names of headers: what is equal to what. RFC 3261 §7.3.3, §20 and later compact forms.
 *
 * @module
 */

import { isToken } from "./grammar.ts";

const COMPACT_FORMS: Readonly<Record<string, string>> = {
  a: "accept-contact",
  b: "referred-by",
  c: "content-type",
  d: "request-disposition",
  e: "content-encoding",
  f: "from",
  i: "call-id",
  j: "reject-contact",
  k: "supported",
  l: "content-length",
  m: "contact",
  n: "identity-info",
  o: "event",
  r: "refer-to",
  s: "subject",
  t: "to",
  u: "allow-events",
  v: "via",
  x: "session-expires",
  y: "identity",
};

/** Spellings that most messages use: found without folding case. */
const COMMON_NAMES = [
  ..."Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events".split(
    " ",
  ),
  ..."Authorization Call-ID Call-Id Call-Info Contact Content-Disposition".split(" "),
  ..."Content-Encoding Content-Length Content-Type CSeq Date Diversion Event Expires From".split(
    " ",
  ),
  ..."History-Info Identity Max-Forwards MIME-Version Min-Expires Min-SE Organization".split(" "),
  ..."P-Access-Network-Info P-Asserted-Identity P-Preferred-Identity Path Priority Privacy".split(
    " ",
  ),
  ..."Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route".split(" "),
  ..."Refer-To Referred-By Remote-Party-ID Replaces Require Retry-After Route RSeq Server".split(
    " ",
  ),
  ..."Session-Expires Subject Supported Timestamp To Unsupported User-Agent Via Warning".split(" "),
  ..."WWW-Authenticate X-Room-ID X-Session-ID".split(" "),
];

/** A name as written, and what it is compared by. */
export interface HeaderName {
  readonly name: string;
  readonly key: string;
  /** The bit of a header that may stand once; 0 for the others. */
  readonly singleBit: number;
}

/** Headers of which two lines would mean two different messages, each with its bit. */
const SINGLE: ReadonlyMap<string, number> = new Map(
  [
    ..."call-id from to cseq max-forwards content-length content-type expires min-expires".split(
      " ",
    ),
    ..."session-expires min-se refer-to replaces event rseq rack".split(" "),
  ].map((key, index) => [key, 1 << index]),
);

/** The bit of a header that may stand once, by what its name is compared by; 0 for the others. */
export function singleBitOf(key: string): number {
  return SINGLE.get(key) ?? 0;
}

const NAMES: ReadonlyMap<string, HeaderName> = buildNames();

/** The same by their hashes, of which no two are equal. */
const NAMES_BY_HASH: ReadonlyMap<number, HeaderName> = new Map(
  [...NAMES.values()].map((name) => [hashOf(name.name, 0, name.name.length), name]),
);

function buildNames(): Map<string, HeaderName> {
  const names = new Map<string, HeaderName>();
  const keys = new Map<string, string>();
  const add = (name: string, key: string) =>
    names.set(name, { name, key, singleBit: singleBitOf(key) });
  for (const name of COMMON_NAMES) {
    const lower = name.toLowerCase();
    const key = keys.get(lower) ?? lower;
    keys.set(lower, key);
    add(name, key);
    add(key, key);
  }
  for (const [letter, name] of Object.entries(COMPACT_FORMS)) {
    const key = keys.get(name) ?? name;
    add(letter, key);
    add(letter.toUpperCase(), key);
  }
  return names;
}

function hashOf(text: string, start: number, end: number): number {
  let hash = 0;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}

/**
 * Finds the name that stands at a place of a text, if it is one that most messages use as it is
 * spelled there: no text is made for it.
 */
export function findCommonName(text: string, start: number, end: number): HeaderName | undefined {
  const found = NAMES_BY_HASH.get(hashOf(text, start, end));
  return found?.name.length === end - start && text.startsWith(found.name, start)
    ? found
    : undefined;
}

/**
 * Tells what to compare a header's name by: lower case, the long form for a compact one.
 *
 * @returns `undefined` when the name is not a token.
 */
export function headerKey(name: string): string | undefined {
  const known = NAMES.get(name);
  if (known !== undefined) return known.key;
  if (!isToken(name)) return undefined;
  const lower = name.toLowerCase();
  return NAMES.get(lower)?.key ?? lower;
}
