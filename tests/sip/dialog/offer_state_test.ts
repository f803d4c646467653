import { describe, expect, test } from "bun:test";
import type { RandomSource } from "../../../src/base/random.ts";
import { SeededRandom } from "../../../src/base/random.ts";
import { glareDelay, OfferState } from "../../../src/sip/dialog/offer_state.ts";

describe("RFC 3264 §4, RFC 3311 §5 one offer at a time", () => {
  test("lets one offer of ours out until it is settled", () => {
    const offer = new OfferState();
    expect(offer.send()).toBe(true);
    expect(offer.state).toBe("sent");
    expect(offer.send()).toBe(false);
    offer.settle();
    expect(offer.state).toBe("none");
    expect(offer.send()).toBe(true);
  });

  test("RFC 3311 §5.2: 491 for an offer while ours is open, and ours stays open", () => {
    const offer = new OfferState();
    offer.send();
    expect(offer.receive()).toBe("glare");
    expect(offer.state).toBe("sent");
  });

  test("RFC 3311 §5.2: 500 for a second offer of the peer's before its first is answered", () => {
    const offer = new OfferState();
    expect(offer.receive()).toBe("taken");
    expect(offer.receive()).toBe("busy");
    expect(offer.state).toBe("received");
    offer.settle();
    expect(offer.receive()).toBe("taken");
  });

  test("RFC 3311 §5.1: sends none while the peer's waits for our answer", () => {
    const offer = new OfferState();
    offer.receive();
    expect(offer.send()).toBe(false);
    expect(offer.state).toBe("received");
  });

  test("settles what is not open without harm", () => {
    const offer = new OfferState();
    offer.settle();
    expect(offer.state).toBe("none");
  });
});

describe("RFC 3261 §14.1 wait after 491", () => {
  const constant = (byte: number): RandomSource => ({ fill: (buffer) => void buffer.fill(byte) });

  test("is 2.1 to 4.0 s for the owner of the Call-ID", () => {
    expect(glareDelay(true, constant(0))).toBe(2100);
    expect(glareDelay(true, constant(0xff))).toBe(4000);
  });

  test("is 0 to 2.0 s for the other side", () => {
    expect(glareDelay(false, constant(0))).toBe(0);
    expect(glareDelay(false, constant(0xff))).toBe(2000);
  });

  test("takes every step of 10 ms, and no other", () => {
    const random = new SeededRandom(14);
    for (const [owns, steps] of [[true, 191], [false, 201]] as const) {
      const seen = new Set<number>();
      for (let draw = 0; draw < 5000; draw++) seen.add(glareDelay(owns, random));
      expect([...seen].filter((delay) => delay % 10 !== 0)).toEqual([]);
      expect(seen.size).toBe(steps);
    }
  });
});
