import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeBase64, encodeBase64 } from "../../src/twilio/base64.ts";
import { MediaStreamWriter, parseStreamMessage } from "../../src/twilio/media_stream.ts";

const NAMES = {
  streamSid: `MZ${"0".repeat(32)}`,
  callSid: `CA${"1".repeat(32)}`,
  accountSid: `AC${"2".repeat(32)}`,
  parameters: { tenant: 'a "quoted" one' },
};

describe("messages to a bot", () => {
  test("are those of Twilio, numbered in order", () => {
    const writer = new MediaStreamWriter(NAMES);
    const { streamSid, callSid, accountSid, parameters } = NAMES;
    expect(JSON.parse(writer.connected())).toEqual({
      event: "connected",
      protocol: "Call",
      version: "1.0.0",
    });
    expect(JSON.parse(writer.start())).toEqual({
      event: "start",
      sequenceNumber: "1",
      streamSid,
      start: {
        accountSid,
        streamSid,
        callSid,
        tracks: ["inbound"],
        mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
        customParameters: parameters,
      },
    });
    expect(JSON.parse(writer.media(new Uint8Array([255, 127, 0]), 0))).toEqual({
      event: "media",
      sequenceNumber: "2",
      streamSid,
      media: { track: "inbound", chunk: "1", timestamp: "0", payload: "/38A" },
    });
    expect(JSON.parse(writer.media(new Uint8Array(160), 20))).toMatchObject({
      sequenceNumber: "3",
      media: { chunk: "2", timestamp: "20" },
    });
    expect(JSON.parse(writer.dtmf("#"))).toEqual({
      event: "dtmf",
      sequenceNumber: "4",
      streamSid,
      dtmf: { track: "inbound_track", digit: "#" },
    });
    expect(JSON.parse(writer.mark('m"1'))).toEqual({
      event: "mark",
      sequenceNumber: "5",
      streamSid,
      mark: { name: 'm"1' },
    });
    expect(JSON.parse(writer.stop())).toEqual({
      event: "stop",
      sequenceNumber: "6",
      streamSid,
      stop: { accountSid, callSid },
    });
  });
});

describe("messages of a bot", () => {
  test("sound, marks and clears are read; a mark may lack its name", () => {
    expect(parseStreamMessage('{"event":"media","streamSid":"MZ","media":{"payload":"/38A"}}'))
      .toEqual({ type: "media", payload: new Uint8Array([255, 127, 0]) });
    expect(parseStreamMessage('{"event":"mark","mark":{"name":"m1"}}'))
      .toEqual({ type: "mark", name: "m1" });
    expect(parseStreamMessage('{"event":"mark"}')).toEqual({ type: "mark", name: "" });
    expect(parseStreamMessage('{"event":"mark","mark":{"name":7}}'))
      .toEqual({ type: "mark", name: "7" });
    expect(parseStreamMessage('{"event":"clear","streamSid":"MZ"}')).toEqual({ type: "clear" });
  });

  test("others are passed over, with what to send instead", () => {
    const rows: readonly (readonly [string, string])[] = [
      ["hello", "Not JSON"],
      ["[]", "Unknown event, send media, mark or clear"],
      ["null", "Unknown event"],
      ['{"event":"dance"}', 'Unknown event "dance"'],
      ['{"event":"media"}', "base64"],
      ['{"event":"media","media":{"payload":"%%%"}}', "base64"],
      ['{"event":"media","media":{"payload":7}}', "base64"],
    ];
    for (const [text, reason] of rows) {
      const message = parseStreamMessage(text);
      expect(message.type === "ignored" ? message.reason : message.type).toContain(reason);
    }
  });

  test("any text is read or passed over", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(["media", "mark", "clear", "ignored"]).toContain(parseStreamMessage(text).type);
    }));
  });
});

describe("base64, RFC 4648 §4", () => {
  test("comes back as it went", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
      expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes);
    }));
  });

  test("is read as others write it: without padding, in lines, or for URLs", () => {
    const bytes = new Uint8Array([0xfb, 0xff, 0xfe, 0x01]);
    for (const text of ["+//+AQ==", "+//+AQ", "+//+\r\nAQ==\n", "-__-AQ==", "-__-AQ"]) {
      expect(decodeBase64(text)).toEqual(bytes);
    }
    for (const text of ["+//+A", "+//+AQ==AA", "data:audio/basic;base64,AAAA", "é"]) {
      expect(decodeBase64(text)).toBeUndefined();
    }
    expect(decodeBase64("")).toEqual(new Uint8Array(0));
  });
});
