/**
 * Cuts a byte stream into lines of bounded length.
 *
 * @module
 */

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * Collects bytes until a newline.
 *
 * @param line `text` without its newline; `tooLong` when the line was longer than the bound: then
 * `text` is its beginning, and the rest of the line was left out.
 */
export class LineSplitter {
  readonly #lineBytesMax: number;
  readonly #line: (text: string, tooLong: boolean) => void;
  readonly #decoder = new TextDecoder();
  #buffer = new Uint8Array(256);
  #length = 0;
  #tooLong = false;

  constructor(lineBytesMax: number, line: (text: string, tooLong: boolean) => void) {
    this.#lineBytesMax = lineBytesMax;
    this.#line = line;
  }

  /** Takes bytes, copied, in chunks of any size. */
  receive(data: Uint8Array): void {
    let start = 0;
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, start)) {
      this.#append(data.subarray(start, end));
      this.#emit();
      start = end + 1;
    }
    if (start < data.length) this.#append(data.subarray(start));
  }

  /** The stream has ended: what is left is a line too. */
  end(): void {
    if (this.#length > 0) this.#emit();
  }

  #append(part: Uint8Array): void {
    const room = this.#lineBytesMax - this.#length;
    const taken = part.length > room ? part.subarray(0, room) : part;
    if (part.length > room) this.#tooLong = true;
    const length = this.#length + taken.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(
        Math.min(this.#lineBytesMax, Math.max(length, 2 * this.#length)),
      );
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(taken, this.#length);
    this.#length = length;
  }

  #emit(): void {
    const last = this.#buffer[this.#length - 1];
    const end = this.#length > 0 && last === RETURN ? this.#length - 1 : this.#length;
    const text = this.#decoder.decode(this.#buffer.subarray(0, end));
    const tooLong = this.#tooLong;
    this.#length = 0;
    this.#tooLong = false;
    this.#line(text, tooLong);
  }
}
