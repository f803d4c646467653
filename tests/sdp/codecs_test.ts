/**
 * The codecs beside G.711: what names, numbers, clocks and packets they have in descriptions.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import type { CodecName as AudioCodecName } from "../../src/audio/codec.ts";
import { CODEC_NAMES, CODECS } from "../../src/sdp/codec_name.ts";
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  type LocalMedia,
  type NegotiatedMedia,
} from "../../src/sdp/offer_answer.ts";
import { parseOpusFormat } from "../../src/sdp/opus_format.ts";
import { parseSessionDescription } from "../../src/sdp/parse.ts";
import { described, LOCAL, textOf } from "./fixtures.ts";

function answered(
  offer: string,
  local: Partial<LocalMedia> = {},
): { readonly text: string; readonly media: NegotiatedMedia } {
  const result = answerOffer(parseSessionDescription(offer), {
    ...LOCAL,
    codecs: CODEC_NAMES,
    ...local,
  });
  if (!result.ok) throw new Error(`The offer was refused: ${result.warning}`);
  return { text: textOf(result.answer), media: result.media };
}

/** The lines of our offer that say something of payload types. */
function offered(local: Partial<LocalMedia>): readonly string[] {
  const lines = textOf(createOffer({ ...LOCAL, ...local })).split("\r\n");
  return lines.filter((line) => /^(m=|a=rtpmap|a=fmtp|a=ptime)/.test(line));
}

function accepted(answer: string, local: Partial<LocalMedia>): NegotiatedMedia {
  const result = acceptAnswer(createOffer({ ...LOCAL, ...local }), parseSessionDescription(answer));
  if (!result.ok) throw new Error(result.reason);
  return result.media;
}

test("the codecs of descriptions are those of the audio", () => {
  const audio: Readonly<Record<AudioCodecName, true>> = {
    PCMU: true,
    PCMA: true,
    G722: true,
    opus: true,
    "L16/8000": true,
    "L16/16000": true,
    "L16/44100": true,
  };
  const names: readonly AudioCodecName[] = CODEC_NAMES;
  expect(names).toEqual(Object.keys(audio) as AudioCodecName[]);
});

describe("RFC 3551 §4.5.2 and §6: G722 and L16", () => {
  test("G722 is 9, with a clock of 8000", () => {
    const { text, media } = answered(described("m=audio 4000 RTP/AVP 9 0"), {
      codecs: ["G722", "PCMU"],
    });
    expect(media).toMatchObject({ codec: "G722", payloadType: 9, clockRate: 8000 });
    expect(text).toContain("m=audio 10000 RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\n");
  });

  test("L16 is found by its rate, and by 11 alone when it has one channel of 44100", () => {
    const offer = described(
      "m=audio 4000 RTP/AVP 10 96 97",
      "a=rtpmap:96 L16/16000/2",
      "a=rtpmap:97 l16/16000",
    );
    expect(answered(offer).media).toMatchObject({ codec: "L16/16000", payloadType: 97 });
    expect(answered(described("m=audio 4000 RTP/AVP 11")).media).toMatchObject({
      codec: "L16/44100",
      clockRate: 44_100,
    });
  });

  test.each([["L16/44100", 20, 10], ["L16/16000", 60, 20], ["L16/16000", 40, 40]] as const)(
    "%s, asked for %i ms, is sent in packets of %i ms, which no network cuts",
    (codec, asked, expected) => {
      const { clockRate } = CODECS[codec];
      const { media } = answered(described(
        "m=audio 4000 RTP/AVP 98",
        `a=rtpmap:98 L16/${clockRate}`,
        `a=ptime:${asked}`,
      ));
      expect(media.ptime).toBe(expected);
    },
  );

  test("no packet is longer than 1400 bytes", () => {
    expect(CODECS["L16/44100"].packetTimes).toEqual([10]);
    expect(CODECS["L16/16000"].packetTimes).toEqual([10, 20, 30, 40]);
    expect(CODECS["L16/8000"].packetTimes.at(-1)).toBe(60);
  });
});

describe("RFC 7587 §7 Opus", () => {
  const OFFER = described(
    "m=audio 4000 RTP/AVP 111 0 101",
    "a=rtpmap:111 OPUS/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1; maxplaybackrate=16000 ;maxaveragebitrate=20000",
    "a=rtpmap:101 telephone-event/48000",
    "a=ptime:20",
  );

  test("is answered with its name and parameters under the offerer's number", () => {
    const { text, media } = answered(OFFER, { codecs: ["opus", "PCMU"] });
    expect(text).toContain([
      "m=audio 10000 RTP/AVP 111 101",
      "a=rtpmap:111 opus/48000/2",
      "a=fmtp:111 useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0",
      "a=rtpmap:101 telephone-event/48000",
      "a=fmtp:101 0-15",
      "a=ptime:20",
    ].join("\r\n"));
    expect(media).toMatchObject({ codec: "opus", payloadType: 111, clockRate: 48_000 });
  });

  test("tells what the peer asks of it", () => {
    expect(answered(OFFER, { codecs: ["opus"] }).media.opus).toEqual({
      maxPlaybackRate: 16_000,
      maxAverageBitrate: 20_000,
      constantBitrate: false,
      inbandFec: true,
      dtx: false,
    });
    expect(answered(OFFER, { codecs: ["PCMU"] }).media).not.toHaveProperty("opus");
  });

  test("passes over parameters that are not allowed: RFC 7587 §6.1", () => {
    const nothing = {
      maxPlaybackRate: 48_000,
      maxAverageBitrate: undefined,
      constantBitrate: false,
      inbandFec: false,
      dtx: false,
    };
    expect(parseOpusFormat("")).toEqual(nothing);
    expect(parseOpusFormat(";=;usedtx;cbr=yes;maxplaybackrate=1;maxaveragebitrate=1e9"))
      .toEqual(nothing);
    expect(parseOpusFormat("usedtx=1; CBR=1")).toMatchObject({ dtx: true, constantBitrate: true });
  });

  test("is found without its channels, and not at another clock", () => {
    const opus = (rtpmap: string) =>
      described("m=audio 4000 RTP/AVP 96 0", `a=rtpmap:96 ${rtpmap}`);
    const codecs = ["opus", "PCMU"] as const;
    expect(answered(opus("opus/48000"), { codecs }).media.codec).toBe("opus");
    expect(answered(opus("opus/48000/6"), { codecs }).media.codec).toBe("PCMU");
    expect(answered(opus("opus/16000/2"), { codecs }).media.codec).toBe("PCMU");
  });

  test.each([[10, 10], [30, 20], [40, 40], [50, 20], [60, 60], [120, 20]])(
    "asked for packets of %i ms, sends such of %i ms",
    (asked, expected) => {
      const offer = described(
        "m=audio 4000 RTP/AVP 96",
        "a=rtpmap:96 opus/48000/2",
        `a=ptime:${asked}`,
      );
      expect(answered(offer, { codecs: ["opus"] }).media.ptime).toBe(expected);
    },
  );
});

describe("RFC 4733 §2.1 telephone-events have the clock of the audio", () => {
  const lines = [
    "m=audio 4000 RTP/AVP 111 0 110 126",
    "a=rtpmap:111 opus/48000/2",
    "a=rtpmap:126 telephone-event/8000",
  ];
  const both = described(...lines, "a=rtpmap:110 telephone-event/48000");

  test("so that of two the codec decides", () => {
    expect(answered(both, { codecs: ["opus"] }).media).toMatchObject({
      telephoneEventPayloadType: 110,
      telephoneEventClockRate: 48_000,
    });
    expect(answered(both, { codecs: ["PCMU"] }).media).toMatchObject({
      telephoneEventPayloadType: 126,
      telephoneEventClockRate: 8000,
    });
  });

  test("DEVIATION: beside Opus, those at 8000 are taken when there are no others", () => {
    const { media, text } = answered(described(...lines), { codecs: ["opus"] });
    expect(media).toMatchObject({
      clockRate: 48_000,
      telephoneEventPayloadType: 126,
      telephoneEventClockRate: 8000,
    });
    expect(text).toContain("a=rtpmap:126 telephone-event/8000\r\n");
  });

  test("an answer to our offer may have either", () => {
    const codecs = ["opus", "PCMU"] as const;
    const answer = (rate: number) =>
      described(
        "m=audio 4000 RTP/AVP 96 100",
        "a=rtpmap:96 opus/48000/2",
        `a=rtpmap:100 telephone-event/${rate}`,
      );
    expect(accepted(answer(48_000), { codecs })).toMatchObject({
      telephoneEventPayloadType: 100,
      receiveTelephoneEventPayloadType: 97,
      telephoneEventClockRate: 48_000,
    });
    expect(accepted(answer(8000), { codecs })).toMatchObject({
      telephoneEventPayloadType: 100,
      receiveTelephoneEventPayloadType: 101,
      telephoneEventClockRate: 8000,
    });
  });
});

describe("RFC 3264 §5.1 payload types of our offers", () => {
  test("are the static ones, else dynamic ones, with telephone-events for each clock", () => {
    expect(offered({ codecs: ["opus", "G722", "PCMU", "L16/16000", "L16/44100"] })).toEqual([
      "m=audio 10000 RTP/AVP 96 9 0 97 11 101 98 99 100",
      "a=rtpmap:96 opus/48000/2",
      "a=fmtp:96 useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0",
      "a=rtpmap:9 G722/8000",
      "a=rtpmap:0 PCMU/8000",
      "a=rtpmap:97 L16/16000",
      "a=rtpmap:11 L16/44100",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-15",
      "a=rtpmap:98 telephone-event/48000",
      "a=fmtp:98 0-15",
      "a=rtpmap:99 telephone-event/16000",
      "a=fmtp:99 0-15",
      "a=rtpmap:100 telephone-event/44100",
      "a=fmtp:100 0-15",
      "a=ptime:20",
    ]);
  });

  test("leave the number of DTMF alone", () => {
    expect(offered({ codecs: ["opus", "PCMU"], dtmfPayloadType: 96 })[0])
      .toBe("m=audio 10000 RTP/AVP 97 0 96 98");
    expect(offered({ codecs: ["opus"], telephoneEvent: false })[0])
      .toBe("m=audio 10000 RTP/AVP 96");
  });

  test("mean what they meant before in the session: §8.3.2", () => {
    const payloadTypesBefore = [
      { payloadType: 101, encodingName: "opus", clockRate: 48_000, channels: 2 },
      { payloadType: 96, encodingName: "telephone-event", clockRate: 8000, channels: 1 },
      { payloadType: 97, encodingName: "speex", clockRate: 8000, channels: 1 },
    ];
    const lines = offered({ codecs: ["opus", "PCMU"], payloadTypesBefore });
    expect(lines[0]).toBe("m=audio 10000 RTP/AVP 101 0 96 98");
    expect(lines).toContain("a=rtpmap:101 opus/48000/2");
    expect(lines).toContain("a=rtpmap:96 telephone-event/8000");
  });

  test("stay within seven bits when a peer has used up all numbers", () => {
    const payloadTypesBefore = Array.from({ length: 32 }, (_, index) => ({
      payloadType: 96 + index,
      encodingName: "telephone-event",
      clockRate: 7000 + index,
      channels: 1,
    }));
    const [line = ""] = offered({ codecs: CODEC_NAMES, payloadTypesBefore });
    const numbers = line.split(" ").slice(3).map(Number);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(Math.max(...numbers)).toBeLessThanOrEqual(127);
  });

  test("ask for packets that the preferred codec has", () => {
    expect(offered({ codecs: ["L16/44100", "PCMU"] })).toContain("a=ptime:10");
    expect(offered({ codecs: ["opus"], ptime: 30 })).toContain("a=ptime:20");
  });
});

test("RFC 3389: comfort noise is not answered", () => {
  expect(answered(described("m=audio 4000 RTP/AVP 0 13")).text)
    .toContain("m=audio 10000 RTP/AVP 0\r\n");
});

test("RFC 3261 §20.43: the Warning of a refusal names our codecs", () => {
  const offer = parseSessionDescription(described("m=audio 4000 RTP/AVP 18"));
  expect(answerOffer(offer, { ...LOCAL, codecs: ["opus", "L16/16000"] }))
    .toMatchObject({ warning: "305 Incompatible media format: needs opus or L16/16000" });
});
