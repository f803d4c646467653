/**
 * URLs of servers that handlers talk to: what they may be, what a log may show of them, and which
 * addresses they may lead to.
 *
 * What stands in the configuration leads wherever the operator wants. What came in a response
 * leads to the same server or to public addresses, so that a web server cannot make the gateway
 * ask other machines of its network, or itself (server-side request forgery).
 *
 * @module
 */

import { isInRanges, parseIpAddress, parseIpRange } from "../../base/socket_address.ts";
import type { HttpConfig } from "../../config/schema_services.ts";

/** Schemes that handlers know, as `URL` writes them. */
export type TargetScheme = "http:" | "https:" | "ws:" | "wss:";

/** What came of reading a URL. `reason` is for a person, and shows nothing secret. */
export type ParsedTarget =
  | { readonly ok: true; readonly url: URL }
  | { readonly ok: false; readonly reason: string };

/** What decides where a URL may lead. */
export interface AddressPolicyOptions {
  /** Only public addresses when absent. */
  readonly http?: HttpConfig | undefined;
  /** The URL that stands in the configuration of the route, if there is one. */
  readonly configured?: string | undefined;
  /** The one that is to be asked. */
  readonly url: string;
}

const WEB: readonly TargetScheme[] = ["http:", "https:"];

/** Longer ones are cut off by servers, or refused. */
const URL_LENGTH_MAX = 8192;

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  "http:": "80",
  "ws:": "80",
  "https:": "443",
  "wss:": "443",
};

/**
 * Reads a URL.
 *
 * @param base What a relative one is relative to: the URL of the response that it came in.
 */
export function parseTarget(
  text: string,
  { schemes = WEB, base }: {
    readonly schemes?: readonly TargetScheme[];
    readonly base?: string | undefined;
  } = {},
): ParsedTarget {
  if (text.length > URL_LENGTH_MAX) return { ok: false, reason: "A URL is too long" };
  const url = URL.parse(text, base);
  if (url === null) return { ok: false, reason: "A URL cannot be read" };
  if (!(schemes as readonly string[]).includes(url.protocol) || url.hostname === "") {
    const wanted = schemes.map((scheme) => `${scheme}//`).join(" or ");
    return { ok: false, reason: `${publicUrl(url.href)} does not begin with ${wanted}` };
  }
  return { ok: true, url };
}

/** Shows a URL to people who may not know its secrets: without user, password, and values of the query. */
export function publicUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !Object.hasOwn(DEFAULT_PORTS, url.protocol)) return "(a URL)";
  // What has no name may be a secret as a whole
  const parameters = url.search.slice(1).split("&").filter((each) => each !== "")
    .map((each) => each.includes("=") ? `${each.slice(0, each.indexOf("="))}=…` : "…");
  const query = parameters.length === 0 ? "" : `?${parameters.join("&")}`;
  return `${url.protocol}//${url.host}${url.pathname}${query}`;
}

/** Names a server as {@linkcode TargetGuard} knows it: `https://bot.example.com:443`. */
export function targetKey(text: string): string {
  const url = URL.parse(text);
  if (url === null) return "";
  return `${url.protocol}//${url.hostname}:${url.port || (DEFAULT_PORTS[url.protocol] ?? "")}`;
}

/** Tells whether two URLs lead to the same server in the same way; `ws:` counts as `http:`. */
export function isSameServer(a: string, b: string): boolean {
  const [one, other] = [targetKey(a), targetKey(b)];
  return one !== "" && one.replace(/^ws/, "http") === other.replace(/^ws/, "http");
}

/**
 * Says which addresses a URL may lead to.
 *
 * @returns For `ConnectOptions.refuseAddress`; `undefined`: any.
 */
export function addressPolicy(
  { http, configured, url }: AddressPolicyOptions,
): ((address: string) => string | undefined) | undefined {
  if (http?.targets === "any") return undefined;
  if (configured !== undefined && isSameServer(configured, url)) return undefined;
  return refuseUnlessPublic;
}

/** Tells whether an address is reachable from the whole Internet. RFC 6890 and its registries. */
export function isPublicAddress(address: string): boolean {
  const bytes = parseIpAddress(address);
  if (bytes === undefined) return false;
  if (bytes.length === 4) return !isInRanges(address, SPECIAL_V4);
  if (isInRanges(address, NAT64)) return isPublicAddress([...bytes.slice(12)].join("."));
  return isInRanges(address, GLOBAL_V6) && !isInRanges(address, SPECIAL_V6);
}

function refuseUnlessPublic(address: string): string | undefined {
  if (isPublicAddress(address)) return undefined;
  return `its address ${address} is not public and its URL is not that of the configuration:` +
    ' set "http.targets" to "any" if responses may lead there';
}

const ranges = (...texts: readonly string[]) => texts.flatMap((text) => parseIpRange(text) ?? []);

/** IANA's special-purpose addresses, multicast, and what is reserved. */
const SPECIAL_V4 = ranges(
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
);

/** RFC 6052 §2.1: an IPv4 address is within. */
const NAT64 = ranges("64:ff9b::/96");

const GLOBAL_V6 = ranges("2000::/3");

/** Protocol assignments with Teredo, documentation, 6to4: other addresses may be within. */
const SPECIAL_V6 = ranges("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20");
