/**
 * The Date header's value. RFC 3261 §20.17, §25.1 `SIP-date`.
 *
 * @module
 */

import { quoteForError, SipParseError } from "./parse_error.ts";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const SIP_DATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;

/**
 * Reads `Sat, 13 Nov 2010 23:29:00 GMT`.
 *
 * @returns Milliseconds since 1970 in UTC.
 * @throws SipParseError also for another time zone than GMT.
 */
export function parseSipDate(text: string): number {
  const match = SIP_DATE.exec(text);
  const month = MONTHS.indexOf(match?.[2] ?? "");
  if (match === null || month < 0) {
    throw new SipParseError(
      `Date ${quoteForError(text)} is not like "Sat, 13 Nov 2010 23:29:00 GMT"`,
    );
  }
  const [day, year, hour, minute, second] = [1, 3, 4, 5, 6].map((group) => Number(match[group]));
  return Date.UTC(
    year as number,
    month,
    day as number,
    hour as number,
    minute as number,
    second as number,
  );
}
