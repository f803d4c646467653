/**
 * Changes the rate of a live stream, frame by frame: band-limited interpolation by a windowed sinc
 * in polyphase form, with the past kept from one frame to the next.
 *
 * 20 ms in is 20 ms out, from the first frame on; the sound itself comes later by
 * {@linkcode StreamResampler.delay}. The pass band is flat up to 0.4 of the lower rate and 0.7 dB
 * down at 0.425 of it, which is 3.4 kHz of a telephone's 8; images and aliases, from 0.5 of it on,
 * are down by more than 60 dB.
 *
 * @module
 */

import type { Hertz, Millis, Samples } from "../base/units.ts";
import { commonRate, designSincFilter, type SincFilter } from "./sinc_filter.ts";

/** The rates that are taken, in any pair. */
export const STREAM_RATES: readonly Hertz[] = [8000, 16_000, 24_000, 32_000, 44_100, 48_000];

/** Rates of sounds that are brought to one of those, or the other way. */
export const FOREIGN_RATES: readonly Hertz[] = [11_025, 12_000, 22_050, 96_000];

/** Half the length of the filter, in periods of the lower rate. It is also the delay. */
const REACH_PERIODS = 20;
/** Where the gain is one half, as a share of the lower rate. */
const CUT_OFF = 0.452;
/** Shape of the Kaiser window: 63 dB of rejection. */
const KAISER_BETA = 6.1;
/** Above any rate: a pair of rates is one number to this base. */
const RATE_KEY = 131_072;
/** How much is taken into the history at once; longer input is done in such pieces. */
const PIECE_MS: Millis = 20;
/** How many pieces the history has room for, so that its past is seldom moved. */
const PIECES = 4;

/** From which rate to which. */
export interface StreamRates {
  readonly from: Hertz;
  readonly to: Hertz;
}

/**
 * The rate change of one stream. Hot path: allocates nothing after construction; the taps of a pair
 * of rates are computed once and shared.
 */
export class StreamResampler {
  /** How much later the sound comes out than it went in, less than 5 ms. */
  readonly delay: Millis;

  /** In `#up` outputs as much time passes as in `#down` inputs. */
  readonly #up: number;
  readonly #down: number;
  readonly #taps: Float64Array;
  /** Taps of one phase. */
  readonly #count: Samples;
  /** How many samples before the next input still count. */
  readonly #past: Samples;

  /** The past, and the piece at hand behind it. */
  readonly #history: Float64Array;
  /** Where the next input goes. */
  #end: Samples;
  /** Inputs so far, modulo `#down`. */
  #taken = 0;

  /** @throws {RangeError} A rate is of neither of the lists above. */
  constructor({ from, to }: StreamRates) {
    checkRate(from);
    checkRate(to);
    const common = commonRate(from, to);
    this.#up = to / common;
    this.#down = from / common;
    const filter = from === to ? undefined : filterOf(from, to);
    this.#taps = filter?.taps ?? new Float64Array(0);
    this.#count = (filter?.reach ?? 0) * 2;
    this.delay = (1000 * (filter?.reach ?? 0)) / from;
    const piece = Math.ceil((PIECE_MS * from) / 1000);
    this.#past = this.#count + Math.ceil(this.#down / this.#up);
    this.#end = this.#past;
    this.#history = new Float64Array(this.#past + piece * PIECES);
  }

  /** How many outputs so many inputs can become. */
  outputMax(inputs: Samples): Samples {
    return Math.ceil((inputs * this.#up) / this.#down);
  }

  /**
   * Takes `input[offset, offset + length)` and writes what it becomes to the start of `out`. The
   * total of outputs so far is always the whole part of the total of inputs times `to / from`.
   * What is louder than 16 bits allow is clipped.
   *
   * @param out Must have room for {@linkcode outputMax} samples, and be another buffer than `input`.
   * @returns Count of samples written.
   */
  process(input: Int16Array, offset: number, length: number, out: Int16Array): Samples {
    if (this.#count === 0) {
      for (let index = 0; index < length; index++) out[index] = input[offset + index] as number;
      return length;
    }
    const end = offset + length;
    let written = 0;
    let from = offset;
    while (from < end) {
      const to = Math.min(end, from + this.#makeRoom());
      written = this.#piece(input, from, to, out, written);
      from = to;
    }
    return written;
  }

  /** Forgets the past: the filter begins with silence. */
  reset(): void {
    this.#history.fill(0);
    this.#end = this.#past;
    this.#taken = 0;
  }

  /** Moves the past to the front when the history is full. */
  #makeRoom(): Samples {
    const history = this.#history;
    if (this.#end === history.length) {
      const past = this.#past;
      history.copyWithin(0, this.#end - past, this.#end);
      this.#end = past;
    }
    return history.length - this.#end;
  }

  /** Takes what the history has room for; writes to `out` from `written` on. */
  #piece(input: Int16Array, from: number, to: number, out: Int16Array, written: number): number {
    const history = this.#history;
    const start = this.#end;
    const length = to - from;
    for (let index = 0; index < length; index++) {
      history[start + index] = input[from + index] as number;
    }
    this.#end = start + length;
    const up = this.#up;
    const down = this.#down;
    const first = Math.floor((this.#taken * up) / down);
    const last = Math.floor(((this.#taken + length) * up) / down);
    // The first output falls on or behind an input, which is the newest that it needs.
    const newest = Math.floor((first * down) / up);
    const phase = first * down - newest * up;
    const oldest = start - this.#taken + newest - this.#count + 1;
    this.#taken = (this.#taken + length) % down;
    const end = written + last - first;
    this.#convolve(oldest, phase, out, written, end);
    return end;
  }

  /** Fills `out[from, to)`; the first of these is made of the history from `oldest` on. */
  #convolve(oldest: number, phase: number, out: Int16Array, from: number, to: number): void {
    const history = this.#history;
    const taps = this.#taps;
    const count = this.#count;
    const up = this.#up;
    const wholeStep = Math.floor(this.#down / up);
    const phaseStep = this.#down % up;
    let start = oldest;
    for (let index = from; index < to; index++) {
      const base = phase * count;
      // Four sums, since one would wait for itself at each addition.
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      for (let tap = 0; tap < count; tap += 4) {
        const at = start + tap;
        const weight = base + tap;
        a += (history[at] as number) * (taps[weight] as number);
        b += (history[at + 1] as number) * (taps[weight + 1] as number);
        c += (history[at + 2] as number) * (taps[weight + 2] as number);
        d += (history[at + 3] as number) * (taps[weight + 3] as number);
      }
      const value = Math.round(a + b + c + d);
      out[index] = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
      start += wholeStep;
      phase += phaseStep;
      if (phase >= up) {
        phase -= up;
        start++;
      }
    }
  }
}

/** The filters in use, one for each pair of rates: never more than there are pairs. */
const filters = new Map<number, SincFilter>();

function filterOf(from: Hertz, to: Hertz): SincFilter {
  const key = from * RATE_KEY + to;
  let filter = filters.get(key);
  if (filter === undefined) {
    filter = designFilter(from, to);
    filters.set(key, filter);
  }
  return filter;
}

function designFilter(from: Hertz, to: Hertz): SincFilter {
  const lower = Math.min(from, to);
  return designSincFilter({
    phases: to / commonRate(from, to),
    // Even, since taps are taken four at a time.
    reach: Math.ceil((REACH_PERIODS * from) / lower / 2) * 2,
    cutOff: (2 * CUT_OFF * lower) / from,
    kaiserBeta: KAISER_BETA,
  });
}

function checkRate(rate: Hertz): void {
  if (STREAM_RATES.includes(rate) || FOREIGN_RATES.includes(rate)) return;
  throw new RangeError(`A stream cannot have ${rate} Hz, use ${STREAM_RATES.join(", ")}`);
}
