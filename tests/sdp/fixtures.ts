/**
 * Session descriptions that the tests of this folder share.
 *
 * @module
 */

import type { LocalMedia } from "../../src/sdp/offer_answer.ts";
import { serializeSessionDescription } from "../../src/sdp/serialize.ts";
import type { SessionDescription } from "../../src/sdp/session_description.ts";

const decoder = new TextDecoder();

/** What we bring when a test says nothing else. */
export const LOCAL: LocalMedia = {
  address: "192.0.2.10",
  port: 10_000,
  codecs: ["PCMU", "PCMA"],
  sessionId: "1700000000",
  sessionVersion: 1,
  ptime: 20,
  telephoneEvent: true,
  dtmfPayloadType: 101,
};

/** Joins lines as they stand on the wire. */
export function sdp(...lines: string[]): string {
  return lines.map((line) => `${line}\r\n`).join("");
}

/** What is written, as text. */
export function textOf(description: SessionDescription): string {
  return decoder.decode(serializeSessionDescription(description));
}

/** A description of one host, with the given media lines and attributes. */
export function described(...mediaLines: string[]): string {
  return sdp(
    "v=0",
    "o=alice 2890844526 2890844526 IN IP4 198.51.100.7",
    "s=-",
    "c=IN IP4 198.51.100.7",
    "t=0 0",
    ...mediaLines,
  );
}
