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

const KEYS: ReadonlyMap<string, string> = buildKeys();

function buildKeys(): Map<string, string> {
  const keys = new Map<string, string>();
  const intern = new Map<string, string>();
  for (const name of COMMON_NAMES) {
    const lower = name.toLowerCase();
    const key = intern.get(lower) ?? lower;
    intern.set(lower, key);
    keys.set(name, key).set(key, key);
  }
  for (const [letter, name] of Object.entries(COMPACT_FORMS)) {
    const key = intern.get(name) ?? name;
    keys.set(letter, key).set(letter.toUpperCase(), key);
  }
  return keys;
}

/**
 * Tells what to compare a header's name by: lower case, the long form for a compact one.
 *
 * @returns `undefined` when the name is not a token.
 */
export function headerKey(name: string): string | undefined {
  const known = KEYS.get(name);
  if (known !== undefined) return known;
  if (!isToken(name)) return undefined;
  const lower = name.toLowerCase();
  return KEYS.get(lower) ?? lower;
}
