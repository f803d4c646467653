import { describe, expect, test } from "bun:test";
import { makeCall, only, sdp, types } from "./fixtures.ts";

const outbound = { direction: "outbound", hasOffer: false } as const;

describe("a call that we place", () => {
  test("rings for as long as whoever dials lets it, whatever the set-up may take", () => {
    const call = makeCall(outbound);
    expect(types(call.begin())).toEqual(["bind_rtp"]);
    expect(call.deadline).toBe(60_000);
    expect(types(call.rtpBound(10_000, 10))).toEqual(["dial"]);
    expect(call.deadline).toBeUndefined();
    expect(call.timeout(1e9)).toEqual([]);
    const failed = call.dialFailed(408, "408 No answer", 90_000);
    expect(only(failed, "ended").end).toMatchObject({ cause: "dial_failed", sipStatus: 408 });
  });

  test("may last for its duration once it is answered", () => {
    const call = makeCall(outbound);
    call.rtpBound(10_000, 10);
    expect(types(call.dialed(sdp(), 70_000))).toEqual(["start_handler"]);
    expect(call.deadline).toBe(70_000 + 3_600_000);
  });
});
