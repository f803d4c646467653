/**
 * Lets prompts be played to callers who say nothing, but whose lines have an echo, and counts the
 * barge-ins of nobody; then lets others speak over the same prompts, and counts who was not heard.
 *
 * ```
 * bun tests/soak/barge_in_echo.ts [--prompts 200] [--loss 20] [--seed 0]
 * ```
 *
 * The speech is made by `espeak-ng` in many voices; time is virtual. It ends with 0 when at most one
 * prompt of a hundred was interrupted by its own echo, everybody was heard, nearly all of them in
 * time, and noise and keys interrupted nothing.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { VoiceDetectorLibrary } from "../../src/audio/audio_libraries.ts";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";
import { speak } from "../peers/spoken_words.ts";
import {
  type EchoCall,
  type EchoPath,
  listen,
  pathOf,
  placed,
  RATE,
} from "../support/echo_line.ts";
import { keysPressed, promptsOf, utterancesOf } from "../support/prompts.ts";

/** Share of the prompts that their echo may interrupt. */
const FALSE_SHARE_MAX = 0.01;
const AFTER_MS = 300;
/** So much later than that, all but a few are heard: those who pause in the first word. */
const LATE_MS = 60;
const LATE_SHARE_MAX = 0.05;

const { values } = parseArgs({
  options: {
    prompts: { type: "string", default: "200" },
    loss: { type: "string", default: "20" },
    seed: { type: "string", default: "0" },
  },
});
const count = Number(values.prompts);
const first = Number(values.seed);
const { voiceDetector } = await loadAudioLibraries({ opus: false, voiceDetector: true });
const library = voiceDetector as VoiceDetectorLibrary;

const prompts = promptsOf((seed) => speak(first + seed, RATE), count);
const utterances = utterancesOf((seed) => speak(first + 10_000 + seed, RATE), count);
const paths: readonly EchoPath[] = prompts.map((_, index) => pathOf(index, Number(values.loss)));

/** Of all prompts: when the barge-in was told after the caller began, if it was. */
function interrupt(change: (index: number) => Partial<EchoCall>): (number | undefined)[] {
  return prompts.map((prompt, index) => {
    const call: EchoCall = { library, prompt, after: AFTER_MS, ...change(index) };
    const told = listen(call).find(({ type }) => type === "bargeIn")?.toldMs;
    return told === undefined ? undefined : told - (call.spokeAtMs ?? 0);
  });
}

/** Nobody speaks: how many prompts were interrupted all the same. */
function silent(name: string, change: (index: number) => Partial<EchoCall>): number {
  const delays = interrupt(change);
  const hits = delays.filter((delay) => delay !== undefined).length;
  const list = delays.flatMap((delay, index) => delay === undefined ? [] : [`${index}@${delay}`]);
  console.log(`${name}: ${hits} of ${count} interrupted`, ...list);
  return hits;
}

/** Everybody speaks: how many were not heard or before they spoke, or too many too late. */
function spoken(name: string, echo: (index: number) => EchoPath | undefined): number {
  const delays = interrupt((index) => ({
    echo: echo(index),
    ...placed(utterances[index] as Int16Array, index),
  }));
  const missed = delays.filter((delay) => delay === undefined || delay < 100).length;
  const sorted = delays.filter((delay) => delay !== undefined).sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? NaN);
  const late = sorted.filter((delay) => delay > AFTER_MS + LATE_MS).length;
  const figures = `median ${at(0.5)}, 95 % ${at(0.95)}, longest ${at(1)} ms`;
  console.log(`${name}: ${missed} of ${count} missed; ${figures}; ${late} later than wanted`);
  return missed + Math.max(0, Math.ceil(late - count * LATE_SHARE_MAX));
}

const echoes = silent("echo alone", (index) => ({ echo: paths[index] }));
const others = [
  silent("noise of -50 dBov", () => ({ noiseDbov: -50 })),
  silent("noise of -50 dBov and echo", (index) => ({ noiseDbov: -50, echo: paths[index] })),
  silent("keys", (index) => ({ caller: keysPressed(index) })),
  silent("keys and echo", (index) => ({ caller: keysPressed(index), echo: paths[index] })),
  spoken("callers", () => undefined),
  spoken("callers with echo", (index) => paths[index]),
];
const isGood = echoes <= count * FALSE_SHARE_MAX && others.every((failures) => failures === 0);
process.exit(isGood ? 0 : 1);
