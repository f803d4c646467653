/**
 * What a call tells its handler, and hears back: one vocabulary for every kind of handler.
 *
 * The same objects travel as JSON lines on the control channel of a child process and as callbacks of the library.
 * Names of fields are part of the product's contract, hence the underscores.
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
}

/** The caller pressed a key. Sent once for each key press. */
export interface DtmfEvent {
  readonly event: "dtmf";
  /** One of `0-9*#A-D`, or `flash`. */
  readonly digit: string;
  readonly duration_ms: number;
  readonly source: "rfc4733" | "info" | "inband";
}

/** Everything that the handler wrote before its `mark` command has been sent, or was dropped by a clear. */
export interface MarkEvent {
  readonly event: "mark";
  readonly name: string;
  /** How much of the handler's audio has been sent since the start of the call. */
  readonly played_ms: number;
}

/** Queued audio was dropped. */
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

/** A command that could not be done; the call goes on. */
export interface ErrorEvent {
  readonly event: "error";
  readonly message: string;
  readonly command: string;
}

/** Why a call ended. */
export type EndCause =
  | "caller_hangup"
  | "caller_cancel"
  | "handler_hangup"
  | "handler_failed"
  | "media_timeout"
  | "ack_timeout"
  | "bye_timeout"
  | "duration_limit"
  | "setup_timeout"
  | "session_expired"
  | "operator_hangup"
  | "refused"
  | "redirected"
  | "internal_error"
  | "shutdown";

/** The call is over; the last event that a handler gets. */
export interface EndEvent {
  readonly event: "end";
  readonly cause: EndCause;
  /** Final status of the INVITE. */
  readonly sip_status: number;
  /** From the answer to the end; 0 when it was never answered. */
  readonly duration_ms: number;
  readonly statistics: MediaStatistics;
}

/** Everything that a call tells its handler. */
export type HandlerEvent =
  | StartEvent
  | DtmfEvent
  | MarkEvent
  | ClearedEvent
  | HoldEvent
  | ResumeEvent
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

/** End the call. */
export interface HangupCommand {
  readonly command: "hangup";
  /** Free text for the call's record. */
  readonly cause?: string;
}

/** Everything that a handler may ask of its call. */
export type HandlerCommand = ClearCommand | MarkCommand | HangupCommand;

/** What came of reading a handler's message. */
export type ParsedCommand =
  | { readonly ok: true; readonly command: HandlerCommand }
  | { readonly ok: false; readonly message: string; readonly command: string };

/** Longest name of a mark, in characters. */
export const MARK_NAME_LENGTH_MAX = 256;

/**
 * Checks a decoded JSON value against the commands that there are.
 *
 * @returns The command, or a message for an {@linkcode ErrorEvent} that says what to send instead.
 */
export function parseHandlerCommand(value: unknown): ParsedCommand {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse("", 'Send a JSON object such as {"command":"clear"}');
  }
  const fields = value as Record<string, unknown>;
  const name = fields.command;
  if (typeof name !== "string") return refuse("", 'The key "command" with a name is missing');
  switch (name) {
    case "clear":
      return { ok: true, command: { command: "clear" } };
    case "mark":
      return parseMark(fields);
    case "hangup":
      return parseHangup(fields);
    default:
      return refuse(name, `Unknown command "${name.slice(0, 64)}", send clear, mark or hangup`);
  }
}

function parseMark(fields: Record<string, unknown>): ParsedCommand {
  const name = fields.name;
  if (typeof name !== "string" || name.length > MARK_NAME_LENGTH_MAX) {
    return refuse("mark", `A mark needs a "name" of at most ${MARK_NAME_LENGTH_MAX} characters`);
  }
  return { ok: true, command: { command: "mark", name } };
}

function parseHangup(fields: Record<string, unknown>): ParsedCommand {
  const cause = fields.cause;
  if (cause === undefined) return { ok: true, command: { command: "hangup" } };
  if (typeof cause !== "string") return refuse("hangup", 'The "cause" of a hangup must be text');
  return { ok: true, command: { command: "hangup", cause } };
}

function refuse(command: string, message: string): ParsedCommand {
  return { ok: false, message, command: command.slice(0, 64) };
}
