/**
 * What the machine of a call is made of, and what it tells the gateway to do.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { CallFacts } from "../route/call_facts.ts";
import type { BargeIn, DtmfMode, HandlerSpec, RecordSpec } from "../route/route.ts";
import type { NegotiatedMedia } from "../sdp/offer_answer.ts";
import type { ReferRequest } from "../sip/dialog/refer.ts";
import type { Headers } from "../sip/message/headers.ts";
import type { Answer, SipBody } from "../sip/user_agent/output.ts";
import type { ClearedEvent, EndCause, HandlerEvent, StartEvent } from "./handler_message.ts";
import type { Opening } from "./opening.ts";
import type { LiveHandlerSpec } from "./screening.ts";
import type { SessionMedia } from "./session_media.ts";

/** What is to be done with the signalling of the session that the call has at that moment. */
export type SignallingOutput =
  | { readonly type: "answer"; readonly answer: Answer }
  | { readonly type: "answer_reinvite"; readonly answer: Answer }
  | { readonly type: "answer_offer"; readonly answer: Answer }
  | { readonly type: "reinvite"; readonly body: SipBody }
  /**
   * Ask the peer to call somebody else. `replaces`: the id of the call whose far end it is to be
   * joined with.
   */
  | {
    readonly type: "transfer";
    readonly to: string | undefined;
    readonly replaces: string | undefined;
  }
  /** Send an INFO with this body; its answer is told to `pressing`. */
  | { readonly type: "send_info"; readonly body: SipBody }
  | { readonly type: "answer_refer"; readonly answer: Answer }
  | { readonly type: "notify_refer"; readonly statusCode: number; readonly phrase?: string }
  /** The peer wants us to call somebody, who is to take its place. */
  | { readonly type: "refer"; readonly refer: ReferRequest }
  /** Call whom this call is for. */
  | { readonly type: "dial"; readonly body: SipBody }
  /** Give that up; it may be over already. */
  | { readonly type: "cancel_dial"; readonly headers: Headers }
  | { readonly type: "bye"; readonly headers: Headers };

/** What is to be done about a call's recording. */
export type RecordingOrder =
  /** Into this file, as soon as the media is open. */
  | { readonly action: "start"; readonly file: string }
  /** What comes is silence in the file. */
  | { readonly action: "pause" }
  | { readonly action: "resume" }
  | { readonly action: "stop" }
  /** It cannot begin. */
  | { readonly action: "fail"; readonly reason: string };

/** What the gateway has to do, in this order. */
export type CallOutput =
  | SignallingOutput
  | { readonly type: "bind_rtp" }
  | { readonly type: "start_handler"; readonly spec: LiveHandlerSpec; readonly event: StartEvent }
  | { readonly type: "send_event"; readonly event: HandlerEvent }
  /** Find this route, and room on it; what comes of it is told to the call. */
  | { readonly type: "hand_over"; readonly name: string }
  /** The present handler has the call no more: what it wrote is dropped. Another one follows. */
  | {
    readonly type: "stop_handler";
    /** Who has it now. */
    readonly route: string;
    /** Final status of the INVITE; 0: it has none yet. */
    readonly sipStatus: number;
    /** Since the answer. */
    readonly durationMs: Millis;
  }
  /** What is listened for in the caller's audio from now on. */
  | { readonly type: "listen"; readonly bargeIn: BargeIn }
  | { readonly type: "open_media"; readonly media: NegotiatedMedia }
  | { readonly type: "renegotiate_media"; readonly media: NegotiatedMedia }
  | { readonly type: "mark"; readonly name: string }
  /** Second step of a clear: its first was taken when the handler, or we, asked for it. */
  | { readonly type: "clear"; readonly reason: ClearedEvent["reason"] }
  /** The sound is to stop, if there is any; then the handler is to hand over what is on its way. */
  | { readonly type: "barge_in" }
  /** Send telephone-events; the media says when it is done. */
  | { readonly type: "send_digits"; readonly digits: string; readonly durationMs: Millis }
  | { readonly type: "record"; readonly order: RecordingOrder }
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
  /** Whose INVITE it is; default: the peer's. */
  readonly direction?: "inbound" | "outbound";
  /** The route's handler and what follows when it fails. At least one. */
  readonly handlers: readonly HandlerSpec[];
  readonly media: SessionMedia;
  /** Of the PCM that handlers get and give. Default: 8000. */
  readonly rate?: Hertz;
  /** Which ways keys take. Default: `auto`. */
  readonly dtmf?: DtmfMode;
  /** What happens when the caller speaks over our sound. Default: nothing. */
  readonly bargeIn?: BargeIn;
  /** The recording that the route asks for. */
  readonly record?: RecordSpec | undefined;
  /** Whether the INVITE brought the offer; when not, the 200 does. */
  readonly hasOffer: boolean;
  /**
   * `manual`: the handler says when, if it is one that can give commands. Default: `auto`, when it
   * runs.
   */
  readonly answer?: "auto" | "manual";
  /**
   * Whether the caller takes reliable provisional responses: `takesReliably` reads it. Default: no.
   * RFC 3262 §4
   */
  readonly reliable?: boolean;
  /** From the INVITE to the 200. */
  readonly setupMax: Millis;
  /** From the 200 to our BYE. */
  readonly durationMax: Millis;
}

/** A session that takes the place of the one before. */
export interface JoiningSession {
  readonly media: SessionMedia;
  /** Of its INVITE, when it is the peer's. */
  readonly opening: Opening;
  /** Whether its ACK has come or gone. */
  readonly isConfirmed: boolean;
}
