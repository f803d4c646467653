/**
 * What a call tells its handler, and hears back: one vocabulary for every kind of handler.
 *
 * The same objects travel as JSON lines on the control channel of a child process and as callbacks
 * of the library. Names of fields are part of the product's contract, hence the underscores.
 *
 * @module
 */

import type { MediaStatistics } from "../media/statistics.ts";
import type { CallFacts } from "../route/call_facts.ts";

/** Version of the vocabulary, as `start` announces it. */
export const HANDLER_PROTOCOL = "voicegw.v1";

/** A call to be answered begins; the first event that a handler gets. */
export interface StartEvent {
  readonly event: "start";
  readonly protocol: typeof HANDLER_PROTOCOL;
  readonly call: CallFacts;
  readonly audio: {
    readonly encoding: "s16le";
    /** Hz, of the PCM in both directions. */
    readonly rate: number;
    readonly channels: 1;
    /** Name of the codec on the wire, as in SDP. */
    readonly codec: string;
  };
  /** The call is up already: another handler has had it, or we have placed it. */
  readonly answered?: true;
  /** The connection to the handler was lost, and is there again, for so many times by now. */
  readonly reconnected?: number;
}

/** The caller pressed a key. Sent once for each key press. */
export interface DtmfEvent {
  readonly event: "dtmf";
  /** One of `0-9*#A-D`, or `flash`. */
  readonly digit: string;
  readonly duration_ms: number;
  readonly source: "rfc4733" | "info" | "inband";
}

/** The caller began to speak, or no longer does. Where the route has `barge_in`. */
export interface SpeechEvent {
  readonly event: "speech";
  readonly state: "started" | "stopped";
  /** When it did, since the call's audio began: earlier than it could be told. */
  readonly at_ms: number;
}

/**
 * Everything that the handler wrote before its `mark` command has been sent, or was dropped by a
 * clear.
 */
export interface MarkEvent {
  readonly event: "mark";
  readonly name: string;
  /** How much of the handler's audio has been sent since the start of the call. */
  readonly played_ms: number;
}

/** Queued audio was dropped: as a `clear` wanted, or since the caller spoke over it. */
export interface ClearedEvent {
  readonly event: "cleared";
  readonly reason: "command" | "barge_in";
  /** How much of the handler's audio has been sent since the start of the call. */
  readonly played_ms: number;
  /** How much was dropped now. */
  readonly dropped_ms: number;
}

/** The caller put us on hold. */
export interface HoldEvent {
  readonly event: "hold";
}

/** The caller took us off hold. */
export interface ResumeEvent {
  readonly event: "resume";
}

/** How the transfer goes that the handler asked for. `failed` leaves the call as it was. */
export interface TransferEvent {
  readonly event: "transfer";
  readonly status: "trying" | "accepted" | "failed";
  /** What the called one answered, as the caller tells; before that, the answer to our REFER. */
  readonly sip_status: number;
}

/** A command that could not be done; the call goes on. */
export interface ErrorEvent {
  readonly event: "error";
  readonly message: string;
  readonly command: string;
}

/** Why a call ended. */
export type EndCause =
  | "caller_hangup"
  | "callee_hangup"
  | "caller_cancel"
  | "handler_hangup"
  | "rejected"
  | "transferred"
  | "handler_failed"
  | "media_timeout"
  | "ack_timeout"
  | "prack_timeout"
  | "duration_limit"
  | "setup_timeout"
  | "session_expired"
  | "operator_hangup"
  | "refused"
  | "redirected"
  | "dial_failed"
  | "internal_error"
  | "shutdown";

/** Why a handler has its call no more; `routed`: the call goes on with another route's handler. */
export type HandlerEndCause = EndCause | "routed";

/** The call is over, for this handler at least; the last event that a handler gets. */
export interface EndEvent {
  readonly event: "end";
  readonly cause: HandlerEndCause;
  /** Where the cause is `routed`: who has the call now. */
  readonly route?: string;
  /** Final status of the INVITE; 0 where the cause is `routed` and it has none yet. */
  readonly sip_status: number;
  /** From the answer to the end; 0 when it was never answered. */
  readonly duration_ms: number;
  readonly statistics: MediaStatistics;
}

/** Everything that a call tells its handler. */
export type HandlerEvent =
  | StartEvent
  | DtmfEvent
  | SpeechEvent
  | MarkEvent
  | ClearedEvent
  | HoldEvent
  | ResumeEvent
  | TransferEvent
  | ErrorEvent
  | EndEvent;

/** Drop queued audio now. */
export interface ClearCommand {
  readonly command: "clear";
}

/** Report back when all audio written before has been sent. */
export interface MarkCommand {
  readonly command: "mark";
  readonly name: string;
}

/** Press keys: as telephone-events (RFC 4733), or else by SIP INFO. */
export interface DtmfCommand {
  readonly command: "dtmf";
  /** One or more of `0-9*#A-D`, `w` for a pause of half a second, `,` for one of two. */
  readonly digits: string;
  /** How long each key is held. */
  readonly duration_ms: number;
}

/** End the call. */
export interface HangupCommand {
  readonly command: "hangup";
  /** Free text for the call's record. */
  readonly cause?: string;
}

/** Answer the call. Where the route has `answer: manual`. */
export interface AnswerCommand {
  readonly command: "answer";
}

/** Let the caller's telephone ring, once more. Before the answer. */
export interface RingCommand {
  readonly command: "ring";
}

/** Refuse the call. Before the answer. */
export interface RejectCommand {
  readonly command: "reject";
  /** Final status of the INVITE, 400 to 699. */
  readonly status: number;
  /** Reason phrase; the status's own one when absent. */
  readonly reason?: string;
}

/** Put the caller on hold. */
export interface HoldCommand {
  readonly command: "hold";
}

/** Take the caller off hold. */
export interface ResumeCommand {
  readonly command: "resume";
}

/** Have the caller call somebody else instead. `to`, `replaces` or both are there. */
export interface TransferCommand {
  readonly command: "transfer";
  /** A `sip:`, `sips:` or `tel:` URI. Absent: who is at the far end of the other call. */
  readonly to?: string;
  /** Id of another live call of ours, whose far end the caller is joined with. */
  readonly replaces?: string;
}

/** What a `record` command can ask for. */
export const RECORD_ACTIONS = ["start", "pause", "resume", "stop"] as const;

/** Begin, interrupt or end the recording of the call. Where the route has `record`. */
export interface RecordCommand {
  readonly command: "record";
  readonly action: (typeof RECORD_ACTIONS)[number];
}

/** Play a WAV file, behind what was written before and ahead of what is written after. */
export interface PlayCommand {
  readonly command: "play";
  /** One of the two is there. A file is relative to where voicegw runs. */
  readonly file?: string;
  readonly url?: string;
  /** How often in all; `Infinity` until it is cleared. */
  readonly loop: number;
}

/** Speak a text (through `speech.tts`), in the same place. */
export interface SayCommand {
  readonly command: "say";
  readonly text: string;
  readonly language?: string;
  readonly voice?: string;
}

/** Send the caller elsewhere. Before the answer. RFC 3261 §8.3 */
export interface RedirectCommand {
  readonly command: "redirect";
  /** URIs for Contact, the preferred one first. */
  readonly to: readonly string[];
  /** 300 to 399. */
  readonly status: number;
}

/** Hand the call to the handler of another route. */
export interface RouteCommand {
  readonly command: "route";
  readonly name: string;
}

/** Everything that a handler may ask of its call. */
export type HandlerCommand =
  | PlayCommand
  | SayCommand
  | RedirectCommand
  | RouteCommand
  | ClearCommand
  | MarkCommand
  | DtmfCommand
  | RecordCommand
  | HangupCommand
  | AnswerCommand
  | RingCommand
  | RejectCommand
  | HoldCommand
  | ResumeCommand
  | TransferCommand;
