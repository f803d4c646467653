/**
 * Two real user agents on a virtual network: datagrams may be lost, delayed, reordered and doubled, by a seed.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { SeededRandom } from "../../src/base/random.ts";
import type { Millis } from "../../src/base/units.ts";
import type { Hash } from "../../src/base/hash.ts";
import type { SessionTimerPolicy } from "../../src/sip/dialog/session_timer.ts";
import { parseMessage } from "../../src/sip/message/parse.ts";
import type { Flow } from "../../src/sip/transport/flow.ts";
import type { InviteOptions } from "../../src/sip/user_agent/client_side.ts";
import type { UserAgentOutput } from "../../src/sip/user_agent/output.ts";
import { UserAgent } from "../../src/sip/user_agent/user_agent.ts";

/** What the network does to datagrams. */
export interface LinkOptions {
  readonly seed: number;
  /** Share of datagrams that vanish, 0 to 1. */
  readonly loss?: number;
  /** Share of datagrams that arrive twice. */
  readonly duplication?: number;
  readonly delay?: Millis;
  /** Added to the delay, evenly from 0 up to this; more than the spacing of datagrams reorders them. */
  readonly jitter?: Millis;
  /** What both agents think of session timers. */
  readonly sessionTimer?: SessionTimerPolicy;
  /** The same, where they differ. */
  readonly sessionTimers?: Readonly<Record<AgentName, SessionTimerPolicy>>;
  /** What becomes of a message on its way; `undefined`: it is lost. */
  readonly rewrite?: (text: string, from: AgentName, at: Millis) => string | undefined;
}

/** One end. */
export type AgentName = "caller" | "callee";

/** Something that an agent told its owner, and when. */
export interface Told {
  readonly agent: AgentName;
  readonly at: Millis;
  readonly output: UserAgentOutput;
}

interface Datagram {
  readonly at: Millis;
  readonly to: AgentName;
  readonly bytes: Uint8Array;
}

const ADDRESSES = {
  caller: { address: "192.0.2.1", port: 5060 },
  callee: { address: "192.0.2.2", port: 5060 },
} as const;

/** The hash functions of the digest. */
export const hash: Hash = (name, text) => {
  const algorithm = { "md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512-256" }[name];
  return createHash(algorithm).update(text).digest("hex");
};

/** The flow that an agent sees. */
export function flowOf(agent: AgentName): Flow {
  const peer = agent === "caller" ? "callee" : "caller";
  return { transport: "udp", listener: 0, local: ADDRESSES[agent], remote: ADDRESSES[peer] };
}

/** Two agents, their network and their clock. */
export class TwoAgents {
  now: Millis = 0;
  readonly told: Told[] = [];
  readonly agents: Readonly<Record<AgentName, UserAgent>>;
  /** Called for everything that an agent tells its owner, while it happens. */
  onTold: (told: Told) => void = () => {};
  readonly #random: SeededRandom;
  readonly #options: LinkOptions;
  #network: Datagram[] = [];

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const make = (name: AgentName) => {
      const sessionTimer = options.sessionTimers?.[name] ?? options.sessionTimer;
      return new UserAgent({
        random: new SeededRandom(options.seed * 2 + (name === "caller" ? 0 : 1)),
        identity: () => ADDRESSES[name],
        hash,
        ...(sessionTimer === undefined ? {} : { sessionTimer }),
      });
    };
    this.agents = { caller: make("caller"), callee: make("callee") };
  }

  /** Does what an agent's method returned. */
  perform(agent: AgentName, outputs: readonly UserAgentOutput[]): void {
    for (const output of outputs) {
      if (output.type === "send") this.#rewritten(agent, output.bytes);
      else {
        const told = { agent, at: this.now, output };
        this.told.push(told);
        this.onTold(told);
      }
    }
  }

  /** Places a call from the caller to the callee. */
  invite(body?: Uint8Array, extra: Partial<InviteOptions> = {}): string {
    const { session, outputs } = this.agents.caller.invite({
      requestUri: "sip:bot@192.0.2.2",
      from: "<sip:ann@192.0.2.1>",
      to: "<sip:bot@192.0.2.2>",
      hops: [{ flow: flowOf("caller"), to: ADDRESSES.callee }],
      ...(body === undefined ? {} : { body: { bytes: body, contentType: "application/sdp" } }),
      ...extra,
    }, this.now);
    this.perform("caller", outputs);
    return session;
  }

  /** Lets time pass, event by event, until `until` or until nothing is left to happen. */
  run(until: Millis): void {
    for (;;) {
      const next = this.#nextAt();
      if (next > until) break;
      this.now = Math.max(this.now, next);
      this.#deliver();
      for (const name of ["caller", "callee"] as const) {
        const { deadline } = this.agents[name];
        if (deadline !== undefined && deadline <= this.now) {
          this.perform(name, this.agents[name].timeout(this.now));
        }
      }
    }
    this.now = until;
  }

  /** What an agent was told, by type. */
  toldTo(agent: AgentName, type: UserAgentOutput["type"]): Told[] {
    return this.told.filter((told) => told.agent === agent && told.output.type === type);
  }

  #rewritten(from: AgentName, bytes: Uint8Array): void {
    const { rewrite } = this.#options;
    if (rewrite === undefined) return this.#send(from, bytes);
    const text = rewrite(new TextDecoder().decode(bytes), from, this.now);
    if (text !== undefined) this.#send(from, new TextEncoder().encode(text));
  }

  #send(from: AgentName, bytes: Uint8Array): void {
    const { loss = 0, duplication = 0, delay = 5, jitter = 0 } = this.#options;
    const to = from === "caller" ? "callee" : "caller";
    const copies = this.#random.nextUnit() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random.nextUnit() < loss) continue;
      const at = this.now + delay + this.#random.nextUnit() * jitter;
      this.#network.push({ at, to, bytes });
    }
  }

  #nextAt(): Millis {
    let next = Infinity;
    for (const { at } of this.#network) next = Math.min(next, at);
    next = Math.min(next, this.agents.caller.deadline ?? Infinity);
    return Math.min(next, this.agents.callee.deadline ?? Infinity);
  }

  #deliver(): void {
    const due = this.#network.filter(({ at }) => at <= this.now).sort((a, b) => a.at - b.at);
    this.#network = this.#network.filter(({ at }) => at > this.now);
    for (const { to, bytes } of due) {
      const message = parseMessage(bytes.slice());
      this.perform(to, this.agents[to].receive(message, flowOf(to), this.now));
    }
  }
}
