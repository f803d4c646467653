/**
 * Names of headers that an operator may set.
 *
 * @module
 */

import { shorten } from "./schema_values.ts";

/** Headers that belong to the SIP stack; RFC 3261 §8.1.1, §8.2.6, §22; RFC 4028, 3262, 3891. */
const STACK_HEADERS: ReadonlySet<string> = new Set(
  ("via from to call-id cseq contact record-route route content-length content-type " +
    "max-forwards allow supported require proxy-require authorization proxy-authorization " +
    "www-authenticate proxy-authenticate session-expires min-se rseq rack replaces " +
    "v f t i m l c k x").split(" "),
);

const HEADER_NAME = /^[-!%*_+`'~.A-Za-z0-9]{1,128}$/;

/** Says why a header cannot be set. */
export function refuseHeader(name: string): string | undefined {
  if (!HEADER_NAME.test(name)) return `"${shorten(name)}" is not the name of a header`;
  return STACK_HEADERS.has(name.toLowerCase())
    ? `The header ${name} is written by voicegw, use another one`
    : undefined;
}
