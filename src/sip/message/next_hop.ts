/**
 * Where a SIP URI points, before any name is looked up. RFC 3261 §8.1.2, §19.1.
 *
 * @module
 */

import { parseSipUri } from "./uri.ts";

/** Where a request is to be sent: the first hop that the route set and remote target give. */
export interface NextHop {
  /** A literal address or a name that is still to be looked up. */
  readonly host: string;
  readonly port: number;
  /** As the URI asks for; absent: the transport that the dialog began with. */
  readonly transport: "udp" | "tcp" | undefined;
}

/**
 * Where a URI points. Name look-up is the gateway's.
 *
 * @returns `undefined` when the URI is not `sip:`, or asks for a transport that we do not have.
 */
export function nextHopOf(uri: string): NextHop | undefined {
  try {
    const parsed = parseSipUri(uri);
    const transport = parsed.parameters.get("transport")?.toLowerCase();
    if (parsed.scheme !== "sip") return undefined;
    if (transport !== undefined && transport !== "udp" && transport !== "tcp") return undefined;
    return { host: parsed.host, port: parsed.port ?? 5060, transport };
  } catch {
    // Parsers throw nothing but their own error: a URI that cannot be read leads nowhere.
    return undefined;
  }
}
