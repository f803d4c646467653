import { describe, expect, test } from "bun:test";
import type { Millis } from "../../src/base/units.ts";
import { BadLink } from "../support/bad_link.ts";
import type { BadLinkOptions } from "../support/bad_link.ts";
import { Harness, levelOfIndex, pcmOf, PEER, voice } from "./session_harness.ts";

/** Runs a sender of 20 ms packets over a bad link into a session. */
function receiveOver(link: BadLinkOptions, packets: number): Harness {
  const harness = new Harness();
  const wire = new BadLink<Uint8Array>(link);
  const end = 40 + packets * 20;
  for (let index = 0; index < packets; index++) {
    const at = 40 + index * 20;
    wire.push(voice(index, { level: 20 + Math.floor(index / 50) }), at);
    arrive(harness, wire, at);
  }
  arrive(harness, wire, end + 500);
  harness.stop();
  return harness;
}

function arrive(harness: Harness, wire: BadLink<Uint8Array>, until: Millis): void {
  while (wire.deadline <= until) {
    const at = wire.deadline;
    for (const packet of wire.popDue(at)) harness.receiveAt(at, packet);
  }
  harness.runUntil(until);
}

const LOSSES = [0, 0.01, 0.05, 0.2];
const JITTERS = [0, 20, 80];

describe("receive path over a bad link", () => {
  for (const loss of LOSSES) {
    for (const jitter of JITTERS) {
      for (const reordering of [0, 0.1]) {
        test(`${loss * 100} % lost, ${jitter} ms jitter, ${reordering * 100} % reordered`, () => {
          for (let seed = 1; seed <= 4; seed++) {
            const link = { seed, loss, jitter, reordering, delay: 30, duplication: 0.02 };
            checkReception(receiveOver(link, 500), { seed, loss, jitter });
          }
        });
      }
    }
  }
});

function checkReception(
  harness: Harness,
  link: { seed: number; loss: number; jitter: number },
): void {
  const { seed, loss } = link;
  // As long as the clock says.
  const difference = Math.abs(harness.heard.length - harness.now * 8);
  expect([seed, difference <= 160]).toEqual([seed, true]);
  // In order: the level falls with every second that was spoken.
  const runs = runsOf(harness.heard);
  const order = runs.map(({ second }) => second);
  expect([seed, order.every((at, place) => place === 0 || at >= (order[place - 1] as number))])
    .toEqual([seed, true]);
  expect([seed, new Set(order).size]).toEqual([seed, 10]);
  // Complete: no more is missing than the link lost, and what its worst moments made late.
  const heard = runs.reduce((sum, run) => sum + run.samples, 0);
  const allowed = (loss * 1.7 + (link.jitter > 0 ? 0.05 : 0.01)) * 500 * 160;
  expect([seed, 500 * 160 - heard <= allowed]).toEqual([seed, true]);
}

/**
 * Stretches of one level, with the second in which it was spoken. Concealment fades, so it is
 * none.
 */
function runsOf(heard: readonly number[]): { second: number; samples: number }[] {
  const levels = [...Array(10).keys()].map((second) => levelOfIndex(20 + second));
  const runs: { second: number; samples: number }[] = [];
  let start = 0;
  for (let at = 1; at <= heard.length; at++) {
    if (heard[at] === heard[start]) continue;
    const second = levels.indexOf(heard[start] as number);
    if (second >= 0 && at - start >= 60) runs.push({ second, samples: at - start });
    start = at;
  }
  return runs;
}

/** Two sessions that talk to each other over a bad link in either direction. */
class Pair {
  readonly ends: readonly [Harness, Harness];
  readonly #wires: readonly [BadLink<Uint8Array>, BadLink<Uint8Array>];
  readonly #taken = [0, 0];
  now: Millis = 0;

  constructor(link: BadLinkOptions) {
    const other = { address: "192.0.2.8", port: 40002 };
    this.ends = [new Harness({ remote: other }), new Harness({ remote: PEER })];
    this.#wires = [new BadLink(link), new BadLink({ ...link, seed: link.seed + 1000 })];
  }

  runUntil(until: Millis): void {
    for (;;) {
      this.#transmit();
      const dues = [...this.ends.map(({ session }) => session.deadline), ...this.#wires.map(due)];
      const next = Math.min(...dues);
      if (next > until) break;
      this.now = Math.max(this.now, next);
      this.#step();
    }
    this.now = until;
    for (const end of this.ends) end.now = until;
  }

  #step(): void {
    for (const [index, end] of this.ends.entries()) {
      end.now = this.now;
      end.session.timeout(this.now);
      const source = (this.ends[1 - index] as Harness) === this.ends[0]
        ? PEER
        : { address: "192.0.2.8", port: 40002 };
      const wire = this.#wires[1 - index] as BadLink<Uint8Array>;
      for (const packet of wire.popDue(this.now)) {
        end.session.receive(packet, source.port, source.address, this.now);
      }
    }
  }

  #transmit(): void {
    for (const [index, end] of this.ends.entries()) {
      for (; (this.#taken[index] as number) < end.sent.length; (this.#taken[index] as number)++) {
        const packet = end.sent[this.#taken[index] as number];
        if (packet !== undefined) this.#wires[index]?.push(packet.bytes, packet.at);
      }
    }
  }
}

function due(wire: BadLink<Uint8Array>): Millis {
  return wire.deadline;
}

describe("two sessions over a bad link", () => {
  test("both timelines follow the clock for 10 s while both talk", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const pair = new Pair({ seed, loss: 0.05, jitter: 40, delay: 50, reordering: 0.05 });
      for (let second = 0; second < 10; second++) {
        for (const end of pair.ends) end.session.write(pcmOf(8000, 5000), pair.now);
        pair.runUntil((second + 1) * 1000);
      }
      for (const end of pair.ends) {
        end.stop();
        expect([seed, Math.abs(end.heard.length - 80_000) <= 160]).toEqual([seed, true]);
        const { packets_sent, late_frames, underruns } = end.session.statistics();
        expect([packets_sent, late_frames, underruns]).toEqual([500, 0, 0]);
      }
    }
  });

  test("every digit arrives exactly once, in order", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pair = new Pair({
        seed,
        loss: 0.15,
        jitter: 60,
        delay: 40,
        reordering: 0.1,
        duplication: 0.1,
      });
      pair.ends[0].session.sendDigits("0123456789*#ABCD1122", 100, 0);
      pair.runUntil(8000);
      const digits = pair.ends[1].eventsOf("dtmf").map(({ digit }) => digit).join("");
      expect([seed, digits]).toEqual([seed, "0123456789*#ABCD1122"]);
      expect(pair.ends[0].eventsOf("digitsSent")).toHaveLength(1);
    }
  });
});
