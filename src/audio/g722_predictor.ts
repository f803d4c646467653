/**
 * The adaptive predictor of a sub-band of G.722, ITU-T G.722 §3.6 and §6.2: six zeros and two
 * poles, whose coefficients follow the signs of what was not foreseen. Encoder and decoder run the
 * same one.
 *
 * All numbers are 16 bits wide and saturate, in the order of operations that the recommendation
 * gives: one other rounding and the two ends drift apart.
 *
 * @module
 */

/** The stability limits of the poles: |a2| <= 0.75, |a1| <= 1 - 2⁻⁴ - a2. */
const A2_MAX = 12288;
const A1_MAX = 15360;

/** The predictor of one sub-band in one direction. Hot path: allocates nothing. */
export class G722Predictor {
  /** Coefficients of the poles and of the zeros. */
  #a1 = 0;
  #a2 = 0;
  #b1 = 0;
  #b2 = 0;
  #b3 = 0;
  #b4 = 0;
  #b5 = 0;
  #b6 = 0;
  /** The last differences and the last reconstructed sample, doubled: no other use is made. */
  #d1 = 0;
  #d2 = 0;
  #d3 = 0;
  #d4 = 0;
  #d5 = 0;
  #d6 = 0;
  #r1 = 0;
  /** The last partially reconstructed samples; of these the sign alone counts. */
  #p1 = 0;
  #p2 = 0;
  /** What the zeros alone foresee. */
  #zeros = 0;
  /** What the poles and the zeros foresee. */
  #estimate = 0;

  /** The next sample of the sub-band, as foreseen. */
  get estimate(): number {
    return this.#estimate;
  }

  /** Learns by how much the estimate was wrong, and makes the next one. */
  update(difference: number): void {
    const partial = saturate(this.#zeros + difference);
    const reconstructed = saturate(this.#estimate + difference);
    const doubled = saturate(reconstructed + reconstructed);
    this.#adaptPoles(partial);
    this.#adaptZeros(difference);
    // FILTEP
    const poles = saturate(((this.#a1 * doubled) >> 15) + ((this.#a2 * this.#r1) >> 15));
    this.#r1 = doubled;
    this.#estimate = saturate(poles + this.#zeros);
  }

  /** Trusts less in what it has learned: an eighth of every coefficient is gone. */
  relax(): void {
    this.#a1 -= this.#a1 >> 3;
    this.#a2 -= this.#a2 >> 3;
    this.#b1 -= this.#b1 >> 3;
    this.#b2 -= this.#b2 >> 3;
    this.#b3 -= this.#b3 >> 3;
    this.#b4 -= this.#b4 >> 3;
    this.#b5 -= this.#b5 >> 3;
    this.#b6 -= this.#b6 >> 3;
  }

  reset(): void {
    this.#a1 = this.#a2 = 0;
    this.#b1 =
      this.#b2 =
      this.#b3 =
      this.#b4 =
      this.#b5 =
      this.#b6 =
        0;
    this.#d1 =
      this.#d2 =
      this.#d3 =
      this.#d4 =
      this.#d5 =
      this.#d6 =
        0;
    this.#r1 = this.#p1 = this.#p2 = 0;
    this.#zeros = this.#estimate = 0;
  }

  /** UPPOL2 and UPPOL1: the poles follow the signs of the last three partial samples. */
  #adaptPoles(partial: number): void {
    const a1 = this.#a1;
    // All ones where the signs differ. Masks, since nobody foresees these signs: branches on them
    // would cost more than all the rest.
    const unlike1 = (partial ^ this.#p1) >> 31;
    const unlike2 = (partial ^ this.#p2) >> 31;
    this.#p2 = this.#p1;
    this.#p1 = partial;

    const quadruple = saturate(4 * a1);
    const against = (quadruple ^ ~unlike1) - ~unlike1;
    const next2 = ((against > 32767 ? 32767 : against) >> 7) + (128 ^ unlike2) - unlike2 +
      ((this.#a2 * 32512) >> 15);
    const a2 = next2 > A2_MAX ? A2_MAX : next2 < -A2_MAX ? -A2_MAX : next2;
    this.#a2 = a2;

    const limit = A1_MAX - a2;
    const next1 = (192 ^ unlike1) - unlike1 + ((a1 * 32640) >> 15);
    this.#a1 = next1 > limit ? limit : next1 < -limit ? -limit : next1;
  }

  /** UPZERO, then FILTEZ with the new coefficients on the new past. */
  #adaptZeros(difference: number): void {
    const step = difference === 0 ? 0 : 128;
    const d1 = this.#d1;
    const d2 = this.#d2;
    const d3 = this.#d3;
    const d4 = this.#d4;
    const d5 = this.#d5;
    const d6 = this.#d6;
    const b1 = zero(this.#b1, step, (difference ^ d1) >> 31);
    const b2 = zero(this.#b2, step, (difference ^ d2) >> 31);
    const b3 = zero(this.#b3, step, (difference ^ d3) >> 31);
    const b4 = zero(this.#b4, step, (difference ^ d4) >> 31);
    const b5 = zero(this.#b5, step, (difference ^ d5) >> 31);
    const b6 = zero(this.#b6, step, (difference ^ d6) >> 31);
    this.#b1 = b1;
    this.#b2 = b2;
    this.#b3 = b3;
    this.#b4 = b4;
    this.#b5 = b5;
    this.#b6 = b6;
    this.#d6 = d5;
    this.#d5 = d4;
    this.#d4 = d3;
    this.#d3 = d2;
    this.#d2 = d1;
    const d0 = saturate(difference + difference);
    this.#d1 = d0;
    let sum = saturate(((b6 * d5) >> 15) + ((b5 * d4) >> 15));
    sum = saturate(sum + ((b4 * d3) >> 15));
    sum = saturate(sum + ((b3 * d2) >> 15));
    sum = saturate(sum + ((b2 * d1) >> 15));
    sum = saturate(sum + ((b1 * d0) >> 15));
    this.#zeros = sum;
  }
}

/** The next value of a coefficient: it leaks, and goes a step up, or down where signs differ. */
function zero(coefficient: number, step: number, unlike: number): number {
  return ((coefficient * 32640) >> 15) + (step ^ unlike) - unlike;
}

function saturate(value: number): number {
  return value > 32767 ? 32767 : value < -32768 ? -32768 : value;
}
