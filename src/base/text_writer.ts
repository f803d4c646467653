/**
 * Text on its way to bytes: put together piece by piece where it is to lie in the end.
 *
 * Its code and its buffer are all that is touched: strings that were put together first, and the
 * runtime's own encoder, cost more where a call meets them cold.
 *
 * @module
 */

/** Room of a new writer; most messages of ours are shorter. */
const BYTES_AT_FIRST = 2048;

/** In UTF-8, of a unit of UTF-16. */
const BYTES_PER_UNIT_MAX = 3;

/** Kept free behind each piece of text, for single characters and a number. */
const BYTES_BESIDE_TEXT = 64;

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const ZERO = 0x30;
const ASCII_MAX = 0x7f;

const encoder = new TextEncoder();

/** Writes UTF-8 into a buffer that it keeps from one text to the next. */
export class TextWriter {
  #bytes = new Uint8Array(BYTES_AT_FIRST);
  #length = 0;

  /** Forgets what was written. */
  restart(): void {
    this.#length = 0;
  }

  /**
   * Goes on with a piece of text.
   *
   * @returns Whether it is free of CR, LF and NUL. It is written all the same.
   */
  text(text: string): boolean {
    const start = this.#length;
    this.#reserve(start + text.length * BYTES_PER_UNIT_MAX);
    const bytes = this.#bytes;
    let seen = 0;
    let isPlain = true;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === CARRIAGE_RETURN || code === LINE_FEED || code === 0) isPlain = false;
      seen |= code;
      bytes[start + at] = code;
    }
    this.#length = seen <= ASCII_MAX
      ? start + text.length
      : start + encoder.encodeInto(text, bytes.subarray(start)).written;
    return isPlain;
  }

  /** Goes on with one character of ASCII; at most {@linkcode BYTES_BESIDE_TEXT} in a row. */
  byte(code: number): void {
    this.#bytes[this.#length++] = code;
  }

  /** Goes on with a line end. */
  lineEnd(): void {
    this.byte(CARRIAGE_RETURN);
    this.byte(LINE_FEED);
  }

  /** Goes on with a whole number that is not negative. */
  number(value: number): void {
    let power = 1;
    while (power * 10 <= value) power *= 10;
    for (; power >= 1; power /= 10) this.byte(ZERO + Math.floor(value / power) % 10);
  }

  /** Goes on with bytes as they are. */
  bytes(added: Uint8Array): void {
    this.#reserve(this.#length + added.length);
    const bytes = this.#bytes;
    for (let at = 0; at < added.length; at++) bytes[this.#length + at] = added[at] as number;
    this.#length += added.length;
  }

  /** A copy of what was written. */
  written(): Uint8Array {
    const written = new Uint8Array(this.#length);
    for (let at = 0; at < written.length; at++) written[at] = this.#bytes[at] as number;
    return written;
  }

  /** Makes room up to that length, and for what may stand beside. */
  #reserve(length: number): void {
    const needed = length + BYTES_BESIDE_TEXT;
    if (needed <= this.#bytes.length) return;
    const longer = new Uint8Array(needed * 2);
    longer.set(this.#bytes);
    this.#bytes = longer;
  }
}
