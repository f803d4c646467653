/**
 * The rows of the table of impairments: every combination, or so few that each pair of settings
 * comes together once; and what must hold in a row.
 *
 * @module
 */

import type { CodecName } from "../../src/audio/codec.ts";
import type { Hertz, Millis } from "../../src/base/units.ts";
import type { Figures, ImpairedCall, SoundName } from "./impaired_call.ts";
import type { Impairments } from "./impaired_link.ts";

/** One row before it has a seed. */
interface Settings {
  readonly codec: CodecName;
  readonly rate: Hertz;
  readonly loss: Partial<Impairments>;
  readonly jitter: Millis;
  readonly reordering: number;
  readonly duplication: number;
  readonly sound: { readonly name: SoundName; readonly driftPpm: number };
}

type Key = keyof Settings;

const CHOICES: { readonly [Name in Key]: readonly Settings[Name][] } = {
  codec: ["PCMU", "PCMA", "G722", "opus", "L16/16000"],
  rate: [8000, 16_000],
  loss: [{}, { loss: 0.01 }, { loss: 0.05 }, { loss: 0.2 }, { loss: 0.05, burst: 4 }],
  jitter: [0, 20, 80],
  reordering: [0, 0.05],
  duplication: [0, 0.05],
  sound: [
    { name: "talk", driftPpm: 0 },
    { name: "long", driftPpm: 100 },
    { name: "long", driftPpm: -100 },
    { name: "pause", driftPpm: 0 },
    { name: "quiet", driftPpm: 0 },
  ],
};
const KEYS = Object.keys(CHOICES) as readonly Key[];

/** Calls over a perfect link: each codec at each rate. */
export function perfectRows(): readonly ImpairedCall[] {
  return CHOICES.codec.flatMap((codec) =>
    CHOICES.rate.map((rate) => ({ codec, rate, sound: "talk" as const, impairments: { seed: 1 } }))
  );
}

/** Every combination. */
export function allRows(seed: number): readonly ImpairedCall[] {
  return combinations().map((settings) => callOf(settings, seed));
}

/**
 * As few combinations as a greedy choice finds in which each two settings meet, in the order of
 * what they have in common. Each row has a seed of its own.
 */
export function pairwiseRows(): readonly ImpairedCall[] {
  const left = new Map<Settings, Set<string>>();
  for (const settings of combinations()) left.set(settings, new Set(pairsOf(settings)));
  const chosen: Settings[] = [];
  for (;;) {
    let best: Settings | undefined;
    let most = 0;
    for (const [settings, pairs] of left) {
      if (pairs.size <= most) continue;
      best = settings;
      most = pairs.size;
    }
    if (best === undefined) break;
    chosen.push(best);
    const met = pairsOf(best);
    for (const pairs of left.values()) for (const pair of met) pairs.delete(pair);
  }
  const order = combinations().map((settings) => JSON.stringify(settings));
  const place = new Map(order.map((settings, at) => [settings, at]));
  const placeOf = (settings: Settings): number => place.get(JSON.stringify(settings)) ?? 0;
  chosen.sort((a, b) => placeOf(a) - placeOf(b));
  return chosen.map((settings, at) => callOf(settings, at + 1));
}

/** What two rows that share a sender have in common. */
export function senderOf({ codec, rate, sound }: ImpairedCall): string {
  return `${codec} ${rate} ${sound}`;
}

/** The settings of a row, in words. */
export function nameOf({ codec, rate, sound, impairments }: ImpairedCall): string {
  const { seed, loss = 0, burst, jitter, reordering, duplication, driftPpm } = impairments;
  return [
    `${codec} at ${rate}, ${sound}`,
    loss > 0 && `${loss * 100} % lost${burst === undefined ? "" : ` in bursts of ${burst}`}`,
    jitter !== undefined && `jitter ${jitter} ms`,
    reordering !== undefined && `${reordering * 100} % overtaken`,
    duplication !== undefined && `${duplication * 100} % doubled`,
    driftPpm !== undefined && `drift ${driftPpm} ppm`,
    `seed ${seed}`,
  ].filter((part) => part !== false).join(", ");
}

/** The figures of a row, in one line. */
export function lineOf(call: ImpairedCall, figures: Figures): string {
  const { lengthErrorMs, concealedMs, recoveredMs, concealableMs, countedLost, trulyLost } =
    figures;
  const { delayMs, delayStepMs, distanceDb, click, behindMs } = figures;
  return [
    nameOf(call).padEnd(90),
    `length ${signed(lengthErrorMs)} ms`,
    `made up ${concealedMs}+${recoveredMs} of ${concealableMs} ms`,
    `lost ${countedLost} of ${trulyLost}`,
    `delay ${signed(delayMs)} ms, step ${delayStepMs.toFixed(1)}`,
    `behind ${behindMs.toFixed(0)} ms`,
    `distance ${distanceDb.toFixed(2)} dB`,
    `click ${click}`,
  ].join(" | ");
}

function signed(value: number): string {
  return `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(1)}`;
}

function combinations(): readonly Settings[] {
  let all: Partial<Settings>[] = [{}];
  for (const key of KEYS) {
    all = all.flatMap((some) => CHOICES[key].map((choice) => ({ ...some, [key]: choice })));
  }
  return all as Settings[];
}

function pairsOf(settings: Settings): readonly string[] {
  const values = KEYS.map((key) => `${key} ${JSON.stringify(settings[key])}`);
  return values.flatMap((value, at) => values.slice(at + 1).map((other) => `${value}, ${other}`));
}

function callOf(settings: Settings, seed: number): ImpairedCall {
  const { codec, rate, loss, jitter, reordering, duplication, sound } = settings;
  return {
    codec,
    rate,
    sound: sound.name,
    impairments: {
      seed,
      ...loss,
      ...(jitter > 0 ? { jitter } : {}),
      ...(reordering > 0 ? { reordering } : {}),
      ...(duplication > 0 ? { duplication } : {}),
      ...(sound.driftPpm === 0 ? {} : { driftPpm: sound.driftPpm }),
    },
  };
}
