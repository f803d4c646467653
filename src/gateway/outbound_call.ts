/**
 * One call that we place: a gateway for a single call, with its own SIP socket, user agent and
 * ports.
 *
 * What is played and heard is left to `outbound_audio.ts`.
 *
 * @module
 */

import { randomUint32 } from "../base/random.ts";
import type { Millis } from "../base/units.ts";
import { SessionMedia } from "../call/session_media.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";
import { DEFAULT_TIMERS } from "../sip/transaction/timers.ts";
import {
  SDP_CONTENT_TYPE,
  type SessionId,
  type UserAgentOutput,
} from "../sip/user_agent/output.ts";
import { UserAgent } from "../sip/user_agent/user_agent.ts";
import { Counters } from "./counters.ts";
import { mediaChange } from "./media_change.ts";
import { OutboundAudio } from "./outbound_audio.ts";
import {
  OutboundCallError,
  type OutboundCallOptions,
  type OutboundCallResult,
} from "./outbound_options.ts";
import { resolveTarget } from "./outbound_target.ts";
import { type PortPair, PortPool } from "./port_pool.ts";
import { Signalling } from "./signalling.ts";

/**
 * Where the call stands: sockets are being bound; the INVITE is out; the 2xx came; our BYE or
 * CANCEL is out; nothing follows any more.
 */
type State = "preparing" | "calling" | "answered" | "leaving" | "over";

/** What became of the INVITE. */
interface Status {
  readonly code: number;
  readonly phrase: string;
}

const NO_ANSWER: Status = { code: 408, phrase: "No answer" };
const CANCELLED: Status = { code: 487, phrase: "Cancelled" };

/** How long we wait for the answer to our BYE or CANCEL: a little over 64·T1. */
const FAREWELL: Millis = 33_000;

/** Places a call and resolves when it is over and everything is closed. */
export async function placeCall(options: OutboundCallOptions): Promise<OutboundCallResult> {
  const call = new OutboundCall(options);
  try {
    return await call.run();
  } finally {
    call.close();
  }
}

class OutboundCall {
  readonly #options: OutboundCallOptions;
  readonly #runtime: Runtime;
  readonly #signalling: Signalling;
  readonly #userAgent: UserAgent;
  readonly #description: SessionMedia;
  readonly #audio: OutboundAudio;
  #state: State = "preparing";
  /** Ends the state that we are in, if nothing else does. */
  #stateTimer: Timer | undefined;
  #userAgentTimer: Timer | undefined;
  #ports: PortPair | undefined;
  #session: SessionId = "";
  #responded = false;
  #status: Status = { code: 0, phrase: "" };
  #invitedAt: Millis = 0;
  #finalAt: Millis = 0;
  #endedAt: Millis = 0;
  #endedBy: OutboundCallResult["endedBy"] = "nobody";
  #peerReason = "";
  #codec = "";
  #over: () => void = () => {};
  readonly #aborted = () => this.#leave(CANCELLED);

  constructor(options: OutboundCallOptions) {
    this.#options = options;
    this.#runtime = options.runtime;
    this.#signalling = new Signalling({
      runtime: options.runtime,
      listen: [{ transport: "udp", address: options.localAddress, port: 0 }],
      counters: new Counters(),
      events: {
        admits: () => true,
        receive: (message, flow, now) => {
          options.onMessage?.("received", message, now);
          this.#responded ||= message.type === "response";
          this.#dispatch(this.#userAgent.receive(message, flow, now), now);
        },
        malformed: () => {},
        failed: (flow, now) => this.#dispatch(this.#userAgent.transportFailed(flow, now), now),
      },
    });
    this.#userAgent = new UserAgent({
      random: options.runtime.random,
      identity: (flow) => this.#signalling.identity(flow),
    });
    this.#description = new SessionMedia({
      address: options.localAddress,
      codecs: options.codecs,
      dtmfPayloadType: 101,
      sdpSessionId: `${randomUint32(options.runtime.random)}`,
    });
    this.#audio = new OutboundAudio({
      runtime: options.runtime,
      sound: options.sound,
      digits: options.digits,
      send: (bytes, port, address) => this.#ports?.rtp.send(bytes, port, address),
      played: () => {
        if (options.duration === undefined) this.#hangupAfter(options.linger);
      },
    });
  }

  async run(): Promise<OutboundCallResult> {
    const over = new Promise<void>((resolve) => {
      this.#over = resolve;
    });
    const { signal } = this.#options;
    signal?.addEventListener("abort", this.#aborted);
    if (signal?.aborted === true) this.#aborted();
    await this.#start();
    await over;
    return this.#result();
  }

  /** Closes whatever is open. */
  close(): void {
    this.#options.signal?.removeEventListener("abort", this.#aborted);
    this.#enter("over");
    this.#userAgentTimer?.cancel();
    this.#audio.stop(this.#runtime.now());
    this.#ports?.close();
    this.#signalling.close();
  }

  /** Binds, and sends the INVITE, unless the call was ended before. */
  async #start(): Promise<void> {
    const target = await resolveTarget(this.#options.target, this.#runtime);
    await this.#signalling.open();
    this.#ports = await this.#bind();
    this.#description.port = this.#ports.rtp.local.port;
    const flow = await this.#signalling.flowTo("udp", target);
    if (flow === undefined) throw new OutboundCallError("There is no UDP socket to call from");
    if (this.#state !== "preparing") return;
    const now = this.#runtime.now();
    this.#invitedAt = now;
    this.#enter("calling");
    this.#afterwards(this.#options.ringTimeout, () => this.#giveUp());
    const { session, outputs } = this.#userAgent.invite({
      requestUri: this.#options.target,
      from: this.#options.from,
      to: `<${this.#options.target}>`,
      flow,
      target,
      headers: this.#options.headers,
      body: { bytes: this.#description.offer(), contentType: SDP_CONTENT_TYPE },
    }, now);
    this.#session = session;
    this.#dispatch(outputs, now);
  }

  async #bind(): Promise<PortPair> {
    const pool = new PortPool(this.#runtime, this.#options.ports);
    const pair = await pool.take(
      this.#options.localAddress,
      (data, port, address) => this.#audio.receive(data, port, address, this.#runtime.now()),
      () => {},
    );
    if (pair !== undefined) return pair;
    throw new OutboundCallError("There is no free pair of ports for RTP: name others with --ports");
  }

  /** Enters a state; the timer of the one before is stopped. */
  #enter(state: State): void {
    this.#state = state;
    this.#stateTimer?.cancel();
    this.#stateTimer = undefined;
  }

  /** Arms the timer of the state that we are in. */
  #afterwards(delay: Millis, act: () => void): void {
    this.#stateTimer?.cancel();
    this.#stateTimer = this.#runtime.setTimer(act, delay);
  }

  #dispatch(outputs: readonly UserAgentOutput[], now: Millis): void {
    for (const output of outputs) this.#handle(output, now);
    this.#arm(now);
  }

  #handle(output: UserAgentOutput, now: Millis): void {
    switch (output.type) {
      case "send":
        this.#options.onMessage?.("sent", output.message, now);
        return this.#signalling.send(output.flow, output.to, output.bytes);
      case "accepted":
        return this.#accepted(output.response.body, output.response.reasonPhrase, now);
      case "rejected":
        // The 487 that our CANCEL brings does not say why there was a CANCEL
        if (this.#state !== "calling") return;
        return this.#decide({ code: output.statusCode, phrase: output.reasonPhrase }, now);
      case "reinvite":
        return this.#answerReinvite(output.request.body, now);
      case "bye":
        if (this.#state !== "answered") return;
        this.#endedBy = "callee";
        this.#peerReason = output.request.headers.get("Reason") ?? "";
        return;
      case "terminated":
        return this.#finish(now);
    }
  }

  #accepted(body: Uint8Array, phrase: string, now: Millis): void {
    this.#enter("answered");
    const agreed = this.#description.accept(body);
    if (!agreed.ok) {
      this.#decide(
        { code: 200, phrase: `${phrase}, but its SDP is no use: ${agreed.reason}` },
        now,
      );
      return this.#hangup(now);
    }
    this.#decide({ code: 200, phrase }, now);
    this.#codec = agreed.media.codec;
    if (this.#options.duration !== undefined) this.#hangupAfter(this.#options.duration);
    this.#audio.start(
      {
        ...mediaChange(agreed.media),
        signallingAddress: agreed.media.remote?.address ?? "",
        latch: "auto",
        timeout: 0,
        random: this.#runtime.random,
      },
      now,
    );
  }

  /** What became of the INVITE is known. */
  #decide(status: Status, now: Millis): void {
    this.#status = status;
    this.#finalAt = now;
  }

  #answerReinvite(body: Uint8Array, now: Millis): void {
    const agreed = body.length > 0 ? this.#description.negotiate(body) : undefined;
    const answer = agreed?.ok === true
      ? {
        statusCode: 200,
        body: { bytes: this.#description.lastAnswer, contentType: SDP_CONTENT_TYPE },
      }
      : { statusCode: 488 };
    if (agreed?.ok === true) this.#audio.renegotiate(mediaChange(agreed.media), now);
    this.#dispatch(this.#userAgent.answerReinvite(this.#session, answer, now), now);
  }

  #hangupAfter(delay: Millis): void {
    if (this.#state !== "answered") return;
    this.#afterwards(delay, () => this.#hangup(this.#runtime.now()));
  }

  /** Nobody answered in time. Where nothing came at all there is nothing to cancel, nor to wait for. */
  #giveUp(): void {
    this.#leave(NO_ANSWER);
    if (!this.#responded) this.#finish(this.#runtime.now());
  }

  /** We want no more of it, wherever it stands; `unanswered` is what becomes of the INVITE then. */
  #leave(unanswered: Status): void {
    const now = this.#runtime.now();
    switch (this.#state) {
      case "preparing":
        this.#invitedAt = now;
        this.#decide(unanswered, now);
        return this.#finish(now);
      case "calling":
        this.#decide(unanswered, now);
        this.#enter("leaving");
        this.#dispatch(this.#userAgent.cancel(this.#session, now), now);
        return this.#awaitFarewell(now);
      case "answered":
        return this.#hangup(now);
      case "leaving":
        return this.#finish(now);
    }
  }

  #hangup(now: Millis): void {
    this.#enter("leaving");
    this.#endedBy = "caller";
    // The sound ends with the call, not with the answer to the BYE
    this.#silence(now);
    this.#awaitFarewell(now);
    const reason = [["Reason", 'Q.850;cause=16;text="Normal call clearing"']] as const;
    this.#dispatch(this.#userAgent.hangup(this.#session, reason, now), now);
  }

  /**
   * Waits for the end of the session, but not for a peer that never said a word: a CANCEL may only
   * follow a provisional response (§9.1), and one that has not come within T1 is hardly on its way.
   */
  #awaitFarewell(now: Millis): void {
    if (this.#state !== "leaving") return;
    if (this.#responded) return this.#afterwards(FAREWELL, () => this.#finish(this.#runtime.now()));
    const patience = Math.max(0, this.#invitedAt + DEFAULT_TIMERS.t1 - now);
    this.#afterwards(patience, () => {
      const at = this.#runtime.now();
      if (this.#responded) this.#awaitFarewell(at);
      else this.#finish(at);
    });
  }

  #finish(now: Millis): void {
    this.#silence(now);
    this.#enter("over");
    this.#over();
  }

  #silence(now: Millis): void {
    if (this.#endedAt === 0) this.#endedAt = now;
    this.#audio.stop(now);
  }

  #arm(now: Millis): void {
    this.#userAgentTimer?.cancel();
    const { deadline } = this.#userAgent;
    if (deadline === undefined) return;
    this.#userAgentTimer = this.#runtime.setTimer(() => {
      const at = this.#runtime.now();
      this.#dispatch(this.#userAgent.timeout(at), at);
    }, Math.max(0, deadline - now));
  }

  #result(): OutboundCallResult {
    const answered = this.#codec !== "";
    const { firstPacketAt, statistics } = this.#audio;
    return {
      statusCode: this.#status.code,
      reasonPhrase: this.#status.phrase,
      responded: this.#responded,
      answered,
      setupMs: this.#finalAt - this.#invitedAt,
      durationMs: answered ? this.#endedAt - this.#finalAt : 0,
      endedBy: this.#endedBy,
      peerReason: this.#peerReason,
      firstAudioMs: firstPacketAt === undefined ? undefined : firstPacketAt - this.#finalAt,
      heard: this.#audio.heard(),
      codec: this.#codec,
      statistics,
    };
  }
}
