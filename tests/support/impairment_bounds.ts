/**
 * What must hold in a row of the table of impairments. The bounds are a little above what is
 * measured, so that a frame that is swallowed, doubled or not made up for is out of them.
 *
 * @module
 */

import type { CodecName } from "../../src/audio/codec.ts";
import type { Millis } from "../../src/base/units.ts";
import { type Figures, FRAME_MS, type ImpairedCall } from "./impaired_call.ts";

type Bounds = Partial<Record<keyof Figures, readonly [least: number, most: number]>>;

/** What is out of bounds, in words. */
export function problemsOf(call: ImpairedCall, figures: Figures): readonly string[] {
  const bounds = isPerfect(call) ? perfectBounds(call) : impairedBounds(call, figures);
  const problems = Object.entries(bounds).flatMap(([name, [least, most]]) => {
    const value = figures[name as keyof Figures] as number;
    if (value >= least && value <= most) return [];
    return [`${name} is ${value.toFixed(2)}, not from ${least.toFixed(2)} to ${most.toFixed(2)}`];
  });
  const { countedLost, trulyLost } = figures;
  return countedLost === trulyLost
    ? problems
    : [...problems, `${countedLost} packets counted as lost, and ${trulyLost} were`];
}

/** Of the sender's clock and ours, and the last packet's jitter. */
const LENGTH_ERROR: readonly [Millis, Millis] = [-1, 1];
/** What silence keeps behind the clock, and what one frame and the link add. */
const RESERVE_MS: Millis = 120;

interface CodecBounds {
  /** Over a perfect link, against what was written. */
  readonly distanceDb: number;
  readonly click: number;
  readonly delayMs: Millis;
  /** For each share of packets lost: of one by one, so few that no two are near, and all. */
  readonly distanceOfFew: number;
  readonly distanceOfMany: number;
  /** The decoder's memory is not the encoder's after a loss. */
  readonly clickOfFew: number;
  readonly clickOfMany: number;
  /** In what should be silence. */
  readonly peak: number;
}

const PCM = {
  distanceOfFew: 24,
  distanceOfMany: 21,
  clickOfFew: 100,
  clickOfMany: 300,
  peak: 10,
  delayMs: 5.1,
} as const;

const CODECS: Partial<Record<CodecName, CodecBounds>> = {
  PCMU: { ...PCM, distanceDb: 1.3, click: 30 },
  PCMA: { ...PCM, distanceDb: 1.45, click: 120 },
  "L16/16000": { ...PCM, distanceDb: 0.6, click: 150 },
  G722: {
    distanceDb: 1.7,
    click: 300,
    delayMs: 6.5,
    distanceOfFew: 42,
    distanceOfMany: 30,
    clickOfFew: 6000,
    clickOfMany: 7000,
    peak: 200,
  },
  opus: {
    distanceDb: 4.2,
    click: 1000,
    delayMs: 10,
    distanceOfFew: 22,
    distanceOfMany: 20,
    clickOfFew: 2300,
    clickOfMany: 2800,
    peak: 10,
  },
};

/** What silence takes the place of, since a pause cannot be told from a long burst. */
const DISTANCE_OF_BURSTS = 47;

function isPerfect({ impairments }: ImpairedCall): boolean {
  return Object.keys(impairments).length === 1;
}

function boundsOf({ codec }: ImpairedCall): CodecBounds {
  const bounds = CODECS[codec];
  if (bounds === undefined) throw new Error(`${codec} has no bounds`);
  return bounds;
}

/** Pauses that the codec leaves out are silence, which keeps its distance from the clock. */
function perfectBounds(call: ImpairedCall): Bounds {
  const { distanceDb, click, delayMs, peak } = boundsOf(call);
  const moves = call.codec === "opus" || call.sound === "pause" ? 60 : 0;
  return {
    lengthErrorMs: LENGTH_ERROR,
    delayMs: [-moves, delayMs],
    delayStepMs: [0, moves + 0.1],
    concealedMs: [0, 0],
    recoveredMs: [0, 0],
    distanceDb: [0, distanceDb + (moves > 0 ? 0.2 : 0)],
    click: [0, click],
    pausePeak: [0, peak],
  };
}

function impairedBounds(call: ImpairedCall, figures: Figures): Bounds {
  const { jitter = 0, loss = 0 } = call.impairments;
  const { peak, clickOfFew, clickOfMany } = boundsOf(call);
  return {
    lengthErrorMs: LENGTH_ERROR,
    ...delayBounds(call),
    behindMs: [0, RESERVE_MS + (jitter > 20 ? 400 : 100)],
    madeUpMs: madeUpBounds(call, figures),
    recoveredMs: recoveredBounds(call, figures),
    distanceDb: [0, distanceMax(call, figures)],
    click: [0, loss > 0.05 || isBurst(call) ? clickOfMany : clickOfFew],
    pausePeak: [0, peak],
  };
}

function distanceMax(call: ImpairedCall, { spokenLoss }: Figures): number {
  const { loss = 0 } = call.impairments;
  const { distanceOfFew, distanceOfMany } = boundsOf(call);
  const each = isBurst(call) ? DISTANCE_OF_BURSTS : loss <= 0.01 ? distanceOfFew : distanceOfMany;
  return spokenLoss * each + movingOf(call);
}

/** Where the timeline moves, a place is compared with two; pauses that are left out move it. */
function movingOf({ codec, impairments }: ImpairedCall): number {
  const { jitter = 0 } = impairments;
  if (codec === "opus") return jitter > 20 ? 1.2 : 0.4;
  return jitter > 20 ? 0.5 : 0.1;
}

/** Whether nothing moves the timeline but drift. */
function isSteady(call: ImpairedCall): boolean {
  const { loss = 0 } = call.impairments;
  return call.codec !== "opus" && call.sound !== "pause" && !isBurst(call) && loss <= 0.05;
}

function isBurst({ impairments }: ImpairedCall): boolean {
  return impairments.burst !== undefined;
}

/** A correction of drift is a pitch period at most. */
function delayBounds(call: ImpairedCall): Bounds {
  const { jitter = 0 } = call.impairments;
  const correction = call.sound === "long" ? 12 : 0;
  if (!isSteady(call)) return { delayMs: [-RESERVE_MS, 140], delayStepMs: [0, 170] };
  if (jitter > 20) return { delayMs: [-correction, 80], delayStepMs: [0, 62] };
  const delay = correction + 0.3;
  return { delayMs: [-delay, delay], delayStepMs: [0, delay] };
}

function madeUpBounds(call: ImpairedCall, figures: Figures): readonly [Millis, Millis] {
  const { concealableMs, statistics } = figures;
  const { jitter = 0 } = call.impairments;
  // A hole after a burst may hold a pause that was left out
  const most = concealableMs * 1.1 + statistics.packets_late * FRAME_MS;
  if (isSteady(call) && jitter <= 20) return [concealableMs, concealableMs];
  if (isBurst(call)) return [0, most];
  const least = (share: number): Millis => Math.max(0, concealableMs * share - 3 * FRAME_MS);
  if (call.codec === "opus" && call.sound === "quiet") return [least(0.2), most];
  return [least(0.65), most];
}

/** Opus carries each frame a second time; of single losses, and the last of a run, that is used. */
function recoveredBounds(call: ImpairedCall, figures: Figures): readonly [Millis, Millis] {
  if (call.codec !== "opus") return [0, 0];
  const [, most] = madeUpBounds(call, figures);
  if (isBurst(call) || call.sound === "quiet") return [0, most];
  return [Math.max(0, figures.concealableMs * 0.5 - 2 * FRAME_MS), most];
}
