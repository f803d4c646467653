/**
 * The hash functions and messages that the tests of this folder share.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Hash } from "../../../src/base/hash.ts";
import { createRequest, createResponse } from "../../../src/sip/message/build.ts";
import type { Headers } from "../../../src/sip/message/headers.ts";
import type { SipRequest, SipResponse } from "../../../src/sip/message/message.ts";

const NAMES = { md5: "md5", "sha-256": "sha256", "sha-512-256": "sha512-256" } as const;

/** The hash functions of the runtime. */
export const hash: Hash = (name, text) => createHash(NAMES[name]).update(text).digest("hex");

/** What differs from an INVITE of bob to himself, CSeq 1. */
export interface RequestChanges {
  readonly method?: string;
  readonly requestUri?: string;
  readonly to?: string;
  readonly sequence?: number;
  readonly callId?: string;
  readonly headers?: Headers;
}

export function requestOf(changes: RequestChanges = {}): SipRequest {
  const { method = "INVITE", requestUri = "sip:bob@biloxi.com", to = requestUri } = changes;
  return createRequest({
    method,
    requestUri,
    headers: [
      ["Via", "SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKa"],
      ["From", "<sip:bob@biloxi.com>;tag=1"],
      ["To", `<${to}>`],
      ["Call-ID", changes.callId ?? "1@192.0.2.5"],
      ["CSeq", `${changes.sequence ?? 1} ${method === "ACK" ? "ACK" : method}`],
      ...changes.headers ?? [],
    ],
  });
}

/** A response to the request, 401 unless told otherwise. */
export function responseTo(
  request: SipRequest,
  headers: Headers,
  statusCode = 401,
): SipResponse {
  return createResponse(request, statusCode, { headers });
}

/** The same request with more headers. */
export function withHeaders(request: SipRequest, headers: Headers): SipRequest {
  const all = request.headers.clone();
  for (const [name, value] of headers) all.append(name, value);
  return { ...request, headers: all };
}

/** A parameter of a header value, without quotes; fails when there is none. */
export function parameter(value: string, name: string): string {
  const match = new RegExp(`[ ,]${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^,\\s]+))`).exec(value);
  if (match === null) throw new Error(`No ${name} in ${value}`);
  return match[1] ?? match[2] as string;
}
