/**
 * Makes the frames of a WebSocket client: whole messages, masked, in a buffer that is used again
 * and again. RFC 6455 §5.2, §5.3.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { OPCODE } from "./web_socket_frames.ts";

/** Two bytes, 64-bit length and masking key end here, in whole words. */
const PAYLOAD_AT = 16;

const KEY_AT = PAYLOAD_AT - 4;

/** Room for 20 ms of any rate, or for an event. */
const KEPT_BYTES = 4096;

/** UTF-8 needs no more for a code unit. */
const BYTES_A_CODE_UNIT = 3;

/** The frames of one connection. Hot path: allocates a view for each frame, and room for long ones. */
export class MaskedFrameWriter {
  readonly #random: RandomSource;
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(0);
  #words = new Uint32Array(0);
  #key = new Uint8Array(0);
  /** Where payloads are. */
  #room = new Uint8Array(0);

  /** @param random Of masks. §5.3 */
  constructor(random: RandomSource) {
    this.#random = random;
    this.#allocate(KEPT_BYTES);
  }

  /** A text as one frame. Valid until the next call. */
  text(text: string): Uint8Array {
    this.#makeRoom(text.length * BYTES_A_CODE_UNIT);
    const { written } = this.#encoder.encodeInto(text, this.#room);
    return this.#frame(OPCODE.text, written);
  }

  /** Bytes as one frame. Valid until the next call. */
  bytes(opcode: number, payload: Uint8Array): Uint8Array {
    this.#makeRoom(payload.length);
    this.#room.set(payload);
    return this.#frame(opcode, payload.length);
  }

  /** Puts a header before the payload, and masks it. */
  #frame(opcode: number, length: number): Uint8Array {
    const bytes = this.#bytes;
    const lengthBytes = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
    const start = KEY_AT - lengthBytes - 2;
    bytes[start] = 0x80 | opcode;
    bytes[start + 1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
    let rest = length;
    for (let at = KEY_AT - 1; at >= start + 2; at--) {
      bytes[at] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.#random.fill(this.#key);
    const words = this.#words;
    const mask = words[KEY_AT / 4] as number;
    const end = PAYLOAD_AT + length;
    // The last word may reach behind the payload, where nobody looks
    for (let word = PAYLOAD_AT / 4; word * 4 < end; word++) {
      words[word] = (words[word] as number) ^ mask;
    }
    return bytes.subarray(start, end);
  }

  /** A long message does not hold its memory as long as the connection lives. */
  #makeRoom(payloadBytes: number): void {
    const needed = PAYLOAD_AT + payloadBytes;
    if (needed > this.#bytes.length) this.#allocate(needed);
    else if (this.#bytes.length > KEPT_BYTES && needed <= KEPT_BYTES) this.#allocate(KEPT_BYTES);
  }

  #allocate(size: number): void {
    const buffer = new ArrayBuffer(Math.ceil(size / 4) * 4);
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#key = this.#bytes.subarray(KEY_AT, PAYLOAD_AT);
    this.#room = this.#bytes.subarray(PAYLOAD_AT);
  }
}
