/**
 * Writing session descriptions, and reading back what was written.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseSessionDescription } from "../../src/sdp/parse.ts";
import { serializeSessionDescription } from "../../src/sdp/serialize.ts";
import type { SdpConnection, SessionDescription } from "../../src/sdp/session_description.ts";
import { described, sdp, textOf } from "./fixtures.ts";

describe("RFC 8866 §9 grammar", () => {
  test("writes the lines in the order of the grammar, ended by CRLF", () => {
    const text = sdp(
      "v=0",
      "o=- 1 2 IN IP6 2001:db8::1",
      "s=A call",
      "i=information",
      "u=http://example.com/",
      "e=a@example.com",
      "p=+1 617 555-6011",
      "c=IN IP6 2001:db8::1",
      "b=AS:64",
      "t=0 0",
      "r=7d 1h 0 25h",
      "a=group:BUNDLE a",
      "m=audio 4000/2 RTP/AVP 0 101",
      "i=voice",
      "c=IN IP4 192.0.2.1",
      "b=TIAS:64000",
      "a=rtpmap:101 telephone-event/8000",
      "a=sendrecv",
      "m=video 0 RTP/AVP 96",
    );
    expect(textOf(parseSessionDescription(text))).toBe(text);
  });

  test("puts lines that came out of order where the grammar wants them", () => {
    const text = sdp(
      "v=0",
      "a=tool:x",
      "t=0 0",
      "s=-",
      "b=AS:1",
      "o=- 1 1 IN IP4 192.0.2.1",
      "i=x",
    );
    expect(textOf(parseSessionDescription(text))).toBe(
      sdp("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "i=x", "b=AS:1", "t=0 0", "a=tool:x"),
    );
  });

  test.each(["\r\na=injected", "\n", "\r", "\0"])("refuses to write %j in a value", (end) => {
    const description = parseSessionDescription(described("m=audio 4000 RTP/AVP 0"));
    const bad = { ...description, attributes: [{ name: "tool", value: `x${end}` }] };
    expect(() => textOf(bad)).toThrow(RangeError);
    expect(() => textOf(bad)).toThrow('Line "a=" holds a line end or NUL');
  });

  test("is whole again after a description that could not be written", () => {
    const description = parseSessionDescription(described("m=audio 4000 RTP/AVP 0"));
    expect(() => textOf({ ...description, sessionName: "x\n" })).toThrow(RangeError);
    expect(textOf(description)).toBe(described("m=audio 4000 RTP/AVP 0"));
  });

  test("writes UTF-8, whatever its length", () => {
    const name = "Büro 電話 📞 ".repeat(300).trim();
    const text = described("m=audio 4000 RTP/AVP 0").replace("s=-", `s=${name}`);
    expect(textOf(parseSessionDescription(text))).toBe(text);
  });

  test("fills in a version, and a port where the stream is not refused", () => {
    const refused = "m=video 0 RTP/AVP 96";
    const description = parseSessionDescription(described("m=audio 4000 RTP/AVP 0", refused));
    const filledIn = { sessionVersion: "7", port: 65_535 };
    const written = serializeSessionDescription(description, filledIn);
    expect(new TextDecoder().decode(written)).toBe(
      described("m=audio 65535 RTP/AVP 0", refused).replace("2890844526 IN", "7 IN"),
    );
  });

  test("gives each description a buffer of its own", () => {
    const first = parseSessionDescription(described("m=audio 4000 RTP/AVP 0"));
    const written = serializeSessionDescription(first);
    const before = written.slice();
    serializeSessionDescription({ ...first, sessionName: "another" });
    expect(written).toEqual(before);
  });
});

describe("round trip", () => {
  const token = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.-]{0,11}$/);
  const digits = fc.stringMatching(/^[1-9][0-9]{0,19}$/);
  const text = fc.stringMatching(/^[!-~][ -~]{0,20}[!-~]$/);
  const connection: fc.Arbitrary<SdpConnection> = fc.oneof(
    fc.ipV4().map((address) => ({ addressType: "IP4" as const, address })),
    fc.ipV6().map((address) => ({ addressType: "IP6" as const, address })),
  );
  const attribute = fc.record({ name: token, value: fc.oneof(text, fc.constant(undefined)) });
  const media = fc.record({
    kind: fc.constantFrom("audio", "video", "image"),
    port: fc.integer({ min: 0, max: 65_535 }),
    portCount: fc.integer({ min: 1, max: 9 }),
    protocol: fc.constantFrom("RTP/AVP", "RTP/SAVPF", "udptl"),
    formats: fc.array(token, { minLength: 1, maxLength: 5 }),
    connection,
    attributes: fc.array(attribute, { maxLength: 5 }),
    otherLines: fc.array(fc.record({ type: fc.constant("b"), value: text }), { maxLength: 2 }),
  });
  const description: fc.Arbitrary<SessionDescription> = fc.record({
    version: fc.constant(0 as const),
    origin: fc.tuple(token, digits, digits, connection).map((
      [username, sessionId, sessionVersion, at],
    ) => ({ username, sessionId, sessionVersion, netType: "IN", ...at })),
    sessionName: text,
    connection,
    timing: fc.tuple(digits, digits).map(([a, b]) => [{ type: "t", value: `${a} ${b}` }]),
    attributes: fc.array(attribute, { maxLength: 4 }),
    media: fc.array(media, { maxLength: 4 }),
    otherLines: fc.array(fc.record({ type: fc.constant("i"), value: text }), { maxLength: 1 }),
  });

  test("what is written reads the same", () => {
    fc.assert(fc.property(description, (value) => {
      expect(parseSessionDescription(textOf(value))).toEqual(value);
    }));
  });
});
