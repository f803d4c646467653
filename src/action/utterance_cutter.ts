/**
 * Cuts what the caller says out of the caller's audio: one piece for each time that somebody
 * speaks.
 *
 * A voice is told of later than it began, so the last seconds are always kept, in a ring of fixed
 * size; room for an utterance is taken while there is one. Times count the caller's audio from the beginning of the call, as `at_ms` of `speech`
 * events does.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";

/** How much later than its beginning a voice may be told of. */
const TOLD_LATE_MAX: Millis = 3_000;

/** How much later it usually is told of, where nothing better is known. */
const TOLD_LATE: Millis = 400;

/** Room that an utterance begins with: four seconds at 8 kHz. It doubles as it grows. */
const ROOM_BYTES = 64 << 10;

const NOTHING = new Uint8Array(0);

/** How utterances are cut. */
export interface UtteranceCutterOptions {
  /** Of the caller's PCM. */
  readonly rate: Hertz;
  /** What is kept before the first word, and behind the last one as far as it is there. */
  readonly preRoll: Millis;
  /** Longest utterance, `preRoll` included: a longer one is cut there, and goes on as another. */
  readonly max: Millis;
  /**
   * Where the first audio lies that is given; default 0, the beginning of the call's audio. A voice
   * that would lie in the future corrects it.
   */
  readonly beginsAt?: Millis;
}

/** The utterances of one caller. Hot path: `receive` seldom allocates, and only in an utterance. */
export class UtteranceCutter {
  readonly #bytesPerMs: number;
  readonly #preRoll: Millis;
  readonly #maxBytes: number;
  readonly #ring: Uint8Array;
  /** Bytes from the beginning of the call's audio to the first that was given. */
  #origin: number;
  /** Bytes that were given, and how many of them are no longer there. */
  #end = 0;
  #oldest = 0;
  /** Where the utterance under way begins. */
  #begin: number | undefined;
  /** All of it so far, and room for more. */
  #utterance: Uint8Array = NOTHING;
  #startedAt: Millis = 0;

  constructor({ rate, preRoll, max, beginsAt = 0 }: UtteranceCutterOptions) {
    this.#bytesPerMs = rate * 2 / 1000;
    this.#preRoll = preRoll;
    this.#maxBytes = this.#bytesAt(max);
    this.#ring = new Uint8Array(this.#bytesAt(preRoll + TOLD_LATE_MAX));
    this.#origin = this.#bytesAt(beginsAt);
  }

  /** Whether an utterance is under way. */
  get isSpeaking(): boolean {
    return this.#begin !== undefined;
  }

  /** Where the utterance began that was given last. */
  get startedAt(): Millis {
    return this.#startedAt;
  }

  /**
   * Takes the caller's audio, s16le, without gaps. `pcm` is copied.
   *
   * @returns An utterance that has become too long, up to its bound; else `undefined`.
   */
  receive(pcm: Uint8Array): Uint8Array | undefined {
    const begin = this.#begin;
    if (begin !== undefined) this.#append(pcm, this.#end - begin);
    this.#store(pcm);
    if (begin === undefined || this.#end - begin < this.#maxBytes) return undefined;
    const cut = this.#cut(begin, begin + this.#maxBytes);
    const rest = this.#utterance.subarray(this.#maxBytes, this.#end - begin);
    this.#utterance = NOTHING;
    this.#append(rest, 0);
    this.#begin = begin + this.#maxBytes;
    return cut;
  }

  /** The caller began to speak at `at`, which is some time ago. */
  speechStarted(at: Millis): void {
    if (this.#begin !== undefined) return;
    if (this.#bytesAt(at) - this.#origin > this.#end) {
      this.#origin = this.#bytesAt(at + TOLD_LATE) - this.#end;
    }
    const wanted = this.#bytesAt(at - this.#preRoll) - this.#origin;
    const begin = Math.max(this.#oldest, this.#end - this.#maxBytes, Math.min(wanted, this.#end));
    this.#begin = begin;
    const from = begin % this.#ring.length;
    const first = Math.min(this.#end - begin, this.#ring.length - from);
    this.#append(this.#ring.subarray(from, from + first), 0);
    this.#append(this.#ring.subarray(0, this.#end - begin - first), first);
  }

  /**
   * The caller's last voice was at `at`.
   *
   * @returns The utterance, of its own buffer; `undefined` when none was under way, or nothing of
   * it is there.
   */
  speechStopped(at: Millis): Uint8Array | undefined {
    const begin = this.#begin;
    if (begin === undefined) return undefined;
    this.#begin = undefined;
    const end = Math.min(this.#end, this.#bytesAt(at + this.#preRoll) - this.#origin);
    const cut = end > begin ? this.#cut(begin, Math.min(end, begin + this.#maxBytes)) : undefined;
    this.#utterance = NOTHING;
    return cut;
  }

  /** The call is over: what was being said is an utterance too. */
  finish(): Uint8Array | undefined {
    return this.speechStopped((this.#end + this.#origin) / this.#bytesPerMs);
  }

  /** Whole samples. */
  #bytesAt(at: Millis): number {
    return Math.floor(at * this.#bytesPerMs / 2) * 2;
  }

  #store(pcm: Uint8Array): void {
    const size = this.#ring.length;
    const kept = pcm.length > size ? pcm.subarray(pcm.length - size) : pcm;
    this.#end += pcm.length;
    const at = (this.#end - kept.length) % size;
    const room = size - at;
    if (kept.length <= room) this.#ring.set(kept, at);
    else {
      this.#ring.set(kept.subarray(0, room), at);
      this.#ring.set(kept.subarray(room), 0);
    }
    this.#oldest = Math.max(this.#oldest, this.#end - size);
  }

  /** Adds to the utterance, behind so many bytes of it. */
  #append(pcm: Uint8Array, length: number): void {
    const needed = length + pcm.length;
    if (needed > this.#utterance.length) {
      const larger = new Uint8Array(Math.max(needed, ROOM_BYTES, 2 * this.#utterance.length));
      larger.set(this.#utterance.subarray(0, length));
      this.#utterance = larger;
    }
    this.#utterance.set(pcm, length);
  }

  #cut(begin: number, end: number): Uint8Array {
    this.#startedAt = (begin + this.#origin) / this.#bytesPerMs;
    return this.#utterance.slice(0, end - begin);
  }
}
