/**
 * How a connection becomes a WebSocket: what a client asks, and what a server answers. RFC 6455 §4.
 *
 * Bytes in, bytes out; sockets are left to `web_socket.ts`.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { hasToken, type HttpHead, tokensOf } from "./http_head.ts";

/** §1.3 */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** §4.1: sixteen random bytes */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** What is quoted of a server's words. */
const QUOTED_LENGTH_MAX = 100;

/** What a client asks for. */
export interface UpgradeRequest {
  readonly host: string;
  readonly path: string;
  readonly key: string;
  readonly subprotocol: string | undefined;
  /** More header fields, none of which is among those of the handshake. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A server's decision, and the bytes that say it. */
export interface UpgradeAnswer {
  readonly accepted: boolean;
  /** What a client that is refused is told, in words. */
  readonly why?: string;
  readonly bytes: Uint8Array;
}

/** The request of a client. §4.1 */
export function formatUpgrade(
  { host, path, key, subprotocol, headers = {} }: UpgradeRequest,
): Uint8Array {
  return head([
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]);
}

/** Tells whether a server's answer fits what a client asked. §4.1, and RFC 7118 §4.1 */
export function isUpgraded(head: HttpHead, { key, subprotocol }: UpgradeRequest): boolean {
  return upgradeFailure(head, { key, subprotocols: tokensOf(subprotocol) }) === undefined &&
    head.headers.get("sec-websocket-protocol") === subprotocol;
}

/**
 * Says why a server's answer opens no WebSocket. §4.1
 *
 * A server that picks none of the subprotocols is taken, as the RFC lets it: simple ones do not know
 * of them.
 *
 * @param subprotocols Those that were offered.
 * @returns For a person, with the server as "it"; `undefined`: it does.
 */
export function upgradeFailure(
  { start: [, status, phrase], headers }: HttpHead,
  { key, subprotocols }: { readonly key: string; readonly subprotocols: readonly string[] },
): string | undefined {
  if (status !== "101") {
    const location = headers.get("location");
    const where = location === undefined ? "" : `, and sends us to ${quoted(location)}`;
    return `it answered ${status} ${phrase.slice(0, QUOTED_LENGTH_MAX)}`.trimEnd() + where;
  }
  const isUpgrade = headers.get("upgrade")?.toLowerCase() === "websocket" &&
    hasToken(headers.get("connection"), "upgrade");
  if (!isUpgrade) return "it answered 101, but with another protocol than WebSocket";
  if (headers.get("sec-websocket-accept") !== acceptOf(key)) {
    return "its answer does not belong to our request (Sec-WebSocket-Accept)";
  }
  // We asked for no extension, and cannot speak any.
  const [extension] = tokensOf(headers.get("sec-websocket-extensions"));
  if (extension !== undefined) {
    return `it uses the extension ${quoted(extension)}, for which nobody asked`;
  }
  const subprotocol = headers.get("sec-websocket-protocol");
  if (subprotocol === undefined || subprotocols.includes(subprotocol)) return undefined;
  return `it speaks the subprotocol ${quoted(subprotocol)}, for which nobody asked`;
}

/** A server's answer to a client. §4.2 */
export function answerUpgrade(
  { start: [method, , version], headers }: HttpHead,
  subprotocol: string | undefined,
): UpgradeAnswer {
  const isUpgrade = method === "GET" && version !== "HTTP/1.0" &&
    hasToken(headers.get("upgrade"), "websocket") &&
    hasToken(headers.get("connection"), "upgrade");
  if (!isUpgrade || headers.get("sec-websocket-version") !== "13") return upgradeRequired();
  const key = headers.get("sec-websocket-key") ?? "";
  if (!KEY.test(key)) return badRequest("Sec-WebSocket-Key is missing or malformed");
  if (!headers.has("host")) return badRequest("Host is missing");
  const offered = tokensOf(headers.get("sec-websocket-protocol"));
  // RFC 7118 §4.1; names of subprotocols are compared exactly
  if (subprotocol !== undefined && !offered.includes(subprotocol)) {
    return badRequest(`Offer "${subprotocol}" in Sec-WebSocket-Protocol`);
  }
  const bytes = head([
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptOf(key)}`,
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
  ]);
  return { accepted: true, bytes };
}

/** The answer to what cannot be read at all. */
export function badRequest(why: string): UpgradeAnswer {
  return refusal("400 Bad Request", [], why);
}

/** RFC 9110 §15.5.22, RFC 6455 §4.4 */
function upgradeRequired(): UpgradeAnswer {
  const headers = ["Upgrade: websocket", "Sec-WebSocket-Version: 13"];
  return refusal("426 Upgrade Required", headers, "This port speaks WebSocket alone");
}

function refusal(status: string, headers: readonly string[], why: string): UpgradeAnswer {
  const lines = [
    `HTTP/1.1 ${status}`,
    ...headers,
    // With `Upgrade` both are due. RFC 9110 §7.8
    `Connection: ${headers.length > 0 ? "Upgrade, " : ""}close`,
    "Content-Type: text/plain",
    `Content-Length: ${why.length + 1}`,
  ];
  return { accepted: false, why, bytes: head(lines, `${why}\n`) };
}

/** §4.2.2 */
function acceptOf(key: string): string {
  return createHash("sha1").update(key + GUID).digest("base64");
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, QUOTED_LENGTH_MAX));
}

function head(lines: readonly string[], body = ""): Uint8Array {
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
