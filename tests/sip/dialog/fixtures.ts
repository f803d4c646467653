/**
 * Messages as values, and machines of one output as the virtual clock wants them.
 *
 * @module
 */

import type { Millis } from "../../../src/base/units.ts";
import { SipHeaders } from "../../../src/sip/message/headers.ts";
import type { SipRequest, SipResponse } from "../../../src/sip/message/message.ts";
import { SipParseError } from "../../../src/sip/message/parse_error.ts";
import type { Clocked } from "../../support/virtual_clock.ts";

type Headers = readonly (readonly [string, string])[];

/** Bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Text of some bytes. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A request with these headers alone. */
export function requestOf(method: string, headers: Headers, body = ""): SipRequest {
  const requestUri = "sip:gw@192.0.2.10";
  return {
    type: "request",
    method,
    requestUri,
    headers: new SipHeaders(headers),
    body: bytesOf(body),
  };
}

/** A response with these headers alone. */
export function responseOf(statusCode: number, headers: Headers): SipResponse {
  return {
    type: "response",
    statusCode,
    reasonPhrase: "",
    headers: new SipHeaders(headers),
    body: bytesOf(""),
  };
}

/** A machine whose time-out gives one output or none. */
export function clocked<Output>(machine: {
  readonly deadline: Millis | undefined;
  timeout(now: Millis): Output | undefined;
}): Clocked<Output> {
  return {
    get deadline() {
      return machine.deadline;
    },
    timeout(now) {
      const output = machine.timeout(now);
      return output === undefined ? [] : [output];
    },
  };
}

/** Runs `run`; throws on unless it is the peer's fault. */
export function tolerate<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}
