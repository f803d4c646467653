/**
 * The discrete Fourier transform of a power of two, and the correlation that is made of it.
 *
 * @module
 */

/** Transforms of one size, in place. Allocates nothing after construction. */
export class FourierTransform {
  readonly size: number;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  /** Where each index goes when its bits are read backwards. */
  readonly #swapped: Uint32Array;

  /** @param size A power of two. */
  constructor(size: number) {
    const half = size / 2;
    this.size = size;
    this.#cos = Float64Array.from({ length: half }, (_, at) => Math.cos((2 * Math.PI * at) / size));
    this.#sin = Float64Array.from(
      { length: half },
      (_, at) => -Math.sin((2 * Math.PI * at) / size),
    );
    const swapped = new Uint32Array(size);
    for (let index = 1; index < size; index++) {
      const halved = (swapped[index >> 1] as number) >> 1;
      swapped[index] = halved + (index & 1) * half;
    }
    this.#swapped = swapped;
  }

  /** Replaces values by their transform; `re` and `im` are as long as `size`. */
  forward(re: Float64Array, im: Float64Array): void {
    this.#swap(re, im);
    for (let half = 1; half < this.size; half *= 2) this.#combine(re, im, half);
  }

  #swap(re: Float64Array, im: Float64Array): void {
    const swapped = this.#swapped;
    for (let index = 0; index < swapped.length; index++) {
      const other = swapped[index] as number;
      if (other <= index) continue;
      const real = re[index] as number;
      const imaginary = im[index] as number;
      re[index] = re[other] as number;
      im[index] = im[other] as number;
      re[other] = real;
      im[other] = imaginary;
    }
  }

  /** Makes transforms of twice the length of pairs of those that are there. */
  #combine(re: Float64Array, im: Float64Array, half: number): void {
    const step = this.size / (2 * half);
    for (let base = 0; base < this.size; base += 2 * half) {
      for (let index = 0; index < half; index++) {
        const cos = this.#cos[index * step] as number;
        const sin = this.#sin[index * step] as number;
        const low = base + index;
        const high = low + half;
        const highRe = re[high] as number;
        const highIm = im[high] as number;
        const real = highRe * cos - highIm * sin;
        const imaginary = highRe * sin + highIm * cos;
        re[high] = (re[low] as number) - real;
        im[high] = (im[low] as number) - imaginary;
        re[low] = (re[low] as number) + real;
        im[low] = (im[low] as number) + imaginary;
      }
    }
  }
}

/**
 * Correlates two real signals: afterwards `long[lag]` is the sum of `long[lag + t] * short[t]` over
 * all `t`. Both wrap around at the size of the transform: pad them with zeros.
 *
 * @param short Is overwritten.
 */
export function correlate(
  transform: FourierTransform,
  long: Float64Array,
  short: Float64Array,
): void {
  const { size } = transform;
  // Two real signals are one complex one, and come apart by the symmetry of their transforms
  transform.forward(long, short);
  for (let low = 0; low <= size / 2; low++) {
    const high = (size - low) & (size - 1);
    const evenRe = (long[low] as number) + (long[high] as number);
    const evenIm = (short[low] as number) - (short[high] as number);
    const oddRe = (short[low] as number) + (short[high] as number);
    const oddIm = (long[high] as number) - (long[low] as number);
    const real = (evenRe * oddRe + evenIm * oddIm) / (4 * size);
    const imaginary = (evenIm * oddRe - evenRe * oddIm) / (4 * size);
    // The way back is the way there, of the conjugate
    long[low] = real;
    short[low] = -imaginary;
    long[high] = real;
    short[high] = imaginary;
  }
  transform.forward(long, short);
}
