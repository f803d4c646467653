/**
 * An AudioSocket server as handler, as Asterisk connects to one: audio both ways and keys in small
 * frames over TCP, and the UUID of the call before all else.
 *
 * The server may send ahead: we pace. It is told of keys and of the end, and of nothing else, since
 * the protocol has no words for it: marks, clears and speech are not there. It hangs up with a frame
 * of its own, or by closing the connection; a connection that breaks is a failure.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { HandlerEvent, StartEvent } from "../../call/handler_message.ts";
import type { AudiosocketSpec } from "../../route/route.ts";
import type { TcpSocket } from "../../runtime/client_ports.ts";
import type { Timer } from "../../runtime/ports.ts";
import type { HandlerContext } from "../create_handler.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler.ts";
import { NO_GUARD, type TargetGuard } from "../target_guard.ts";
import { CallerAudio } from "../caller_audio.ts";
import {
  audioKind,
  describeError,
  FrameReader,
  FrameWriter,
  KIND,
  rateOfKind,
  uuidBytes,
} from "./frames.ts";

/** From our goodbye to the end of a connection that the server leaves open. */
const CLOSE_TIMEOUT: Millis = 2_000;

/** Keys that wait for the connection. */
const KEYS_MAX = 100;

/** What the server sent ahead before a barge-in is all read when nothing comes for this long, */
const QUIET: Millis = 10;
/** or after this long, from a server that never stops. */
const DISCARD_MAX: Millis = 500;

const NO_PAYLOAD = new Uint8Array(0);

/** What the handler is made of. */
export interface AudiosocketOptions {
  readonly spec: AudiosocketSpec;
  readonly context: Pick<HandlerContext, "runtime" | "rate" | "targets">;
  readonly host: HandlerHost;
}

/**
 * - `stopping`: we have said goodbye, or are about to.
 */
type State = "idle" | "connecting" | "running" | "stopping" | "ended";

/** One server for one call. Hot path: a frame allocates nothing here. */
export class AudiosocketHandler implements Handler {
  readonly #options: AudiosocketOptions;
  readonly #host: HandlerHost;
  readonly #guard: TargetGuard;
  readonly #target: string;
  readonly #kind: number;
  readonly #writer = new FrameWriter();
  readonly #reader = new FrameReader();
  readonly #caller: CallerAudio;
  readonly #take = (kind: number, payload: Uint8Array): boolean => this.#taken(kind, payload);
  #state: State = "idle";
  #socket: TcpSocket | undefined;
  #id = "";
  /** Pressed while it connects. */
  #keys = "";
  #isPaused = false;
  /** The frame whose end has not come yet began before a barge-in. */
  #isFrameOld = false;
  /** When the server was heard last. */
  #heardAt: Millis = 0;
  /** Until when, at most, audio is old. */
  #discardUntil: Millis | undefined;
  #timer: Timer | undefined;
  #discardTimer: Timer | undefined;

  constructor(options: AudiosocketOptions) {
    const { spec, context: { rate, targets = NO_GUARD }, host } = options;
    this.#options = options;
    this.#host = host;
    this.#guard = targets;
    this.#target = spec.url;
    this.#kind = audioKind(rate);
    this.#caller = new CallerAudio(rate, {
      send: (pcm) => this.#socket?.write(this.#writer.frame(this.#kind, pcm)),
      isBusy: () => (this.#socket?.queuedBytes ?? 0) > 0,
      dropped: (bytes) => host.audioDropped(bytes),
    });
  }

  start(event: StartEvent): void {
    if (this.#state !== "idle") return;
    this.#state = "connecting";
    this.#id = event.call.id;
    const { spec, context: { runtime } } = this.#options;
    const refusal = this.#guard.refuse(this.#target);
    if (refusal !== undefined) return this.#fail(refusal);
    const { hostname, port } = new URL(spec.url);
    const to = { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
    this.#socket = runtime.connectTcp(to, { timeout: spec.timeout }, {
      opened: () => this.#opened(),
      data: (data) => this.#receive(data),
      drained: () => this.#caller.flush(),
      failed: (why) => {
        this.#guard.failed(this.#target);
        this.#fail(why);
      },
      closed: (error) => this.#closed(error),
    });
  }

  receiveAudio(pcm: Uint8Array): void {
    if (this.#state === "running") this.#caller.write(pcm);
  }

  receiveEvent(event: HandlerEvent): void {
    // There is no key for a flash
    if (event.event !== "dtmf" || event.digit.length !== 1) return;
    if (this.#state === "running") this.#sendKey(event.digit);
    else if (this.#state === "connecting" && this.#keys.length < KEYS_MAX) {
      this.#keys += event.digit;
    }
  }

  resumeAudio(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#heardAt = this.#now;
    this.#socket?.resume();
  }

  /** What the server has sent ahead is read and dropped; what it sends from then on is new. */
  discardAudio(): void {
    if (this.#state !== "running") return;
    if (!this.#isPaused) return this.#discarded();
    this.#discardUntil = this.#now + DISCARD_MAX;
    this.resumeAudio();
    this.#awaitQuiet();
  }

  stop(): void {
    if (this.#state === "stopping" || this.#state === "ended") return;
    if (this.#state !== "running") return this.kill();
    this.#state = "stopping";
    this.#send(KIND.hangUp, NO_PAYLOAD);
    this.#socket?.close();
    this.#arm(CLOSE_TIMEOUT, () => this.kill());
  }

  kill(): void {
    if (this.#state === "ended") return;
    if (this.#state === "connecting") this.#guard.abandoned(this.#target);
    this.#end({ type: "stopped" });
  }

  get #now(): Millis {
    return this.#options.context.runtime.now();
  }

  #opened(): void {
    this.#guard.succeeded(this.#target);
    this.#state = "running";
    this.#heardAt = this.#now;
    this.#send(KIND.uuid, uuidBytes(this.#id));
    for (const digit of this.#keys) this.#sendKey(digit);
    const { idle } = this.#options.spec;
    if (idle > 0) this.#arm(idle, () => this.#checkIdle());
    this.#host.started();
  }

  #receive(data: Uint8Array): void {
    if (this.#state !== "running") return;
    this.#heardAt = this.#now;
    if (this.#discardUntil !== undefined) this.#awaitQuiet();
    this.#reader.receive(data, this.#take);
    this.#checkWithin();
  }

  /** The end of a frame that is not wanted anyway is not waited for: it may be no AudioSocket. */
  #checkWithin(): void {
    const { kindWithin: kind, lengthWithin: length = 0 } = this.#reader;
    if (kind === undefined || this.#state !== "running" || kind === this.#kind) return;
    // Asterisk looks at the kind alone
    const longest = kind === KIND.hangUp ? 0 : kind === KIND.error ? 1 : -1;
    if (length > longest) this.#taken(kind, NO_PAYLOAD);
  }

  /** Takes a frame; tells whether more are wanted. */
  #taken(kind: number, payload: Uint8Array): boolean {
    if (kind === this.#kind) this.#takeAudio(payload);
    else if (kind === KIND.hangUp) this.#end({ type: "completed" });
    else if (kind === KIND.error) this.#fail(describeError(payload));
    else this.#fail(this.#describeKind(kind));
    return this.#state === "running";
  }

  #takeAudio(payload: Uint8Array): void {
    if ((payload.length & 1) !== 0) {
      return this.#fail(
        `it sent ${payload.length} bytes of audio, which is half a sample too much`,
      );
    }
    const isOld = this.#isFrameOld || this.#discardUntil !== undefined;
    this.#isFrameOld = false;
    if (payload.length === 0 || isOld) return;
    if (this.#host.audio(payload) || this.#isPaused) return;
    this.#isPaused = true;
    this.#socket?.pause();
  }

  #describeKind(kind: number): string {
    const rate = rateOfKind(kind);
    const { rate: ours } = this.#options.context;
    return rate === undefined
      ? `it sent a frame of the unknown kind 0x${kind.toString(16).padStart(2, "0")}`
      : `it sent audio at ${rate} Hz, but the route has ${ours}: write rate: ${rate}, or have the ` +
        "server send what it gets";
  }

  /** The rest of what was sent ahead comes in one go. */
  #awaitQuiet(): void {
    const { runtime } = this.#options.context;
    this.#discardTimer?.cancel();
    const left = (this.#discardUntil ?? 0) - this.#now;
    this.#discardTimer = runtime.setTimer(
      () => this.#discarded(),
      Math.max(0, Math.min(QUIET, left)),
    );
  }

  /** What comes from now on is new, but for the end of a frame that has begun. */
  #discarded(): void {
    this.#discardUntil = undefined;
    this.#isFrameOld = this.#reader.isWithin;
    this.#host.audioDiscarded();
  }

  #checkIdle(): void {
    const { idle } = this.#options.spec;
    const left = this.#isPaused ? idle : this.#heardAt + idle - this.#now;
    if (left > 0) return this.#arm(left, () => this.#checkIdle());
    this.#fail(`it sent nothing for ${idle / 1000} s`);
  }

  #closed(error: string | undefined): void {
    if (this.#state === "stopping") return this.#end({ type: "stopped" });
    if (error !== undefined) return this.#fail(error);
    if (this.#reader.isWithin) {
      return this.#fail("it closed the connection in the middle of a frame");
    }
    this.#end({ type: "completed" });
  }

  #sendKey(digit: string): void {
    this.#send(KIND.dtmf, Uint8Array.of(digit.charCodeAt(0)));
  }

  #send(kind: number, payload: Uint8Array): void {
    this.#socket?.write(this.#writer.frame(kind, payload));
  }

  #fail(why: string): void {
    this.#end({ type: "failed", reason: `${this.#options.spec.url}: ${why}` });
  }

  #end(end: HandlerEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#timer?.cancel();
    this.#discardTimer?.cancel();
    this.#socket?.destroy();
    this.#host.ended(end);
  }

  /** One timer at a time: for silence, then for the goodbye. */
  #arm(delay: Millis, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.context.runtime.setTimer(callback, delay);
  }
}
