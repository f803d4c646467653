/**
 * A whole call in virtual time: the machine of a call behind one user agent, a caller behind
 * another, and the media of both, over links that lose, delay, reorder and double. The handler is an
 * echo.
 *
 * @module
 */

import { SeededRandom } from "../../src/base/random.ts";
import type { Millis, Samples } from "../../src/base/units.ts";
import { Call, type CallEnd, type CallOutput } from "../../src/call/call.ts";
import { SessionMedia } from "../../src/call/session_media.ts";
import { mediaChange } from "../../src/gateway/media_change.ts";
import type { MediaEvent } from "../../src/media/media_contract.ts";
import { MediaSession } from "../../src/media/media_session.ts";
import type { NegotiatedMedia } from "../../src/sdp/offer_answer.ts";
import type { UserAgentOutput } from "../../src/sip/user_agent/output.ts";
import { callFacts } from "../route/facts.ts";
import { BadLink, type BadLinkOptions } from "./bad_link.ts";
import { type AgentName, flowOf, type Told, TwoAgents } from "./two_agents.ts";

/** One end's audio. */
export interface End {
  readonly media: MediaSession;
  readonly openedAt: Millis;
  /** Audio that was handed out: to the handler, or to the caller's ear. */
  heard: Samples;
  /** Absent while it goes on. */
  stoppedAt?: Millis;
}

interface Packet {
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly address: string;
}

/** Steps of the clock. */
const STEP: Millis = 1;
const FRAME: Millis = 20;
const PORTS = { caller: 4000, callee: 10_000 } as const;
const NAMES = ["caller", "callee"] as const;

/** One call over bad links; everything is drawn from the seed. */
export class BadLinkCall {
  readonly net: TwoAgents;
  readonly ends: Partial<Record<AgentName, End>> = {};
  /** What the called side's machine said, each time. */
  readonly callEnds: CallEnd[] = [];
  /** Called once the called side is up. */
  onUp: () => void = () => {};
  readonly durationMax: Millis;
  #now: Millis = 0;
  #call: Call | undefined;
  #session = "";
  #callerSession = "";
  readonly #descriptions: Readonly<Record<AgentName, SessionMedia>>;
  readonly #links: Readonly<Record<AgentName, BadLink<Packet>>>;
  readonly #random: SeededRandom;

  constructor(link: BadLinkOptions, durationMax: Millis) {
    const { seed, loss = 0, duplication = 0, delay = 0, jitter = 0 } = link;
    this.net = new TwoAgents({ seed, loss, duplication, delay, jitter });
    this.durationMax = durationMax;
    this.#random = new SeededRandom(seed ^ 0xca11);
    this.#links = {
      caller: new BadLink({ ...link, seed: seed * 2 + 1 }),
      callee: new BadLink({ ...link, seed: seed * 2 + 2 }),
    };
    this.#descriptions = { caller: description("caller"), callee: description("callee") };
    this.net.onTold = (told) => this.#told(told);
  }

  /** Sends the INVITE. */
  begin(): void {
    this.#descriptions.caller.port = PORTS.caller;
    this.#callerSession = this.net.invite(this.#descriptions.caller.offer());
  }

  /** The caller hangs up. */
  callerHangsUp(): void {
    this.#stop("caller", this.net.now);
    const { caller } = this.net.agents;
    this.net.perform("caller", caller.hangup(this.#callerSession, [], this.net.now));
  }

  /** The handler, the operator or the clock does something to the call. */
  input(step: (call: Call, now: Millis) => CallOutput[]): void {
    if (this.#call !== undefined) this.#perform(step(this.#call, this.net.now));
  }

  /** Lets time pass for signalling, media and call, in steps of the clock. */
  run(until: Millis): void {
    for (; this.#now <= until; this.#now += STEP) {
      const now = this.#now;
      this.net.run(now);
      if (now % FRAME === 0) this.#speak(now);
      for (const name of NAMES) {
        for (const packet of this.#links[name].popDue(now)) {
          this.ends[name]?.media.receive(packet.bytes, packet.port, packet.address, now);
        }
        const end = this.ends[name];
        if (end !== undefined && end.media.deadline <= now) end.media.timeout(now);
      }
      this.input((call) => call.timeout(now));
    }
  }

  /** The caller talks without a pause, from the answer to the end. */
  #speak(now: Millis): void {
    const frame = new Int16Array(FRAME * 8).fill(1000 + (now % 8000));
    this.ends.caller?.media.write(new Uint8Array(frame.buffer), now);
  }

  #told({ agent, output }: Told): void {
    if (agent === "caller") return this.#toldCaller(output);
    switch (output.type) {
      case "invite":
        return this.#receiveInvite(output.session, output.request.body);
      case "bye":
        return this.input((call, now) => call.bye(now));
      case "cancelled":
        return this.input((call, now) => call.cancelled(now));
      case "ack_timeout":
        return this.input((call, now) => call.ackTimeout(now));
      case "acknowledged": {
        const { body } = output.request;
        return this.input((call, now) => call.acknowledged(body, now));
      }
    }
  }

  #toldCaller(output: UserAgentOutput): void {
    const { now } = this.net;
    if (output.type === "accepted") {
      const agreed = this.#descriptions.caller.accept(output.response.body);
      if (!agreed.ok) throw new Error(agreed.reason);
      this.#open("caller", agreed.media, now);
    } else if (output.type === "bye" || output.type === "terminated") this.#stop("caller", now);
  }

  #receiveInvite(session: string, body: Uint8Array): void {
    const media = this.#descriptions.callee;
    const negotiation = media.negotiate(body);
    if (!negotiation.ok) throw new Error(negotiation.reason);
    this.#session = session;
    const call = new Call({
      facts: callFacts(),
      handlers: [{ type: "echo" }],
      media,
      hasOffer: true,
      setupMax: 60_000,
      durationMax: this.durationMax,
    }, this.net.now);
    this.#call = call;
    this.#perform(call.begin());
  }

  /** Stands for the gateway. */
  #perform(outputs: readonly CallOutput[]): void {
    for (const output of outputs) this.#do(output, this.net.now);
  }

  #do(output: CallOutput, now: Millis): void {
    const { callee } = this.net.agents;
    switch (output.type) {
      case "answer":
        return this.net.perform("callee", callee.answer(this.#session, output.answer, now));
      case "bye":
        return this.net.perform("callee", callee.hangup(this.#session, output.headers, now));
      case "bind_rtp":
        return this.input((call) => call.rtpBound(PORTS.callee, now));
      case "start_handler":
        return this.input((call) => call.handlerStarted(now));
      case "open_media":
        this.#open("callee", output.media, now);
        return this.onUp();
      case "finish":
        return this.ends.callee?.media.finish(now);
      case "ended":
        this.callEnds.push(output.end);
        return this.#stop("callee", now);
    }
  }

  #open(name: AgentName, agreed: NegotiatedMedia, now: Millis): void {
    const peer = name === "caller" ? "callee" : "caller";
    const media = new MediaSession(
      {
        ...mediaChange(agreed),
        signallingAddress: flowOf(name).remote.address,
        latch: "auto",
        timeout: 0,
        random: this.#random,
      },
      {
        audio: (pcm) => this.#hear(name, pcm),
        packet: (bytes) => {
          const from = { port: PORTS[name], address: flowOf(name).local.address };
          this.#links[peer].push({ bytes: bytes.slice(), ...from }, this.#clock());
        },
        report: () => {},
        event: (event) => this.#mediaEvent(name, event),
      },
      now,
    );
    this.ends[name] = { media, openedAt: now, heard: 0 };
  }

  #hear(name: AgentName, pcm: Uint8Array): void {
    const end = this.ends[name] as End;
    end.heard += pcm.length / 2;
    if (name === "callee") end.media.write(pcm.slice(), this.#clock());
  }

  #mediaEvent(name: AgentName, event: MediaEvent): void {
    if (name === "callee") this.input((call, now) => call.mediaEvent(event, now));
  }

  #stop(name: AgentName, now: Millis): void {
    const end = this.ends[name];
    if (end === undefined || end.stoppedAt !== undefined) return;
    end.media.stop(now);
    end.stoppedAt = now;
  }

  /** Media is looked at in steps, signalling at its own instants: the later one is now. */
  #clock(): Millis {
    return Math.max(this.#now, this.net.now);
  }
}

function description(name: AgentName): SessionMedia {
  return new SessionMedia({
    address: flowOf(name).local.address,
    codecs: ["PCMU", "PCMA"],
    dtmfPayloadType: 101,
    sdpSessionId: "1",
  });
}
