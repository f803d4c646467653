/**
 * A call between two user agents over a bad link in which both sides do what comes to their minds: everything that a
 * session can be asked for, at any time, all drawn from a seed.
 *
 * @module
 */

import { SeededRandom } from "../../src/base/random.ts";
import type { Millis } from "../../src/base/units.ts";
import type { SessionId, SipBody, UserAgentOutput } from "../../src/sip/user_agent/output.ts";
import { type AgentName, type Told, TwoAgents } from "./two_agents.ts";

const SDP: SipBody = {
  bytes: new TextEncoder().encode("v=0\r\n"),
  contentType: "application/sdp",
};

const STEP: Millis = 50;

/** After this nothing can begin any more: an INVITE may take 64·T1 to arrive, its 200 as long. */
const LATEST: Millis = 70_000;

/** How often each of these happened, over all schedules: a schedule that never does is no test. */
export type Happened = Map<string, number>;

/** Plays one schedule to its end and lets all timers run out. */
export function playSchedule(seed: number, happened: Happened = new Map()): TwoAgents {
  return new Schedule(seed, happened).play();
}

class Schedule {
  readonly #random: SeededRandom;
  readonly #net: TwoAgents;
  readonly #happened: Happened;
  #isLate = false;
  readonly #later: { readonly at: number; readonly act: () => void }[] = [];

  constructor(seed: number, happened: Happened) {
    this.#random = new SeededRandom(seed ^ 0x5eed);
    for (let draw = 0; draw < 8; draw++) this.#random.nextUint32();
    this.#happened = happened;
    this.#net = new TwoAgents({
      seed,
      loss: this.#chance(0.1) ? 0.65 : this.#chance(0.8) ? 0.12 : 0,
      duplication: 0.1,
      delay: 10,
      jitter: 60,
      sessionTimer: { expires: this.#chance(0.5) ? 90_000 : 0, minimum: 90_000 },
    });
    this.#net.onTold = (told) => this.#told(told);
  }

  play(): TwoAgents {
    const net = this.#net;
    const { caller } = net.agents;
    const hasOffer = this.#chance(0.8);
    const reliable = this.#chance(0.3) ? [["Require", "100rel"] as const] : [];
    const session = net.invite(hasOffer ? SDP.bytes : undefined, { headers: reliable });
    if (this.#chance(0.25)) {
      this.#soon(() => net.perform("caller", caller.cancel(session, [], net.now)));
    }
    // Long enough for refreshes of a session timer
    const end = this.#chance(0.2) ? 200_000 : 20_000;
    while (net.now < end) this.#step(STEP);
    // Whoever is still ringing or talking then hangs up, as a person would, also where all went slowly
    this.#isLate = true;
    net.perform("caller", caller.cancel(session, [], net.now));
    this.#hangupAll();
    while (net.now < end + LATEST) this.#step(10 * STEP);
    this.#missCaller();
    net.run(end + 300_000);
    return net;
  }

  /** Short steps, as what happens meanwhile may want something soon. */
  #step(length: Millis): void {
    this.#net.run(this.#net.now + length);
    for (const item of this.#later.splice(0)) {
      if (item.at <= this.#net.now) item.act();
      else this.#later.push(item);
    }
  }

  #told({ agent, output }: Told): void {
    if (output.type === "send" || output.type === "ignored") return;
    this.#happened.set(output.type, (this.#happened.get(output.type) ?? 0) + 1);
    this.#react(agent, output);
  }

  #react(agent: AgentName, output: UserAgentOutput): void {
    const net = this.#net;
    const ua = net.agents[agent];
    switch (output.type) {
      case "invite":
        return this.#receiveInvite(output.session);
      case "acknowledged":
        return this.#live("callee", output.session);
      case "accepted":
        if (this.#isLate) this.#hangup("caller", output.session);
        return this.#live("caller", output.session);
      case "ack_timeout":
      case "session_expired":
        return this.#hangup(agent, output.session);
      case "reinvite":
        return this.#sometimesLater(() =>
          net.perform(agent, ua.answerReinvite(output.session, this.#answer(), net.now))
        );
      case "offer":
        return this.#sometimesLater(() =>
          net.perform(agent, ua.answerOffer(output.session, this.#answer(), net.now))
        );
      case "reinvite_due":
        return net.perform(agent, ua.reinvite(output.session, { body: SDP }, net.now));
      case "refer":
        return this.#answerRefer(agent, output.session);
    }
  }

  #receiveInvite(session: SessionId): void {
    const net = this.#net;
    const { callee } = net.agents;
    const answer = (statusCode: number, body?: SipBody) =>
      net.perform(
        "callee",
        callee.answer(session, body === undefined ? { statusCode } : { statusCode, body }, net.now),
      );
    if (this.#chance(0.8)) answer(180);
    if (this.#chance(0.5)) this.#soon(() => answer(183, SDP));
    if (this.#chance(0.2)) this.#soon(() => answer(183, SDP));
    const isRefused = this.#chance(0.15);
    this.#soon(() => isRefused ? answer(486) : answer(200, SDP));
    if (this.#chance(0.2)) this.#soon(() => this.#hangup("callee", session));
  }

  /** Things that one side does during the call. */
  #live(agent: AgentName, session: SessionId): void {
    const net = this.#net;
    const ua = net.agents[agent];
    const acts: (() => UserAgentOutput[])[] = [
      () => ua.reinvite(session, { body: SDP }, net.now),
      () => ua.reinvite(session, { body: SDP, method: "UPDATE" }, net.now),
      () => ua.refer(session, { to: "sip:c@192.0.2.3" }, net.now),
      () => ua.send(session, { method: "INFO" }, net.now),
      () => ua.send(session, { method: "OPTIONS" }, net.now),
    ];
    for (const act of acts) {
      while (this.#chance(0.35)) this.#soon(() => net.perform(agent, act()));
    }
    if (this.#chance(0.4)) this.#soon(() => this.#hangup(agent, session));
  }

  #answerRefer(agent: AgentName, session: SessionId): void {
    const net = this.#net;
    const ua = net.agents[agent];
    if (this.#chance(0.3)) {
      return net.perform(agent, ua.answerRefer(session, { statusCode: 603 }, net.now));
    }
    const notify = (statusCode: number) =>
      net.perform(agent, ua.notifyRefer(session, { statusCode }, net.now));
    net.perform(agent, ua.answerRefer(session, { statusCode: 202 }, net.now));
    notify(100);
    if (this.#chance(0.5)) this.#soon(() => notify(180));
    if (this.#chance(0.8)) this.#soon(() => notify(this.#chance(0.5) ? 200 : 486));
  }

  #answer(): { statusCode: number; body?: SipBody } {
    return this.#chance(0.2) ? { statusCode: 488 } : { statusCode: 200, body: SDP };
  }

  #hangup(agent: AgentName, session: SessionId): void {
    const net = this.#net;
    net.perform(agent, net.agents[agent].hangup(session, [], net.now));
  }

  #sometimesLater(act: () => void): void {
    if (this.#chance(0.6)) act();
    else this.#soon(act);
  }

  /** All BYEs of the caller may be lost: then the callee hangs up, since it hears nothing any more. */
  #missCaller(): void {
    const calls = this.#net.toldTo("callee", "invite");
    if (this.#net.toldTo("callee", "bye").length > 0) return;
    for (const { output } of calls) {
      this.#hangup("callee", (output as { session: SessionId }).session);
    }
  }

  #hangupAll(): void {
    for (const { output } of this.#net.told.filter((told) => told.output.type === "accepted")) {
      this.#hangup("caller", (output as { session: SessionId }).session);
    }
  }

  #soon(act: () => void): void {
    this.#later.push({ at: this.#net.now + this.#random.nextUnit() * 3000, act });
  }

  #chance(probability: number): boolean {
    return this.#random.nextUnit() < probability;
  }
}
