/**
 * The caller's audio on its way to a server: when the server does not read, the oldest gives way,
 * so that it hears the present once it reads again.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import { AudioBacklog } from "./audio_backlog.ts";

/** What waits at most, besides what the system's sockets hold. */
export const CALLER_QUEUE: Millis = 1_000;

/** What the audio needs from both sides. */
export interface CallerAudioEvents {
  /** Sends a frame; `at` since the connection began. `pcm` may be reused after. */
  send(pcm: Uint8Array, at: Millis): void;
  /** Whether what was sent before has not left yet. */
  isBusy(): boolean;
  /** Audio gave way. */
  dropped(bytes: number): void;
}

/** The sending side of one connection after the other. Hot path: allocates only while it waits. */
export class CallerAudio {
  readonly #bytesPerMs: number;
  readonly #events: CallerAudioEvents;
  readonly #waiting: AudioBacklog;
  /** Since the connection began, with what gave way. */
  #bytes = 0;

  /** @param rate Of the s16le PCM. */
  constructor(rate: Hertz, events: CallerAudioEvents) {
    this.#bytesPerMs = rate * 2 / 1000;
    this.#events = events;
    const bytesMax = CALLER_QUEUE * this.#bytesPerMs;
    this.#waiting = new AudioBacklog(bytesMax, (bytes) => events.dropped(bytes));
  }

  /** Sends a frame, now or when the server has taken those before. */
  write(pcm: Uint8Array): void {
    if (!this.#waiting.isEmpty) this.flush();
    this.#bytes += pcm.length;
    if (this.#waiting.isEmpty && !this.#events.isBusy()) this.#send(pcm);
    else this.#waiting.add(pcm);
  }

  /** Sends what waits. To be called when everything that was sent before has left. */
  flush(): void {
    while (!this.#waiting.isEmpty && !this.#events.isBusy()) this.#send(this.#waiting.take());
  }

  /** The connection is gone: what waits gives way, and time begins anew. */
  reset(): void {
    this.#waiting.drop();
    this.#bytes = 0;
  }

  /** What is sent has gone before all that waits. */
  #send(pcm: Uint8Array): void {
    const end = this.#bytes - this.#waiting.bytes;
    this.#events.send(pcm, (end - pcm.length) / this.#bytesPerMs);
  }
}
