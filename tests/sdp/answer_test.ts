/**
 * Answering offers: the rules of RFC 3264, and what other gateways get wrong about them.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import {
  answerOffer,
  isHold,
  type LocalMedia,
  type NegotiatedMedia,
  warningHeader,
} from "../../src/sdp/offer_answer.ts";
import { parseSessionDescription } from "../../src/sdp/parse.ts";
import { described, LOCAL, sdp, textOf } from "./fixtures.ts";

function answered(
  offer: string,
  local: Partial<LocalMedia> = {},
): { readonly text: string; readonly media: NegotiatedMedia } {
  const result = answerOffer(parseSessionDescription(offer), { ...LOCAL, ...local });
  if (!result.ok) throw new Error(`The offer was refused: ${result.warning}`);
  return { text: textOf(result.answer), media: result.media };
}

function refusal(offer: string, local: Partial<LocalMedia> = {}): string {
  const result = answerOffer(parseSessionDescription(offer), { ...LOCAL, ...local });
  if (result.ok) throw new Error("The offer was answered");
  expect(result.statusCode).toBe(488);
  return result.warning;
}

describe("RFC 3264 §6 generating the answer", () => {
  test("answers a plain offer in full", () => {
    const { text, media } = answered(described(
      "m=audio 49170 RTP/AVP 0 8 101",
      "a=rtpmap:0 PCMU/8000",
      "a=rtpmap:8 PCMA/8000",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-16",
      "a=ptime:20",
    ));
    expect(text).toBe(sdp(
      "v=0",
      "o=- 1700000000 1 IN IP4 192.0.2.10",
      "s=-",
      "c=IN IP4 192.0.2.10",
      "t=0 0",
      "m=audio 10000 RTP/AVP 0 101",
      "a=rtpmap:0 PCMU/8000",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-16",
      "a=ptime:20",
      "a=sendrecv",
    ));
    expect(media).toEqual({
      codec: "PCMU",
      payloadType: 0,
      receivePayloadType: 0,
      telephoneEventPayloadType: 101,
      receiveTelephoneEventPayloadType: 101,
      telephoneEventClockRate: 8000,
      clockRate: 8000,
      ptime: 20,
      remote: { address: "198.51.100.7", port: 49170 },
      remoteRtcp: { address: "198.51.100.7", port: 49171 },
      rtcpMux: false,
      extendedReports: false,
      direction: "sendrecv",
      remoteDirection: "sendrecv",
    });
  });

  test("takes a profile with feedback, and agrees on none: RFC 4585 §4.2", () => {
    const { text } = answered(described("m=audio 4000 rtp/AVPF 0", "a=rtcp-fb:* nack"));
    expect(text).toContain("m=audio 10000 rtp/AVPF 0\r\n");
    expect(text).not.toContain("rtcp-fb");
  });

  test("repeats the offer's t= line", () => {
    const offer = described("m=audio 4000 RTP/AVP 0").replace("t=0 0", "t=2873397496 2873404696");
    expect(answered(offer).text).toContain("t=2873397496 2873404696\r\n");
  });

  test("answers every stream in its place, all but one refused with port 0", () => {
    const { text, media } = answered(described(
      "m=video 51372 RTP/AVP 31 34",
      "a=rtpmap:34 H263/90000",
      "m=audio 49170 RTP/AVP 0",
      "m=audio 49180/2 RTP/AVP 8",
      "m=application 5000 UDP/BFCP *",
      "m=image 49190 udptl t38",
    ));
    expect(text.match(/^m=.*(?=\r)/gm)).toEqual([
      "m=video 0 RTP/AVP 31 34",
      "m=audio 10000 RTP/AVP 0",
      "m=audio 0 RTP/AVP 8",
      "m=application 0 UDP/BFCP *",
      "m=image 0 udptl t38",
    ]);
    expect(media.remote?.port).toBe(49170);
  });

  test("takes the second audio stream when the first cannot be had", () => {
    const { text, media } = answered(
      described("m=audio 4000 RTP/AVP 18", "m=audio 5000 RTP/AVP 8"),
    );
    expect(text.match(/^m=.*(?=\r)/gm)).toEqual([
      "m=audio 0 RTP/AVP 18",
      "m=audio 10000 RTP/AVP 8",
    ]);
    expect(media.remote?.port).toBe(5000);
  });

  test("passes over a stream that the offer disables", () => {
    const { media } = answered(described("m=audio 0 RTP/AVP 0", "m=audio 5000 RTP/AVP 8"));
    expect(media.codec).toBe("PCMA");
  });

  test("names a refused stream without formats by the grammar", () => {
    const { text } = answered(described("m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP"));
    expect(text).toContain("m=video 0 RTP/AVP 0\r\n");
  });

  test("prefers our codec order to the offerer's", () => {
    const offer = described("m=audio 4000 RTP/AVP 0 8");
    expect(answered(offer, { codecs: ["PCMA", "PCMU"] }).media.codec).toBe("PCMA");
    expect(answered(offer, { codecs: ["PCMU", "PCMA"] }).media.codec).toBe("PCMU");
  });

  test("ignores ICE, BUNDLE and, when we have it not, rtcp-mux, and answers none of them", () => {
    const { text } = answered(described(
      "a=group:BUNDLE 0",
      "m=audio 4000 RTP/AVP 0",
      "a=mid:0",
      "a=rtcp-mux",
      "a=ice-ufrag:abcd",
      "a=candidate:1 1 UDP 2130706431 198.51.100.7 4000 typ host",
    ));
    expect(text).not.toMatch(/BUNDLE|mid|rtcp-mux|ice|candidate/);
  });
});

describe("RFC 3264 §6.1 payload types", () => {
  test("finds a codec by name under a dynamic number, in any case", () => {
    const { text, media } = answered(
      described(
        "m=audio 4000 RTP/AVP 120 121",
        "a=rtpmap:120 opus/48000/2",
        "a=rtpmap:121 pcmu/8000",
      ),
    );
    expect(media).toMatchObject({ codec: "PCMU", payloadType: 121, receivePayloadType: 121 });
    expect(text).toContain("m=audio 10000 RTP/AVP 121\r\na=rtpmap:121 PCMU/8000\r\n");
  });

  test("does not find a codec by a number that means something else", () => {
    const { media } = answered(
      described("m=audio 4000 RTP/AVP 0 8", "a=rtpmap:0 opus/48000/2", "a=rtpmap:8 PCMA/8000/1"),
    );
    expect(media.codec).toBe("PCMA");
  });

  test("knows 0 and 8 without rtpmap", () => {
    expect(answered(described("m=audio 4000 RTP/AVP 8")).media).toMatchObject({
      codec: "PCMA",
      payloadType: 8,
    });
  });

  test.each([
    ["another clock rate", "a=rtpmap:97 PCMU/16000"],
    ["two channels", "a=rtpmap:97 PCMU/8000/2"],
    ["no clock rate", "a=rtpmap:97 PCMU"],
    ["a number beyond seven bits", "a=rtpmap:970 PCMU/8000"],
    ["no rtpmap", "a=sendrecv"],
  ])("does not take a codec with %s", (_name, rtpmap) => {
    expect(refusal(described("m=audio 4000 RTP/AVP 97", rtpmap))).toMatch(/^305 /);
  });
});

describe("RFC 4733 §2.4 telephone-events", () => {
  test.each([96, 97, 100, 127])("answers %i with the offerer's number", (payloadType) => {
    const { text, media } = answered(
      described(
        `m=audio 4000 RTP/AVP 0 ${payloadType}`,
        `a=rtpmap:${payloadType} telephone-event/8000`,
        `a=fmtp:${payloadType} 0-15`,
      ),
    );
    expect(media.telephoneEventPayloadType).toBe(payloadType);
    expect(media.receiveTelephoneEventPayloadType).toBe(payloadType);
    expect(text).toContain(`m=audio 10000 RTP/AVP 0 ${payloadType}\r\n`);
    expect(text).toContain(`a=fmtp:${payloadType} 0-15\r\n`);
  });

  test("takes the one with the codec's clock rate of several", () => {
    const { media } = answered(described(
      "m=audio 4000 RTP/AVP 0 110 126",
      "a=rtpmap:110 telephone-event/48000",
      "a=rtpmap:126 telephone-event/8000",
    ));
    expect(media.telephoneEventPayloadType).toBe(126);
  });

  test.each([["events=0-16", "0-16"], ["0-11,16", "0-16"], ["0-15,66", "0-15"], ["0-11", "0-15"]])(
    "answers fmtp %s with %s",
    (offered, expected) => {
      const { text } = answered(
        described(
          "m=audio 4000 RTP/AVP 0 101",
          "a=rtpmap:101 telephone-event/8000",
          `a=fmtp:101 ${offered}`,
        ),
      );
      expect(text).toContain(`a=fmtp:101 ${expected}\r\n`);
    },
  );

  test("has none when the offer or our configuration has none", () => {
    const without = answered(described("m=audio 4000 RTP/AVP 0"));
    expect(without.media.telephoneEventPayloadType).toBeUndefined();
    expect(without.text).not.toContain("telephone-event");
    const offer = described("m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000");
    const { media, text } = answered(offer, { telephoneEvent: false });
    expect(media.receiveTelephoneEventPayloadType).toBeUndefined();
    expect(text).toContain("m=audio 10000 RTP/AVP 0\r\n");
  });
});

describe("RFC 8866 §6.4 packet time", () => {
  test.each([
    ["takes what is asked for", ["a=ptime:30"], 30],
    ["takes the shortest", ["a=ptime:10"], 10],
    ["takes the longest", ["a=ptime:60"], 60],
    ["sends ours when nothing is asked for", [], 20],
    ["sends ours for one too long", ["a=ptime:80"], 20],
    ["sends ours for one that is no multiple of 10", ["a=ptime:25"], 20],
    ["sends ours for one that is no number", ["a=ptime:abc"], 20],
    ["sends ours for 0", ["a=ptime:0"], 20],
    ["stays within maxptime", ["a=ptime:40", "a=maxptime:30"], 20],
    ["stays within a short maxptime", ["a=maxptime:10"], 10],
    ["sends the least when maxptime is less", ["a=maxptime:5"], 10],
  ])("%s", (_name, attributes, expected) => {
    const { media, text } = answered(described("m=audio 4000 RTP/AVP 0", ...attributes));
    expect(media.ptime).toBe(expected);
    expect(text).toContain(`a=ptime:${expected}\r\n`);
  });
});

describe("RFC 3264 §6.1 and §8.4 direction and hold", () => {
  test.each(
    [
      ["sendrecv", "sendrecv", "sendrecv"],
      ["sendonly", "sendrecv", "recvonly"],
      ["recvonly", "sendrecv", "sendonly"],
      ["inactive", "sendrecv", "inactive"],
      ["sendrecv", "recvonly", "recvonly"],
      ["sendonly", "recvonly", "recvonly"],
      ["recvonly", "recvonly", "inactive"],
      ["sendonly", "sendonly", "inactive"],
      ["recvonly", "sendonly", "sendonly"],
      ["sendrecv", "inactive", "inactive"],
    ] as const,
  )("answers %s, wanting %s, with %s", (offered, wanted, expected) => {
    const { media, text } = answered(described("m=audio 4000 RTP/AVP 0", `a=${offered}`), {
      direction: wanted,
    });
    expect(media.direction).toBe(expected);
    expect(media.remoteDirection).toBe(offered);
    expect(text).toContain(`a=${expected}\r\n`);
  });

  test("takes the session's direction when the stream has none", () => {
    const offer = described("a=inactive", "m=audio 4000 RTP/AVP 0");
    expect(answered(offer).media.direction).toBe("inactive");
    expect(answered(`${offer}a=sendrecv\r\n`).media.direction).toBe("sendrecv");
  });

  test("answers a hold with recvonly and the raised version, and the resume with sendrecv", () => {
    const hold = answered(described("m=audio 4000 RTP/AVP 0", "a=sendonly"), { sessionVersion: 2 });
    expect(hold.text).toContain("o=- 1700000000 2 IN IP4 192.0.2.10\r\n");
    expect(hold.text).toContain("a=recvonly\r\n");
    expect(isHold(hold.media)).toBe(true);
    const resume = answered(described("m=audio 4000 RTP/AVP 0"), { sessionVersion: 3 });
    expect(resume.text).toContain("o=- 1700000000 3 IN IP4 192.0.2.10\r\n");
    expect(isHold(resume.media)).toBe(false);
  });

  test.each(
    [
      ["0.0.0.0", "sendrecv", "recvonly", "sendonly"],
      ["0.0.0.0", "recvonly", "inactive", "inactive"],
      ["0.0.0.0", "inactive", "inactive", "inactive"],
      ["::", "sendrecv", "recvonly", "sendonly"],
    ] as const,
  )("takes c=%s with %s for a hold, answers %s", (address, offered, expected, remote) => {
    const type = address === "::" ? "IP6" : "IP4";
    const { media } = answered(
      described("m=audio 4000 RTP/AVP 0", `c=IN ${type} ${address}`, `a=${offered}`),
    );
    expect(media.direction).toBe(expected);
    expect(media.remoteDirection).toBe(remote);
    expect(media.remote).toBeUndefined();
    expect(media.remoteRtcp).toBeUndefined();
    expect(isHold(media)).toBe(true);
  });
});

describe("RFC 8866 §5.7 and RFC 3605 addresses", () => {
  test("prefers the stream's c= line to the session's", () => {
    const { media } = answered(described("m=audio 4000 RTP/AVP 0", "c=IN IP4 203.0.113.5"));
    expect(media.remote).toEqual({ address: "203.0.113.5", port: 4000 });
  });

  test("speaks IPv6", () => {
    const { media, text } = answered(
      described("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::7"),
      { address: "2001:db8::1" },
    );
    expect(media.remote).toEqual({ address: "2001:db8::7", port: 4000 });
    expect(text).toContain("o=- 1700000000 1 IN IP6 2001:db8::1\r\n");
    expect(text).toContain("c=IN IP6 2001:db8::1\r\n");
  });

  test.each([
    ["a=rtcp:53020", { address: "198.51.100.7", port: 53020 }],
    ["a=rtcp:53020 IN IP4 203.0.113.5", { address: "203.0.113.5", port: 53020 }],
    ["a=rtcp:53020 IN IP4 239.1.1.1", undefined],
    ["a=rtcp:0", undefined],
    ["a=rtcp:99999", undefined],
    ["a=rtcp:nonsense", undefined],
  ])("reads %s", (attribute, expected) => {
    const { media } = answered(described("m=audio 4000 RTP/AVP 0", attribute));
    expect(media.remoteRtcp).toEqual(expected);
  });

  test("has no RTCP port after the last port", () => {
    const { media } = answered(described("m=audio 65535 RTP/AVP 0"));
    expect(media.remote?.port).toBe(65535);
    expect(media.remoteRtcp).toBeUndefined();
  });

  test("answers a host name, and sends nothing there by itself", () => {
    const { media } = answered(described("m=audio 4000 RTP/AVP 0", "c=IN IP4 media.example.com"));
    expect(media.remote).toBeUndefined();
    expect(media.direction).toBe("sendrecv");
    expect(isHold(media)).toBe(false);
  });
});

describe("RFC 3261 §20.43 refusing an offer with 488 and a Warning", () => {
  test.each([
    ["no media at all", described(), 304],
    ["no audio", described("m=video 4000 RTP/AVP 31"), 304],
    ["disabled audio", described("m=audio 0 RTP/AVP 0"), 304],
    ["no codec of ours", described("m=audio 4000 RTP/AVP 18 101"), 305],
    ["SRTP by SDES", described("m=audio 4000 RTP/SAVP 0", "a=crypto:1 X inline:Y"), 302],
    ["SRTP by DTLS", described("m=audio 4000 UDP/TLS/RTP/SAVPF 0", "a=setup:actpass"), 302],
    ["SRTP by SDES with feedback", described("m=audio 4000 RTP/SAVPF 0"), 302],
    ["IPv6 when ours is IPv4", described("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::7"), 301],
    ["multicast", described("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.36.42/127"), 330],
    ["multicast without TTL", described("m=audio 4000 RTP/AVP 0", "c=IN IP4 239.0.0.1"), 330],
    ["broadcast", described("m=audio 4000 RTP/AVP 0", "c=IN IP4 255.255.255.255"), 330],
  ])("refuses %s", (_name, offer, code) => {
    expect(Number(refusal(offer).slice(0, 3))).toBe(code);
  });

  test("never answers a secure stream in the clear, beside one that is plain", () => {
    const { text } = answered(described("m=audio 4000 RTP/SAVP 0", "m=audio 4002 RTP/AVP 0"));
    expect(text.match(/^m=.*(?=\r)/gm)).toEqual([
      "m=audio 0 RTP/SAVP 0",
      "m=audio 10000 RTP/AVP 0",
    ]);
  });

  test("writes the Warning header with its host", () => {
    const warning = refusal(described("m=audio 4000 RTP/AVP 18"));
    expect(warningHeader(warning, "192.0.2.10"))
      .toBe('305 192.0.2.10 "Incompatible media format: needs PCMU or PCMA"');
  });
});
