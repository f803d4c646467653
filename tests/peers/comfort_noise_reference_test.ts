import { describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { ComfortNoise } from "../../src/audio/comfort_noise.ts";
import { whiteNoise } from "../audio/sounds.ts";
import { peerTest } from "../support/peers.ts";

const RATE = 8000;
const SECONDS = 4;
/** ffmpeg describes 80 ms at a time: a level and ten coefficients. */
const DESCRIBED = 640;
const PAYLOAD_BYTES = 11;

/** Backgrounds of an office, so to speak: white noise through a filter of two poles. */
const BACKGROUNDS: readonly (readonly [name: string, a1: number, a2: number])[] = [
  ["white", 0, 0],
  ["a low rumble", -0.9, 0],
  ["a hiss", 0.8, 0],
  ["a hum of 1 kHz", -1.27, 0.81],
];

function background(a1: number, a2: number): Int16Array {
  const white = whiteNoise(3389, -50, RATE * SECONDS);
  let [one, two] = [0, 0];
  return white.map((sample) => {
    const next = sample - a1 * one - a2 * two;
    [one, two] = [next, one];
    return next;
  });
}

/** The payloads of RFC 3389 that ffmpeg makes of it, one behind the other. */
function described(samples: Int16Array): Uint8Array {
  const linear = ["-f", "s16le", "-ar", String(RATE), "-ac", "1"];
  const args = ["-v", "error", ...linear, "-i", "-", "-map", "0:a", "-c:a", "comfortnoise"];
  const input = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const { status, stdout, stderr } = spawnSync("ffmpeg", [...args, "-f", "data", "-"], { input });
  if (status !== 0) throw new Error(`ffmpeg ended with ${status}: ${stderr}`);
  return stdout;
}

/** Plays each description as long as what it describes. */
function played(payloads: Uint8Array): Int16Array {
  const noise = new ComfortNoise(RATE);
  const count = Math.floor(payloads.length / PAYLOAD_BYTES);
  const out = new Int16Array(count * DESCRIBED);
  for (let turn = 0; turn < count; turn++) {
    noise.describe(payloads, turn * PAYLOAD_BYTES, PAYLOAD_BYTES);
    noise.fill(out.subarray(turn * DESCRIBED), DESCRIBED);
  }
  return out;
}

function decibels(samples: Int16Array): number {
  return 10 * Math.log10(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length);
}

/** The level around a frequency in dB, within 100 Hz or so. */
function decibelsAt(samples: Int16Array, frequency: number): number {
  const length = 160;
  const step = 2 * Math.PI * frequency / RATE;
  let power = 0;
  for (let from = 0; from + length <= samples.length; from += length) {
    let [real, imaginary] = [0, 0];
    for (let at = 0; at < length; at++) {
      const window = 1 - Math.cos(2 * Math.PI * at / length);
      const sample = (samples[from + at] as number) * window;
      real += sample * Math.cos(step * at);
      imaginary += sample * Math.sin(step * at);
    }
    power += real ** 2 + imaginary ** 2;
  }
  return 10 * Math.log10(power / samples.length);
}

describe("RFC 3389 comfort noise as ffmpeg describes it", () => {
  for (const [name, a1, a2] of BACKGROUNDS) {
    peerTest(`${name} is as loud as it was, at every frequency`, ["ffmpeg"], () => {
      const real = background(a1, a2);
      const heard = played(described(real));
      expect(heard.length).toBeGreaterThan(real.length - 2 * DESCRIBED);
      expect(Math.abs(decibels(heard) - decibels(real))).toBeLessThan(1.5);
      for (let frequency = 200; frequency < 4000; frequency += 200) {
        const error = Math.abs(decibelsAt(heard, frequency) - decibelsAt(real, frequency));
        expect([frequency, error < 3 ? "near" : error]).toEqual([frequency, "near"]);
      }
    });
  }
});
