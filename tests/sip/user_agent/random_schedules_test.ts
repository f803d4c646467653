import { describe, expect, test } from "bun:test";
import { type Happened, playSchedule } from "../../support/random_schedule.ts";

const SCHEDULES = 10_000;

describe("RFC 3261, 3262, 3311, 3515, 4028 two user agents over a bad link", () => {
  test("leave no session, transaction, offer or timer behind, whatever both sides do", () => {
    const happened: Happened = new Map();
    const stuck: number[] = [];
    for (let seed = 1; seed <= SCHEDULES; seed++) {
      const { caller, callee } = playSchedule(seed, happened).agents;
      const left = [caller, callee].some(({ size, deadline }) =>
        size.sessions + size.transactions + size.requests > 0 || deadline !== undefined
      );
      if (left) stuck.push(seed);
    }
    expect(stuck).toEqual([]);
    // Each of these is part of many schedules
    const rare = [
      "cancelled",
      "provisional_acknowledged",
      "acknowledged",
      "ack_timeout",
      "reinvite",
      "offer",
      "refer",
      "bye",
      "rejected",
      "accepted",
      "reinvite_accepted",
      "reinvite_rejected",
      "reinvite_due",
      "referred",
      "responded",
      "session_expired",
    ].filter((type) => (happened.get(type) ?? 0) < 20);
    expect(rare).toEqual([]);
  }, 120_000);
});
