import { describe, expect, test } from "bun:test";
import {
  type FailureKind,
  SourceGuard,
  type SourceGuardOptions,
} from "../../src/gateway/source_guard.ts";

const A = "192.0.2.1";
const B = "192.0.2.2";

function newGuard(changes: Partial<SourceGuardOptions> = {}): SourceGuard {
  return new SourceGuard({
    requestsPerSecond: 10,
    callsMax: 2,
    failures: 3,
    within: 60_000,
    duration: 600_000,
    scanners: true,
    ...changes,
  });
}

/** Wrong passwords, one at each instant; when one blocked. */
function guess(guard: SourceGuard, address: string, instants: readonly number[]): number[] {
  return instants.filter((now) => guard.failure(address, "digest", now).blocked);
}

/** How many of `tries` requests are taken at once. */
function taken(guard: SourceGuard, address: string, now: number, tries = 100): number {
  let count = 0;
  for (let left = tries; left > 0; left--) if (guard.request(address, now)) count++;
  return count;
}

describe("failures of a source", () => {
  test("block it at the configured number, once, for the configured time", () => {
    const guard = newGuard();
    expect(guess(guard, A, [0, 1, 2, 3, 4])).toEqual([2]);
    expect([2, 600_001, 600_002].map((now) => guard.admit(A, now)))
      .toEqual(["blocked", "blocked", "admitted"]);
    expect(guard.admit(B, 3)).toBe("admitted");
  });

  test("count within the configured time, wherever that begins", () => {
    const guard = newGuard();
    expect(guess(guard, A, [0, 50_000, 60_001, 110_001, 120_002, 120_003])).toEqual([120_003]);
    expect(guess(newGuard(), A, [0, 50_000, 60_000])).toEqual([60_000]);
  });

  test("begin anew after a block", () => {
    const guard = newGuard();
    guess(guard, A, [0, 1, 2]);
    expect(guess(guard, A, [600_002, 600_003, 600_004])).toEqual([600_004]);
  });

  test("are forgotten when it shows who it is", () => {
    const guard = newGuard();
    guess(guard, A, [0, 1]);
    guard.success(A);
    expect(guess(guard, A, [2, 3])).toEqual([]);
    expect(guess(guard, A, [4])).toEqual([4]);
  });

  test("block nobody when the number is 0", () => {
    const guard = newGuard({ failures: 0 });
    expect(guess(guard, A, Array.from({ length: 100 }, (_, index) => index))).toEqual([]);
    expect(guard.admit(A, 100)).toBe("admitted");
  });

  test("block nobody whose address may have been forged", () => {
    const guard = newGuard();
    for (let now = 0; now < 100; now++) {
      expect(guard.failure(A, "malformed", now)).toEqual({ blocked: false });
      guard.failure(A, "digest", now, { isSourceProven: false });
    }
    expect(guard.admit(A, 100)).toBe("admitted");
    expect(guard.size.sources).toBe(0);
  });

  test("block whoever sent them over a connection, for whatever they were", () => {
    const kinds: FailureKind[] = ["digest", "malformed", "malformed"];
    const guard = newGuard();
    const blocked = kinds.map((kind) => guard.failure(A, kind, 5, { isSourceProven: true }));
    expect(blocked.map((one) => one.blocked)).toEqual([false, false, true]);
    expect(guard.blocked).toEqual([{ address: A, until: 600_005, reason: "malformed" }]);
  });
});

describe("blocked sources", () => {
  test("are listed until they are over", () => {
    const guard = newGuard();
    guard.block(A, 0, "scanner");
    guard.block(B, 10, "scanner");
    expect(guard.blocked).toEqual([
      { address: A, until: 600_000, reason: "scanner" },
      { address: B, until: 600_010, reason: "scanner" },
    ]);
    guard.admit(B, 600_005);
    expect(guard.blocked.map((one) => one.address)).toEqual([B]);
    expect([guard.admit(A, 600_005), guard.admit(B, 600_005)]).toEqual(["admitted", "blocked"]);
    guard.admit(A, 600_010);
    expect(guard.blocked).toEqual([]);
    expect(guard.size.blocked).toBe(0);
  });

  test("can be blocked for longer", () => {
    const guard = newGuard();
    guard.block(A, 0, "scanner");
    guard.block(B, 1, "scanner");
    guard.block(A, 500_000, "scanner");
    expect(guard.blocked.map((one) => one.address)).toEqual([B, A]);
    expect(guard.admit(A, 1_099_999)).toBe("blocked");
    expect(guard.admit(B, 600_001)).toBe("admitted");
    expect(guard.admit(A, 1_100_000)).toBe("admitted");
  });

  test("take no memory when they are over, though others are still blocked", () => {
    const guard = newGuard();
    for (let minute = 0; minute < 100; minute++) {
      guard.block(`10.0.0.${minute}`, minute * 60_000, "scanner");
    }
    expect(guard.size.blocked).toBe(10);
  });

  test("are forgotten in their order when there are too many", () => {
    const guard = newGuard({ addressesMax: 2 });
    for (const [now, address] of [A, B, "192.0.2.3"].entries()) {
      guard.block(address, now, "scanner");
    }
    expect(guard.blocked.map((one) => one.address)).toEqual([B, "192.0.2.3"]);
    expect(guard.admit(A, 3)).toBe("admitted");
  });
});

describe("requests of a source", () => {
  test("are taken at the configured rate, a second's worth at once", () => {
    const guard = newGuard();
    expect([0, 0, 100, 550, 60_000].map((now) => taken(guard, A, now))).toEqual([10, 0, 1, 4, 10]);
    expect(taken(guard, B, 60_000)).toBe(10);
  });

  test("are taken at less than one a second too", () => {
    const guard = newGuard({ requestsPerSecond: 0.5 });
    expect([0, 1000, 2000].map((now) => taken(guard, A, now))).toEqual([1, 0, 1]);
  });

  test("gain nothing from a clock that stands still or goes back", () => {
    const guard = newGuard();
    expect([1000, 1000, 500].map((now) => taken(guard, A, now))).toEqual([10, 0, 0]);
  });

  test("of very many sources take bounded memory; those quiet for longest start anew", () => {
    const guard = newGuard({ addressesMax: 100 });
    taken(guard, A, 0);
    taken(guard, B, 0);
    for (let index = 0; index < 10_000; index++) {
      guard.request(`10.0.${index >> 8}.${index & 255}`, 1);
      if (index % 50 === 0) expect(guard.request(A, 1)).toBe(false);
    }
    expect(guard.size.sources).toBe(100);
    expect([taken(guard, A, 1), taken(guard, B, 1)]).toEqual([0, 10]);
  });
});

describe("calls of a source", () => {
  test("are as many at once as configured", () => {
    const guard = newGuard();
    expect([A, A, A, B].map((address) => guard.callBegun(address)))
      .toEqual([true, true, false, true]);
    guard.callEnded(A);
    expect([guard.callBegun(A), guard.callBegun(A)]).toEqual([true, false]);
  });

  test("are counted whatever floods come meanwhile", () => {
    const guard = newGuard({ addressesMax: 2, failures: 1 });
    guard.callBegun(A);
    guard.callBegun(A);
    for (let index = 0; index < 100; index++) {
      guard.request(`10.0.0.${index}`, 0);
      guard.failure(`10.0.1.${index}`, "digest", 0);
    }
    expect(guard.callBegun(A)).toBe(false);
    for (let left = 3; left > 0; left--) guard.callEnded(A);
    expect(guard.size).toMatchObject({ calling: 0, blocked: 2 });
  });
});

describe("IPv6 sources", () => {
  test("are told apart by their first 64 bits", () => {
    const guard = newGuard();
    guess(guard, "2001:db8:0:1::1", [0]);
    guess(guard, "2001:0DB8::1:ffff:0:0:2", [1]);
    expect(guess(guard, "2001:db8:0:1:abcd::", [2])).toEqual([2]);
    expect(guard.blocked[0]?.address).toBe("2001:db8:0:1::/64");
    expect(guard.admit("2001:db8:0:1:1:2:3:4", 3)).toBe("blocked");
    expect(guard.admit("2001:db8:0:2::1", 3)).toBe("admitted");
  });

  test("that are IPv4 addresses count as those", () => {
    const guard = newGuard();
    guard.block(`::ffff:${A}`, 0, "scanner");
    expect(guard.admit(A, 1)).toBe("blocked");
    expect(guard.blocked[0]?.address).toBe(A);
  });

  test("are found again among more than are remembered", () => {
    const guard = newGuard();
    guard.block("fe80::1%eth0", 0, "scanner");
    for (let index = 0; index < 5000; index++) {
      guard.admit(`2001:db8:${index.toString(16)}::1`, 1);
    }
    expect(guard.admit("fe80::2%eth0", 1)).toBe("blocked");
  });
});

describe("scanners", () => {
  test.each([
    ["friendly-scanner"],
    ["sipvicious/0.3.4"],
    ["sipcli/v1.8"],
    ["sip-scan"],
    ["sundayddr"],
    ["pplsip"],
    ["iWar"],
    ["VaxSIPUserAgent/3.1"],
  ])("are known as %s", (userAgent) => {
    expect(newGuard().scanner(userAgent)).toBe(true);
  });

  test.each([
    [undefined],
    [""],
    ["Asterisk PBX 22.1.0"],
    ["FPBX-17(22.1)"],
    ["Yealink SIP-T46S 66.86.0.15"],
    ["sipsak 0.9.8"],
    ["Iwarsson 1.0"],
    [`${"x".repeat(1000)}friendly-scanner`],
  ])("are not %s", (userAgent) => {
    expect(newGuard().scanner(userAgent)).toBe(false);
  });

  test("are nobody when the operator says so", () => {
    expect(newGuard({ scanners: false }).scanner("friendly-scanner")).toBe(false);
  });
});
