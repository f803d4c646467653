/**
 * A call for the ears of {@linkcode BargeIn}: our prompt comes back over a line with a hybrid at its
 * far end, G.711 both ways, and somebody may speak there. Virtual time, and the same for a seed.
 *
 * @module
 */

import type { VoiceDetectorLibrary } from "../../src/audio/audio_libraries.ts";
import { PCMA, PCMU } from "../../src/audio/g711.ts";
import { SpeechDetector } from "../../src/audio/speech_detector.ts";
import { BargeIn, type SpeechChange } from "../../src/media/barge_in.ts";
import { pseudoRandom, whiteNoise } from "../audio/sounds.ts";

export const RATE = 8000;
const FRAME = 160;
const FRAME_MS = 20;
/** How long the impulse response of a hybrid is, and after how much of it a third is left. */
const HYBRID_MS = 12;
const HYBRID_DECAY_MS = 2.5;

/** The way of our sound back to us. */
export interface EchoPath {
  /** Of its strongest part. */
  readonly delayMs: number;
  /** How much weaker it comes back, in dB. */
  readonly lossDb: number;
  readonly law: "PCMU" | "PCMA";
  /** Of the hybrid: each one sounds different. */
  readonly seed: number;
}

/** What happens in the call. */
export interface EchoCall {
  readonly library: VoiceDetectorLibrary;
  readonly prompt: Int16Array;
  /** When it begins; default: with the call. A whole number of frames. */
  readonly beginsAt?: number;
  /** What is said at the far end, from the beginning of the call on. */
  readonly caller?: Int16Array;
  readonly echo?: EchoPath | undefined;
  /** Level of the noise at the far end. */
  readonly noiseDbov?: number;
  readonly after?: number;
  readonly mode?: "notify" | "clear";
  /** Whether our sound goes on after a barge-in. */
  readonly goesOn?: boolean;
  /** When the caller begins to speak. */
  readonly spokeAtMs?: number;
}

/** A change, and how much of the call had passed when it was told. */
export type ToldChange = SpeechChange & { readonly toldMs: number };

/** What is told in a call that goes on until our sound is to stop, or the prompt is over. */
export function listen(call: EchoCall): readonly ToldChange[] {
  const { library, prompt, after = 300, mode = "clear", goesOn = false } = call;
  const received = overLine(call);
  const detector = new SpeechDetector({ rate: RATE, library });
  const begin = (call.beginsAt ?? 0) * RATE / 1000;
  let sentEnd = 0;
  const isQueued = () => sentEnd > 0 && prompt.length - sentEnd > RATE / 10;
  const bargeIn = new BargeIn({ rate: RATE, detector, mode, after, isQueued });
  const changes: ToldChange[] = [];
  for (let at = 0; at + FRAME <= received.length; at += FRAME) {
    const from = at - begin;
    if (from >= 0 && from + FRAME <= prompt.length) {
      sentEnd = from + FRAME;
      bargeIn.sent(prompt.subarray(from, sentEnd), FRAME, at * 1000 / RATE);
    }
    const change = bargeIn.received(received.subarray(at, at + FRAME), FRAME);
    if (change === undefined) continue;
    changes.push({ ...change, toldMs: at * 1000 / RATE + FRAME_MS });
    if (change.type === "bargeIn" && !goesOn) break;
  }
  detector.close();
  return changes;
}

/** What comes from the far end, as we decode it: a second more than is played or said. */
export function overLine(
  { prompt, beginsAt = 0, caller, echo, noiseDbov = -60 }: Omit<EchoCall, "library">,
): Int16Array {
  const sent = new Float64Array(beginsAt * RATE / 1000 + prompt.length);
  sent.set(prompt, sent.length - prompt.length);
  const length = Math.max(sent.length, caller?.length ?? 0) + RATE;
  const sum = new Float64Array(length);
  for (const [at, sample] of whiteNoise(1, noiseDbov, length).entries()) sum[at] = sample;
  for (const [at, sample] of caller?.entries() ?? []) sum[at] = (sum[at] as number) + sample;
  const law = echo?.law === "PCMA" ? PCMA : PCMU;
  if (echo !== undefined) addEcho(sum, overG711(sent, law), echo);
  return overG711(sum, law);
}

function addEcho(sum: Float64Array, sent: Int16Array, { delayMs, lossDb, seed }: EchoPath): void {
  const taps = hybrid(seed, lossDb);
  const delay = Math.round(delayMs * RATE / 1000);
  for (let at = 0; at < sent.length; at++) {
    const sample = sent[at] as number;
    if (sample === 0) continue;
    const to = at + delay;
    for (let tap = 0; tap < taps.length && to + tap < sum.length; tap++) {
      sum[to + tap] = (sum[to + tap] as number) + sample * (taps[tap] as number);
    }
  }
}

/** An impulse response that rises at once and decays, with reflections of both signs. */
function hybrid(seed: number, lossDb: number): Float64Array {
  const next = pseudoRandom(seed);
  const taps = new Float64Array(HYBRID_MS * RATE / 1000);
  let power = 0;
  for (let tap = 0; tap < taps.length; tap++) {
    const value = (next() * 2 - 1) * Math.exp(-tap * 1000 / RATE / HYBRID_DECAY_MS);
    taps[tap] = value;
    power += value * value;
  }
  const gain = 10 ** (-lossDb / 20) / Math.sqrt(power);
  return taps.map((value) => value * gain);
}

function overG711(samples: Float64Array, law: typeof PCMU): Int16Array {
  const linear = Int16Array.from(
    samples,
    (sample) => Math.max(-32_768, Math.min(32_767, Math.round(sample))),
  );
  const codes = new Uint8Array(linear.length);
  law.encode(linear, 0, linear.length, codes, 0);
  law.decode(codes, 0, codes.length, linear);
  return linear;
}

/** A line of its own for each number: delays of 20 to 500 ms. */
export function pathOf(index: number, lossDb: number): EchoPath {
  const next = pseudoRandom(index);
  return {
    delayMs: 20 + 480 * next(),
    lossDb,
    law: index % 2 === 0 ? "PCMU" : "PCMA",
    seed: index,
  };
}

/** A caller who begins to speak one to five seconds after the prompt. */
export function placed(
  sound: Int16Array,
  index: number,
): { caller: Int16Array; spokeAtMs: number } {
  const at = Math.round((1 + 4 * pseudoRandom(index + 5000)()) * RATE);
  const caller = new Int16Array(at + sound.length);
  caller.set(sound, at);
  return { caller, spokeAtMs: at * 1000 / RATE };
}

/** The same sound at another level over all of it, in dBov. */
export function atLevel(sound: Int16Array, dbov: number): Int16Array {
  let sum = 0;
  for (const sample of sound) sum += sample * sample;
  const rms = Math.sqrt(sum / sound.length);
  const gain = rms === 0 ? 0 : 32_768 * 10 ** (dbov / 20) / rms;
  return sound.map((sample) => Math.max(-32_768, Math.min(32_767, Math.round(sample * gain))));
}
