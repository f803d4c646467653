import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import type { EndCause } from "../../src/call/handler_message.ts";
import { BadLinkCall, type End } from "../support/bad_link_call.ts";

const SEEDS = 100;
/** How far the audio that was handed out may be from what the clock says. */
const TOLERANCE_MS = 20;

const PLANS = ["caller_hangup", "handler_hangup", "duration_limit", "operator_hangup"] as const;

/** Plays one call whose end is planned by the seed. */
function play(seed: number): { readonly call: BadLinkCall; readonly plan: EndCause } {
  const random = new SeededRandom(seed ^ 0x91a7);
  for (let draw = 0; draw < 8; draw++) random.nextUint32();
  const plan = PLANS[random.nextUint32() % PLANS.length] as (typeof PLANS)[number];
  const length = 200 + random.nextUnit() * 4000;
  const link = {
    seed,
    loss: random.nextUnit() * 0.2,
    duplication: random.nextUnit() * 0.1,
    delay: 5 + random.nextUnit() * 60,
    jitter: random.nextUnit() * 80,
    reordering: random.nextUnit() * 0.1,
  };
  const call = new BadLinkCall(link, plan === "duration_limit" ? length : 3_600_000);
  let endAt = Infinity;
  call.onUp = () => {
    endAt = call.net.now + length;
  };
  call.begin();
  for (let at = 0; at < 60_000 && call.callEnds.length === 0; at += 10) {
    call.run(at);
    if (at < endAt) continue;
    endAt = Infinity;
    if (plan === "caller_hangup") call.callerHangsUp();
    else if (plan === "handler_hangup") {
      call.input((machine, now) => machine.command({ command: "hangup" }, now));
    } else if (plan === "operator_hangup") {
      call.input((machine, now) => machine.hangup("operator_hangup", now));
    }
  }
  // What is on its way arrives, and transactions have their time
  call.net.run(400_000);
  return { call, plan };
}

/** How far the audio that was handed out is from the time that passed. */
function drift(end: End | undefined): number {
  if (end?.stoppedAt === undefined) return Infinity;
  return end.heard / 8 - (end.stoppedAt - end.openedAt);
}

describe("a whole call over a bad link, in virtual time", () => {
  test("ends once on both ends, with the cause that it had, and nothing is left", () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { call, plan } = play(seed);
      const { caller, callee } = call.net.agents;
      const left = { sessions: 0, requests: 0, transactions: 0 };
      expect({
        seed,
        causes: call.callEnds.map(({ cause }) => cause),
        terminated: call.net.toldTo("caller", "terminated").length,
        byes: call.net.toldTo("caller", "bye").length,
        callerLeft: caller.size,
        calleeLeft: callee.size,
      }).toEqual({
        seed,
        causes: [plan],
        terminated: 1,
        byes: plan === "caller_hangup" ? 0 : 1,
        callerLeft: left,
        calleeLeft: left,
      });
    }
  });

  test(`gives the handler as much audio as the clock says, within ${TOLERANCE_MS} ms`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { callee, caller } = play(seed).call.ends;
      for (const [name, end] of Object.entries({ callee, caller })) {
        const ok = Math.abs(drift(end)) <= TOLERANCE_MS;
        expect({ seed, name, ok, drift: drift(end) }).toEqual({
          seed,
          name,
          ok: true,
          drift: drift(end),
        });
      }
    }
  });

  test("lets the echo through: most of what was said came back", () => {
    const { call } = play(7);
    const { packets_received, packets_sent } = (call.ends.callee as End).media.statistics();
    expect(packets_received).toBeGreaterThan(5);
    expect(packets_sent).toBeGreaterThan(packets_received / 2);
  });
});
