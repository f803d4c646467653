/**
 * A program that loads Opus and the voice detector, uses both, and says in one line of JSON what
 * came of it. Tests run it wherever both have to load.
 *
 * @module
 */

import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";

const RATE = 16_000;
const FRAME = RATE / 50;

const { opus, voiceDetector } = await loadAudioLibraries({ opus: true, voiceDetector: true });
const encoder = opus?.openEncoder(RATE);
const decoder = opus?.openDecoder(RATE);
const detector = voiceDetector?.open(RATE, 2);
const sound = Int16Array.from({ length: FRAME }, (_, at) => 8000 * Math.sin(at / 5));
const packet = new Uint8Array(1500);
const bytes = encoder?.encode(sound, 0, FRAME, packet, 0) ?? 0;
const heard = new Int16Array(RATE);
console.log(JSON.stringify({
  hasEncoded: bytes > 2,
  decoded: decoder?.decode(packet, 0, bytes, heard),
  concealed: decoder?.conceal(heard, FRAME),
  isSilenceVoice: detector?.isVoice(new Int16Array(FRAME), 0, FRAME),
  isVoice: detector?.isVoice(sound, 0, FRAME),
}));
