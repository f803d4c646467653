/**
 * The caller's audio to a web server and its audio back, as the two bodies of one request that
 * lasts as long as the call. RFC 9112 §7.1: chunks both ways.
 *
 * @module
 */

import type { Hertz, Millis } from "../../base/units.ts";
import type { HttpExchange, HttpRequest } from "../../runtime/client_ports.ts";
import type { Runtime, Timer } from "../../runtime/ports.ts";
import { SampleAligner } from "../sample_aligner.ts";

/** The caller's audio that waits for a server that does not read; what comes on top is lost. */
const QUEUE: Millis = 1_000;

/** Without anything for this long, what the server had sent ahead is all there. */
const QUIET: Millis = 40;

/** Longest that the server's audio counts as sent before; it may never stop. */
const DISCARD_MAX: Millis = 300;

/** What a stream is made of. */
export interface AudioStreamOptions {
  readonly runtime: Pick<Runtime, "requestHttp" | "setTimer" | "now">;
  readonly request: () => Omit<HttpRequest, "method" | "body">;
  readonly rate: Hertz;
  /** Until the head of the response is there. */
  readonly timeout: Millis;
  readonly events: {
    /** Takes the server's audio, whole samples; `false`: no more until `resume`. */
    audio(pcm: Uint8Array): boolean;
    /** The head of the response is waited for, or no longer. */
    waiting(isWaiting: boolean): void;
    /** Audio was lost since the server does not read. */
    dropped(bytes: number): void;
    /** The response is complete. */
    ended(): void;
    /** `why` is for a person, with the server as "it". */
    failed(why: string): void;
  };
}

/** One stream. Nothing is told after `stop`. */
export class AudioStream {
  readonly #options: AudioStreamOptions;
  #exchange: HttpExchange | undefined;
  #timer: Timer | undefined;
  #state: "idle" | "asking" | "open" | "over" = "idle";
  readonly #aligner = new SampleAligner();
  #isPaused = false;
  /** Until when, at most, what comes is old, and who is told when it is new. */
  #discarding: { readonly until: Millis; readonly done: (() => void)[] } | undefined;
  #quietTimer: Timer | undefined;

  constructor(options: AudioStreamOptions) {
    this.#options = options;
  }

  /** Whether nothing more comes of it. */
  get isOver(): boolean {
    return this.#state === "over";
  }

  start(): void {
    if (this.#state !== "idle") return;
    this.#state = "asking";
    const { runtime, request, timeout, events } = this.#options;
    events.waiting(true);
    this.#timer = runtime.setTimer(
      () =>
        this.#fail(`it did not answer within ${timeout} ms, send the head of the response first`),
      timeout,
    );
    this.#exchange = runtime.requestHttp({ ...request(), method: "POST", body: "stream" }, {
      head: (status) => this.#head(status),
      data: (data) => this.#data(data),
      ended: () => {
        if (this.#close()) events.ended();
      },
      failed: (why) => this.#fail(why),
      drained: () => {},
    });
  }

  /** Takes the caller's audio. Hot path. */
  receiveAudio(pcm: Uint8Array): void {
    const exchange = this.#exchange;
    if (exchange === undefined || this.#state === "over") return;
    const room = this.#options.rate * 2 * QUEUE / 1000;
    if (exchange.queuedBytes + pcm.length > room) this.#options.events.dropped(pcm.length);
    else exchange.write(pcm);
  }

  /** The server's audio is to wait, or no longer. */
  pause(isPaused: boolean): void {
    if (this.#isPaused === isPaused || this.isOver) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#exchange?.pause();
    else this.#exchange?.resume();
  }

  /**
   * Takes what the server has sent ahead and waits on its way here, wanted or not.
   *
   * @param done Before the return when nothing does; also when the stream is over.
   */
  discard(done: () => void): void {
    if (this.#discarding !== undefined) return void this.#discarding.done.push(done);
    if (this.isOver || !this.#isPaused) return done();
    const { runtime } = this.#options;
    this.#discarding = { until: runtime.now() + DISCARD_MAX, done: [done] };
    this.pause(false);
    this.#awaitQuiet();
  }

  stop(): void {
    const exchange = this.#exchange;
    if (this.#close()) exchange?.abort();
  }

  #head(status: number): void {
    if (this.#state !== "asking") return;
    this.#timer?.cancel();
    this.#options.events.waiting(false);
    if (status === 200) this.#state = "open";
    else this.#fail(`it answered ${status} to the stream of audio, 200 is needed`);
  }

  #data(data: Uint8Array): void {
    if (this.#state !== "open") return;
    const pcm = this.#aligner.align(data);
    const isFull = pcm.length > 0 && !this.#options.events.audio(pcm);
    if (this.#discarding !== undefined) this.#awaitQuiet();
    else if (isFull) this.pause(true);
  }

  /** The rest of what was sent ahead comes in one go. */
  #awaitQuiet(): void {
    const { runtime } = this.#options;
    this.#quietTimer?.cancel();
    const left = (this.#discarding?.until ?? 0) - runtime.now();
    const wait = Math.max(0, Math.min(QUIET, left));
    this.#quietTimer = runtime.setTimer(() => this.#discarded(), wait);
  }

  #discarded(): void {
    this.#quietTimer?.cancel();
    const done = this.#discarding?.done ?? [];
    this.#discarding = undefined;
    for (const each of done) each();
  }

  #fail(why: string): void {
    const exchange = this.#exchange;
    if (!this.#close()) return;
    exchange?.abort();
    this.#options.events.failed(why);
  }

  /** @returns Whether it was not over before. */
  #close(): boolean {
    this.#timer?.cancel();
    const isNew = this.#state !== "over";
    if (this.#state === "asking") this.#options.events.waiting(false);
    this.#state = "over";
    this.#exchange = undefined;
    this.#discarded();
    return isNew;
  }
}
