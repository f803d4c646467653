/**
 * What a server has said ahead of time: sound that the call has no room for yet, and the commands
 * that have a place in it.
 *
 * Bots make sound faster than it is played. If that stayed unread in the connection, so would the
 * `clear` that comes behind it, and an interrupted bot would talk on for seconds. So it is read and
 * kept here, in order, up to a bound that speech does not reach; only beyond it nothing is read.
 *
 * @module
 */

import type { Hertz, Millis } from "../../base/units.ts";
import type { HandlerCommand } from "../../call/handler_message.ts";

/** What is kept before nothing more is read, and below how much it is read again. */
export const AHEAD_MAX: Millis = 120_000;
const AHEAD_LOW: Millis = 60_000;

/** Commands that may wait for sound at a time. */
export const WAITING_COMMANDS_MAX = 1_024;

/** What the call is given at once, so that it never gets much more than it has room for. */
const PORTION: Millis = 500;

/** Sound is kept in pieces of this size; a long message in one of its own. */
const BLOCK_BYTES = 8_192;

/** What the queue needs from both sides. */
export interface AheadEvents {
  /** Gives sound to the call. `false`: it has no more room, until {@linkcode AheadQueue.resume}. */
  audio(pcm: Uint8Array): boolean;
  /** Gives a command whose turn has come. */
  command(command: HandlerCommand): void;
  /** More may be read, after {@linkcode AheadQueue.audio} had said no. */
  room(): void;
}

/** Sound, or a command between sounds. */
type Entry = Block | HandlerCommand;

/** The sound of one call, in the order in which it came. Hot path: allocates only while it waits. */
export class AheadQueue {
  readonly #bytesPerMs: number;
  readonly #portionBytes: number;
  readonly #events: AheadEvents;
  #entries: Entry[] = [];
  #bytes = 0;
  #commands = 0;
  /** The call has no room. */
  #isBlocked = false;
  /** It was said that no more is to be read. */
  #isFull = false;
  #isGiving = false;

  /** @param rate Of the s16le PCM. */
  constructor(rate: Hertz, events: AheadEvents) {
    this.#bytesPerMs = rate * 2 / 1000;
    this.#portionBytes = 2 * Math.ceil(PORTION * rate / 1000);
    this.#events = events;
  }

  /** Whether the call has everything. */
  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /**
   * Takes sound, an even number of bytes; copied where it has to wait.
   *
   * @returns `false`: no more is to be read until `room`.
   */
  audio(pcm: Uint8Array): boolean {
    let rest = pcm;
    if (this.isEmpty && !this.#isGiving) {
      const portion = this.#portionBytes;
      while (!this.#isBlocked && rest.length > portion) {
        this.#isBlocked = !this.#events.audio(rest.subarray(0, portion));
        rest = rest.subarray(portion);
      }
      if (!this.#isBlocked) {
        this.#isBlocked = !this.#events.audio(rest);
        return true;
      }
    }
    if (rest.length > 0) this.#keep(rest);
    if (this.#bytes > AHEAD_MAX * this.#bytesPerMs) this.#isFull = true;
    return !this.#isFull;
  }

  /** Takes a command that has a place in the sound. @returns `false`: too many wait already. */
  command(command: HandlerCommand): boolean {
    if (this.isEmpty) {
      this.#events.command(command);
      return true;
    }
    if (this.#commands >= WAITING_COMMANDS_MAX) return false;
    this.#commands++;
    this.#entries.push(command);
    return true;
  }

  /** The call has room again. */
  resume(): void {
    this.#isBlocked = false;
    // The call may say so while it takes something
    if (this.#isGiving) return;
    this.#isGiving = true;
    // Commands need no room
    while (!this.isEmpty && !(this.#isBlocked && this.#entries[0] instanceof Block)) {
      this.#giveFirst();
    }
    this.#isGiving = false;
    this.#readOn();
  }

  /**
   * Gives everything at once, to a call that drops it, since a clear is under way: it counts what
   * was not heard, and answers the marks. What would have been announced is forgotten.
   */
  flush(): void {
    const marks = this.#entries.filter((each) => each instanceof Block || each.command === "mark");
    this.#commands -= this.#entries.length - marks.length;
    this.#entries = marks;
    while (!this.isEmpty) this.#giveFirst();
    this.#isBlocked = false;
    this.#readOn();
  }

  /** Nobody wants it any more. */
  drop(): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#commands = 0;
  }

  #giveFirst(): void {
    const first = this.#entries[0] as Entry;
    if (first instanceof Block) {
      const pcm = first.take(this.#portionBytes);
      if (first.isEmpty) this.#entries.shift();
      this.#bytes -= pcm.length;
      if (!this.#events.audio(pcm)) this.#isBlocked = true;
    } else {
      this.#entries.shift();
      this.#commands--;
      this.#events.command(first);
    }
  }

  #readOn(): void {
    if (!this.#isFull || this.#bytes > AHEAD_LOW * this.#bytesPerMs) return;
    this.#isFull = false;
    this.#events.room();
  }

  #keep(pcm: Uint8Array): void {
    this.#bytes += pcm.length;
    const last = this.#entries.at(-1);
    let rest = pcm;
    if (last instanceof Block) rest = rest.subarray(last.append(rest));
    if (rest.length > 0) this.#entries.push(new Block(rest));
  }
}

/** A piece of sound that grows at its end and is taken from its front. */
class Block {
  readonly #bytes: Uint8Array;
  #start = 0;
  #end = 0;

  constructor(pcm: Uint8Array) {
    this.#bytes = new Uint8Array(Math.max(BLOCK_BYTES, pcm.length));
    this.append(pcm);
  }

  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /** @returns How much of it had room. */
  append(pcm: Uint8Array): number {
    const room = this.#bytes.length - this.#end;
    const taken = pcm.length > room ? pcm.subarray(0, room) : pcm;
    this.#bytes.set(taken, this.#end);
    this.#end += taken.length;
    return taken.length;
  }

  /** Takes so many bytes at most. Valid for good. */
  take(bytesMax: number): Uint8Array {
    const end = Math.min(this.#end, this.#start + bytesMax);
    const taken = this.#bytes.subarray(this.#start, end);
    this.#start = end;
    return taken;
  }
}
