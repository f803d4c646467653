/**
 * Netstrings: `5:hello,`. What baresip's control interface wraps its JSON in.
 *
 * @module
 */

const COLON = 0x3a;

/** Cuts a stream of netstrings into their texts. */
export class NetstringReader {
  #pending = new Uint8Array(0);

  /** Takes what came and returns what is complete. */
  read(data: Uint8Array): readonly string[] {
    this.#pending = new Uint8Array(Buffer.concat([this.#pending, data]));
    const texts: string[] = [];
    for (;;) {
      const colon = this.#pending.indexOf(COLON);
      if (colon < 0) return texts;
      const length = Number(new TextDecoder().decode(this.#pending.subarray(0, colon)));
      if (!Number.isSafeInteger(length)) throw new Error("This is no netstring");
      const end = colon + 1 + length;
      // One more for the comma
      if (this.#pending.length <= end) return texts;
      texts.push(new TextDecoder().decode(this.#pending.subarray(colon + 1, end)));
      this.#pending = this.#pending.slice(end + 1);
    }
  }
}
