/**
 * SIP URIs as operators write them: registrars, trunks and addresses of record. RFC 3261 §19.1.
 *
 * Stricter than what is taken from the network, so that a slip shows before a call fails. A
 * password in a URI is never quoted.
 *
 * @module
 */

import type { TransportWord } from "../route/call_facts.ts";
import { TRANSPORTS } from "../route/call_facts.ts";

/** The parts that checks look at. */
export interface SipUriParts {
  readonly scheme: "sip" | "sips";
  /** Escapes read; absent when there is none. */
  readonly user: string | undefined;
  /** As written; an IPv6 address in brackets. */
  readonly host: string;
  readonly transport: TransportWord | undefined;
}

/** What came of reading a URI. `reason` names the fix. */
export type ReadSipUri =
  | { readonly ok: true; readonly parts: SipUriParts }
  | { readonly ok: false; readonly reason: string };

const URI = /^(sips?):(?:([^@]*)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(;.*)?$/i;
const USER = /^(?:[-A-Za-z0-9_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+$/;
const PARAMETER = /^[-A-Za-z0-9_.!~*'()[\]/:&+$%]+(?:=[-A-Za-z0-9_.!~*'()[\]/:&+$%]+)?$/;

/** Longest URI, in UTF-16 units. */
const URI_MAX = 512;

/** Reads a URI without brackets; one with headers (`?`) is refused, since nobody would see them. */
export function readSipUri(text: string): ReadSipUri {
  const found = text.length > URI_MAX ? null : URI.exec(text);
  if (found === null) return { ok: false, reason: NO_URI };
  const [, scheme = "", user, host = "", port, parameters = ""] = found;
  if (user?.includes(":")) {
    return { ok: false, reason: "A URI takes no password, write it as the key password" };
  }
  if (user !== undefined && !USER.test(user)) {
    return { ok: false, reason: "The user of the URI has characters that it may not, write %XX" };
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    return { ok: false, reason: `Port ${port} is none, ports are numbers from 1 to 65535` };
  }
  const transport = readTransport(parameters, scheme.toLowerCase() === "sips");
  if (typeof transport === "object") return { ok: false, reason: transport.reason };
  return {
    ok: true,
    parts: {
      scheme: scheme.toLowerCase() as "sip" | "sips",
      user: user === undefined ? undefined : unescapeUser(user),
      host,
      transport,
    },
  };
}

const NO_URI = "This is no SIP URI, write such as sip:pbx.example.com or " +
  "sip:100@10.0.0.5:5060;transport=tcp";

/** §26.2.2: what has to be secure cannot go by UDP. */
function readTransport(
  parameters: string,
  secure: boolean,
): TransportWord | undefined | { readonly reason: string } {
  let transport: TransportWord | undefined;
  for (const parameter of parameters.split(";").slice(1)) {
    if (!PARAMETER.test(parameter)) return { reason: NO_PARAMETER };
    const [name = "", value = ""] = parameter.split("=", 2);
    if (name.toLowerCase() !== "transport") continue;
    transport = TRANSPORTS.find((known) => known === value.toLowerCase());
    if (transport === undefined) {
      return { reason: `Unknown transport in the URI, use ${TRANSPORTS.join(", ")}` };
    }
  }
  if (!secure || transport !== "udp") return transport;
  return { reason: "sips: does not go by UDP, leave out transport=udp or write sip:" };
}

const NO_PARAMETER = "The URI has a malformed parameter, write such as ;transport=tcp";

function unescapeUser(user: string): string {
  try {
    return decodeURIComponent(user);
  } catch {
    // Escapes of bytes that are no UTF-8: nobody's name, left as they are.
    return user;
  }
}
