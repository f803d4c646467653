/**
 * The machine of one inbound call, from its route to its end.
 *
 * It decides; the gateway does: sockets, media and the handler are told by outputs and report back by inputs. Samples
 * never pass through here. The end happens exactly once, on every path, and has a cause.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { MediaEvent } from "../media/media_contract.ts";
import type { CallFacts } from "../route/call_facts.ts";
import type { HandlerSpec } from "../route/route.ts";
import { isHold, type NegotiatedMedia } from "../sdp/offer_answer.ts";
import type { SipRequest } from "../sip/message/message.ts";
import { SDP_CONTENT_TYPE, type SipBody } from "../sip/user_agent/output.ts";
import type { Answer } from "../sip/user_agent/server_side.ts";
import type {
  DtmfEvent,
  EndCause,
  HandlerCommand,
  HandlerEvent,
  StartEvent,
} from "./handler_message.ts";
import { type InfoDigit, readInfoDigit } from "./info_digit.ts";
import { HANDLER_PROTOCOL } from "./handler_message.ts";
import { reasonHeader } from "./end_cause.ts";
import { answerOf, type LiveHandlerSpec, screenInvite, unavailable } from "./screening.ts";
import type { SessionMedia } from "./session_media.ts";

/**
 * - `binding`: RTP ports are being bound.
 * - `starting`: the handler is being started.
 * - `up`: our 200 is out; handlers may still change.
 * - `draining`: the handler is done, what it wrote is still being played.
 * - `ended`: nothing more happens.
 */
export type CallState = "binding" | "starting" | "up" | "draining" | "ended";

/** What the gateway has to do, in this order. */
export type CallOutput =
  | { readonly type: "answer"; readonly answer: Answer }
  | { readonly type: "answer_reinvite"; readonly answer: Answer }
  | { readonly type: "bye"; readonly headers: readonly (readonly [string, string])[] }
  | { readonly type: "bind_rtp" }
  | { readonly type: "start_handler"; readonly spec: LiveHandlerSpec; readonly event: StartEvent }
  | { readonly type: "send_event"; readonly event: HandlerEvent }
  | { readonly type: "open_media"; readonly media: NegotiatedMedia }
  | { readonly type: "renegotiate_media"; readonly media: NegotiatedMedia }
  | { readonly type: "mark"; readonly name: string }
  | { readonly type: "clear" }
  | { readonly type: "finish" }
  | { readonly type: "handler_failed"; readonly reason: string; readonly next: string | undefined }
  | { readonly type: "ended"; readonly end: CallEnd };

/** How a call ended. */
export interface CallEnd {
  readonly cause: EndCause;
  readonly detail: string;
  readonly sipStatus: number;
  readonly setupMs: Millis | undefined;
  readonly durationMs: Millis;
  readonly handler: string;
}

/** What a call is made of. */
export interface CallOptions {
  readonly facts: CallFacts;
  /** The route's handler and what follows when it fails. At least one. */
  readonly handlers: readonly HandlerSpec[];
  readonly media: SessionMedia;
  /** Whether the INVITE brought the offer; when not, the 200 does. */
  readonly hasOffer: boolean;
  /** From the INVITE to the 200. */
  readonly setupMax: Millis;
  /** From the 200 to our BYE. */
  readonly durationMax: Millis;
}

/** Hz of the PCM that handlers get and give. */
export const HANDLER_RATE = 8000;

/** The same key by RTP and by INFO within this time is one press. */
const SAME_KEY_WITHIN: Millis = 500;

/** One call. */
export class Call {
  readonly facts: CallFacts;
  readonly #options: CallOptions;
  readonly #begunAt: Millis;
  #state: CallState = "binding";
  #answeredAt: Millis | undefined;
  #handlerIndex = 0;
  #handlerStarted = false;
  #onHold = false;
  /** The 200 brought our offer, and its answer is not here yet. */
  #awaitsAnswer = false;
  #finishPending = false;
  #lastKey:
    | { readonly digit: string; readonly source: DtmfEvent["source"]; readonly at: Millis }
    | undefined;

  constructor(options: CallOptions, now: Millis) {
    this.facts = options.facts;
    this.#options = options;
    this.#begunAt = now;
  }

  get state(): CallState {
    return this.#state;
  }

  get deadline(): Millis | undefined {
    if (this.#state === "ended") return undefined;
    return this.#answeredAt === undefined
      ? this.#begunAt + this.#options.setupMax
      : this.#answeredAt + this.#options.durationMax;
  }

  /** The INVITE passed screening. */
  begin(): CallOutput[] {
    return [{ type: "answer", answer: { statusCode: 180 } }, { type: "bind_rtp" }];
  }

  /** A port pair is bound. */
  rtpBound(port: number, now: Millis): CallOutput[] {
    if (this.#state !== "binding") return [];
    this.#options.media.port = port;
    this.#state = "starting";
    return this.#startHandler(now);
  }

  /** There is no port pair left. */
  rtpUnavailable(reason: string, now: Millis): CallOutput[] {
    return this.#end("refused", reason, now, unavailable(reason).answer);
  }

  /** The handler runs: the call is answered, unless it is already. */
  handlerStarted(now: Millis): CallOutput[] {
    if (this.#state !== "starting" && this.#state !== "up") return [];
    this.#handlerStarted = true;
    return this.#state === "starting" ? this.#accept(now) : [];
  }

  /** The handler is done: what it wrote is played, then we hang up. */
  handlerCompleted(now: Millis): CallOutput[] {
    if (this.#state === "starting") {
      const reason = "The handler ended before it began";
      return this.#failOver(reason, now);
    }
    if (this.#state !== "up") return [];
    this.#state = "draining";
    if (!this.#awaitsAnswer) return [{ type: "finish" }];
    this.#finishPending = true;
    return [];
  }

  /** The handler failed: the next of the chain takes over. */
  handlerFailed(reason: string, now: Millis): CallOutput[] {
    if (this.#state !== "starting" && this.#state !== "up") return [];
    return this.#failOver(reason, now);
  }

  /** A command of the handler. */
  command(command: HandlerCommand, now: Millis): CallOutput[] {
    if (this.#state !== "up") return [];
    switch (command.command) {
      case "clear":
        return [{ type: "clear" }];
      case "mark":
        return [{ type: "mark", name: command.name }];
      case "hangup":
        return this.#end("handler_hangup", command.cause ?? "", now);
    }
  }

  /** Something happened to the call's audio. `room` is the gateway's own business. */
  mediaEvent(event: MediaEvent, now: Millis): CallOutput[] {
    if (this.#state !== "up" && this.#state !== "draining") return [];
    switch (event.type) {
      case "dtmf":
        return this.#pressed(event, "rfc4733", now);
      case "mark":
        return this.#tell({
          event: "mark",
          name: event.name,
          played_ms: Math.round(event.playedMs),
        });
      case "drained":
        return this.#state === "draining" ? this.#end("handler_hangup", "", now) : [];
      case "timeout":
        return this.#end("media_timeout", "no RTP from the caller", now);
      default:
        return [];
    }
  }

  /** An INFO came within the call. One that holds no key says nothing to a handler. */
  info(request: SipRequest, now: Millis): CallOutput[] {
    const pressed = readInfoDigit(request);
    return pressed === undefined ? [] : this.#pressed(pressed, "info", now);
  }

  /** The queue of the handler's audio was dropped, as it asked. */
  cleared(heard: { playedMs: Millis; droppedMs: Millis }): CallOutput[] {
    return this.#tell({
      event: "cleared",
      reason: "command",
      played_ms: Math.round(heard.playedMs),
      dropped_ms: Math.round(heard.droppedMs),
    });
  }

  /** The caller gave up before the answer. */
  cancelled(now: Millis): CallOutput[] {
    return this.#end("caller_cancel", "", now);
  }

  /** The caller hung up. */
  bye(now: Millis): CallOutput[] {
    return this.#end("caller_hangup", "", now);
  }

  /** Our 200 was never acknowledged. */
  ackTimeout(now: Millis): CallOutput[] {
    return this.#end("ack_timeout", "the caller never acknowledged our 200", now);
  }

  /** The ACK of our 200 came. RFC 3264 §5: when the offer was ours, it brings the answer. */
  acknowledged(body: Uint8Array, now: Millis): CallOutput[] {
    if (!this.#awaitsAnswer || this.#state === "ended") return [];
    this.#awaitsAnswer = false;
    const accepted = this.#options.media.accept(body);
    if (!accepted.ok) {
      const reason = body.length === 0 ? "The ACK brought no SDP answer" : accepted.reason;
      return this.#end("refused", reason, now);
    }
    const outputs: CallOutput[] = [{ type: "open_media", media: accepted.media }];
    if (this.#finishPending) outputs.push({ type: "finish" });
    return outputs;
  }

  /** The caller wants to change the session. RFC 3261 §14.2, RFC 3264 §8 */
  reinvite(request: SipRequest, host: string): CallOutput[] {
    if (this.#state !== "up" && this.#state !== "draining") {
      return [{ type: "answer_reinvite", answer: { statusCode: 481 } }];
    }
    const { media } = this.#options;
    const refused = screenInvite(request, media, host);
    // RFC 3261 §14.2: a refused re-INVITE leaves the session as it was
    if (refused !== undefined) return [{ type: "answer_reinvite", answer: refused.answer }];
    const answer = request.body.length === 0 ? media.offer() : media.lastAnswer;
    return [
      { type: "answer_reinvite", answer: { statusCode: 200, body: sdp(answer) } },
      ...(request.body.length === 0 ? [] : this.#renegotiated()),
    ];
  }

  /** The ACK of a re-INVITE came, with the answer when the offer was ours. */
  reinviteAcknowledged(body: Uint8Array): CallOutput[] {
    if (body.length === 0 || this.#state === "ended") return [];
    return this.#options.media.accept(body).ok ? this.#renegotiated() : [];
  }

  /** The operator, or the end of the process, wants the call to end. */
  hangup(cause: EndCause & ("operator_hangup" | "shutdown"), now: Millis): CallOutput[] {
    return this.#end(cause, "", now);
  }

  /** A bug of ours: the call must not hang. */
  crashed(message: string, now: Millis): CallOutput[] {
    return this.#end("internal_error", message, now, { statusCode: 500 });
  }

  timeout(now: Millis): CallOutput[] {
    const { deadline } = this;
    if (deadline === undefined || now < deadline) return [];
    if (this.#answeredAt !== undefined) return this.#end("duration_limit", "", now);
    const reason = "the handler did not start in time";
    return this.#end("setup_timeout", reason, now, unavailable(reason).answer);
  }

  #startHandler(now: Millis): CallOutput[] {
    this.#handlerStarted = false;
    const spec = this.#options.handlers[this.#handlerIndex] as HandlerSpec;
    const refused = answerOf(spec, this.facts);
    if (refused !== undefined) {
      return this.#end(
        this.#answeredAt === undefined ? refused.cause : "handler_failed",
        refused.reason,
        now,
        refused.answer,
      );
    }
    const event: StartEvent = {
      event: "start",
      protocol: HANDLER_PROTOCOL,
      call: this.facts,
      audio: {
        encoding: "s16le",
        rate: HANDLER_RATE,
        channels: 1,
        codec: this.#options.media.current?.codec ?? "PCMU",
      },
    };
    return [{ type: "start_handler", spec: spec as LiveHandlerSpec, event }];
  }

  #accept(now: Millis): CallOutput[] {
    this.#state = "up";
    this.#answeredAt = now;
    const { media, hasOffer } = this.#options;
    if (!hasOffer) {
      this.#awaitsAnswer = true;
      return [{ type: "answer", answer: { statusCode: 200, body: sdp(media.offer()) } }];
    }
    const agreed = media.current as NegotiatedMedia;
    this.#onHold = isHold(agreed);
    return [
      { type: "open_media", media: agreed },
      { type: "answer", answer: { statusCode: 200, body: sdp(media.lastAnswer) } },
    ];
  }

  #failOver(reason: string, now: Millis): CallOutput[] {
    const next = this.#options.handlers[++this.#handlerIndex];
    const failed: CallOutput = { type: "handler_failed", reason, next: next?.type };
    if (next === undefined) {
      this.#handlerIndex--;
      return [failed, ...this.#end("handler_failed", reason, now, unavailable(reason).answer)];
    }
    return [failed, ...this.#startHandler(now)];
  }

  #renegotiated(): CallOutput[] {
    const media = this.#options.media.current as NegotiatedMedia;
    const outputs: CallOutput[] = [{ type: "renegotiate_media", media }];
    const onHold = isHold(media);
    if (onHold !== this.#onHold) {
      this.#onHold = onHold;
      outputs.push(...this.#tell({ event: onHold ? "hold" : "resume" }));
    }
    return outputs;
  }

  /** A key press, which some phones send in two ways at once: it is told once. */
  #pressed(key: InfoDigit, source: DtmfEvent["source"], now: Millis): CallOutput[] {
    const last = this.#lastKey;
    const isEcho = last !== undefined && last.digit === key.digit && last.source !== source &&
      now - last.at < SAME_KEY_WITHIN;
    if (isEcho) return [];
    this.#lastKey = { digit: key.digit, source, at: now };
    return this.#tell({
      event: "dtmf",
      digit: key.digit,
      duration_ms: Math.round(key.durationMs),
      source,
    });
  }

  #tell(event: HandlerEvent): CallOutput[] {
    return this.#state === "up" && this.#handlerStarted ? [{ type: "send_event", event }] : [];
  }

  /** @param answer What the INVITE gets when it has no final response yet, and the caller still waits for one. */
  #end(cause: EndCause, detail: string, now: Millis, answer?: Answer): CallOutput[] {
    if (this.#state === "ended") return [];
    this.#state = "ended";
    const answered = this.#answeredAt !== undefined;
    const outputs: CallOutput[] = [];
    const callerKnows = cause === "caller_hangup" || cause === "caller_cancel";
    if (!callerKnows) {
      outputs.push(
        answered
          ? { type: "bye", headers: [reasonHeader(cause)] }
          : { type: "answer", answer: answer ?? unavailable(cause).answer },
      );
    }
    const end: CallEnd = {
      cause,
      detail,
      sipStatus: answered ? 200 : callerKnows ? 487 : answer?.statusCode ?? 503,
      setupMs: this.#answeredAt === undefined ? undefined : this.#answeredAt - this.#begunAt,
      durationMs: this.#answeredAt === undefined ? 0 : now - this.#answeredAt,
      handler: this.#options.handlers[this.#handlerIndex]?.type ?? "",
    };
    return [...outputs, { type: "ended", end }];
  }
}

function sdp(bytes: Uint8Array): SipBody {
  return { bytes, contentType: SDP_CONTENT_TYPE };
}
