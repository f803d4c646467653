/**
 * What is said and pressed in calls of tests: pieces of speech that others make.
 *
 * @module
 */

import { DTMF_KEYS, dtmfTone } from "../../src/audio/dtmf_tone.ts";
import { atLevel, RATE } from "./echo_line.ts";

const PROMPT: number = 8 * RATE;
const UTTERANCE: number = 1.5 * RATE;
/** Level of all that is said, in dBov. */
const LEVEL = -26;
const BLOCK: number = RATE / 50;
/** Louder than this, in dBov, is somebody's voice, */
const VOICE_DBOV = -45;
/** and this is more than a hiss before the first vowel, which is no louder than an echo may be. */
const ONSET_DBOV = -36;
/** Before an utterance nobody speaks for so long; then somebody does, */
const PAUSE_BLOCKS = 10;
/** for at least so long, with gaps of one block at most. */
const VOICE_BLOCKS = 20;

/** Cuts long speech into prompts of the same length and level. */
export function promptsOf(speak: (seed: number) => Int16Array, count: number): Int16Array[] {
  const prompts: Int16Array[] = [];
  for (let seed = 0; prompts.length < count; seed++) {
    const speech = speak(seed);
    for (let at = 0; at + PROMPT <= speech.length && prompts.length < count; at += PROMPT) {
      prompts.push(atLevel(speech.subarray(at, at + PROMPT), LEVEL));
    }
  }
  return prompts;
}

/** Finds beginnings of sentences in long speech, each with its first sample. */
export function utterancesOf(speak: (seed: number) => Int16Array, count: number): Int16Array[] {
  const utterances: Int16Array[] = [];
  for (let seed = 0; utterances.length < count; seed++) {
    const speech = atLevel(speak(seed), LEVEL);
    const levels = Array.from(
      { length: Math.floor((speech.length - UTTERANCE) / BLOCK) },
      (_, block) => levelOf(speech.subarray(block * BLOCK, (block + 1) * BLOCK)),
    );
    const voiced = levels.map((level) => level > VOICE_DBOV);
    for (let block = PAUSE_BLOCKS; block + VOICE_BLOCKS < voiced.length; block++) {
      if (utterances.length === count) break;
      if (voiced.slice(block - PAUSE_BLOCKS, block).includes(true)) continue;
      const beginning = voiced.slice(block, block + VOICE_BLOCKS);
      const hasGap = beginning.some((isVoice, at) => !isVoice && beginning[at + 1] !== true);
      if (!beginning[0] || hasGap) continue;
      const onset = levels.findIndex((level, at) => at >= block && level > ONSET_DBOV);
      utterances.push(speech.slice(onset * BLOCK, onset * BLOCK + UTTERANCE));
    }
  }
  return utterances;
}

/** Three keys in the audio, the second of them short, within the first seconds of a call. */
export function keysPressed(seed: number): Int16Array {
  const sound = new Int16Array(5 * RATE);
  for (const [index, durationMs] of [200, 50, 400].entries()) {
    const key = DTMF_KEYS.charAt((seed * 5 + index * 3) % DTMF_KEYS.length);
    const level = -8 - seed % 10;
    sound.set(dtmfTone(key, { durationMs, rate: RATE, level }), RATE * (1 + index) + seed * 7);
  }
  return sound;
}

function levelOf(sound: Int16Array): number {
  let sum = 0;
  for (const sample of sound) sum += sample * sample;
  return 10 * Math.log10(sum / sound.length / 32_768 ** 2 + 1e-12);
}
