import { describe, expect } from "bun:test";
import { DtmfDetector } from "../../src/audio/dtmf_detector.ts";
import { dtmfTone } from "../../src/audio/dtmf_tone.ts";
import { peerTest } from "../support/peers.ts";
import { speak } from "./spoken_words.ts";

const RATE = 8000;
const FRAME = RATE / 50;
const MINUTES = 2;

function keysIn(samples: Int16Array): string {
  const detector = new DtmfDetector(RATE);
  let keys = "";
  for (let at = 0; at < samples.length; at += FRAME) {
    keys += detector.receive(samples, at, Math.min(FRAME, samples.length - at))?.digit ?? "";
  }
  return keys + (detector.finish()?.digit ?? "");
}

describe("in-band DTMF and speech", () => {
  peerTest(`no key is heard in ${MINUTES} minutes of it, and one between words is`, [
    "espeak-ng",
  ], () => {
    let heard = 0;
    for (let seed = 0; heard < MINUTES * 60 * RATE; seed++) {
      const speech = speak(seed, RATE);
      expect({ seed, keys: keysIn(speech) }).toEqual({ seed, keys: "" });
      const key = dtmfTone("8", { durationMs: 60, rate: RATE, level: -15 });
      // The caller stops talking to press it.
      const pause = new Int16Array(RATE / 10);
      const after = new Int16Array([...speech, ...pause, ...key, ...pause]);
      expect({ seed, keys: keysIn(after) }).toEqual({ seed, keys: "8" });
      heard += speech.length;
    }
  });
});
