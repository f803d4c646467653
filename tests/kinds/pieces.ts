/**
 * What a far end in another process and its test tell each other: pieces of a type and a length.
 *
 * @module
 */

/** Types of pieces: sound and control lines both ways, and what the far end is to do. */
const TYPES = ["audio", "control", "exit", "die", "stall", "flood", "freeze"] as const;

/** One piece. */
export interface Piece {
  readonly type: (typeof TYPES)[number];
  readonly data: Uint8Array;
}

/** Writes a piece: type, length (32 bits, big-endian), data. */
export function pieceOf(type: Piece["type"], data: Uint8Array): Uint8Array {
  const piece = new Uint8Array(5 + data.length);
  piece[0] = TYPES.indexOf(type);
  new DataView(piece.buffer).setUint32(1, data.length);
  piece.set(data, 5);
  return piece;
}

/** Reads pieces, however they were cut. */
export class PieceReader {
  readonly #taken: (piece: Piece) => void;
  #rest = new Uint8Array();

  constructor(taken: (piece: Piece) => void) {
    this.#taken = taken;
  }

  receive(data: Uint8Array): void {
    let bytes = new Uint8Array(this.#rest.length + data.length);
    bytes.set(this.#rest);
    bytes.set(data, this.#rest.length);
    while (bytes.length >= 5) {
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
      if (bytes.length < 5 + length) break;
      const type = TYPES[bytes[0] as number] ?? "control";
      this.#taken({ type, data: bytes.slice(5, 5 + length) });
      bytes = bytes.subarray(5 + length);
    }
    this.#rest = bytes.slice();
  }
}
