/**
 * The signalling of one call: its session, the sessions before it, and the one that may come after
 * it.
 *
 * It turns what the user agent tells into inputs of the call's machine, and what the machine wants
 * into calls of the user agent.
 *
 * @module
 */

import { randomUint32 } from "../base/random.ts";
import type { Millis } from "../base/units.ts";
import type { Call, CallOutput, SignallingOutput } from "../call/call.ts";
import { peerReason } from "../call/end_cause.ts";
import { Opening } from "../call/opening.ts";
import { screenInvite } from "../call/screening.ts";
import { sdpBody, type SessionMedia } from "../call/session_media.ts";
import type { ReferRequest } from "../sip/dialog/refer.ts";
import type { Answer, InviteOutput, SessionId, SessionOutput } from "../sip/user_agent/output.ts";
import type { SessionOwner } from "./agent.ts";
import { FormerSession } from "./former_session.ts";
import type { LiveCall, LiveCallContext } from "./live_call.ts";
import { ReferredCall } from "./referred_call.ts";

/** A peer that was referred to somebody has this long to hang up by itself. RFC 5589 §6.1 */
const FAREWELL: Millis = 2000;

/** What the peer has asked for. */
const REQUEST_OF = {
  answer_reinvite: "re-INVITE",
  answer_offer: "offer within the call",
  answer_refer: "REFER",
} as const;

/** What the signalling of a call is made of. */
export interface CallSignallingOptions {
  readonly live: LiveCall;
  readonly context: LiveCallContext;
  readonly session: SessionId;
  /**
   * Another peer has taken the place of the one before; the new agreement follows, or has come
   * already.
   */
  readonly takenOver: (signallingAddress: string) => void;
  /** The session of a former peer is gone. */
  readonly formerGone: () => void;
}

/** The signalling of one call. */
export class CallSignalling implements SessionOwner {
  readonly #options: CallSignallingOptions;
  readonly #context: LiveCallContext;
  #session: SessionId;
  readonly #former = new Set<FormerSession>();
  /** What the peer's REFER asks for, while it is being placed. */
  #referred: ReferredCall | undefined;
  #isOver = false;

  constructor(options: CallSignallingOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#session = options.session;
  }

  /** The session that the call has now. */
  get session(): SessionId {
    return this.#session;
  }

  receive(output: SessionOutput): void {
    // One that is to take the caller's place, and has not yet, stays as its INVITE has described it
    if (output.session !== this.#session) return this.#context.agent.decline(output, 488);
    switch (output.type) {
      case "cancelled":
        return this.#input((call, now) => call.cancelled(now, peerReason(output.request)));
      case "bye":
        return this.#input((call, now) => call.bye(now, peerReason(output.request)));
      case "acknowledged":
        return this.#input((call, now) => call.acknowledged(output.request.body, now));
      case "provisional_acknowledged":
        return this.#input((call, now) => call.provisionalAcknowledged(output.body, now));
      case "prack_timeout":
        return this.#input((call, now) => call.prackTimeout(now));
      case "ack_timeout":
        return this.#input((call, now) => call.ackTimeout(now));
      case "session_expired":
        return this.#input((call, now) => call.sessionExpired(now));
      case "info":
        return this.#input((call, now) => call.info(output.request, now));
      case "refer": {
        const { refer } = output;
        const isAllowed = this.#context.config.sip.refer !== "refuse";
        return this.#input((call) => call.referral.receive(refer, isAllowed));
      }
      case "responded":
        if (output.method !== "INFO") return;
        return this.#input((call, now) => call.infoAnswered(output.statusCode, now));
      case "referred":
        return this.#input((call, now) => call.transfer.progress(output, now));
      default:
        return this.#receiveOffer(output);
    }
  }

  /** What concerns the descriptions of the session. */
  #receiveOffer(output: SessionOutput): void {
    const host = this.#host;
    switch (output.type) {
      case "reinvite":
        return this.#input((call) => call.renegotiation.reinvite(output.request, host));
      case "offer":
        return this.#input((call) => call.renegotiation.offer(output.request, host));
      case "reinvite_acknowledged": {
        const { body } = output.request;
        return this.#input((call) => call.renegotiation.reinviteAcknowledged(body));
      }
      case "reinvite_accepted":
        return this.#input((call) => call.renegotiation.accepted(output.response.body));
      case "reinvite_rejected":
        return this.#input((call) => call.renegotiation.rejected(output.statusCode));
      case "reinvite_due":
        return this.#input((call) => call.renegotiation.due(output.reason));
    }
  }

  /** Does what the machine of the call wants of the session. */
  perform(output: SignallingOutput): void {
    const { agent } = this.#context;
    this.#tellRefusal(output);
    const session = this.#session;
    switch (output.type) {
      case "answer":
        return agent.perform((ua, now) => ua.answer(session, output.answer, now));
      case "answer_reinvite":
        return agent.perform((ua, now) => ua.answerReinvite(session, output.answer, now));
      case "answer_offer":
        return agent.perform((ua, now) => ua.answerOffer(session, output.answer, now));
      case "reinvite":
        return this.#reinvite(output);
      case "transfer":
        return this.#transfer(output);
      case "send_info": {
        const request = { method: "INFO", body: output.body };
        return agent.perform((ua, now) => ua.send(session, request, now));
      }
      case "answer_refer":
        return agent.perform((ua, now) => ua.answerRefer(session, output.answer, now));
      case "notify_refer":
        return agent.perform((ua, now) => ua.notifyRefer(session, output, now));
      case "refer":
        return this.#refer(output.refer);
      case "dial":
        return this.#context.dial(this.#options.live, output.body);
      case "cancel_dial":
        return this.#context.cancelDial(this.#options.live, output.headers);
      case "bye":
        return agent.perform((ua, now) => ua.hangup(session, output.headers, now));
    }
  }

  /** Whom we called has answered: this is the call's session. */
  dialed(session: SessionId): void {
    this.#session = session;
  }

  /**
   * Another call of the peer takes the place of the session: the same handler, ports and record.
   * RFC 3891
   *
   * @returns Why not; the INVITE is answered in either case.
   */
  replace({ session, request, flow }: InviteOutput): string | undefined {
    const { call } = this.#options.live;
    // §3: who is gone declines; the user agent has looked at the rest
    if (!call.isReplaceable) {
      this.#answer(session, { statusCode: 603 });
      return "the call that Replaces names is over";
    }
    const media = this.#successor();
    const refused = screenInvite(request, media, this.#host);
    if (refused !== undefined) {
      this.#answer(session, refused.answer);
      return refused.reason;
    }
    const opening = new Opening({ media, hasOffer: request.body.length > 0, reliable: false });
    const body = opening.final();
    this.#answer(session, { statusCode: 200, ...(body === undefined ? {} : { body }) });
    this.#switchTo(session, 0);
    this.#options.takenOver(flow.remote.address);
    this.#input((replaced, now) => replaced.join({ media, opening, isConfirmed: false }, now));
    return undefined;
  }

  /** The call is over: nothing of its signalling needs it any more. */
  close(): void {
    this.#isOver = true;
    this.#referred?.abandon();
    this.#referred = undefined;
    for (const former of this.#former) former.hangup();
    this.#context.agent.disown(this.#session);
  }

  #reinvite(output: SignallingOutput & { type: "reinvite" }): void {
    let isSent = false;
    this.#context.agent.perform((ua, now) => {
      const outputs = ua.reinvite(this.#session, output, now);
      isSent = outputs.length > 0;
      return outputs;
    });
    if (!isSent) this.#input((call) => call.renegotiation.putOff());
  }

  #transfer({ to, replaces }: SignallingOutput & { type: "transfer" }): void {
    const { agent } = this.#context;
    const session = this.#session;
    const other = replaces === undefined
      ? undefined
      : this.#context.callById(replaces)?.currentSession;
    const dialog = other === undefined || other === session
      ? undefined
      : agent.look((ua) => ua.dialogOf(other));
    const target = to ?? dialog?.remoteTarget;
    if (target === undefined || (replaces !== undefined && dialog === undefined)) {
      const reason = `There is no other live call with the id "${replaces}"`;
      return this.#input((call) => call.transfer.impossible(reason));
    }
    // RFC 3891 §3: the tags as the far end of the other call sees them
    const value = dialog === undefined ? undefined : {
      callId: dialog.callId,
      toTag: dialog.remoteTag,
      fromTag: dialog.localTag,
      earlyOnly: false,
    };
    agent.perform((ua, now) => ua.refer(session, { to: target, replaces: value }, now));
  }

  #refer(refer: ReferRequest): void {
    const media = this.#successor();
    const referred = new ReferredCall(refer, sdpBody(media.offer()), {
      progress: (statusCode, phrase) =>
        this.#input((call) => call.referral.progress(statusCode, phrase)),
      accepted: (session, answer, address) =>
        this.#referredAccepted(media, { session, answer, address }),
      failed: (statusCode, phrase) => {
        this.#referred = undefined;
        this.#input((call) => call.referral.progress(statusCode, phrase));
      },
    });
    this.#referred = referred;
    this.#context.refer(this.#options.live, referred);
  }

  /** The one whom we were asked to call has answered, and takes the caller's place. */
  #referredAccepted(
    media: SessionMedia,
    { session, answer, address }: {
      readonly session: SessionId;
      readonly answer: Uint8Array;
      readonly address: string | undefined;
    },
  ): void {
    this.#referred = undefined;
    const accepted = media.accept(answer);
    const { call } = this.#options.live;
    if (this.#isOver || !call.isReplaceable || !accepted.ok) {
      this.#context.agent.disown(session);
      this.#context.agent.perform((ua, now) => ua.hangup(session, [], now));
      return this.#input((waiting) => waiting.referral.progress(488, "Not Acceptable Here"));
    }
    this.#input((waiting) => waiting.referral.progress(200, "OK"));
    this.#switchTo(session, FAREWELL);
    this.#options.takenOver(address ?? accepted.media.remote?.address ?? "");
    const opening = Opening.settled(media);
    this.#input((waiting, now) => waiting.join({ media, opening, isConfirmed: true }, now));
  }

  /** From now on the call has another session; the peer of the old one has some time to leave. */
  #switchTo(session: SessionId, patience: Millis): void {
    const { agent, runtime } = this.#context;
    const former = new FormerSession({
      agent,
      runtime,
      session: this.#session,
      patience,
      gone: () => {
        this.#former.delete(former);
        if (!this.#isOver && this.#former.size === 0) this.#options.formerGone();
      },
    });
    this.#former.add(former);
    this.#session = session;
    agent.own(session, this.#options.live);
  }

  /** What the peer asks for within the call and does not get is told. */
  #tellRefusal(output: SignallingOutput): void {
    if (!("answer" in output) || output.type === "answer") return;
    const { statusCode, headers = [] } = output.answer;
    if (statusCode < 300) return;
    const warning = headers.find(([name]) => name === "Warning")?.[1];
    const isForbidden = output.type === "answer_refer" && statusCode === 603;
    const reason = isForbidden
      ? "sip.refer does not let the other side send calls elsewhere"
      : `${REQUEST_OF[output.type]}${warning === undefined ? "" : `: ${warning}`}`;
    this.#context.refused(this.#options.live, statusCode, reason);
  }

  #successor(): SessionMedia {
    const { media } = this.#options.live.call;
    return media.successor(`${randomUint32(this.#context.runtime.random)}`);
  }

  #answer(session: SessionId, answer: Answer): void {
    this.#context.agent.perform((ua, now) => ua.answer(session, answer, now));
  }

  #input(step: (call: Call, now: Millis) => CallOutput[]): void {
    this.#options.live.input(step);
  }

  /** Who says so in a Warning header. */
  get #host(): string {
    return this.#context.config.sip.advertise ?? "voicegw";
  }
}
