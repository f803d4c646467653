/**
 * How long a tone was heard in a call.
 *
 * @module
 */

import { levelOf } from "../../src/audio/tone.ts";
import { RATE } from "./caller.ts";

/** Samples of 20 ms. */
const FRAME = RATE / 50;

/**
 * Milliseconds in which a tone of that frequency was heard, and little else.
 *
 * @param levelMin What is quieter is silence, in dBov.
 */
export function heardMs(heard: Int16Array, frequency: number, levelMin = -30): number {
  let frames = 0;
  for (let at = 0; at + FRAME <= heard.length; at += FRAME) {
    const piece = heard.subarray(at, at + FRAME);
    if (levelOf(piece) > levelMin && shareOf(piece, frequency) > 0.5) frames++;
  }
  return frames * 20;
}

/** Share of the power that lies at a frequency (Goertzel). */
function shareOf(samples: Int16Array, frequency: number): number {
  let [real, imaginary, power] = [0, 0, 0];
  for (const [index, sample] of samples.entries()) {
    const angle = 2 * Math.PI * frequency * index / RATE;
    real += sample * Math.cos(angle);
    imaginary += sample * Math.sin(angle);
    power += sample * sample;
  }
  return power === 0 ? 0 : 2 * (real ** 2 + imaginary ** 2) / samples.length / power;
}
