/**
 * A link that impairs a stream of RTP packets in the ways of a bad network, and keeps the truth of
 * what it did: delay, jitter, reordering and duplicates as {@linkcode BadLink} makes them, loss one
 * by one or in bursts, and a sender whose clock drifts against the receiver's.
 *
 * Everything is drawn from the seed; there is no clock.
 *
 * @module
 */

import { SeededRandom } from "../../src/base/random.ts";
import type { Millis } from "../../src/base/units.ts";
import { BadLink } from "./bad_link.ts";

/** What the link does. What is absent, it does not do. */
export interface Impairments {
  readonly seed: number;
  /** Share of packets that never arrive, 0 to 1. */
  readonly loss?: number;
  /** Mean length of a run of lost packets; absent: each is lost by itself. */
  readonly burst?: number;
  /** Up to this much is added to the delay. */
  readonly jitter?: Millis;
  /** Share of packets that others overtake. */
  readonly reordering?: number;
  /** Share of packets that arrive twice. */
  readonly duplication?: number;
  /** Parts per million that the sender's clock is faster than the receiver's. */
  readonly driftPpm?: number;
}

/** A packet and when it is sent, by the sender's clock, or arrives, by the receiver's. */
export interface TimedPacket {
  readonly at: Millis;
  readonly bytes: Uint8Array;
}

/** What became of a stream. */
export interface Impaired {
  /** In the order of their arrival. */
  readonly arrivals: readonly TimedPacket[];
  /** Which packets of the stream never arrived, in order. */
  readonly lost: readonly number[];
  /** Packets that arrived twice. */
  readonly doubled: number;
}

/** Every packet takes at least this long. */
export const LINK_DELAY_MS: Millis = 30;

/** Sends a stream over the link. */
export function impair(stream: readonly TimedPacket[], impairments: Impairments): Impaired {
  const { seed, jitter = 0, reordering = 0, duplication = 0, driftPpm = 0 } = impairments;
  const link = new BadLink<number>({
    seed: seed * 2 + 1,
    delay: LINK_DELAY_MS,
    jitter,
    reordering,
    duplication,
  });
  const isLost = lossOf(impairments);
  const lost: number[] = [];
  for (const [index, { at }] of stream.entries()) {
    if (isLost()) lost.push(index);
    else link.push(index, at * (1 - driftPpm / 1e6));
  }
  const arrivals: TimedPacket[] = [];
  while (link.deadline < Infinity) {
    const at = link.deadline;
    for (const index of link.popDue(at)) {
      arrivals.push({ at, bytes: (stream[index] as TimedPacket).bytes });
    }
  }
  return { arrivals, lost, doubled: arrivals.length + lost.length - stream.length };
}

/** Whether the next packet is lost. Bursts are those of Gilbert: good and bad times in turn. */
function lossOf({ seed, loss = 0, burst = 1 }: Impairments): () => boolean {
  const random = new SeededRandom(seed * 2 + 2);
  for (let draw = 0; draw < 8; draw++) random.nextUint32();
  if (burst <= 1) return () => random.nextUnit() < loss;
  const ends = 1 / burst;
  const begins = (ends * loss) / (1 - loss);
  let isBad = false;
  return () => {
    isBad = random.nextUnit() < (isBad ? 1 - ends : begins);
    return isBad;
  };
}
