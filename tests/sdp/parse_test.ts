/**
 * Reading session descriptions: what must be understood, what is forgiven, and what is refused.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { SDP_LINES_MAX } from "../../src/sdp/line_reader.ts";
import {
  parseSessionDescription,
  SDP_FORMATS_MAX,
  SDP_LENGTH_MAX,
  SDP_MEDIA_MAX,
} from "../../src/sdp/parse.ts";
import { SdpParseError } from "../../src/sdp/parse_error.ts";
import { described, sdp } from "./fixtures.ts";

function parseError(body: string | Uint8Array): SdpParseError {
  try {
    parseSessionDescription(body);
  } catch (error) {
    if (error instanceof SdpParseError) return error;
    throw error;
  }
  throw new Error("The text was taken for a session description");
}

describe("RFC 8866 §5 session description", () => {
  test("reads the example of the RFC", () => {
    const description = parseSessionDescription(sdp(
      "v=0",
      "o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1",
      "s=Call to John Smith",
      "i=SDP Offer #1",
      "u=http://www.jdoe.example.com/home.html",
      "e=Jane Doe <jane@jdoe.example.com>",
      "p=+1 617 555-6011",
      "c=IN IP4 198.51.100.1",
      "t=0 0",
      "m=audio 49170 RTP/AVP 0",
      "m=audio 49180 RTP/AVP 0",
      "m=video 51372 RTP/AVP 99",
      "c=IN IP6 2001:db8::2",
      "a=rtpmap:99 h263-1998/90000",
    ));
    expect(description.origin).toEqual({
      username: "jdoe",
      sessionId: "3724394400",
      sessionVersion: "3724394405",
      netType: "IN",
      addressType: "IP4",
      address: "198.51.100.1",
    });
    expect(description.sessionName).toBe("Call to John Smith");
    expect(description.connection).toEqual({ addressType: "IP4", address: "198.51.100.1" });
    expect(description.timing).toEqual([{ type: "t", value: "0 0" }]);
    expect(description.otherLines.map((line) => line.type)).toEqual(["i", "u", "e", "p"]);
    expect(description.media.map(({ kind, port }) => [kind, port])).toEqual([
      ["audio", 49170],
      ["audio", 49180],
      ["video", 51372],
    ]);
    expect(description.media[2]).toMatchObject({
      connection: { addressType: "IP6", address: "2001:db8::2" },
      protocol: "RTP/AVP",
      formats: ["99"],
      attributes: [{ name: "rtpmap", value: "99 h263-1998/90000" }],
    });
  });

  test("keeps a session version beyond 2^53 digit by digit", () => {
    const text = described("m=audio 4000 RTP/AVP 0")
      .replace("2890844526 2890844526", "18446744073709551615 18446744073709551614");
    const { origin } = parseSessionDescription(text);
    expect(origin.sessionId).toBe("18446744073709551615");
    expect(origin.sessionVersion).toBe("18446744073709551614");
  });

  test("tells an attribute without value from one with an empty value", () => {
    const { media } = parseSessionDescription(
      described("m=audio 4000 RTP/AVP 0", "a=sendonly", "a=mid:", "a=candidate:1 1 UDP 1 ::1 9"),
    );
    expect(media[0]?.attributes).toEqual([
      { name: "sendonly", value: undefined },
      { name: "mid", value: "" },
      { name: "candidate", value: "1 1 UDP 1 ::1 9" },
    ]);
  });

  test("reads a port count", () => {
    const { media } = parseSessionDescription(described("m=audio 49170/2 RTP/AVP 0"));
    expect(media[0]).toMatchObject({ port: 49170, portCount: 2 });
  });

  test("takes bytes as UTF-8, and those that are not as U+FFFD", () => {
    const text = described("m=audio 4000 RTP/AVP 0").replace("s=-", "s=Büro");
    expect(parseSessionDescription(new TextEncoder().encode(text)).sessionName).toBe("Büro");
    const bytes = new TextEncoder().encode(described("m=audio 4000 RTP/AVP 0"));
    bytes[bytes.indexOf(0x73) + 2] = 0xff;
    expect(() => parseSessionDescription(bytes)).not.toThrow();
  });
});

describe("RFC 8866 §5 what is forgiven", () => {
  const plain = described("m=audio 4000 RTP/AVP 8 0", "a=ptime:20");
  const expected = parseSessionDescription(plain);

  test.each([
    ["LF line ends", plain.replaceAll("\r\n", "\n")],
    ["CR line ends", plain.replaceAll("\r\n", "\r")],
    ["no final line end", plain.trimEnd()],
    ["blank lines", plain.replaceAll("\r\n", "\r\n\r\n")],
    ["spaces at line ends", plain.replaceAll("\r\n", "  \r\n")],
    ["a space after the equals sign", plain.replaceAll("=", "= ")],
    ["no s=", plain.replace("s=-\r\n", "")],
    ["an empty s=", plain.replace("s=-", "s=")],
    ["no t=", plain.replace("t=0 0\r\n", "")],
    ["two spaces in the m-line", plain.replace("audio 4000", "audio  4000")],
    ["a capital media kind", plain.replace("audio", "Audio")],
    ["a space after the colon of an attribute", plain.replace("ptime:20", "ptime: 20")],
    ["lower case network types", plain.replaceAll("IN IP4 198", "in ip4 198").replace("in", "IN")],
  ])("takes %s", (_name, text) => {
    expect(parseSessionDescription(text)).toEqual(expected);
  });

  test("keeps unknown lines", () => {
    const { otherLines } = parseSessionDescription(plain.replace("t=0 0", "t=0 0\r\nx=hello"));
    expect(otherLines).toEqual([{ type: "x", value: "hello" }]);
  });

  test("takes a user name with spaces", () => {
    const { origin } = parseSessionDescription(plain.replace("o=alice", "o=SIP GW UserAgent"));
    expect(origin.username).toBe("SIP GW UserAgent");
    expect(origin.sessionVersion).toBe("2890844526");
  });

  test("goes by the address when its family is mislabelled", () => {
    const { connection } = parseSessionDescription(plain.replace("c=IN IP4", "c=IN IP6"));
    expect(connection).toEqual({ addressType: "IP4", address: "198.51.100.7" });
  });

  test("takes a refused stream without address and formats", () => {
    const text = sdp("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "t=0 0", "m=video 0 RTP/AVP");
    expect(parseSessionDescription(text).media[0]).toMatchObject({ port: 0, formats: [] });
  });
});

describe("RFC 8866 §5 what is refused", () => {
  const plain = described("m=audio 4000 RTP/AVP 8 0");

  test.each([
    ["an empty text", "", 0],
    ["nothing but line ends", "\r\n\r\n", 0],
    ["a text without v=", plain.replace("v=0\r\n", ""), 1],
    ["another version", plain.replace("v=0", "v=1"), 1],
    ["a text without o=", plain.replace(/o=.*\r\n/, ""), 1],
    ["an origin of five fields", plain.replace("o=alice ", "o="), 2],
    ["a session version that is no number", plain.replace("26 IN", "x IN"), 2],
    ["a session version without end", plain.replace("26 IN", `${"9".repeat(40)} IN`), 2],
    ["another network", plain.replace("c=IN IP4", "c=ATM NSAP"), 4],
    ["an address without family", plain.replace("c=IN IP4 ", "c=IN "), 4],
    ["a connection without address", plain.replace("c=IN IP4 198.51.100.7", "c=IN IP4"), 4],
    ["a stream without c=", plain.replace(/c=.*\r\n/, ""), 5],
    ["a port that is no number", plain.replace("4000", "http"), 6],
    ["a negative port", plain.replace("4000", "-4000"), 6],
    ["port 65536", plain.replace("4000", "65536"), 6],
    ["a port count of 0", plain.replace("4000", "4000/0"), 6],
    ["an m-line without protocol", plain.replace(" RTP/AVP 8 0", ""), 6],
    ["an m-line without formats", plain.replace(" 8 0", ""), 6],
    ["an empty m-line", plain.replace("audio 4000 RTP/AVP 8 0", ""), 6],
    ["a line that is none", `${plain}hello world\r\n`, 7],
    ["NUL, which an answer would have to repeat", plain.replace("RTP/AVP", "RTP\0AVP"), 6],
    ["NUL behind the last line", `${plain}\0`, 7],
  ])("refuses %s and names the line", (_name, text, line) => {
    const error = parseError(text);
    expect(error.line).toBe(line);
    expect(error.name).toBe("SdpParseError");
    if (line > 0) {
      expect(error.offset).toBe(
        text.split("\r\n").slice(0, line - 1).join("\r\n").length + (line > 1 ? 2 : 0),
      );
    }
  });

  test("tells of the first fault", () => {
    const error = parseError(`${plain.replace("4000", "http")}hello world\r\n`);
    expect(error.line).toBe(6);
    expect(error.message).toBe('Port "http" is not a number up to 65535');
  });

  test("counts lines of whatever end, and blank ones", () => {
    const error = parseError("v=0\r\r\no=- 1 1 IN IP4 192.0.2.1\n\n\r\nc=IN\n");
    expect([error.line, error.offset]).toEqual([6, 34]);
  });

  test("refuses what exceeds a limit", () => {
    const stream = "m=audio 4000 RTP/AVP 0";
    expect(parseError(`${plain}a=x:${"y".repeat(SDP_LENGTH_MAX)}`).message).toContain("bytes");
    expect(parseError(plain + "a=x\r\n".repeat(SDP_LINES_MAX)).message).toContain("lines");
    expect(parseError(described(...new Array<string>(SDP_MEDIA_MAX + 1).fill(stream))).message)
      .toContain("media");
    expect(parseError(plain.replace(" 8 0", " 0".repeat(SDP_FORMATS_MAX + 1))).message)
      .toContain("formats");
  });

  test("repeats the peer's text cut short and without control characters", () => {
    const error = parseError(`v=0\n\x1b[2J${"x".repeat(500)}\n`);
    expect(error.message).toContain("?[2J");
    expect(error.message.length).toBeLessThan(120);
  });
});

describe("hostile input", () => {
  const seeds = [
    described("m=audio 49170/2 RTP/AVP 0 8 97", "a=rtpmap:97 telephone-event/8000", "a=ptime:30"),
    described("m=video 0 RTP/SAVPF 96", "c=IN IP6 ff0e::1/3", "b=AS:64", "a=rtcp:53020"),
  ];

  test("throws nothing but SdpParseError on mangled descriptions", () => {
    const mangle = fc.record({
      seed: fc.constantFrom(...seeds),
      cuts: fc.array(
        fc.record({
          at: fc.nat(300),
          drop: fc.nat(12),
          insert: fc.oneof(
            fc.string({ maxLength: 6 }),
            fc.constantFrom("\r\n", "m=", "=", " ", "a=rtpmap:", "99999", "\0"),
          ),
        }),
        { maxLength: 6 },
      ),
    });
    fc.assert(fc.property(mangle, ({ seed, cuts }) => {
      let text = seed;
      for (const { at, drop, insert } of cuts) {
        text = text.slice(0, at) + insert + text.slice(at + drop);
      }
      onlySdpParseError(text);
    }));
  });

  test("throws nothing but SdpParseError on any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => onlySdpParseError(bytes)));
  });

  const torture = new URL("../../../shared/vectors/rfc4475/", import.meta.url);
  test.skipIf(!existsSync(torture))("reads the bodies of the RFC 4475 messages", () => {
    let described = 0;
    for (const file of readdirSync(torture).filter((name) => name.endsWith(".dat"))) {
      const text = readFileSync(new URL(file, torture), "latin1");
      const body = text.slice(text.indexOf("\r\n\r\n") + 4);
      onlySdpParseError(body);
      if (body.startsWith("v=0")) described++;
    }
    expect(described).toBeGreaterThan(5);
  });

  function onlySdpParseError(body: string | Uint8Array): void {
    try {
      parseSessionDescription(body);
    } catch (error) {
      expect(error).toBeInstanceOf(SdpParseError);
    }
  }
});
