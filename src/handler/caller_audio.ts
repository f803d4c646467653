/**
 * The caller's audio on its way to a server: when the server does not read, the oldest gives way,
 * so that it hears the present once it reads again.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";

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

interface Frame {
  readonly pcm: Uint8Array;
  readonly at: Millis;
}

/** The sending side of one connection after the other. Hot path: allocates only while it waits. */
export class CallerAudio {
  readonly #bytesPerMs: number;
  readonly #events: CallerAudioEvents;
  /** Since the connection began, with what gave way. */
  #bytes = 0;
  #waiting: Frame[] = [];
  #waitingBytes = 0;

  /** @param rate Of the s16le PCM. */
  constructor(rate: Hertz, events: CallerAudioEvents) {
    this.#bytesPerMs = rate * 2 / 1000;
    this.#events = events;
  }

  /** Sends a frame, now or when the server has taken those before. */
  write(pcm: Uint8Array): void {
    const at = this.#bytes / this.#bytesPerMs;
    this.#bytes += pcm.length;
    if (this.#waiting.length > 0) this.flush();
    if (this.#waiting.length === 0 && !this.#events.isBusy()) return this.#events.send(pcm, at);
    this.#waiting.push({ pcm: pcm.slice(), at });
    this.#waitingBytes += pcm.length;
    while (this.#waitingBytes > CALLER_QUEUE * this.#bytesPerMs) {
      this.#events.dropped(this.#shift().pcm.length);
    }
  }

  /** Sends what waits. To be called when everything that was sent before has left. */
  flush(): void {
    while (this.#waiting.length > 0 && !this.#events.isBusy()) {
      const { pcm, at } = this.#shift();
      this.#events.send(pcm, at);
    }
  }

  /** The connection is gone: what waits gives way, and time begins anew. */
  reset(): void {
    if (this.#waitingBytes > 0) this.#events.dropped(this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#bytes = 0;
  }

  #shift(): Frame {
    const frame = this.#waiting.shift() as Frame;
    this.#waitingBytes -= frame.pcm.length;
    return frame;
  }
}
