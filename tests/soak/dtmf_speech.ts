/**
 * Lets the in-band DTMF detector listen to speech, and counts the keys that nobody pressed.
 *
 * ```
 * bun tests/soak/dtmf_speech.ts [--minutes 60] [--rate 8000] [--seed 0]
 * ```
 *
 * The speech is made by `espeak-ng` in many voices, and passes through the mu-law as in a call. It
 * ends with 0 when there was no false digit, and takes about a second for four minutes.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { DtmfDetector } from "../../src/audio/dtmf_detector.ts";
import { PCMU } from "../../src/audio/g711.ts";
import { speak } from "../peers/spoken_words.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "8000" },
    seed: { type: "string", default: "0" },
  },
});
const rate = Number(values.rate);
const wanted = Number(values.minutes) * 60 * rate;

let heard = 0;
let falseHits = 0;
for (let seed = Number(values.seed); heard < wanted; seed++) {
  const speech = speak(seed, rate);
  const codes = new Uint8Array(speech.length);
  PCMU.encode(speech, 0, speech.length, codes, 0);
  PCMU.decode(codes, 0, codes.length, speech);
  const detector = new DtmfDetector(rate);
  const frame = rate / 50;
  for (let at = 0; at < speech.length; at += frame) {
    const digit = detector.receive(speech, at, Math.min(frame, speech.length - at));
    if (digit === undefined) continue;
    falseHits++;
    const second = (at / rate).toFixed(2);
    console.log(
      `seed ${seed}: "${digit.digit}" of ${digit.durationMs.toFixed(1)} ms at ${second} s`,
    );
  }
  heard += speech.length;
}

const minutes = (heard / rate / 60).toFixed(1);
console.log(`${falseHits} false digits in ${minutes} minutes of speech at ${rate} Hz`);
process.exit(falseHits === 0 ? 0 : 1);
