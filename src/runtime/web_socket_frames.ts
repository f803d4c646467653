/**
 * WebSocket frames and messages as bytes. RFC 6455 §5.
 *
 * No extensions, so that reserved bits are zero. Who answers pings and closes is left to
 * `web_socket_connection.ts`.
 *
 * @module
 */

import { isUtf8 } from "node:buffer";

/** Kinds of frames. §5.2 */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Why a connection is closed. §7.4.1 */
export const CLOSE_CODE = {
  normal: 1000,
  protocolError: 1002,
  /** Never sent: there was a close frame without a code. */
  none: 1005,
  /** Never sent: there was no close frame. */
  lost: 1006,
  invalidData: 1007,
  tooBig: 1009,
} as const;

/** Payloads of control frames. §5.5 */
const CONTROL_BYTES_MAX = 125;

/** First two bytes, 64-bit length, masking key. */
const HEADER_BYTES_MAX = 14;

/** What a message may be made of: more says nothing but that somebody wants us to work. */
const FRAMES_MAX = 1024;

/** A message, or a control frame. */
export type WebSocketEvent = "text" | "binary" | "ping" | "pong" | "close";

/**
 * Who takes what was read.
 *
 * @param data Valid only during the call.
 * @returns `false`: nothing more is wanted, and what is left of the portion is not read.
 */
export type WebSocketTaker = (event: WebSocketEvent, data: Uint8Array) => boolean;

/** A peer that breaks the protocol, or sends too much. */
export class WebSocketError extends Error {
  override readonly name = "WebSocketError";
  /** What it is told when the connection is closed. */
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** What is read. */
export interface WebSocketDecoderOptions {
  /** Whether the peer has to mask its frames: clients do, servers do not. §5.1 */
  readonly masked: boolean;
  readonly messageBytesMax: number;
}

/**
 * Takes bytes in whatever portions, and gives whole messages. Hot path: a message that comes in one
 * frame and one portion, unmasked, is not copied.
 */
export class WebSocketDecoder {
  readonly #options: WebSocketDecoderOptions;
  readonly #header = new Uint8Array(HEADER_BYTES_MAX);
  #headerBytes = 0;
  /** Of the frame whose payload is being read; `undefined` between frames. */
  #opcode: number | undefined;
  #isFinal = false;
  #maskAt = 0;
  /** Still to come. */
  #payloadBytes = 0;
  readonly #control = new Uint8Array(CONTROL_BYTES_MAX);
  #controlBytes = 0;
  /** Of the message that is being read; `undefined` between messages. */
  #messageOpcode: number | undefined;
  #message = new Uint8Array(0);
  #messageBytes = 0;
  #frames = 0;

  constructor(options: WebSocketDecoderOptions) {
    this.#options = options;
  }

  /**
   * Takes what came.
   *
   * @throws {WebSocketError} Once what came before it was given; nothing can be read any more.
   */
  receive(data: Uint8Array, take: WebSocketTaker): void {
    let at = 0;
    for (;;) {
      if (this.#opcode === undefined) {
        const end = this.#wholeMessage(data, at);
        if (end > 0) {
          const start = at + ((data[at + 1] as number) < 126 ? 2 : 4);
          const type = (data[at] as number) === FINAL_TEXT ? "text" : "binary";
          at = end;
          if (!take(type, checkedMessage(type, data.subarray(start, end)))) return;
          continue;
        }
        at = this.#readHeader(data, at);
        if (this.#opcode === undefined) return;
      }
      at = this.#readPayload(data, at);
      if (this.#payloadBytes > 0) return;
      if (!this.#endFrame(take)) return;
    }
  }

  /**
   * Looks for a message that is all there, in one frame without a mask, and not too long.
   *
   * @returns Where it ends; 0 when what is there has to be read step by step.
   */
  #wholeMessage(data: Uint8Array, at: number): number {
    if (this.#headerBytes > 0 || this.#messageOpcode !== undefined) return 0;
    const first = data[at];
    if ((first !== FINAL_TEXT && first !== FINAL_BINARY) || this.#options.masked) return 0;
    const second = data[at + 1];
    if (second === undefined || second > 126) return 0;
    let start = at + 2;
    let length = second;
    if (second === 126) {
      start += 2;
      if (start > data.length) return 0;
      length = (data[at + 2] as number) << 8 | (data[at + 3] as number);
      if (length < 126) return 0;
    }
    const fits = start + length <= data.length && length <= this.#options.messageBytesMax;
    return fits ? start + length : 0;
  }

  /** §5.2 */
  #readHeader(data: Uint8Array, from: number): number {
    const header = this.#header;
    let at = from;
    let needed = this.#headerNeeded();
    while (at < data.length && this.#headerBytes < needed) {
      header[this.#headerBytes++] = data[at++] as number;
      // The first two bytes tell how many there are.
      if (this.#headerBytes === 2) needed = this.#headerNeeded();
    }
    if (this.#headerBytes >= 2) this.#checkHeader();
    if (this.#headerBytes === needed) this.#startFrame();
    return at;
  }

  #headerNeeded(): number {
    if (this.#headerBytes < 2) return 2;
    const second = this.#header[1] as number;
    const length = second & 0x7f;
    const lengthBytes = length === 127 ? 8 : length === 126 ? 2 : 0;
    return 2 + lengthBytes + (second >= 0x80 ? 4 : 0);
  }

  #checkHeader(): void {
    const [first, second] = [this.#header[0] as number, this.#header[1] as number];
    if ((first & 0x70) !== 0) throw protocolError("A reserved bit is set");
    if ((second >= 0x80) !== this.#options.masked) throw protocolError("The mask is not as due");
    const opcode = first & 0x0f;
    if (opcode >= OPCODE.close) {
      const isKnown = opcode <= OPCODE.pong;
      // §5.5: control frames are short and whole
      const fits = first >= 0x80 && (second & 0x7f) <= CONTROL_BYTES_MAX;
      if (!isKnown || !fits) throw protocolError("A control frame is not as it has to be");
      return;
    }
    // §5.4: fragments of two messages are not mixed
    const isContinued = this.#messageOpcode !== undefined;
    if (opcode > OPCODE.binary || (opcode === OPCODE.continuation) !== isContinued) {
      throw protocolError("A frame is of no kind that may come here");
    }
  }

  #startFrame(): void {
    const header = this.#header;
    const [first, second] = [header[0] as number, header[1] as number];
    const opcode = first & 0x0f;
    const length = this.#payloadLength(second & 0x7f);
    if (opcode < OPCODE.close) {
      if (opcode !== OPCODE.continuation) this.#messageOpcode = opcode;
      if (length > this.#options.messageBytesMax - this.#messageBytes) {
        throw new WebSocketError(CLOSE_CODE.tooBig, "The message is too long");
      }
      if (++this.#frames > FRAMES_MAX) throw protocolError("The message is in too many pieces");
    }
    if (second >= 0x80) header.copyWithin(0, this.#headerBytes - 4, this.#headerBytes);
    this.#headerBytes = 0;
    this.#opcode = opcode;
    this.#isFinal = first >= 0x80;
    this.#maskAt = 0;
    this.#payloadBytes = length;
  }

  /** §5.2: in as few bytes as possible, and below 2^63 */
  #payloadLength(length: number): number {
    if (length < 126) return length;
    const view = new DataView(this.#header.buffer);
    const isMedium = length === 126;
    const high = isMedium ? 0 : view.getUint32(2);
    const long = isMedium ? view.getUint16(2) : high * 0x1_0000_0000 + view.getUint32(6);
    if (high >= 0x8000_0000 || long < (isMedium ? 126 : 0x1_0000)) {
      throw protocolError("The length is not written as it has to be");
    }
    return long;
  }

  #readPayload(data: Uint8Array, from: number): number {
    const count = Math.min(this.#payloadBytes, data.length - from);
    if (count === 0) return from;
    const isControl = (this.#opcode as number) >= OPCODE.close;
    const target = isControl ? this.#control : this.#roomFor(count);
    const start = isControl ? this.#controlBytes : this.#messageBytes;
    if (this.#options.masked) {
      // §5.3; the key has moved to the front of the header
      const key = this.#header;
      let maskAt = this.#maskAt;
      for (let index = 0; index < count; index++) {
        target[start + index] = (data[from + index] as number) ^ (key[maskAt] as number);
        maskAt = (maskAt + 1) & 3;
      }
      this.#maskAt = maskAt;
    } else {
      target.set(data.subarray(from, from + count), start);
    }
    if (isControl) this.#controlBytes += count;
    else this.#messageBytes += count;
    this.#payloadBytes -= count;
    return from + count;
  }

  /** Grows with what has come, not with what was announced. */
  #roomFor(count: number): Uint8Array {
    const needed = this.#messageBytes + count;
    if (needed > this.#message.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#message.length));
      larger.set(this.#message.subarray(0, this.#messageBytes));
      this.#message = larger;
    }
    return this.#message;
  }

  #endFrame(take: WebSocketTaker): boolean {
    const opcode = this.#opcode as number;
    this.#opcode = undefined;
    if (opcode >= OPCODE.close) {
      const data = this.#control.subarray(0, this.#controlBytes);
      this.#controlBytes = 0;
      if (opcode === OPCODE.close) checkClose(data);
      return take(CONTROL_TYPES[opcode - OPCODE.close] ?? "close", data);
    }
    return this.#isFinal ? this.#endMessage(take) : true;
  }

  #endMessage(take: WebSocketTaker): boolean {
    const data = this.#message.subarray(0, this.#messageBytes);
    const type = this.#messageOpcode === OPCODE.text ? "text" : "binary";
    this.#messageOpcode = undefined;
    this.#messageBytes = 0;
    this.#frames = 0;
    // One large message does not hold its memory as long as the connection lives.
    if (this.#message.length > KEPT_BYTES_MAX) this.#message = new Uint8Array(0);
    return take(type, checkedMessage(type, data));
  }
}

const CONTROL_TYPES = ["close", "ping", "pong"] as const;

const KEPT_BYTES_MAX = 8192;

/** First bytes of frames that are whole messages. §5.2 */
const FINAL_TEXT = 0x80 | OPCODE.text;
const FINAL_BINARY = 0x80 | OPCODE.binary;

/** §8.1 */
function checkedMessage(type: "text" | "binary", data: Uint8Array): Uint8Array {
  if (type === "binary" || isUtf8(data)) return data;
  throw new WebSocketError(CLOSE_CODE.invalidData, "The text is no UTF-8");
}

/** One whole frame, masked when there is a key. §5.2, §5.3 */
export function encodeFrame(opcode: number, payload: Uint8Array, key?: Uint8Array): Uint8Array {
  const length = payload.length;
  const lengthBytes = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const start = 2 + lengthBytes + (key === undefined ? 0 : 4);
  const frame = new Uint8Array(start + length);
  const view = new DataView(frame.buffer);
  frame[0] = 0x80 | opcode;
  const short = lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127;
  frame[1] = (key === undefined ? 0 : 0x80) | short;
  if (lengthBytes === 2) view.setUint16(2, length);
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(length));
  frame.set(payload, start);
  if (key === undefined) return frame;
  frame.set(key, start - 4);
  for (let index = 0; index < length; index++) {
    frame[start + index] = (payload[index] as number) ^ (key[index & 3] as number);
  }
  return frame;
}

/** The code and the reason of a close frame that was read. §5.5.1, §7.1.5, §7.1.6 */
export function readClose(data: Uint8Array): { readonly code: number; readonly reason: string } {
  if (data.length < 2) return { code: CLOSE_CODE.none, reason: "" };
  const code = (data[0] as number) << 8 | (data[1] as number);
  return { code, reason: new TextDecoder().decode(data.subarray(2)) };
}

/** §5.5.1, §7.4: nothing, or a code that may be sent and a text. */
function checkClose(data: Uint8Array): void {
  if (data.length === 0) return;
  const code = data.length === 1 ? 0 : (data[0] as number) << 8 | (data[1] as number);
  const isDefined = code >= 1000 && code <= 1014 && !NEVER_SENT.has(code);
  if (!isDefined && !(code >= 3000 && code <= 4999)) throw protocolError("The close code is none");
  if (isUtf8(data.subarray(2))) return;
  throw new WebSocketError(CLOSE_CODE.invalidData, "The reason is no UTF-8");
}

/** §7.4.1 */
const NEVER_SENT: ReadonlySet<number> = new Set([1004, 1005, 1006]);

function protocolError(message: string): WebSocketError {
  return new WebSocketError(CLOSE_CODE.protocolError, message);
}
