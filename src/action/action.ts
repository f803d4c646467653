/**
 * What a web server can ask for in its response: actions, done one after the other. JSON and TwiML
 * are read into the same values.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type {
  AnswerCommand,
  DtmfCommand,
  HandlerCommand,
  HangupCommand,
  PlayCommand,
  RedirectCommand,
  RejectCommand,
  RouteCommand,
  SayCommand,
  TransferCommand,
} from "../call/handler_message.ts";

/** Where more actions come from. */
export interface NextRequest {
  /** Relative to the URL of the response that it stands in. */
  readonly url: string;
  readonly method: "GET" | "POST";
}

/** Be silent for a while. */
export interface PauseAction {
  readonly action: "pause";
  readonly ms: Millis;
}

/** Plays a WAV file. */
export type PlayAction = { readonly action: "play" } & Omit<PlayCommand, "command">;

/** Speaks a text, `loop` times. */
export type SayAction =
  & { readonly action: "say"; readonly loop: number }
  & Omit<SayCommand, "command">;

/** What can be heard while input is awaited. */
export type Prompt = PlayAction | SayAction | PauseAction;

/** Wait for what the caller presses or says; what came is sent to `next`. */
export interface GatherAction {
  readonly action: "gather";
  readonly input: readonly ("dtmf" | "speech")[];
  readonly prompts: readonly Prompt[];
  /** Keys after which it is complete; `Infinity`: any number. */
  readonly digits_max: number;
  /** Keys that complete it and do not count; may be empty. */
  readonly finish_keys: string;
  /** From the end of the prompts to the first key or word, and from one key to the next. */
  readonly timeout: Millis;
  /** Silence that ends what is said. */
  readonly speech_timeout: Millis;
  /** A word or key over the prompts ends them; else what comes before their end is not taken. */
  readonly barge_in: boolean;
  readonly language?: string;
  /** Default: the URL of the response that it stands in. */
  readonly next?: NextRequest;
  /** Whether `next` is asked too when nothing came; else the action after it follows. */
  readonly on_empty: boolean;
}

/** Record what the caller says; what it has become is sent to `next`. */
export interface RecordAction {
  readonly action: "record";
  readonly max: Millis;
  /** Silence that ends it; 0: none does. */
  readonly silence: Millis;
  /** Keys that end it; may be empty. */
  readonly finish_keys: string;
  readonly beep: boolean;
  /** Whether silence at both ends is left out. */
  readonly trim: boolean;
  readonly next?: NextRequest;
}

/** Let a program of the route's `programs` talk; what follows comes when it has ended. */
export interface ExecAction {
  readonly action: "exec";
  readonly program: string;
}

/** Let a WebSocket server talk until it closes (`both`), or only listen while the rest goes on. */
export interface WebsocketAction {
  readonly action: "websocket";
  readonly url: string;
  readonly protocol: "voicegw" | "twilio";
  readonly parameters: Readonly<Record<string, string>>;
  readonly ways: "both" | "inbound";
  readonly name?: string;
  readonly status_callback?: NextRequest;
}

/** End a WebSocket that listens: the one of that name, or the last. */
export interface StopWebsocketAction {
  readonly action: "stop_websocket";
  readonly name?: string;
}

/** Go on with what another URL says. */
export interface FetchAction {
  readonly action: "fetch";
  readonly next: NextRequest;
}

/** A command of the common vocabulary, done at once. */
export interface CommandAction {
  readonly action: "command";
  readonly command: HandlerCommand;
}

/** One thing to do. */
export type Action =
  | Prompt
  | GatherAction
  | RecordAction
  | ExecAction
  | WebsocketAction
  | StopWebsocketAction
  | FetchAction
  | CommandAction
  | { readonly action: "answer" } & Omit<AnswerCommand, "command">
  | { readonly action: "dtmf" } & Omit<DtmfCommand, "command">
  | { readonly action: "hangup" } & Omit<HangupCommand, "command">
  | { readonly action: "reject" } & Omit<RejectCommand, "command">
  | { readonly action: "redirect" } & Omit<RedirectCommand, "command">
  | { readonly action: "transfer" } & Omit<TransferCommand, "command">
  | { readonly action: "route" } & Omit<RouteCommand, "command">;

/** What came of reading a response. `message` says what to send instead, and where. */
export type ParsedActions =
  | { readonly ok: true; readonly actions: readonly Action[] }
  | { readonly ok: false; readonly message: string };

/** Actions of one response, at most. */
export const ACTIONS_MAX = 100;

/** Bytes of one response that holds actions, at most. */
export const ACTIONS_BYTES_MAX = 256 << 10;
