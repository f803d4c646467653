/**
 * One rule of the routing table as a value: which calls it takes, and what becomes of them.
 *
 * Configuration makes these values, {@linkcode Router} chooses among them, and the call hands the
 * chosen one's handler to whoever runs it. Names of fields equal the keys of the configuration
 * file.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { Condition } from "./condition.ts";

/** Runs a program with the call's audio on its standard input and output. */
export interface ExecSpec {
  readonly type: "exec";
  /** argv, never seen by a shell; placeholders in every element but the first. */
  readonly command: readonly string[];
  /** Variables beside those that every program gets; placeholders in the values. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** From the end of the call to SIGTERM, and from there to SIGKILL. */
  readonly stop_after: Millis;
}

/** Sends the caller's audio back. */
export interface EchoSpec {
  readonly type: "echo";
}

/** Plays a WAV file, then hangs up. */
export interface PlaySpec {
  readonly type: "play";
  /** Placeholders allowed; see `expand_handler.ts` for what their values may not hold. */
  readonly file: string;
  /** How often the file is played in all; `Infinity` until the caller hangs up. */
  readonly loop: number;
}

/** Refuses the call. */
export interface RejectSpec {
  readonly type: "reject";
  /** 400 to 699. */
  readonly status: number;
  /** Reason phrase; the status's own one when absent. */
  readonly reason?: string;
  /** More headers of the response; placeholders in the values. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends the caller elsewhere. RFC 3261 §8.3. */
export interface RedirectSpec {
  readonly type: "redirect";
  /** URIs for Contact, the preferred one first; placeholders allowed. */
  readonly to: readonly string[];
  /** 300 to 399. */
  readonly status: number;
}

/** What becomes of a call, whatever kind it is. */
export type HandlerSpec = ExecSpec | EchoSpec | PlaySpec | RejectSpec | RedirectSpec;

/** What happens to our sound when the caller speaks over it. */
export interface BargeIn {
  /** Nothing; the handler is told; or what is queued is dropped, and the handler told. */
  readonly mode: "off" | "notify" | "clear";
  /** How long the caller has to speak. */
  readonly after: Millis;
}

/** Which ways keys take. `auto` and `inband` send by RFC 4733, else by INFO. */
export type DtmfMode = "auto" | "info" | "inband";

/** A recording of a call. */
export interface RecordSpec {
  /** Placeholders allowed, as in the file of {@linkcode PlaySpec}. */
  readonly file: string;
  /** It begins with the answer, or when the handler says so. */
  readonly on: "answer" | "command";
}

/** What of a route concerns the audio. It holds for every handler of a call. */
export interface RouteAudio {
  /** Of the PCM that handlers get and give. */
  readonly rate: Hertz;
  readonly barge_in: BargeIn;
  readonly dtmf: DtmfMode;
  readonly record?: RecordSpec;
}

/** What a route has that says nothing of its audio. */
export const AUDIO_DEFAULTS: RouteAudio = {
  rate: 8000,
  barge_in: { mode: "off", after: 300 },
  dtmf: "auto",
};

/** One rule of the routing table. */
export interface Route extends RouteAudio {
  /** Unique in the table. */
  readonly name: string;
  /** Position in the table, from 0. */
  readonly index: number;
  /** Line in the configuration file, from 1; absent when the configuration came from elsewhere. */
  readonly line?: number;
  /** All of them must hold; an empty list takes every call. */
  readonly when: readonly Condition[];
  readonly handler: HandlerSpec;
  /** Who answers: we do once the handler has started (`auto`), or the handler says when. */
  readonly answer: "auto" | "manual";
  /** The name of the route that takes over when the handler fails, or a handler in place. */
  readonly on_error?: string | HandlerSpec;
  /** Longest that a call of this route may last; the general limit applies when absent. */
  readonly max_duration?: Millis;
}
