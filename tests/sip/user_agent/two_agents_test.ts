import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../../src/base/random.ts";
import type { SessionId } from "../../../src/sip/user_agent/output.ts";
import { type Told, TwoAgents } from "../../support/two_agents.ts";

/** What the callee does with a call, and what each side does later, all drawn from the seed. */
function playSchedule(seed: number): TwoAgents {
  const random = new SeededRandom(seed ^ 0x5eed);
  const net = new TwoAgents({ seed, loss: 0.15, duplication: 0.1, delay: 10, jitter: 60 });
  const later: { at: number; act: () => void }[] = [];
  const soon = (act: () => void) => later.push({ at: net.now + random.nextUnit() * 3000, act });
  const { caller, callee } = net.agents;
  net.onTold = ({ output }: Told) => {
    switch (output.type) {
      case "invite": {
        const { session } = output;
        net.perform("callee", callee.answer(session, { statusCode: 180 }, net.now));
        const statusCode = random.nextUnit() < 0.2 ? 486 : 200;
        soon(() => net.perform("callee", callee.answer(session, { statusCode }, net.now)));
        if (random.nextUnit() < 0.4) soon(() => hangUp("callee", session));
        break;
      }
      case "accepted":
        if (random.nextUnit() < 0.6) soon(() => hangUp("caller", output.session));
        break;
      case "ack_timeout":
        hangUp("callee", output.session);
        break;
      case "reinvite":
        net.perform("callee", callee.answerReinvite(output.session, { statusCode: 200 }, net.now));
    }
  };
  const hangUp = (agent: "caller" | "callee", session: SessionId) =>
    net.perform(agent, net.agents[agent].hangup(session, [], net.now));
  const session = net.invite();
  if (random.nextUnit() < 0.3) {
    soon(() => net.perform("caller", caller.cancel(session, [], net.now)));
  }
  for (let at = 0; at < 20_000; at += 20) {
    net.run(at);
    for (const item of later.splice(0)) {
      if (item.at <= net.now) item.act();
      else later.push(item);
    }
  }
  // Whoever is still talking hangs up, as a person would
  for (const told of net.told.filter(({ output }) => output.type === "accepted")) {
    hangUp("caller", (told.output as { session: SessionId }).session);
  }
  net.run(200_000);
  return net;
}

describe("RFC 3261 two user agents over a bad link", () => {
  test("leave no session, transaction or timer behind, whatever the schedule", () => {
    const stuck: number[] = [];
    for (let seed = 1; seed <= 1000; seed++) {
      const { caller, callee } = playSchedule(seed).agents;
      const left = [caller, callee].some(({ size, deadline }) =>
        size.sessions + size.transactions > 0 || deadline !== undefined
      );
      if (left) stuck.push(seed);
    }
    expect(stuck).toEqual([]);
  });

  test("agree that a call ended whenever the callee was told that it began", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const net = playSchedule(seed);
      const accepted = net.toldTo("caller", "accepted").length;
      const rejected = net.toldTo("caller", "rejected").length;
      expect({ seed, outcomes: Math.min(1, accepted + rejected) })
        .toEqual({ seed, outcomes: net.toldTo("caller", "terminated").length });
      expect(net.toldTo("callee", "invite").length).toBeLessThan(2);
    }
  });
});

describe("RFC 3261 §13.3.1.4 2xx until ACK", () => {
  test("repeats the 200 at T1 doubling to T2 until the ACK", () => {
    const net = new TwoAgents({ seed: 1, delay: 1 });
    const sent: number[] = [];
    const perform = net.perform.bind(net);
    net.perform = (agent, outputs) => {
      for (const output of outputs) {
        const isOk = output.type === "send" && output.message.type === "response" &&
          output.message.statusCode === 200 && output.message.headers.cseq.method === "INVITE";
        if (agent === "callee" && isOk) sent.push(net.now - 1);
      }
      // The caller's ACK never leaves
      perform(
        agent,
        outputs.filter((output) =>
          output.type !== "send" || output.message.type === "response" ||
          output.message.method !== "ACK"
        ),
      );
    };
    net.onTold = ({ output }) => {
      if (output.type === "ack_timeout") {
        net.perform("callee", net.agents.callee.hangup(output.session, [], net.now));
      }
      if (output.type !== "invite") return;
      net.perform("callee", net.agents.callee.answer(output.session, { statusCode: 200 }, net.now));
    };
    net.invite();
    net.run(100_000);
    const spacing = [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500];
    expect(sent.slice(0, spacing.length)).toEqual(spacing);
    const [timeout] = net.toldTo("callee", "ack_timeout");
    expect(timeout?.at).toBe(32_001);
    expect(net.agents.callee.size).toEqual({ sessions: 0, requests: 0, transactions: 0 });
  });

  test("waits with our BYE until the ACK (§15)", () => {
    const net = new TwoAgents({ seed: 1, delay: 100 });
    net.onTold = ({ output }) => {
      if (output.type !== "invite") return;
      const { callee } = net.agents;
      net.perform("callee", callee.answer(output.session, { statusCode: 200 }, net.now));
      net.perform("callee", callee.hangup(output.session, [], net.now));
    };
    net.invite();
    net.run(100_000);
    // INVITE 100, 200 at 200, ACK at 300, BYE at 400
    expect(net.toldTo("caller", "bye")[0]?.at).toBe(400);
  });
});
