/**
 * The frames of Asterisk's AudioSocket: kind (1 byte), length (16 bits, big-endian), payload.
 *
 * Source: asterisk, res/res_audiosocket.c, and its documentation.
 *
 * @module
 */

import type { Hertz } from "../../base/units.ts";

/** What a frame is. */
export const KIND = { hangUp: 0x00, uuid: 0x01, dtmf: 0x03, error: 0xff } as const;

/** s16le PCM, by its rate. */
const AUDIO_KINDS: ReadonlyMap<Hertz, number> = new Map([
  [8000, 0x10],
  [12_000, 0x11],
  [16_000, 0x12],
  [24_000, 0x13],
  [32_000, 0x14],
  [44_100, 0x15],
  [48_000, 0x16],
  [96_000, 0x17],
  [192_000, 0x18],
]);

const RATES: ReadonlyMap<number, Hertz> = new Map(
  [...AUDIO_KINDS].map(([rate, kind]) => [kind, rate]),
);

/** What servers report. */
const ERRORS: Readonly<Record<number, string>> = {
  0x01: "the call was hung up",
  0x02: "a frame could not be forwarded",
  0x04: "there is no memory left",
};

const HEADER_BYTES = 3;

/** The kind of audio at that rate. @throws {RangeError} There is none. */
export function audioKind(rate: Hertz): number {
  const kind = AUDIO_KINDS.get(rate);
  if (kind === undefined) throw new RangeError(`AudioSocket has no audio at ${rate} Hz`);
  return kind;
}

/** The rate of that kind of audio; `undefined` when it is none. */
export function rateOfKind(kind: number): Hertz | undefined {
  return RATES.get(kind);
}

/** Says what an error frame means. */
export function describeError(payload: Uint8Array): string {
  const [code] = payload;
  if (code === undefined) return "the server reports an error";
  const meaning = ERRORS[code];
  return `the server reports error ${code}${meaning === undefined ? "" : `: ${meaning}`}`;
}

/** The 16 bytes of a UUID. */
export function uuidBytes(uuid: string): Uint8Array {
  const digits = uuid.replaceAll("-", "");
  return Uint8Array.from(
    { length: 16 },
    (_, index) => Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16),
  );
}

/** Writes frames. Hot path: allocates only where one is longer than all before. */
export class FrameWriter {
  #frame = new Uint8Array(HEADER_BYTES + 640);

  /** @returns One frame; the next call reuses it. */
  frame(kind: number, payload: Uint8Array): Uint8Array {
    const length = HEADER_BYTES + payload.length;
    if (this.#frame.length < length) this.#frame = new Uint8Array(length);
    const frame = this.#frame;
    frame[0] = kind;
    frame[1] = payload.length >> 8;
    frame[2] = payload.length & 0xff;
    frame.set(payload, HEADER_BYTES);
    return frame.subarray(0, length);
  }
}

const NOTHING = new Uint8Array(0);

/** Reads frames, however the stream is cut. Hot path: copies only what a read left incomplete. */
export class FrameReader {
  #rest: Uint8Array = NOTHING;

  /** Whether the stream is in the middle of a frame. */
  get isWithin(): boolean {
    return this.#rest.length > 0;
  }

  /** The kind of the frame that is not complete, if there is one. */
  get kindWithin(): number | undefined {
    return this.#rest[0];
  }

  /** How long the payload of that frame is to be, once that is known. */
  get lengthWithin(): number | undefined {
    const rest = this.#rest;
    return rest.length < HEADER_BYTES ? undefined : lengthAt(rest, 0);
  }

  /**
   * Takes a piece of the stream.
   *
   * @param take Gets each whole frame; `payload` is valid only during the call. `false`: no more.
   */
  receive(data: Uint8Array, take: (kind: number, payload: Uint8Array) => boolean): void {
    const bytes = this.#joined(data);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + lengthAt(bytes, at);
      if (bytes.length < end) break;
      const payload = bytes.subarray(at + HEADER_BYTES, end);
      if (!take(bytes[at] as number, payload)) return;
      at = end;
    }
    this.#rest = at === bytes.length ? NOTHING : bytes.slice(at);
  }

  #joined(data: Uint8Array): Uint8Array {
    const rest = this.#rest;
    if (rest.length === 0) return data;
    const joined = new Uint8Array(rest.length + data.length);
    joined.set(rest);
    joined.set(data, rest.length);
    return joined;
  }
}

/** The length in the header of the frame that begins there. */
function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 1] as number) << 8 | (bytes[at + 2] as number);
}
