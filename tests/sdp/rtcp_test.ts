/**
 * What offer and answer say of RTCP.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { acceptAnswer, answerOffer, createOffer } from "../../src/sdp/offer_answer.ts";
import { parseSessionDescription } from "../../src/sdp/parse.ts";
import { described, LOCAL, textOf } from "./fixtures.ts";

const BOTH = { ...LOCAL, rtcp: { mux: true, extendedReports: true } };
const PEER = { address: "198.51.100.7", port: 4000 };

function answered(lines: readonly string[], local = BOTH) {
  const offer = parseSessionDescription(described("m=audio 4000 RTP/AVP 0", ...lines));
  const result = answerOffer(offer, local);
  if (!result.ok) throw new Error(result.warning);
  return { text: textOf(result.answer), media: result.media };
}

function accepted(lines: readonly string[], local = BOTH) {
  const answer = parseSessionDescription(described("m=audio 4000 RTP/AVP 0", ...lines));
  const result = acceptAnswer(createOffer(local), answer);
  if (!result.ok) throw new Error(result.reason);
  return result.media;
}

describe("RFC 5761 §5.1 RTCP on the port of RTP", () => {
  test("is answered where it is offered", () => {
    const { text, media } = answered(["a=rtcp:4001", "a=rtcp-mux"]);
    expect(text).toContain("a=rtcp-mux\r\n");
    expect(media).toMatchObject({ rtcpMux: true, remoteRtcp: PEER });
    expect(answered([]).text).not.toContain("rtcp-mux");
    expect(answered(["a=rtcp-mux"], { ...BOTH, rtcp: { mux: false, extendedReports: true } }).text)
      .not.toContain("rtcp-mux");
  });

  test("is offered, and agreed upon when the answer has it", () => {
    expect(textOf(createOffer(BOTH))).toContain("a=rtcp-mux\r\n");
    expect(accepted(["a=rtcp-mux"])).toMatchObject({ rtcpMux: true, remoteRtcp: PEER });
    expect(accepted(["a=rtcp:5001"])).toMatchObject({
      rtcpMux: false,
      remoteRtcp: { ...PEER, port: 5001 },
    });
    expect(accepted(["a=rtcp-mux"], { ...BOTH, rtcp: { mux: false, extendedReports: true } }))
      .toMatchObject({ rtcpMux: false, remoteRtcp: { ...PEER, port: 4001 } });
  });
});

describe("RFC 3611 §5 extended reports", () => {
  test.each([
    ["a=rtcp-xr:voip-metrics", true],
    ["a=rtcp-xr:rcvr-rtt=all:10 VoIP-metrics stat-summary=loss,jitt", true],
    ["a=rtcp-xr:stat-summary", false],
    ["a=rtcp-xr", false],
    ["a=sendrecv", false],
  ])("%s is answered with VoIP metrics: %p", (line, expected) => {
    const { text, media } = answered([line]);
    expect(media.extendedReports).toBe(expected);
    expect(text.includes("a=rtcp-xr:voip-metrics\r\n")).toBe(expected);
  });

  test("hold for the session too, where the stream says nothing else", () => {
    const offer = described("a=rtcp-xr:voip-metrics", "m=audio 4000 RTP/AVP 0");
    expect(answerOffer(parseSessionDescription(offer), BOTH))
      .toMatchObject({ media: { extendedReports: true } });
    expect(answerOffer(parseSessionDescription(`${offer}a=rtcp-xr\r\n`), BOTH))
      .toMatchObject({ media: { extendedReports: false } });
  });

  test("are offered, and agreed upon when the answer has them", () => {
    expect(textOf(createOffer(BOTH))).toContain("a=rtcp-xr:voip-metrics\r\n");
    expect(accepted(["a=rtcp-xr:voip-metrics"]).extendedReports).toBe(true);
    expect(accepted([]).extendedReports).toBe(false);
  });
});
