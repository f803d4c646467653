/**
 * Randomness as a value that is handed in, so that machines stay pure and schedules repeatable.
 *
 * The runtime hands in the operating system's source; tests hand in {@linkcode SeededRandom}.
 *
 * @module
 */

/** Fills buffers with random bytes. */
export interface RandomSource {
  /** Overwrites every byte of `buffer`. */
  fill(buffer: Uint8Array): void;
}

/** Draws `byteCount` bytes and writes them as lower-case hexadecimal, two digits a byte. */
export function randomHex(random: RandomSource, byteCount: number): string {
  const bytes = new Uint8Array(byteCount);
  random.fill(bytes);
  let text = "";
  for (let index = 0; index < byteCount; index++) text += HEX_BYTES[bytes[index] as number];
  return text;
}

const HEX_BYTES: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/** Writes a byte as two lower-case hexadecimal digits. */
export function hexByte(byte: number): string {
  return HEX_BYTES[byte & 0xff] as string;
}

/** What is drawn for one number. */
const DRAWN = new Uint8Array(4);

/** Draws an unsigned integer of 32 bits. */
export function randomUint32(random: RandomSource): number {
  random.fill(DRAWN);
  let value = 0;
  for (let index = 0; index < 4; index++) value = (value << 8) | (DRAWN[index] as number);
  return value >>> 0;
}

/** Draws an unsigned integer of 16 bits. */
export function randomUint16(random: RandomSource): number {
  return randomUint32(random) >>> 16;
}

/**
 * A repeatable source for tests and demonstrations: the same seed gives the same bytes.
 * It is xorshift32, and predictable: never use it for tags, branches or SSRCs on a real network.
 */
export class SeededRandom implements RandomSource {
  #state: number;

  /** @param seed Any integer; 0 stands for a fixed other one. */
  constructor(seed: number) {
    this.#state = (seed >>> 0) || 0x9e3779b9;
  }

  /** Draws an unsigned integer of 32 bits. */
  nextUint32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** Draws a number from 0 up to, not including, 1. */
  nextUnit(): number {
    return this.nextUint32() / 0x1_0000_0000;
  }

  fill(buffer: Uint8Array): void {
    for (let index = 0; index < buffer.length; index++) buffer[index] = this.nextUint32() >>> 24;
  }
}
