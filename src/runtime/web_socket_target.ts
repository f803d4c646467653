/**
 * Where a WebSocket URL leads, and what the handshake says of it. RFC 6455 §3, §4.1.
 *
 * @module
 */

import type { ServerAddress, WebSocketOptions } from "./client_ports.ts";
import { basicCredentials, plainHost } from "./url_parts.ts";

/** RFC 6455 §3 */
const PORTS: Readonly<Record<string, number>> = { "ws:": 80, "wss:": 443 };

/** RFC 9110 §5.1, §5.5 */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\P{Cc}]*$/u;

/** Those that the handshake writes itself, or that say something about a body. */
const OWN: ReadonlySet<string> = new Set([
  "connection",
  "upgrade",
  "sec-websocket-key",
  "sec-websocket-version",
  "sec-websocket-extensions",
  "content-length",
  "transfer-encoding",
]);

/** What a URL says. */
export interface WebSocketTarget {
  readonly address: ServerAddress;
  readonly isSecure: boolean;
  /** Header `Host`. */
  readonly host: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The header that asks for subprotocols, where the operator wrote one. */
  readonly subprotocol: string | undefined;
}

/** Reads it. @returns The target, or why there is none, for a person. */
export function readTarget(
  { url, headers }: Pick<WebSocketOptions, "url" | "headers">,
): WebSocketTarget | string {
  const parsed = parseUrl(url);
  const port = PORTS[parsed?.protocol ?? ""];
  if (parsed === undefined || port === undefined) return "the URL is none of ws:// or wss://";
  const fields = new Map<string, readonly [string, string]>();
  for (const [name, value] of Object.entries(headers)) {
    if (!NAME.test(name) || !VALUE.test(value)) {
      return `the header ${JSON.stringify(name)} cannot be sent`;
    }
    if (OWN.has(name.toLowerCase())) return `the header "${name}" is none to set`;
    fields.set(name.toLowerCase(), [name, value]);
  }
  const credentials = basicCredentials(parsed);
  if (credentials !== undefined && !fields.has("authorization")) {
    fields.set("authorization", ["Authorization", credentials]);
  }
  const [, host = parsed.host] = fields.get("host") ?? [];
  const [, subprotocol] = fields.get("sec-websocket-protocol") ?? [];
  fields.delete("host");
  fields.delete("sec-websocket-protocol");
  return {
    address: { host: plainHost(parsed), port: Number(parsed.port || port) },
    isSecure: parsed.protocol === "wss:",
    host,
    path: parsed.pathname + parsed.search,
    headers: Object.fromEntries(fields.values()),
    subprotocol,
  };
}

function parseUrl(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
