/**
 * Hands over PCM that is at hand, as fast as it is taken: once, several times, or without end.
 *
 * @module
 */

import type { Runtime } from "../../runtime/ports.ts";
import type { Sound, SoundSink } from "./sound.ts";

/** What is handed over in one piece: 200 ms at 8 kHz. */
const PIECE_BYTES = 3_200;

/** Pieces handed over before others get their turn, should the sink never be full. */
const PIECES_A_TURN = 64;

/** What is handed over. */
export interface PcmPlayerOptions {
  /** s16le mono at the call's rate; begins anew at its end. Not written to. */
  readonly pcm: Uint8Array;
  /** How much in all, an even number; may be `Infinity`. Nothing, where `pcm` is empty. */
  readonly totalBytes: number;
  readonly runtime: Pick<Runtime, "setImmediate">;
  readonly sink: SoundSink;
}

/** One handing over. */
export class PcmPlayer implements Sound {
  readonly #options: PcmPlayerOptions;
  #leftBytes: number;
  #offset = 0;
  #state: "waiting" | "giving" | "scheduled" | "over" = "waiting";

  constructor(options: PcmPlayerOptions) {
    this.#options = options;
    this.#leftBytes = options.pcm.length === 0 ? 0 : options.totalBytes;
  }

  start(): void {
    this.resume();
  }

  /** Begins, or goes on after the sink was full. */
  resume(): void {
    if (this.#state === "waiting") this.#give();
  }

  stop(): void {
    this.#state = "over";
  }

  #give(): void {
    const { sink, runtime } = this.#options;
    this.#state = "giving";
    for (let piece = 0; piece < PIECES_A_TURN; piece++) {
      if (this.#leftBytes <= 0) {
        this.#state = "over";
        return sink.ended();
      }
      const isTaken = sink.audio(this.#nextPiece());
      if (this.#isOver) return;
      if (!isTaken) {
        this.#state = "waiting";
        return;
      }
    }
    this.#state = "scheduled";
    runtime.setImmediate(() => {
      if (this.#state === "scheduled") this.#give();
    });
  }

  /** The sink may have stopped it. */
  get #isOver(): boolean {
    return this.#state === "over";
  }

  #nextPiece(): Uint8Array {
    const { pcm } = this.#options;
    const length = Math.min(PIECE_BYTES, pcm.length - this.#offset, this.#leftBytes);
    const piece = pcm.subarray(this.#offset, this.#offset + length);
    this.#leftBytes -= length;
    this.#offset = this.#offset + length === pcm.length ? 0 : this.#offset + length;
    return piece;
  }
}
