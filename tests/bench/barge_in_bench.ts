/**
 * Prints what listening for speech adds to one packet pair: PCMU at 20 ms and 8 kHz received, a
 * prompt sent, with and without `barge_in`, while the caller is silent, speaks, or is an echo.
 *
 * Run it with `bun tests/bench/barge_in_bench.ts [packets]`. It is a program, not a test: figures
 * depend on the machine, and are to be compared within one run.
 *
 * @module
 */

import { PCMU } from "../../src/audio/g711.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { MediaSession } from "../../src/media/media_session.ts";
import { emptyRtpHeader, writeRtpHeader } from "../../src/rtp/packet.ts";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";
import { speech, whiteNoise } from "../audio/sounds.ts";

const PACKETS = Number(process.argv[2] ?? 100_000);
const SESSIONS = 100;
const PTIME = 20;
const FRAME = 160;
/** Delay of the echo, in frames. */
const ECHO_FRAMES = 6;
const libraries = await loadAudioLibraries({ opus: false, voiceDetector: true });

const words = speech(8000, -26);
const prompt = words.slice().reverse();
const frames = Math.floor(words.length / FRAME);
const noise = whiteNoise(1, -60, words.length);
const echo = words.map((_, at) =>
  Math.round((prompt[(at + words.length - ECHO_FRAMES * FRAME) % words.length] as number) / 10) +
  (noise[at] as number)
);

const sounds = { silence: new Int16Array(words.length), noise, speech: words, echo };

function measure(sound: Int16Array, isListening: boolean): number {
  let now = 0;
  const sessions = Array.from({ length: SESSIONS }, (_, index) => {
    const options = {
      codec: "PCMU",
      payloadType: 0,
      receivePayloadType: 0,
      ptime: PTIME,
      remote: { address: "127.0.0.1", port: 4000 },
      signallingAddress: "127.0.0.1",
      latch: "auto",
      direction: "sendrecv",
      timeout: 30_000,
      random: new SeededRandom(index + 1),
      libraries,
      speech: isListening ? { mode: "notify" as const, after: 300 } : undefined,
    } as const;
    const sink = { audio: () => {}, packet: () => {}, report: () => {}, event: () => {} };
    return new MediaSession(options, sink, 0);
  });
  const header = emptyRtpHeader();
  const packet = new Uint8Array(12 + FRAME);
  let frame = 0;
  const round = (count: number) => {
    for (let done = 0; done < count; done += SESSIONS) {
      now += PTIME;
      header.sequenceNumber = (header.sequenceNumber + 1) & 0xffff;
      header.timestamp = (header.timestamp + FRAME) >>> 0;
      const at = (frame++ % frames) * FRAME;
      const pcm = new Uint8Array(prompt.buffer, at * 2, FRAME * 2);
      writeRtpHeader(packet, header);
      PCMU.encode(sound, at, FRAME, packet, 12);
      for (const session of sessions) {
        session.write(pcm, now);
        session.receive(packet, 4000, "127.0.0.1", now);
      }
    }
  };
  round(PACKETS / 2);
  const start = performance.now();
  round(PACKETS);
  const elapsed = performance.now() - start;
  for (const session of sessions) session.stop(now);
  return (elapsed * 1000) / PACKETS;
}

for (const [name, sound] of Object.entries(sounds)) {
  const without = measure(sound, false);
  const added = measure(sound, true) - without;
  const figures = `${without.toFixed(1)} us a pair, ${added.toFixed(1)} us more with barge_in`;
  console.log(`${name}: ${figures}`);
}
