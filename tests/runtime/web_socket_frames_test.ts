import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  CLOSE_CODE,
  encodeFrame,
  OPCODE,
  WebSocketDecoder,
  WebSocketError,
} from "../../src/runtime/web_socket_frames.ts";

const KEY = new Uint8Array([0x37, 0xfa, 0x21, 0x3d]);

function hex(text: string): Uint8Array {
  return new Uint8Array(text.split(" ").map((byte) => Number.parseInt(byte, 16)));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** What a decoder makes of portions: types and texts, at last the close code of an error. */
function decode(
  portions: readonly Uint8Array[],
  { masked = false, messageBytesMax = 100_000 } = {},
): (readonly [string, string] | number)[] {
  const decoder = new WebSocketDecoder({ masked, messageBytesMax });
  const events: (readonly [string, string] | number)[] = [];
  try {
    for (const portion of portions) {
      decoder.receive(portion, (type, data) => {
        events.push([type, new TextDecoder().decode(data)]);
        return true;
      });
    }
  } catch (error) {
    if (!(error instanceof WebSocketError)) throw error;
    events.push(error.closeCode);
  }
  return events;
}

describe("RFC 6455 §5.7 examples", () => {
  test("an unmasked and a masked text", () => {
    expect(decode([hex("81 05 48 65 6c 6c 6f")])).toEqual([["text", "Hello"]]);
    const masked = hex("81 85 37 fa 21 3d 7f 9f 4d 51 58");
    expect(decode([masked], { masked: true })).toEqual([["text", "Hello"]]);
    expect(encodeFrame(OPCODE.text, bytes("Hello"))).toEqual(hex("81 05 48 65 6c 6c 6f"));
    expect(encodeFrame(OPCODE.text, bytes("Hello"), KEY)).toEqual(masked);
  });

  test("a text in two fragments, with a ping between them", () => {
    const portions = [hex("01 03 48 65 6c"), hex("89 01 78"), hex("80 02 6c 6f")];
    expect(decode(portions)).toEqual([["ping", "x"], ["text", "Hello"]]);
  });

  test("a ping and its masked answer", () => {
    expect(decode([hex("89 05 48 65 6c 6c 6f")])).toEqual([["ping", "Hello"]]);
    const pong = hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58");
    expect(encodeFrame(OPCODE.pong, bytes("Hello"), KEY)).toEqual(pong);
    expect(decode([pong], { masked: true })).toEqual([["pong", "Hello"]]);
  });

  test("lengths of 16 and of 64 bits", () => {
    expect(encodeFrame(OPCODE.binary, new Uint8Array(256)).subarray(0, 4)).toEqual(
      hex("82 7e 01 00"),
    );
    expect(encodeFrame(OPCODE.binary, new Uint8Array(65_536)).subarray(0, 10)).toEqual(
      hex("82 7f 00 00 00 00 00 01 00 00"),
    );
  });
});

describe("RFC 6455 §5 what a peer may not send", () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ["a reserved bit", "c1 00", CLOSE_CODE.protocolError],
    ["a reserved kind of data", "83 00", CLOSE_CODE.protocolError],
    ["a reserved kind of control", "8b 00", CLOSE_CODE.protocolError],
    ["a mask where none is due", "81 80 00 00 00 00", CLOSE_CODE.protocolError],
    ["a control frame in fragments", "09 00", CLOSE_CODE.protocolError],
    ["a control frame that is long", "89 7e 00 7e", CLOSE_CODE.protocolError],
    ["a continuation of nothing", "80 00", CLOSE_CODE.protocolError],
    ["a message within another", "01 00 81 00", CLOSE_CODE.protocolError],
    ["a length in more bytes than needed", "82 7e 00 7d", CLOSE_CODE.protocolError],
    ["a length in far more bytes", "82 7f 00 00 00 00 00 00 ff ff", CLOSE_CODE.protocolError],
    ["a length of 2^63", "82 7f 80 00 00 00 00 00 00 00", CLOSE_CODE.protocolError],
    ["a length of 2^63 - 1", "82 7f 7f ff ff ff ff ff ff ff", CLOSE_CODE.tooBig],
    ["a text that is no UTF-8", "81 01 ff", CLOSE_CODE.invalidData],
    ["a close code in one byte", "88 01 03", CLOSE_CODE.protocolError],
    ["a close code that is never sent", "88 02 03 ed", CLOSE_CODE.protocolError],
    ["a close code below 1000", "88 02 03 e7", CLOSE_CODE.protocolError],
    ["a reason that is no UTF-8", "88 03 03 e8 ff", CLOSE_CODE.invalidData],
  ];
  for (const [what, frames, code] of cases) {
    test(what, () => {
      expect(decode([hex(frames)])).toEqual([code]);
    });
  }

  test("a client that does not mask", () => {
    expect(decode([hex("81 01 78")], { masked: true })).toEqual([CLOSE_CODE.protocolError]);
  });

  test("more than a message may have, in one frame or in many", () => {
    const limits = { messageBytesMax: 10 };
    const ten = encodeFrame(OPCODE.binary, bytes("0123456789"));
    expect(decode([ten], limits)).toEqual([["binary", "0123456789"]]);
    // Before the payload comes.
    expect(decode([hex("82 0b")], limits)).toEqual([CLOSE_CODE.tooBig]);
    expect(decode([hex("02 05 31 31 31 31 31"), hex("80 06")], limits)).toEqual([
      CLOSE_CODE.tooBig,
    ]);
  });

  test("a message of endless empty pieces", () => {
    const pieces = Array.from({ length: 2_000 }, () => hex("00 00"));
    expect(decode([hex("02 00"), ...pieces])).toEqual([CLOSE_CODE.protocolError]);
  });
});

describe("RFC 6455 §5.4 messages in any portions", () => {
  const messages = fc.array(fc.string({ unit: "grapheme", maxLength: 300 }), { maxLength: 5 });

  test("come out whole, and in order", () => {
    fc.assert(fc.property(messages, fc.boolean(), fc.nat({ max: 6 }), (texts, masked, size) => {
      const frames = texts.map((text) =>
        encodeFrame(OPCODE.text, bytes(text), masked ? KEY : undefined)
      );
      const all = concat(...frames);
      const portions: Uint8Array[] = [];
      for (let at = 0; at < all.length; at += size + 1) {
        portions.push(all.slice(at, at + size + 1));
      }
      expect(decode(portions, { masked })).toEqual(texts.map((text) => ["text", text]));
    }));
  });

  test("a character may be cut by a fragment", () => {
    const portions = [hex("01 01 c3"), hex("80 01 a4")];
    expect(decode(portions)).toEqual([["text", "ä"]]);
  });

  test("whatever comes, nothing but the decoder's own error is thrown", () => {
    const noise = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 });
    fc.assert(fc.property(noise, fc.boolean(), (portions, masked) => {
      const events = decode(portions, { masked, messageBytesMax: 64 });
      expect(events.slice(0, -1).every((each) => typeof each !== "number")).toBe(true);
    }));
  });
});
