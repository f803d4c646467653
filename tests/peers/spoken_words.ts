/**
 * Speech without end, made by `espeak-ng`: words of no language in many voices, for whatever must
 * keep quiet while people talk. The same seed gives the same speech.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { resample } from "../../src/audio/resampler.ts";
import { parseWav } from "../../src/audio/wav.ts";

const LANGUAGES =
  "en-us en-gb en-gb-scotland de fr-fr es es-419 it pt-br nl sv da nb fi pl cs hu tr ro id sw eo"
    .split(" ");
const VARIANTS =
  "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 croak whisper whisperf klatt klatt2 klatt4 Annie Andy"
    .split(" ");
const ONSETS = "b br d dr f fl g gr h k kl l m n p pl r s sh sk sp st t tr v w y z".split(" ");
const VOWELS = "a e i o u ai au ea ee oo ou".split(" ");
const CODAS = ["", "", "", "l", "m", "n", "nd", "ng", "p", "r", "s", "st", "t", "x"];

/** Words of an utterance: about half a minute. */
const WORDS = 75;

/** Says words in the voice, at the speed and at the pitch that the seed gives. */
export function speak(seed: number, rate: number): Int16Array {
  const next = pseudoRandom(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  const oneOf = (list: readonly string[]): string => list[below(list.length)] ?? "";
  const words = Array.from({ length: WORDS }, () => {
    const syllables = 1 + below(3);
    const word = Array.from(
      { length: syllables },
      () => oneOf(ONSETS) + oneOf(VOWELS) + oneOf(CODAS),
    ).join("");
    return word + ["", "", "", "", ",", ".", "?", "!"][below(8)];
  });
  const voice = `${oneOf(LANGUAGES)}+${oneOf(VARIANTS)}`;
  const manner = ["-s", 110 + below(140), "-p", below(100), "-a", 40 + below(120)].map(String);
  const { status, stdout } = spawnSync(
    "espeak-ng",
    ["-v", voice, ...manner, "--stdout", words.join(" ")],
    { maxBuffer: 2 ** 26 },
  );
  if (status !== 0) throw new Error(`espeak-ng -v ${voice} ended with ${status}`);
  const wav = parseWav(stdout);
  return resample(wav.samples, wav.sampleRate, rate);
}

/** Numbers from 0 up to 1, the same for the same seed. */
function pseudoRandom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e37_79b9) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
