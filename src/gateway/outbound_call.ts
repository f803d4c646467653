/**
 * One call that we place: a gateway for a single call, with its own SIP sockets, user agent and ports.
 *
 * Whom it is tried at is left to `dialer.ts`, what is described, played and heard to `outbound_media.ts`.
 *
 * @module
 */

import { formatSocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { BindError, type Runtime, type Timer } from "../runtime/ports.ts";
import type { NegotiatedMedia } from "../sdp/offer_answer.ts";
import type { SipResponse } from "../sip/message/message.ts";
import { DEFAULT_TIMERS } from "../sip/transaction/timers.ts";
import type { SessionId, SessionOutput, SipBody } from "../sip/user_agent/output.ts";
import { Agent, type SessionOwner } from "./agent.ts";
import { dial, type Dialer, type DialResult } from "./dialer.ts";
import { SILENCE } from "./outbound_audio.ts";
import { InfoDigits, mayTakeInfo } from "./outbound_info.ts";
import { OutboundMedia } from "./outbound_media.ts";
import { OUTBOUND_RATE } from "./outbound_options.ts";
import type { OutboundCallOptions, OutboundCallResult } from "./outbound_options.ts";
import type { DialAttempt } from "./outbound_queue.ts";
import { asRoute, parseTarget, unreachable } from "./outbound_target.ts";

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

const CANCELLED: Status = { code: 487, phrase: "Cancelled" };

/** How long we wait for the answer to our BYE or CANCEL: a little over 64·T1. */
const FAREWELL: Millis = 33_000;

const NORMAL_CLEARING = [["Reason", 'Q.850;cause=16;text="Normal call clearing"']] as const;

/** Places a call and resolves when it is over and everything is closed. */
export async function placeCall(options: OutboundCallOptions): Promise<OutboundCallResult> {
  const call = new OutboundCall(options);
  try {
    return await call.run();
  } finally {
    call.close();
  }
}

class OutboundCall implements SessionOwner {
  readonly #options: OutboundCallOptions;
  readonly #runtime: Runtime;
  readonly #infoDigits: InfoDigits;
  #agent: Agent | undefined;
  #dialer: Dialer | undefined;
  #media: OutboundMedia | undefined;
  #state: State = "preparing";
  /** Ends the state that we are in, if nothing else does. */
  #stateTimer: Timer | undefined;
  #session: SessionId = "";
  #responded = false;
  #unconnected = "";
  #status: Status = { code: 0, phrase: "" };
  #attempts: readonly DialAttempt[] = [];
  #invitedAt: Millis | undefined;
  #finalAt: Millis = 0;
  #endedAt: Millis = 0;
  #endedBy: OutboundCallResult["endedBy"] = "nobody";
  #peerReason = "";
  #codec = "";
  /** What is still to be sent before we hang up by ourselves. */
  readonly #unfinished = new Set<"sound" | "keys">(["sound"]);
  #unsentDigits = "";
  #over: () => void = () => {};
  readonly #aborted = () => this.#leave();

  constructor(options: OutboundCallOptions) {
    this.#options = options;
    this.#runtime = options.runtime;
    this.#infoDigits = new InfoDigits(options.digits);
  }

  async run(): Promise<OutboundCallResult> {
    const over = new Promise<void>((resolve) => {
      this.#over = resolve;
    });
    const { signal } = this.#options;
    signal?.addEventListener("abort", this.#aborted);
    if (signal?.aborted === true) this.#aborted();
    else await this.#start();
    await over;
    return this.#result();
  }

  /** Closes whatever is open. */
  close(): void {
    this.#options.signal?.removeEventListener("abort", this.#aborted);
    this.#enter("over");
    this.#media?.close(this.#runtime.now());
    this.#agent?.close();
  }

  /** What happens to the call once it is answered, and what only we can answer before. */
  receive(output: SessionOutput, now: Millis): void {
    const { session } = output;
    const agent = this.#agent;
    const media = this.#media;
    if (agent === undefined || media === undefined) return;
    switch (output.type) {
      case "reinvite": {
        const answer = media.answerTo(output.request.body, now);
        return agent.perform((ua, at) => ua.answerReinvite(session, answer, at));
      }
      case "offer": {
        const answer = media.answerTo(output.request.body, now);
        return agent.perform((ua, at) => ua.answerOffer(session, answer, at));
      }
      case "refer":
        return agent.decline(output, 603);
      case "reinvite_due":
        return this.#refresh(media);
      case "reinvite_accepted":
        return void media.agree(output.response.body, now);
      case "responded":
        if (output.method === "INFO") this.#keyAnswered(output.statusCode);
        return;
      case "session_expired":
        return this.#hangup(now);
      case "bye":
        if (this.#state !== "answered") return;
        this.#endedBy = "callee";
        this.#peerReason = output.request.headers.get("Reason") ?? "";
        return;
      case "terminated":
        return this.#finish(now);
    }
  }

  /** Binds, and has the call placed, unless it was ended before. */
  async #start(): Promise<void> {
    const { target, proxy } = this.#options;
    parseTarget(target);
    const routes = proxy === undefined ? [] : [asRoute(proxy)];
    const agent = await this.#open();
    const hops = await agent.locate(target, { routes });
    const [hop] = hops;
    if (this.#state !== "preparing") return;
    if (hop === undefined) throw unreachable(proxy ?? target, this.#options.localAddress);
    const media = await OutboundMedia.open(this.#options, {
      address: this.#options.localAddress ?? hop.flow.local.address,
      played: () => this.#finished("sound"),
    });
    this.#media = media;
    if (this.#state !== "preparing") return;
    this.#enter("calling");
    this.#dial(agent, routes, media.offer());
  }

  #dial(agent: Agent, routes: readonly string[], body: SipBody): void {
    const { target, from, headers, credentials, ringTimeout, redirects } = this.#options;
    this.#dialer = dial(agent, {
      runtime: this.#runtime,
      uris: [target],
      from,
      headers,
      body,
      credentials,
      routes,
      ringTimeout,
      redirects: redirects ?? "follow",
      owner: this,
      events: {
        trying: (_candidate, hops, now) => {
          this.#invitedAt ??= now;
          this.#media?.calls(hops[0]?.to.address ?? "");
        },
        progress: ({ response }, now) => {
          // Ringing tones and announcements come before the answer, if at all
          if (response.body.length > 0) this.#media?.described(response.body, now);
        },
        done: (result, now) => this.#decided(result, now),
        settled: (now) => this.#finish(now),
      },
    });
  }

  /** Sockets for datagrams of both families, unless we are told where to call from; connections need none. */
  async #open(): Promise<Agent> {
    const { localAddress } = this.#options;
    if (localAddress !== undefined) return await this.#openOn([localAddress]);
    try {
      return await this.#openOn(["0.0.0.0", "::"]);
    } catch (error) {
      // There are machines without IPv6
      if (!(error instanceof BindError)) throw error;
      return await this.#openOn(["0.0.0.0"]);
    }
  }

  async #openOn(addresses: readonly string[]): Promise<Agent> {
    const { runtime, tls, onMessage } = this.#options;
    const agent = new Agent({
      runtime,
      signalling: {
        listen: addresses.map((address) => ({ transport: "udp", address, port: 0 })),
        counters: { add: () => {} },
        ...(tls === undefined ? {} : { tls: { client: tls } }),
      },
      admits: () => true,
      userAgent: {},
      events: {
        invite: ({ session }) =>
          agent.perform((ua, now) => ua.answer(session, { statusCode: 486 }, now)),
        message: (direction, message, _flow, now) => {
          if (direction === "received") this.#responded ||= message.type === "response";
          onMessage?.(direction, message, now);
        },
        unconnected: ({ transport, remote, why }) => {
          this.#unconnected = `${transport}://${formatSocketAddress(remote)}: ${why}`;
        },
        crashed: (error) => {
          throw error;
        },
      },
    });
    await agent.open();
    this.#agent = agent;
    return agent;
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

  /** What became of the INVITE is known. */
  #decided(result: DialResult, now: Millis): void {
    this.#attempts = result.attempts;
    if (result.type === "accepted") return this.#accepted(result, now);
    // The last one is what the status tells of
    this.#attempts = result.attempts.slice(0, -1);
    const { statusCode, reasonPhrase, cause } = result;
    this.#decide({ code: statusCode, phrase: reasonPhrase }, now);
    this.#enter("leaving");
    // Where nothing came at all there is nothing to cancel, nor to wait for
    if (cause === "unanswered" && !this.#responded) return this.#finish(now);
    this.#awaitFarewell(now);
  }

  #accepted({ session, response }: DialResult & { type: "accepted" }, now: Millis): void {
    const phrase = response.reasonPhrase;
    this.#session = session;
    this.#enter("answered");
    const problem = this.#media?.described(response.body, now);
    const agreed = this.#media?.current;
    if (problem !== undefined || agreed === undefined) {
      this.#decide({ code: 200, phrase: `${phrase}, but its SDP is no use: ${problem}` }, now);
      return this.#hangup(now);
    }
    this.#decide({ code: 200, phrase }, now);
    this.#codec = agreed.codec;
    if (this.#options.duration !== undefined) this.#hangupAfter(this.#options.duration);
    this.#pressKeys(agreed, response);
    this.#media?.audio.start(now);
  }

  #decide(status: Status, now: Millis): void {
    this.#status = status;
    this.#finalAt = now;
  }

  /** RFC 4028 §7.4: by the description as it is. */
  #refresh(media: OutboundMedia): void {
    this.#agent?.perform((ua, now) => ua.reinvite(this.#session, { body: media.offer() }, now));
  }

  /** Keys that telephone-events cannot carry are sent by INFO, if the callee takes that. */
  #pressKeys(agreed: NegotiatedMedia, response: SipResponse): void {
    const { digits } = this.#options;
    if (digits === "" || agreed.telephoneEventPayloadType !== undefined) return;
    this.#unsentDigits = digits;
    if (!mayTakeInfo(response)) return;
    this.#unfinished.add("keys");
    this.#sendKey();
  }

  #sendKey(): void {
    const request = this.#infoDigits.next();
    if (request === undefined) return;
    this.#agent?.perform((ua, now) => ua.send(this.#session, request, now));
  }

  #keyAnswered(statusCode: number): void {
    const isMore = this.#infoDigits.answered(statusCode);
    this.#unsentDigits = this.#infoDigits.waiting;
    if (isMore && this.#state === "answered") this.#sendKey();
    else this.#finished("keys");
  }

  #finished(what: "sound" | "keys"): void {
    this.#unfinished.delete(what);
    if (this.#unfinished.size > 0 || this.#options.duration !== undefined) return;
    this.#hangupAfter(this.#options.linger);
  }

  #hangupAfter(delay: Millis): void {
    if (this.#state !== "answered") return;
    this.#afterwards(delay, () => this.#hangup(this.#runtime.now()));
  }

  /** We want no more of it, wherever it stands. */
  #leave(): void {
    const now = this.#runtime.now();
    switch (this.#state) {
      case "preparing":
        this.#invitedAt = now;
        this.#decide(CANCELLED, now);
        return this.#finish(now);
      case "calling":
        return this.#dialer?.cancel();
      case "answered":
        return this.#hangup(now);
      case "leaving":
        return this.#finish(now);
    }
  }

  #hangup(now: Millis): void {
    if (this.#state !== "answered") return;
    this.#enter("leaving");
    this.#endedBy = "caller";
    // The sound ends with the call, not with the answer to the BYE
    this.#silence(now);
    this.#awaitFarewell(now);
    this.#agent?.perform((ua, at) => ua.hangup(this.#session, NORMAL_CLEARING, at));
  }

  /**
   * Waits for the end of the session, but not for a peer that never said a word: a CANCEL may only
   * follow a provisional response (§9.1), and one that has not come within T1 is hardly on its way.
   */
  #awaitFarewell(now: Millis): void {
    if (this.#state !== "leaving") return;
    if (this.#responded) return this.#afterwards(FAREWELL, () => this.#finish(this.#runtime.now()));
    const patience = Math.max(0, (this.#invitedAt ?? now) + DEFAULT_TIMERS.t1 - now);
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
    this.#media?.audio.stop(now);
  }

  #result(): OutboundCallResult {
    const answered = this.#codec !== "";
    const media = this.#media;
    const firstPacketAt = media?.audio.firstPacketAt;
    return {
      statusCode: this.#status.code,
      reasonPhrase: this.#status.phrase,
      responded: this.#responded,
      unconnected: this.#unconnected,
      answered,
      setupMs: this.#finalAt - (this.#invitedAt ?? this.#finalAt),
      durationMs: answered ? this.#endedAt - this.#finalAt : 0,
      endedBy: this.#endedBy,
      peerReason: this.#peerReason,
      firstAudioMs: firstPacketAt === undefined ? undefined : firstPacketAt - this.#finalAt,
      rate: this.#options.rate ?? OUTBOUND_RATE,
      ...(media?.audio.sound ?? SILENCE),
      unsentDigits: this.#unsentDigits,
      attempts: this.#attempts,
      codec: this.#codec,
      suite: media?.current?.crypto?.send.suite,
    };
  }
}
