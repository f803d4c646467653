/**
 * Calls and descriptions for the tests of the machine of a call.
 *
 * @module
 */

import { expect } from "bun:test";
import { Call, type CallOptions, type CallOutput } from "../../src/call/call.ts";
import { SessionMedia } from "../../src/call/session_media.ts";
import type { HandlerSpec } from "../../src/route/route.ts";
import { createRequest } from "../../src/sip/message/build.ts";
import type { SipRequest } from "../../src/sip/message/message.ts";
import { FACTS } from "../support/call_facts.ts";

/** A handler that can give commands. */
export const BOT: HandlerSpec = {
  type: "exec",
  command: ["bot"],
  env: {},
  stop_after: 2000,
} as HandlerSpec;

/** Handlers that cannot. */
export const ECHO: HandlerSpec = { type: "echo" };
export const PLAY: HandlerSpec = { type: "play", file: "sorry.wav", loop: 1 };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What differs from a usual description. */
export interface Described {
  readonly direction?: string;
  readonly address?: string;
  readonly port?: number;
  readonly formats?: string;
  /** Lines after the audio stream, such as another stream. */
  readonly more?: readonly string[];
}

/** An offer or answer of the caller. */
export function sdp(given: Described = {}): Uint8Array {
  const { direction = "sendrecv", address = "192.0.2.1", port = 4000 } = given;
  return encoder.encode(
    [
      "v=0",
      "o=- 1 1 IN IP4 192.0.2.1",
      "s=-",
      `c=IN IP4 ${address}`,
      "t=0 0",
      `m=audio ${port} RTP/AVP ${given.formats ?? "0 101"}`,
      "a=rtpmap:101 telephone-event/8000",
      `a=${direction}`,
      ...given.more ?? [],
      "",
    ].join("\r\n"),
  );
}

/** Our descriptions, with port 10000. */
export function sessionMedia(): SessionMedia {
  const media = new SessionMedia({
    address: "192.0.2.2",
    codecs: ["PCMU", "PCMA"],
    dtmfPayloadType: 101,
    sdpSessionId: "42",
  });
  media.port = 10_000;
  return media;
}

/** A call that is being set up. */
export function makeCall(given: Partial<CallOptions> = {}): Call {
  const media = sessionMedia();
  if (given.hasOffer !== false) media.negotiate(sdp());
  return new Call({
    facts: FACTS,
    handlers: [BOT],
    media,
    hasOffer: true,
    setupMax: 60_000,
    durationMax: 3_600_000,
    ...given,
  }, 0);
}

/** A call whose handler runs; with `answer: manual` it rings. */
export function startedCall(given: Partial<CallOptions> = {}): Call {
  const call = makeCall(given);
  call.rtpBound(10_000, 10);
  call.handlerStarted(20);
  return call;
}

/** A call that both sides know to be up. */
export function confirmedCall(given: Partial<CallOptions> = {}): Call {
  const call = startedCall(given);
  call.acknowledged(new Uint8Array(), 30);
  return call;
}

/** An INVITE, or another request that may hold an offer. */
export function request(body: Uint8Array, method = "INVITE"): SipRequest {
  return createRequest({
    method,
    requestUri: "sip:bot@example.com",
    headers: [],
    body,
    contentType: "application/sdp",
  });
}

/** Types of outputs, in order. */
export function types(outputs: readonly CallOutput[]): string[] {
  return outputs.map((output) => output.type);
}

/** The one output of that type. */
export function only<T extends CallOutput["type"]>(
  outputs: readonly CallOutput[],
  type: T,
): Extract<CallOutput, { type: T }> {
  const found = outputs.filter((output) => output.type === type);
  expect(found).toHaveLength(1);
  return found[0] as Extract<CallOutput, { type: T }>;
}

/** The description in the one output that has one. */
export function described(outputs: readonly CallOutput[]): string {
  const bodies = outputs.flatMap((output) => {
    if (output.type === "reinvite") return [output.body];
    const hasAnswer = output.type === "answer" || output.type === "answer_reinvite" ||
      output.type === "answer_offer";
    return hasAnswer && output.answer.body !== undefined ? [output.answer.body] : [];
  });
  expect(bodies).toHaveLength(1);
  return decoder.decode(bodies[0]?.bytes);
}

/** What the handler was told. */
export function events(outputs: readonly CallOutput[]): unknown[] {
  return outputs.flatMap((output) => output.type === "send_event" ? [output.event] : []);
}
