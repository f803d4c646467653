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
  /** Programs that are started ahead of their calls; 0 when absent. */
  readonly pool?: number;
  /** What one program may take; the system's own bounds when absent. */
  readonly limits?: ExecLimits;
}

/** What one program may take, where the system has such bounds. */
export interface ExecLimits {
  /** Niceness, 0 to 19. */
  readonly nice?: number;
  /** Bytes of address space. */
  readonly memory?: number;
  /** Of the processor, in all. */
  readonly cpu?: Millis;
}

/** How TLS is spoken with a server that a handler connects to. */
export interface TargetTls {
  /** PEM of the authorities to trust; those of the system when absent. */
  readonly ca?: string;
  /** PEM texts of our certificate and its key, for servers that ask. */
  readonly certificate?: string;
  readonly key?: string;
  /** `false` takes any certificate. */
  readonly verify: boolean;
}

/** Asks a web server what to do with the call. */
export interface WebhookSpec {
  readonly type: "webhook";
  /** `http:` or `https:`; placeholders in path and query. */
  readonly url: string;
  readonly protocol: "voicegw" | "twilio";
  /** What of the caller's audio the server gets. */
  readonly audio: "none" | "utterances" | "stream";
  /** Keys of Standard Webhooks, `whsec_` and base64, the newest first; empty: nothing is signed. */
  readonly secrets: readonly string[];
  /** Twilio: `AC` and 32 hexadecimal digits. */
  readonly account_sid: string;
  /** Twilio: what requests are signed with; absent: they are not. */
  readonly auth_token?: string;
  /** Twilio: is told of each change of the call's status. */
  readonly status_callback?: string;
  /** From the connection to the last byte of the response. */
  readonly timeout: Millis;
  /** More tries after the first. */
  readonly retries: number;
  /** More headers of each request; placeholders in the values. */
  readonly headers: Readonly<Record<string, string>>;
  /** argv of each program that an `exec` action can name; placeholders as in {@linkcode ExecSpec}. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
  /** Folder of what `record` actions record. */
  readonly recordings: string;
  readonly tls: TargetTls;
}

/** Talks to a WebSocket server. */
export interface WebsocketSpec {
  readonly type: "websocket";
  /** `ws:` or `wss:`; placeholders in path and query. */
  readonly url: string;
  readonly protocol: "voicegw" | "twilio";
  /** Twilio: its customParameters; placeholders in the values. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Twilio: `AC` and 32 hexadecimal digits. */
  readonly account_sid: string;
  /** More headers of the handshake; placeholders in the values. */
  readonly headers: Readonly<Record<string, string>>;
  /** For the connection and its handshake. */
  readonly timeout: Millis;
  /** From one ping to the next; one that is not answered by then ends the connection. 0: none. */
  readonly ping: Millis;
  readonly reconnect: {
    /** How often a connection that was up and is lost is tried anew. */
    readonly tries: number;
    /** Before the second try; the first is at once, and each further one waits twice as long. */
    readonly delay: Millis;
  };
  readonly tls: TargetTls;
}

/** Talks to an AudioSocket server. */
export interface AudiosocketSpec {
  readonly type: "audiosocket";
  /** `tcp://host:port`. */
  readonly url: string;
  /** For the connection. */
  readonly timeout: Millis;
  /** Without a single frame from the server for this long it is taken for dead; 0: never. */
  readonly idle: Millis;
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
export type HandlerSpec =
  | ExecSpec
  | WebhookSpec
  | WebsocketSpec
  | AudiosocketSpec
  | EchoSpec
  | PlaySpec
  | RejectSpec
  | RedirectSpec;

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

/** How long the caller may hear nothing since a handler waits for its far end. */
export interface DeadAir {
  readonly limit: Millis;
  /** WAV file that is played from then on, over and over; absent: the handler has failed. */
  readonly play?: string;
}

/** What a route has that says nothing of its audio. */
export const AUDIO_DEFAULTS: RouteAudio = {
  rate: 8000,
  barge_in: { mode: "off", after: 300 },
  dtmf: "auto",
};

/** What a route has that says nothing of dead air. */
export const DEAD_AIR_DEFAULT: DeadAir = { limit: 10_000 };

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
  /** Calls of this route at once; one more goes to `on_error`, or gets 503. */
  readonly max_calls?: number;
  /** {@linkcode DEAD_AIR_DEFAULT} when absent. */
  readonly dead_air?: DeadAir;
}
