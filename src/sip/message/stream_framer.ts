/**
 * Cuts messages and keep-alives out of a stream of bytes. RFC 3261 §18.3, §7.5; RFC 5626 §3.5.1.
 *
 * Reading the messages is left to `parse.ts`, answering pings to the owner of the connection.
 *
 * @module
 */

import { parseScalar } from "./grammar.ts";
import { readHeaderLinesLeniently } from "./header_lines.ts";
import { SIP_LIMITS, type SipLimits } from "./limits.ts";
import { findHeadEnd } from "./parse.ts";
import { SipParseError } from "./parse_error.ts";
import { salvageRequest } from "./salvage.ts";

/** What came: a whole message, or a ping to be answered with CRLF. */
export type FramerOutput =
  | { readonly type: "message"; readonly bytes: Uint8Array }
  | { readonly type: "ping" };

/** A connection's buffer to begin with. */
const BUFFER_BYTES = 2_048;

/** One direction of one connection. Holds at most one message and what came with its last byte. */
export class StreamFramer {
  readonly #limits: SipLimits;
  #buffer: Uint8Array = new Uint8Array(0);
  /** The bytes of `#buffer` that hold data not yet given out. */
  #start = 0;
  #end = 0;
  /** How far the head has been searched for its end. */
  #searched = 0;
  /** Where the message ends, once its head is known. */
  #messageEnd: number | undefined;
  #lineBreaks = 0;
  #failure: SipParseError | undefined;

  constructor(limits: SipLimits = SIP_LIMITS) {
    this.#limits = limits;
  }

  /** Whether a part of something is held: the rest has to follow soon. */
  get isIncomplete(): boolean {
    return this.#start !== this.#end;
  }

  /** Why the peer must be disconnected; `undefined` while all is well. */
  get failure(): SipParseError | undefined {
    return this.#failure;
  }

  /**
   * Takes bytes as they come, in any split.
   *
   * @param data Copied; the caller may reuse the buffer.
   * @returns What is complete now; its bytes are a copy that the caller owns.
   * @throws SipParseError when the peer must be disconnected, with the request to answer before, if
   * any. What came before the fault is returned first, and the error thrown by the next call: look
   * at `failure` after each.
   */
  receive(data: Uint8Array): FramerOutput[] {
    if (this.#failure !== undefined) throw this.#failure;
    this.#append(data);
    const outputs: FramerOutput[] = [];
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) outputs.push(next);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      this.#failure = error;
      this.#buffer = new Uint8Array(0);
      if (outputs.length === 0) throw error;
    }
    return outputs;
  }

  #append(data: Uint8Array): void {
    const used = this.#end - this.#start;
    if (used === 0) this.#empty();
    if (this.#end + data.length > this.#buffer.length) {
      const needed = used + data.length;
      if (needed <= this.#buffer.length) {
        this.#buffer.copyWithin(0, this.#start, this.#end);
      } else {
        const larger = new Uint8Array(Math.max(BUFFER_BYTES, 2 * needed));
        larger.set(this.#buffer.subarray(this.#start, this.#end));
        this.#buffer = larger;
      }
      this.#moveBack(this.#start);
    }
    this.#buffer.set(data, this.#end);
    this.#end += data.length;
  }

  /** Begins at the front again, and gives back what one large message took. */
  #empty(): void {
    this.#moveBack(this.#start);
    if (this.#buffer.length > 8 * BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
  }

  #moveBack(count: number): void {
    this.#start -= count;
    this.#end -= count;
    this.#searched -= count;
    if (this.#messageEnd !== undefined) this.#messageEnd -= count;
  }

  #next(): FramerOutput | undefined {
    while (this.#messageEnd === undefined) {
      if (this.#start === this.#end) return undefined;
      const first = this.#buffer[this.#start] as number;
      if (first === 13 || first === 10) {
        if (first === 13 && this.#end - this.#start < 2) return undefined;
        if (this.#takeLineBreak()) return { type: "ping" };
      } else if (!this.#findMessageEnd()) {
        return undefined;
      }
    }
    return this.#takeMessage(this.#messageEnd);
  }

  /** RFC 5626 §3.5.1: two line breaks between messages are a ping; one alone is a pong, or §7.5. */
  #takeLineBreak(): boolean {
    if (this.#buffer[this.#start] !== 13 || this.#buffer[this.#start + 1] !== 10) {
      throw new SipParseError("CR or LF stands alone between messages");
    }
    this.#start += 2;
    this.#searched = this.#start;
    this.#lineBreaks = (this.#lineBreaks + 1) % 2;
    return this.#lineBreaks === 0;
  }

  #findMessageEnd(): boolean {
    this.#lineBreaks = 0;
    const data = this.#buffer.subarray(0, this.#end);
    const headEnd = findHeadEnd(data, Math.max(this.#start, this.#searched - 4));
    const headBytes = (headEnd < 0 ? this.#end : headEnd) - this.#start;
    if (headBytes > this.#limits.messageBytesMax) throw this.#fail("Head is too long", 513);
    this.#searched = this.#end;
    if (headEnd < 0) return false;
    const length = this.#contentLength(headEnd);
    if (length > this.#limits.bodyBytesMax) throw this.#fail("Body is too long", 413);
    const messageEnd = headEnd + 4 + length;
    if (messageEnd - this.#start > this.#limits.messageBytesMax) {
      throw this.#fail("Message is too long", 513);
    }
    this.#messageEnd = messageEnd;
    return true;
  }

  /** §18.3: without a good Content-Length nobody knows where the next message begins. */
  #contentLength(headEnd: number): number {
    const head = decoder.decode(this.#buffer.subarray(this.#start, headEnd + 2));
    const start = head.indexOf("\r\n") + 2;
    const lines = readHeaderLinesLeniently(head, start, this.#limits)
      .filter((line) => line.key === "content-length");
    const line = lines[0];
    if (line === undefined) throw this.#fail('Header "Content-Length" is missing', 400);
    if (lines.length > 1) throw this.#fail('Header "Content-Length" comes twice', 400);
    try {
      return parseScalar(line.value, { what: "Content-Length", max: 0xffff_ffff });
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      throw this.#fail(error.message, error.statusCode);
    }
  }

  #fail(message: string, statusCode: number): SipParseError {
    const bytes = this.#buffer.subarray(this.#start, this.#end);
    return new SipParseError(message, {
      statusCode,
      request: salvageRequest(bytes, this.#limits),
    });
  }

  #takeMessage(messageEnd: number): FramerOutput | undefined {
    if (this.#end < messageEnd) return undefined;
    const bytes = this.#buffer.slice(this.#start, messageEnd);
    this.#start = messageEnd;
    this.#searched = messageEnd;
    this.#messageEnd = undefined;
    return { type: "message", bytes };
  }
}

/** One character a byte: the head's UTF-8 is checked when the message is parsed. */
const decoder = new TextDecoder("latin1");
