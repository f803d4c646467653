/**
 * How a user agent server looks at a request before anything is done for it. RFC 3261 §8.2, §11.
 *
 * @module
 */

import type { Headers } from "../message/headers.ts";
import type { SipMessage, SipRequest } from "../message/message.ts";
import { isKnownMethod } from "../message/method.ts";
import { uriScheme } from "../message/uri.ts";
import { SDP_CONTENT_TYPE } from "./output.ts";

/** Methods that we take, in the order of the Allow header. */
export const ALLOWED_METHODS: readonly string[] = [
  "INVITE",
  "ACK",
  "BYE",
  "CANCEL",
  "OPTIONS",
  "INFO",
  "PRACK",
  "UPDATE",
  "REFER",
  "NOTIFY",
];

/** Extensions that we understand, in the order of the Supported header. */
export const SUPPORTED_EXTENSIONS: readonly string[] = [
  "100rel",
  "timer",
  "replaces",
  "norefersub",
];

/** Bodies of INFO that we understand: keys. */
const INFO_CONTENT_TYPES: readonly string[] = ["application/dtmf-relay", "application/dtmf"];

/** A request that gets a final response other than 2xx, and why. */
export interface Refusal {
  readonly statusCode: number;
  readonly headers: Headers;
  /** For the log and the trace. */
  readonly reason: string;
}

/** Value of our Allow header. */
export const ALLOW = ALLOWED_METHODS.join(", ");

/** Value of our Supported header. */
export const SUPPORTED = SUPPORTED_EXTENSIONS.join(", ");

/** Headers of a 200 to OPTIONS, which are those of a 200 to INVITE. §11.2 */
export function capabilityHeaders(): (readonly [string, string])[] {
  return [["Allow", ALLOW], ["Accept", SDP_CONTENT_TYPE], ["Supported", SUPPORTED]];
}

/** Whether the sender of a message takes UPDATE. RFC 3311 §4 */
export function takesUpdate(message: SipMessage): boolean {
  return message.headers.lists("Allow", "update");
}

/** Whether the sender of a request understands an extension, or even wants it. §20.37, §20.32 */
export function understands(request: SipRequest, extension: string): "required" | boolean {
  const { headers } = request;
  return headers.lists("Require", extension) ? "required" : headers.lists("Supported", extension);
}

/** Looks at the method. §8.2.1 */
export function refuseMethod(request: SipRequest): Refusal | undefined {
  if (ALLOWED_METHODS.includes(request.method)) return undefined;
  // §21.4.6, §21.5.2: methods that others define get 405, the ones that nobody knows 501
  const statusCode = isKnownMethod(request.method) ? 405 : 501;
  return { statusCode, headers: [["Allow", ALLOW]], reason: `method ${request.method}` };
}

/** Looks at Request-URI and Require, which every request but ACK and CANCEL has to pass. §8.2.2 */
export function refuseHeaders(request: SipRequest): Refusal | undefined {
  const scheme = uriScheme(request.requestUri);
  if (scheme !== "sip" && scheme !== "sips" && scheme !== "tel") {
    return { statusCode: 416, headers: [], reason: `URI scheme "${scheme}"` };
  }
  // §8.2.2.3: what is not understood is named
  const unknown = request.headers.values("Require")
    .filter((tag) => !SUPPORTED_EXTENSIONS.includes(tag.toLowerCase()));
  if (unknown.length === 0) return undefined;
  const list = unknown.join(", ");
  return { statusCode: 420, headers: [["Unsupported", list]], reason: `Require: ${list}` };
}

/** Looks at the body of an INVITE or UPDATE: a session description that is not encoded, or none. §8.2.3 */
export function refuseBody(request: SipRequest): Refusal | undefined {
  return refuseContent(request, [SDP_CONTENT_TYPE]);
}

/** Looks at the body of an INFO: a key, or none. RFC 6086 §4.2.2 */
export function refuseInfo(request: SipRequest): Refusal | undefined {
  return refuseContent(request, INFO_CONTENT_TYPES);
}

function refuseContent(request: SipRequest, accepted: readonly string[]): Refusal | undefined {
  const { headers, body } = request;
  if (body.length === 0) return undefined;
  const encoding = headers.get("Content-Encoding");
  if (encoding !== undefined && encoding !== "" && encoding.toLowerCase() !== "identity") {
    return {
      statusCode: 415,
      headers: [["Accept-Encoding", "identity"]],
      reason: `Content-Encoding ${encoding}`,
    };
  }
  const stated = headers.get("Content-Type") ?? "";
  if (accepted.includes(stated)) return undefined;
  const type = stated.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (accepted.includes(type)) return undefined;
  return {
    statusCode: 415,
    headers: [["Accept", accepted.join(", ")]],
    reason: `Content-Type ${type === "" ? "missing" : type}`,
  };
}
