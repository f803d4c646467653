/**
 * Orders RTP packets by sequence number and releases them without delay while none is missing. RFC
 * 3550 §5.1, §A.1.
 *
 * A packet that follows the one before is `next`: the caller uses it where it lies, and nothing is
 * copied. Only behind a gap are packets held, for as long as a straggler may still come; that time
 * adapts to the stragglers seen and to the jitter. What a packet sounds like, and what fills a
 * hole, is the caller's business.
 *
 * @module
 */

import type { Millis, RtpTimestamp } from "../base/units.ts";
import type { RtpHeader } from "./packet.ts";
import { extendSequence, MAX_DROPOUT, MAX_MISORDER, sequenceDelta } from "./sequence.ts";

/** Bounds of the time that a missing packet is waited for. */
export const REORDER_MS_MIN = 20;
export const REORDER_MS_MAX = 200;
const REORDER_MS_START = 40;

/** Packets that can be held, a power of two. */
export const REORDER_PACKETS_MAX = 128;
const SLOT_MASK = REORDER_PACKETS_MAX - 1;

/**
 * Numbers remembered, a power of two: all that may be held, and all behind that may still be
 * stragglers.
 */
const SEEN_PACKETS = 256;
const SEEN_MASK = SEEN_PACKETS - 1;

/** A straggler's delay is held to come again, with this much on top. */
const STRAGGLER_MARGIN = 1.5;
/** How many times the mean jitter is waited for at least. */
const JITTER_FACTOR = 3;
/** Share of its distance from the floor that the window gives up with each packet in order. */
const DECAY = 1 / 500;

/** Longest payload that can be held; an Ethernet frame holds no more. */
export const HELD_PAYLOAD_BYTES_MAX = 2048;

/**
 * What became of a packet. `next`: use it now. `held`: it waits for another. `late`: its place was
 * given up. `duplicate`: it was here before. `far`: ahead by more than can be held; empty the
 * window, then `restart` or `resumeAt`. `stray`: out of every window once; twice in a row it is a
 * `restart` of the sender.
 */
export type Placement = "next" | "held" | "late" | "duplicate" | "far" | "stray" | "restart";

/**
 * A packet that waited. Owned by the window and valid until the next call of one of its methods.
 */
export interface HeldPacket {
  payloadType: number;
  timestamp: RtpTimestamp;
  payload: Uint8Array;
  payloadLength: number;
  /** When it came. */
  arrival: Millis;
}

const NO_NUMBERS = new Float64Array(0);
const NO_SLOTS: (HeldPacket | undefined)[] = [];

/**
 * The window of one stream. Hot path: returns constants and reused objects, allocates for the first
 * gaps only.
 */
export class ReorderWindow {
  /** Extended numbers of the packets that came, by their low bits. Room from the first one on. */
  #seen = NO_NUMBERS;
  #slots: (HeldPacket | undefined)[] = NO_SLOTS;
  #expected = 0;
  #highest = 0;
  #held = 0;
  #gapOpenedAt: Millis = 0;
  #lastGapOpenedAt: Millis = 0;
  #lastGapFirst = 0;
  #window: Millis = REORDER_MS_START;
  /** The sequence number that would confirm a restart of the sender, -1 when none is suspected. */
  #suspect = -1;

  /**
   * Begins, or begins anew: `sequenceNumber` is the next one. Held packets are forgotten, the window's length
   * is kept.
   */
  restart(sequenceNumber: number): void {
    if (this.#seen === NO_NUMBERS) {
      this.#seen = new Float64Array(SEEN_PACKETS);
      this.#slots = new Array(REORDER_PACKETS_MAX).fill(undefined);
    }
    this.#seen.fill(-1);
    this.#expected = sequenceNumber + 0x1_0000;
    this.#highest = this.#expected - 1;
    this.#lastGapFirst = this.#expected;
    this.#held = 0;
    this.#suspect = -1;
  }

  /** Extended number of the packet that is due next. */
  get expected(): number {
    return this.#expected;
  }

  get heldPackets(): number {
    return this.#held;
  }

  /** How long a missing packet is waited for at present. */
  get window(): Millis {
    return this.#window;
  }

  /** When the wait for the missing packet is over; Infinity when none is missed. */
  get deadline(): Millis {
    return this.#held === 0 ? Infinity : this.#gapOpenedAt + this.#window;
  }

  /**
   * Puts a packet in its place.
   *
   * @param packet What `header` was parsed from; its payload is copied if it has to be held.
   */
  place(header: RtpHeader, packet: Uint8Array, now: Millis): Placement {
    const sequence = extendSequence(header.sequenceNumber, this.#expected);
    const ahead = sequence - this.#expected;
    if (ahead > MAX_DROPOUT || ahead < -MAX_MISORDER) return this.#suspectRestart(header);
    this.#suspect = -1;
    if (ahead >= REORDER_PACKETS_MAX) return "far";
    if (this.#seen[sequence & SEEN_MASK] === sequence) return "duplicate";
    this.#seen[sequence & SEEN_MASK] = sequence;
    if (sequence > this.#highest) this.#highest = sequence;
    if (ahead < 0) {
      if (sequence >= this.#lastGapFirst) this.#widen(now - this.#lastGapOpenedAt);
      return "late";
    }
    if (ahead > 0) {
      this.#hold(sequence, header, packet, now);
      return "held";
    }
    if (this.#held > 0) this.#widen(now - this.#gapOpenedAt);
    this.#expected++;
    return "next";
  }

  /** Releases the held packet that is due now, if it is there. */
  takeNext(): HeldPacket | undefined {
    if (this.#held === 0) return undefined;
    if (this.#seen[this.#expected & SEEN_MASK] !== this.#expected) {
      this.#gapOpenedAt = this.#firstHeldArrival();
      return undefined;
    }
    this.#held--;
    return this.#slots[this.#expected++ & SLOT_MASK];
  }

  /**
   * Gives up the packets that are missing before the first held one. Call only while packets are
   * held.
   */
  skipGap(): number {
    this.#lastGapOpenedAt = this.#gapOpenedAt;
    this.#lastGapFirst = this.#expected;
    let missing = 0;
    while (this.#seen[this.#expected & SEEN_MASK] !== this.#expected) {
      this.#expected++;
      missing++;
    }
    return missing;
  }

  /**
   * After `far` and with nothing held: gives up everything before `header`, which becomes the next.
   */
  resumeAt(header: RtpHeader): number {
    const sequence = extendSequence(header.sequenceNumber, this.#expected);
    const missing = sequence - this.#expected;
    this.#expected = sequence;
    this.#lastGapFirst = sequence;
    return missing;
  }

  /** Lets the window shrink towards what the jitter asks for. Called for each packet in order. */
  settle(jitter: Millis): void {
    const floor = Math.min(REORDER_MS_MAX, Math.max(REORDER_MS_MIN, jitter * JITTER_FACTOR));
    this.#window = this.#window < floor ? floor : this.#window - (this.#window - floor) * DECAY;
  }

  /** Gives a sequence number its cycles. */
  extend(sequenceNumber: number): number {
    return extendSequence(sequenceNumber, this.#expected);
  }

  #hold(sequence: number, header: RtpHeader, packet: Uint8Array, now: Millis): void {
    if (this.#held === 0) this.#gapOpenedAt = now;
    this.#held++;
    const length = header.payloadLength;
    const index = sequence & SLOT_MASK;
    let slot = this.#slots[index];
    if (slot === undefined || slot.payload.length < length) {
      slot = {
        payloadType: 0,
        timestamp: 0,
        payload: new Uint8Array(Math.max(length, 160)),
        payloadLength: 0,
        arrival: 0,
      };
      this.#slots[index] = slot;
    }
    slot.payloadType = header.payloadType;
    slot.timestamp = header.timestamp;
    slot.payloadLength = length;
    slot.arrival = now;
    const offset = header.payloadOffset;
    for (let at = 0; at < length; at++) slot.payload[at] = packet[offset + at] as number;
  }

  #firstHeldArrival(): Millis {
    for (let sequence = this.#expected + 1; sequence <= this.#highest; sequence++) {
      if (this.#seen[sequence & SEEN_MASK] === sequence) {
        return (this.#slots[sequence & SLOT_MASK] as HeldPacket).arrival;
      }
    }
    return this.#gapOpenedAt;
  }

  /** §A.1: a restart needs two packets in a row, so that one stray packet does no harm. */
  #suspectRestart(header: RtpHeader): Placement {
    if (this.#suspect >= 0 && sequenceDelta(header.sequenceNumber, this.#suspect) === 0) {
      return "restart";
    }
    this.#suspect = (header.sequenceNumber + 1) & 0xffff;
    return "stray";
  }

  #widen(delay: Millis): void {
    const wanted = Math.min(REORDER_MS_MAX, delay * STRAGGLER_MARGIN);
    if (wanted > this.#window) this.#window = wanted;
  }
}
