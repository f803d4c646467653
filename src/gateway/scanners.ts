/**
 * Programs that search the Internet for gateways to abuse, by what they call themselves.
 *
 * @module
 */

/**
 * What their User-Agent holds, in lower case: sipvicious, its descendants and what they call
 * themselves by default, command lines and libraries that hardly anybody uses but to guess.
 *
 * Tools that honest people watch their gateways with, such as sipsak and sipp, are not here.
 */
const SIGNS: readonly string[] = [
  "friendly-scanner",
  "friendly-request",
  "sipvicious",
  "sundayddr",
  "pplsip",
  "sipcli",
  "sip-scan",
  "sipscan",
  "siparmyknife",
  "vaxsipuseragent",
  "vaxipuseragent",
];

/** What the first word of a User-Agent is, in lower case: too short to be searched for. */
const NAMES: ReadonlySet<string> = new Set(["iwar", "smap", "gulp", "sipv", "sivus"]);

/** No scanner's name stands further behind. */
const LOOKED_AT = 128;

/** Tells whether a User-Agent names one of them. */
export function isScanner(userAgent: string): boolean {
  const name = userAgent.slice(0, LOOKED_AT).toLowerCase();
  return NAMES.has(name.split(/[\s/]/, 1)[0] as string) ||
    SIGNS.some((sign) => name.includes(sign));
}
