/**
 * Makes whole samples of a byte stream that may be cut anywhere.
 *
 * @module
 */

/** Holds back the first byte of a sample until the second comes. */
export class SampleAligner {
  #carry: number | undefined;
  #joined = new Uint8Array(0);

  /**
   * @returns All whole samples, an even number of bytes; `data` itself when nothing had to be
   * joined, else a buffer that the next call reuses.
   */
  align(data: Uint8Array): Uint8Array {
    if (this.#carry === undefined) {
      if ((data.length & 1) === 0) return data;
      this.#carry = data[data.length - 1] as number;
      return data.subarray(0, data.length - 1);
    }
    const total = data.length + 1;
    if (this.#joined.length < total) this.#joined = new Uint8Array(total);
    this.#joined[0] = this.#carry;
    this.#joined.set(data, 1);
    this.#carry = (total & 1) === 0 ? undefined : this.#joined[total - 1] as number;
    return this.#joined.subarray(0, total & ~1);
  }

  /** What comes next begins a new sample. */
  reset(): void {
    this.#carry = undefined;
  }
}
