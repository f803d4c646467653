/**
 * Requests that came to a web server of ours, as the Fetch standard has them.
 *
 * @module
 */

import type http from "node:http";
import { plainBytes } from "./plain_bytes.ts";

/** A body has more bytes than a server of ours takes. */
export class BodyTooLong extends Error {
  override readonly name = "BodyTooLong";
}

/** Characters of names, ports and addresses in brackets. RFC 9110 §7.2 */
const HOST = /^[-\w.:[\]]{1,255}$/;

/**
 * Makes the request; its signal says when the client is gone.
 *
 * @param bodyBytesMax Reading more of the body fails with {@linkcode BodyTooLong}.
 * @returns The status that refuses what cannot be made one.
 */
export function requestOf(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  bodyBytesMax: number,
): Request | number {
  const { host } = request.headers;
  const target = request.url ?? "";
  // RFC 9112 §3.2: one Host there is; §3.2.1: forms of targets for proxies are not for us
  if (host === undefined || !HOST.test(host) || !target.startsWith("/")) return 400;
  const url = `http://${host}${target}`;
  if (!URL.canParse(url)) return 400;
  if (Number(request.headers["content-length"] ?? 0) > bodyBytesMax) return 413;
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  const method = request.method ?? "GET";
  // One runtime makes requests of what the standard forbids
  if (method === "TRACE" || method === "CONNECT") return 501;
  const hasBody = method !== "GET" && method !== "HEAD";
  try {
    return new Request(url, {
      method,
      headers: headersOf(request.rawHeaders),
      signal: gone.signal,
      ...(hasBody ? { body: bodyOf(request, bodyBytesMax), duplex: "half" } : {}),
    } as RequestInit);
  } catch {
    // Such as a method that the standard does not know
    return 501;
  }
}

function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    headers.append(raw[index] as string, raw[index + 1] as string);
  }
  return headers;
}

/** Is read as fast as somebody reads it. */
function bodyOf(request: http.IncomingMessage, bytesMax: number): ReadableStream<Uint8Array> {
  let bytes = 0;
  let isOver = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const fail = (error: Error): void => {
        if (isOver) return;
        isOver = true;
        request.pause();
        controller.error(error);
      };
      request.on("data", (data: Uint8Array) => {
        bytes += data.length;
        if (bytes > bytesMax) return fail(new BodyTooLong("The body is too long"));
        if (isOver) return;
        controller.enqueue(plainBytes(data));
        if ((controller.desiredSize ?? 0) <= 0) request.pause();
      });
      request.once("end", () => {
        if (isOver) return;
        isOver = true;
        controller.close();
      });
      request.once("error", fail);
      request.once("close", () => fail(new Error("The client is gone")));
      request.pause();
    },
    pull() {
      request.resume();
    },
    cancel() {
      isOver = true;
      request.pause();
    },
  });
}
