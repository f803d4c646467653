/**
 * Where a SIP URI points, before any name is looked up. RFC 3261 §8.1.2, §19.1.
 *
 * @module
 */

import { parseSipUri } from "./uri.ts";

/** Transports that a URI can ask for. RFC 3261 §19.1.1; `ws` stands for both: RFC 7118 §5.2. */
export type UriTransport = "udp" | "tcp" | "tls" | "ws" | "wss";

/** Where a request is to be sent: the first hop that the route set and remote target give. */
export interface NextHop {
  /** A literal address or a name that is still to be looked up. */
  readonly host: string;
  /** As the URI names it; absent: SRV records may name one, else the transport's default. */
  readonly port: number | undefined;
  /** As the URI asks for; absent: NAPTR and SRV records may choose. */
  readonly transport: UriTransport | undefined;
  /** The URI is `sips:`: only transports that nobody can listen to will do. §26.2.2 */
  readonly secure: boolean;
}

const TRANSPORTS: ReadonlySet<string> = new Set(["udp", "tcp", "tls", "ws", "wss"]);

/**
 * Where a URI points. Name look-up is the gateway's.
 *
 * @returns `undefined` when the URI is neither `sip:` nor `sips:`, or asks for a transport that we do not have.
 */
export function nextHopOf(uri: string): NextHop | undefined {
  try {
    const parsed = parseSipUri(uri);
    const asked = parsed.parameters.get("transport")?.toLowerCase();
    if (asked !== undefined && !TRANSPORTS.has(asked)) return undefined;
    const secure = parsed.scheme === "sips";
    const host = parsed.parameters.get("maddr") ?? parsed.host;
    const transport = securedTransport(asked as UriTransport | undefined, secure);
    if (secure && transport === "udp") return undefined;
    return { host, port: parsed.port, transport, secure };
  } catch {
    // Parsers throw nothing but their own error: a URI that cannot be read leads nowhere.
    return undefined;
  }
}

/** §26.2.2: `sips:` with `transport=tcp` means TLS over TCP; RFC 7118 §5.2 the same for WebSockets. */
function securedTransport(
  asked: UriTransport | undefined,
  secure: boolean,
): UriTransport | undefined {
  if (!secure) return asked;
  if (asked === "tcp") return "tls";
  return asked === "ws" ? "wss" : asked;
}

/** The port of a transport when nothing names one. RFC 3261 §19.1.2, RFC 7118 §5.2 */
export function defaultPort(transport: UriTransport): number {
  switch (transport) {
    case "tls":
      return 5061;
    case "ws":
      return 80;
    case "wss":
      return 443;
    default:
      return 5060;
  }
}
