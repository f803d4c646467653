/**
 * Making offers and taking answers.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CODEC_NAMES } from "../../src/sdp/codec_name.ts";
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  type Direction,
  isHold,
  type LocalMedia,
  type NegotiatedMedia,
} from "../../src/sdp/offer_answer.ts";
import { parseSessionDescription } from "../../src/sdp/parse.ts";
import { described, LOCAL, sdp, textOf } from "./fixtures.ts";

function accepted(answer: string, local: Partial<LocalMedia> = {}): NegotiatedMedia {
  const result = acceptAnswer(createOffer({ ...LOCAL, ...local }), parseSessionDescription(answer));
  if (!result.ok) throw new Error(result.reason);
  return result.media;
}

function refusal(answer: string): string {
  const result = acceptAnswer(createOffer(LOCAL), parseSessionDescription(answer));
  if (result.ok) throw new Error("The answer was taken");
  return result.reason;
}

describe("RFC 3264 §5 generating the offer", () => {
  test("offers our codecs in our order, telephone-events, packet time and direction", () => {
    expect(textOf(createOffer({ ...LOCAL, direction: "sendonly" }))).toBe(sdp(
      "v=0",
      "o=- 1700000000 1 IN IP4 192.0.2.10",
      "s=-",
      "c=IN IP4 192.0.2.10",
      "t=0 0",
      "m=audio 10000 RTP/AVP 0 8 101",
      "a=rtpmap:0 PCMU/8000",
      "a=rtpmap:8 PCMA/8000",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-15",
      "a=ptime:20",
      "a=sendonly",
    ));
  });

  test("offers no telephone-events when we have none", () => {
    const offer = createOffer({ ...LOCAL, telephoneEvent: false, dtmfPayloadType: 0 });
    expect(offer.media[0]?.formats).toEqual(["0", "8"]);
  });

  test("throws RangeError without codecs and for a payload type that is not dynamic", () => {
    expect(() => createOffer({ ...LOCAL, codecs: [] })).toThrow(RangeError);
    for (const dtmfPayloadType of [0, 95, 128, 96.5, NaN]) {
      expect(() => createOffer({ ...LOCAL, dtmfPayloadType })).toThrow(RangeError);
    }
  });
});

describe("RFC 3264 §7 processing the answer", () => {
  test("takes a plain answer", () => {
    expect(accepted(described(
      "m=audio 3456 RTP/AVP 8 101",
      "a=rtpmap:8 PCMA/8000",
      "a=rtpmap:101 telephone-event/8000",
      "a=ptime:30",
    ))).toEqual({
      codec: "PCMA",
      payloadType: 8,
      receivePayloadType: 8,
      telephoneEventPayloadType: 101,
      receiveTelephoneEventPayloadType: 101,
      telephoneEventClockRate: 8000,
      clockRate: 8000,
      ptime: 30,
      remote: { address: "198.51.100.7", port: 3456 },
      remoteRtcp: { address: "198.51.100.7", port: 3457 },
      rtcpMux: false,
      extendedReports: false,
      direction: "sendrecv",
      remoteDirection: "sendrecv",
    });
  });

  test("sends with the answerer's payload types and receives with ours", () => {
    const media = accepted(described(
      "m=audio 3456 RTP/AVP 120 96",
      "a=rtpmap:120 PCMU/8000",
      "a=rtpmap:96 telephone-event/8000",
    ));
    expect(media).toMatchObject({
      codec: "PCMU",
      payloadType: 120,
      receivePayloadType: 0,
      telephoneEventPayloadType: 96,
      receiveTelephoneEventPayloadType: 101,
    });
  });

  test("uses the first codec of the answer that we offered", () => {
    const answer = described("m=audio 3456 RTP/AVP 18 8 0", "a=rtpmap:18 G729/8000");
    expect(accepted(answer).codec).toBe("PCMA");
    expect(accepted(answer, { codecs: ["PCMU"] }).codec).toBe("PCMU");
  });

  test("has no telephone-events when the answer has none", () => {
    const media = accepted(described("m=audio 3456 RTP/AVP 0"));
    expect(media.telephoneEventPayloadType).toBeUndefined();
    expect(media.receiveTelephoneEventPayloadType).toBeUndefined();
  });

  test("has no telephone-events when we offered none", () => {
    const answer = described("m=audio 3456 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000");
    const media = accepted(answer, { telephoneEvent: false });
    expect(media.telephoneEventPayloadType).toBeUndefined();
  });

  test("keeps our packet time when the answer states none", () => {
    expect(accepted(described("m=audio 3456 RTP/AVP 0"), { ptime: 30 }).ptime).toBe(30);
  });

  test.each(
    [
      ["sendonly", "recvonly", "sendonly"],
      ["sendonly", "inactive", "inactive"],
      ["sendrecv", "recvonly", "sendonly"],
      ["sendrecv", "sendonly", "recvonly"],
      ["inactive", "sendrecv", "inactive"],
      ["recvonly", "sendrecv", "recvonly"],
    ] as const,
  )("offered %s, answered %s: we are %s", (offered, answered, expected) => {
    const answer = described("m=audio 3456 RTP/AVP 0", `a=${answered}`);
    expect(accepted(answer, { direction: offered }).direction).toBe(expected);
  });

  test("takes an unspecified address in an answer for a hold", () => {
    const media = accepted(described("m=audio 3456 RTP/AVP 0", "c=IN IP4 0.0.0.0"));
    expect(media).toMatchObject({ direction: "recvonly", remoteDirection: "sendonly" });
    expect(media.remote).toBeUndefined();
    expect(isHold(media)).toBe(true);
  });

  test.each([
    ["a refused stream", described("m=audio 0 RTP/AVP 0"), "refuses"],
    ["no stream", described(), "no audio stream"],
    ["another kind of stream", described("m=video 3456 RTP/AVP 31"), "no audio stream"],
    ["a codec that was not offered", described("m=audio 3456 RTP/AVP 18"), "no codec"],
    ["another profile", described("m=audio 3456 RTP/SAVP 0"), "RTP/AVP"],
    ["another family", described("m=audio 3456 RTP/AVP 0", "c=IN IP6 2001:db8::7"), "IP4"],
    ["multicast", described("m=audio 3456 RTP/AVP 0", "c=IN IP4 224.1.1.1/2"), "Multicast"],
  ])("does not take %s", (_name, answer, reason) => {
    expect(refusal(answer)).toContain(reason);
  });

  test("does not take an answer to an offer without audio", () => {
    const offer = parseSessionDescription(described("m=video 3456 RTP/AVP 31"));
    expect(acceptAnswer(offer, offer)).toMatchObject({ ok: false });
  });
});

describe("both sides of one negotiation", () => {
  const direction = fc.constantFrom<Direction>("sendrecv", "sendonly", "recvonly", "inactive");
  const local = (address: string, port: number): fc.Arbitrary<LocalMedia> =>
    fc.record({
      address: fc.constant(address),
      port: fc.constant(port),
      codecs: fc.shuffledSubarray([...CODEC_NAMES], { minLength: 1 }),
      sessionId: fc.constant("1"),
      sessionVersion: fc.nat(),
      ptime: fc.constantFrom(10, 20, 30, 40, 60),
      telephoneEvent: fc.boolean(),
      dtmfPayloadType: fc.integer({ min: 96, max: 127 }),
      direction,
      rtcp: fc.record({ mux: fc.boolean(), extendedReports: fc.boolean() }),
    });

  test("agree on codec, events, addresses and mirrored directions", () => {
    fc.assert(
      fc.property(local("192.0.2.1", 4000), local("192.0.2.2", 5000), (offerer, answerer) => {
        const offer = overTheWire(createOffer(offerer));
        const result = answerOffer(offer, answerer);
        const common = offerer.codecs.some((codec) => answerer.codecs.includes(codec));
        expect(result.ok).toBe(common);
        if (!result.ok) return;
        const taken = acceptAnswer(offer, overTheWire(result.answer));
        if (!taken.ok) throw new Error(taken.reason);
        const [a, b] = [taken.media, result.media];
        expect(a.codec).toBe(b.codec);
        expect(a.payloadType).toBe(b.receivePayloadType);
        expect(a.receivePayloadType).toBe(b.payloadType);
        expect(a.telephoneEventPayloadType).toBe(b.receiveTelephoneEventPayloadType);
        expect(a.telephoneEventClockRate).toBe(b.telephoneEventClockRate);
        const withEvents = offerer.telephoneEvent && answerer.telephoneEvent;
        expect(a.telephoneEventClockRate).toBe(withEvents ? a.clockRate : undefined);
        expect(a.rtcpMux).toBe(offerer.rtcp?.mux === true && answerer.rtcp?.mux === true);
        expect([b.rtcpMux, b.extendedReports]).toEqual([a.rtcpMux, a.extendedReports]);
        expect(a.remote).toEqual({ address: "192.0.2.2", port: 5000 });
        expect(b.remote).toEqual({ address: "192.0.2.1", port: 4000 });
        expect(a.ptime).toBe(b.ptime);
        expect(a.remoteDirection).toBe(b.direction);
        expect(a.direction).toBe(mirror(b.direction));
      }),
    );
  });

  function overTheWire(description: ReturnType<typeof createOffer>): typeof description {
    return parseSessionDescription(textOf(description));
  }

  function mirror(of: Direction): Direction {
    if (of === "sendonly") return "recvonly";
    return of === "recvonly" ? "sendonly" : of;
  }
});
