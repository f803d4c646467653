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

/** What a client asks for. */
export interface UpgradeRequest {
  readonly host: string;
  readonly path: string;
  readonly key: string;
  readonly subprotocol: string | undefined;
}

/** A server's decision, and the bytes that say it. */
export interface UpgradeAnswer {
  readonly accepted: boolean;
  /** What a client that is refused is told, in words. */
  readonly why?: string;
  readonly bytes: Uint8Array;
}

/** The request of a client. §4.1 */
export function formatUpgrade({ host, path, key, subprotocol }: UpgradeRequest): Uint8Array {
  return head([
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
  ]);
}

/** Tells whether a server's answer fits what a client asked. §4.1, and RFC 7118 §4.1 */
export function isUpgraded(
  { start, headers }: HttpHead,
  { key, subprotocol }: UpgradeRequest,
): boolean {
  return start[1] === "101" &&
    headers.get("upgrade")?.toLowerCase() === "websocket" &&
    hasToken(headers.get("connection"), "upgrade") &&
    headers.get("sec-websocket-accept") === acceptOf(key) &&
    // We asked for no extension, and cannot speak any.
    tokensOf(headers.get("sec-websocket-extensions")).length === 0 &&
    headers.get("sec-websocket-protocol") === subprotocol;
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

function head(lines: readonly string[], body = ""): Uint8Array {
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
