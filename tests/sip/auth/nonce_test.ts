import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../../src/base/random.ts";
import { NonceMint } from "../../../src/sip/auth/nonce.ts";
import { NonceCounts } from "../../../src/sip/auth/nonce_counts.ts";
import { hash } from "./fixtures.ts";

const LIFETIME = 300_000;

function newMint(seed = 1): NonceMint {
  return new NonceMint({ hash, random: new SeededRandom(seed), lifetime: LIFETIME });
}

describe("RFC 7616 §5.4 nonces", () => {
  test("are valid for their lifetime, on a clock with any origin", () => {
    for (const start of [0, 0.4, 123_456.789, -500, 2 ** 48 - 10]) {
      const mint = newMint();
      const nonce = mint.make("192.0.2.1", start);
      const states = [0, LIFETIME - 1, LIFETIME + 1].map((age) =>
        mint.examine(nonce, "192.0.2.1", Math.floor(start) + age).state
      );
      expect(states).toEqual(["valid", "valid", "expired"]);
    }
  });

  test("tell when they were made, in whole milliseconds, whenever they are asked", () => {
    const mint = newMint();
    const nonce = mint.make("", 1000.9);
    expect([1000.9, 1001.1, 5000.5].map((now) => mint.examine(nonce, "", now).madeAt))
      .toEqual([1000, 1000, 1000]);
  });

  test("differ within a millisecond", () => {
    const mint = newMint();
    expect(new Set(Array.from({ length: 100 }, () => mint.make("", 0))).size).toBe(100);
  });

  test("say whether they come from where they went, and are valid from elsewhere too", () => {
    const mint = newMint();
    const nonce = mint.make("192.0.2.1", 0);
    expect(mint.examine(nonce, "192.0.2.1", 0)).toMatchObject({ isFromSource: true });
    expect(mint.examine(nonce, "192.0.2.2", 0)).toMatchObject({
      state: "valid",
      isFromSource: false,
    });
  });

  test("are foreign from another mint, and when any digit is changed", () => {
    const nonce = newMint().make("", 0);
    expect(newMint(2).examine(nonce, "", 0).state).toBe("foreign");
    for (let at = 0; at < nonce.length; at++) {
      const digit = nonce[at] === "0" ? "1" : "0";
      const changed = `${nonce.slice(0, at)}${digit}${nonce.slice(at + 1)}`;
      expect(newMint().examine(changed, "", 0).state).toBe("foreign");
    }
    for (const other of ["", nonce.slice(1), `${nonce}0`, nonce.toUpperCase(), "\u00e4"]) {
      expect(newMint().examine(other, "", 0).state).toBe("foreign");
    }
  });
});

describe("RFC 7616 §3.4 nonce counts", () => {
  const use = (counts: NonceCounts, nonce: string, count: number, madeAt = 0, now = 0) =>
    counts.use({ nonce, count, madeAt }, now);

  test("are used once each", () => {
    const counts = new NonceCounts({ noncesMax: 10, lifetime: LIFETIME });
    const given = [1, 2, 2, 1, 3, 1];
    expect(given.map((count) => use(counts, "a", count)))
      .toEqual(["new", "new", "used", "used", "new", "used"]);
    expect(use(counts, "b", 1)).toBe("new");
  });

  test("may come out of order, by less than 32", () => {
    const counts = new NonceCounts({ noncesMax: 10, lifetime: LIFETIME });
    const given = [40, 9, 8, 39, 39, 41, 9, 10, 0xffff_ffff, 41, 0xffff_ffff, 0xffff_ffe0];
    expect(given.map((count) => use(counts, "a", count)).join(" "))
      .toBe("new new used new used new used new new used used new");
  });

  test("are forgotten with the oldest nonces, without letting a repetition in", () => {
    const counts = new NonceCounts({ noncesMax: 3, lifetime: LIFETIME });
    for (let time = 1; time <= 5; time++) use(counts, `n${time}`, 1, time, time);
    expect(counts.size).toBe(3);
    const again = [1, 2, 3, 4, 5].map((time) => use(counts, `n${time}`, 1, time, 6));
    expect(again).toEqual(["forgotten", "forgotten", "used", "used", "used"]);
    expect(use(counts, "unused", 1, 2, 6)).toBe("forgotten");
    expect(use(counts, "late", 1, 3, 6)).toBe("new");
  });

  test("are given back when their nonces expire", () => {
    const counts = new NonceCounts({ noncesMax: 1000, lifetime: LIFETIME });
    for (let time = 0; time < 100; time++) use(counts, `a${time}`, 1, time, time);
    for (let time = LIFETIME + 100; time < LIFETIME + 200; time++) {
      use(counts, `b${time}`, 1, time, time);
    }
    expect(counts.size).toBe(100);
  });
});
