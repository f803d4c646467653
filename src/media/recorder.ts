/**
 * Records one call as two tracks that belong together sample by sample: the caller on the left, the
 * handler on the right.
 *
 * The caller's track is the timeline that the handler hears, which has no gaps; the handler's is
 * what really went out, at the places where it went out. What is complete on both sides is taken
 * off as interleaved PCM. Files are the gateway's.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";

/** So much of the newest audio stays back: the handler's may still come. */
const HOLD_BACK_MS: Millis = 250;

/** Most that is kept when nobody takes it off; the oldest is lost first. */
export const RECORDER_MS_MAX: Millis = 4_000;

/** Bytes of one sample of both tracks. */
export const STEREO_SAMPLE_BYTES = 4;

/**
 * The recorder of one call. Positions count samples since the call's audio began. Hot path:
 * `caller` and `handler` copy, and allocate nothing; the tracks are joined when they are taken off.
 */
export class Recorder {
  /** Both by position modulo the capacity. */
  readonly #caller: Int16Array;
  readonly #handler: Int16Array;
  readonly #holdBack: Samples;
  /** First position that was not taken off yet. */
  #taken: Samples = 0;
  /** Where the caller's track ends. */
  #end: Samples = 0;
  /** Where the handler's track ends; what is behind it is silence. */
  #handlerEnd: Samples = 0;
  #isPaused = false;
  #lost: Samples = 0;

  /** @param rate Of both tracks. */
  constructor(rate: Hertz) {
    const capacity = (RECORDER_MS_MAX * rate) / 1000;
    this.#holdBack = (HOLD_BACK_MS * rate) / 1000;
    this.#caller = new Int16Array(capacity);
    this.#handler = new Int16Array(capacity);
  }

  /** Samples that nobody took off in time. */
  get lost(): Samples {
    return this.#lost;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** What comes from now on is recorded as silence, so that the file keeps in step with the call. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  /**
   * Takes what the handler heard next.
   *
   * @param pcm s16le; copied.
   */
  caller(pcm: Uint8Array): void {
    const count = pcm.length >> 1;
    const start = this.#end;
    this.#end = start + count;
    this.#makeRoom(this.#end);
    const ring = this.#caller;
    if (this.#isPaused) return silence(ring, start, this.#end);
    const isAligned = (pcm.byteOffset & 1) === 0;
    const bytes = isAligned ? pcm : pcm.slice();
    copy(ring, start, new Int16Array(bytes.buffer, bytes.byteOffset, count));
  }

  /**
   * Takes what went out to the caller.
   *
   * @param position Where it begins; what lies before the last end, or was taken off, is left out.
   */
  handler(position: Samples, samples: Int16Array, count: Samples): void {
    const end = position + count;
    this.#makeRoom(end);
    const before = Math.max(this.#handlerEnd, this.#taken);
    if (end <= before) return;
    const ring = this.#handler;
    const from = Math.max(position, before);
    silence(ring, before, this.#isPaused ? end : from);
    this.#handlerEnd = end;
    if (this.#isPaused) return;
    copy(ring, from, samples.subarray(from - position, count));
  }

  /**
   * Takes off what is complete.
   *
   * @param isLast The call's audio is over: nothing stays back.
   * @returns s16le, left and right in turn; a new array, empty when there is nothing.
   */
  take(isLast = false): Uint8Array<ArrayBuffer> {
    const end = isLast ? this.#end : this.#end - this.#holdBack;
    const count = Math.max(0, end - this.#taken);
    const heard = Math.min(count, this.#handlerEnd - this.#taken);
    const out = new Int32Array(count);
    const [caller, handler] = [this.#caller, this.#handler];
    let at = this.#taken % caller.length;
    for (let index = 0; index < count; index++) {
      const right = index < heard ? handler[at] as number : 0;
      out[index] = ((caller[at] as number) & 0xffff) | (right << 16);
      if (++at === caller.length) at = 0;
    }
    this.#taken += count;
    return new Uint8Array(out.buffer);
  }

  /** Gives up the oldest when there would be more than the rings hold. */
  #makeRoom(end: Samples): void {
    const over = end - this.#taken - this.#caller.length;
    if (over <= 0) return;
    this.#taken += over;
    this.#lost += over;
  }
}

/** Writes samples at a position; of more than a round, the last. */
function copy(ring: Int16Array, position: Samples, samples: Int16Array): void {
  const size = ring.length;
  if (samples.length > size) {
    return copy(ring, position + samples.length - size, samples.subarray(samples.length - size));
  }
  const start = position % size;
  const first = size - start;
  if (samples.length <= first) return ring.set(samples, start);
  ring.set(samples.subarray(0, first), start);
  ring.set(samples.subarray(first));
}

/** Writes zeros from one position up to another, at most a round. */
function silence(ring: Int16Array, from: Samples, to: Samples): void {
  if (to <= from) return;
  const size = ring.length;
  const start = Math.max(from, to - size) % size;
  const count = Math.min(to - from, size);
  ring.fill(0, start, Math.min(start + count, size));
  if (start + count > size) ring.fill(0, 0, start + count - size);
}
