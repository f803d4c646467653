import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SipParseError } from "../../../src/sip/message/parse_error.ts";
import {
  formatRAck,
  parseRAck,
  parseRSeq,
  ProvisionalOrder,
  ReliableProvisional,
  RSEQ_INITIAL_MAX,
} from "../../../src/sip/dialog/reliable_provisional.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import { clocked, tolerate } from "./fixtures.ts";

const TIMERS = { t1: 500, t2: 4000 };
const RACK = { rseq: 17, sequence: 1, method: "INVITE" };

function first(): ReliableProvisional {
  return new ReliableProvisional({ rseq: 17, timers: TIMERS });
}

describe("RFC 3262 §7 headers", () => {
  test("reads RAck and RSeq", () => {
    expect(parseRAck("776656 1 INVITE")).toEqual({ rseq: 776656, sequence: 1, method: "INVITE" });
    expect(parseRAck(" 4294967295\t 2147483647  UPDATE "))
      .toEqual({ rseq: 4294967295, sequence: 2147483647, method: "UPDATE" });
    expect(parseRSeq("988789")).toBe(988789);
  });

  for (
    const text of [
      "",
      "1",
      "1 1",
      "0 1 INVITE",
      "4294967296 1 INVITE",
      "1 2147483648 INVITE",
      "1 1 IN VITE",
      "-1 1 INVITE",
      "1 x INVITE",
    ]
  ) {
    test(`refuses RAck "${text}"`, () => {
      expect(() => parseRAck(text)).toThrow(SipParseError);
    });
  }

  for (const text of ["", "0", "4294967296", "1.5", "1 2", "one"]) {
    test(`refuses RSeq "${text}"`, () => {
      expect(() => parseRSeq(text)).toThrow(SipParseError);
    });
  }

  test("reads what it writes", () => {
    const rack = fc.record({
      rseq: fc.integer({ min: 1, max: 0xffff_ffff }),
      sequence: fc.nat({ max: 0x7fff_ffff }),
      method: fc.string({ unit: fc.constantFrom(..."INVITE-.!%*_+`'~09".split("")), minLength: 1 }),
    });
    fc.assert(fc.property(rack, (value) => {
      expect(parseRAck(formatRAck(value))).toEqual(value);
    }));
  });

  test("throws its own error alone, whatever it reads", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom(..."0189 \t;=INVITE\0".split("")) }),
    );
    fc.assert(fc.property(text, (value) => {
      tolerate(() => parseRAck(value));
      tolerate(() => parseRSeq(value));
    }));
  });
});

describe("RFC 3262 §3 reliable provisional responses", () => {
  test("are numbered one after the other", () => {
    const reliable = first();
    expect(reliable.waiting).toBe(false);
    expect(reliable.send(0)).toBe(17);
    expect(reliable.acknowledge(RACK, 1)).toBe(true);
    expect(reliable.send(100)).toBe(18);
  });

  test("are retransmitted from T1 on, doubling past T2, and given up after 64·T1", () => {
    const reliable = first();
    reliable.send(1000);
    const seen = new VirtualClock(1000).runToEnd(clocked(reliable));
    expect(seen.map(({ at, output }) => [at - 1000, output.type])).toEqual([
      [500, "retransmit"],
      [1500, "retransmit"],
      [3500, "retransmit"],
      [7500, "retransmit"],
      [15_500, "retransmit"],
      [31_500, "retransmit"],
      [32_000, "failed"],
    ]);
    expect(reliable.state).toBe("failed");
  });

  test("begin at T1 again with each response", () => {
    const reliable = first();
    reliable.send(0);
    reliable.timeout(500);
    reliable.acknowledge(RACK, 1);
    expect(reliable.deadline).toBeUndefined();
    reliable.send(10_000);
    expect(reliable.deadline).toBe(10_500);
  });

  test("wait for their PRACK before the next may be sent", () => {
    const reliable = first();
    reliable.send(0);
    expect(reliable.waiting).toBe(true);
    expect(() => reliable.send(1)).toThrow(RangeError);
    expect(reliable.deadline).toBe(500);
  });

  test("are acknowledged by number, CSeq and method together", () => {
    const reliable = first();
    reliable.send(0);
    expect(reliable.acknowledge({ ...RACK, rseq: 16 }, 1)).toBe(false);
    expect(reliable.acknowledge({ ...RACK, rseq: 18 }, 1)).toBe(false);
    expect(reliable.acknowledge({ ...RACK, sequence: 2 }, 1)).toBe(false);
    expect(reliable.acknowledge({ ...RACK, method: "invite" }, 1)).toBe(false);
    expect(reliable.waiting).toBe(true);
    expect(reliable.acknowledge(RACK, 1)).toBe(true);
  });

  test("are acknowledged once: another PRACK gets 481", () => {
    const reliable = first();
    expect(reliable.acknowledge(RACK, 1)).toBe(false);
    reliable.send(0);
    reliable.acknowledge(RACK, 1);
    expect(reliable.acknowledge(RACK, 1)).toBe(false);
  });

  test("are not repeated behind the final response, but their PRACK is still taken", () => {
    const reliable = first();
    reliable.send(0);
    reliable.abandon();
    expect(reliable.deadline).toBeUndefined();
    expect(reliable.timeout(60_000)).toBeUndefined();
    expect(reliable.acknowledge(RACK, 1)).toBe(true);
    expect(reliable.acknowledge(RACK, 1)).toBe(false);
    expect(() => reliable.send(60_001)).toThrow(RangeError);
  });

  test("may begin anywhere from 1 to 2**31 - 1", () => {
    for (const rseq of [0, -1, 1.5, Number.NaN, RSEQ_INITIAL_MAX + 1]) {
      expect(() => new ReliableProvisional({ rseq, timers: TIMERS })).toThrow(RangeError);
    }
    const last = new ReliableProvisional({ rseq: RSEQ_INITIAL_MAX, timers: TIMERS });
    expect(last.send(0)).toBe(0x7fff_ffff);
    last.acknowledge({ rseq: 0x7fff_ffff, sequence: 1, method: "INVITE" }, 1);
    expect(last.send(1)).toBe(0x8000_0000);
  });

  test("do nothing when asked too early", () => {
    const reliable = first();
    reliable.send(0);
    expect(reliable.timeout(499)).toBeUndefined();
    expect(reliable.deadline).toBe(500);
  });
});

describe("RFC 3262 §4 order of the peer's responses", () => {
  test("takes any number first, and one higher each time", () => {
    const order = new ProvisionalOrder();
    expect(order.accept(988_789)).toBe("next");
    expect(order.accept(988_790)).toBe("next");
    expect(order.accept(988_791)).toBe("next");
  });

  test("drops what is repeated, the latest and older ones", () => {
    const order = new ProvisionalOrder();
    order.accept(1);
    expect(order.accept(1)).toBe("repeated");
    order.accept(2);
    expect(order.accept(1)).toBe("repeated");
    expect(order.accept(2)).toBe("repeated");
  });

  test("neither takes nor remembers one that comes before its turn", () => {
    const order = new ProvisionalOrder();
    order.accept(5);
    expect(order.accept(7)).toBe("out_of_order");
    expect(order.accept(6)).toBe("next");
    expect(order.accept(7)).toBe("next");
  });

  test("drops one from before the first", () => {
    const order = new ProvisionalOrder();
    order.accept(5);
    expect(order.accept(4)).toBe("out_of_order");
    expect(order.accept(6)).toBe("next");
  });

  test("takes each response once and in order over a link that reorders and repeats", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 0x7fff_ffff }),
        fc.array(fc.nat({ max: 8 }), { maxLength: 60 }),
        (start, arrivals) => {
          const order = new ProvisionalOrder();
          order.accept(start);
          const taken = arrivals.filter((offset) => order.accept(start + offset) === "next");
          expect(taken).toEqual(taken.map((_, index) => index + 1));
        },
      ),
    );
  });
});
