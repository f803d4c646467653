import { describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { createOpus } from "../../src/audio/opus.ts";
import { findSound, levelDbfs } from "../../src/audio/similarity.ts";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";
import { peerTest } from "../support/peers.ts";
import { speech } from "../audio/sounds.ts";
import { oggOpus, opusPackets } from "./ogg_opus.ts";

const libraries = await loadAudioLibraries({ opus: true, voiceDetector: false });

/** RFC 6716 §3.1: first byte of a wideband frame of SILK, by its length in milliseconds. */
const EMPTY = { 10: 0x40, 20: 0x48, 60: 0x58 } as const;

function ffmpeg(input: Uint8Array, args: string): Uint8Array {
  const { status, stdout, stderr } = spawnSync(
    "ffmpeg",
    ["-loglevel", "error", ...args.split(" ")],
    { input, maxBuffer: 2 ** 26 },
  );
  expect([status, stderr.toString()]).toEqual([0, ""]);
  return stdout;
}

function bytesOf(samples: Int16Array): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}

function samplesOf(bytes: Uint8Array): Int16Array {
  return Int16Array.from(
    { length: bytes.length >> 1 },
    (_, at) => (bytes[2 * at] as number) | ((bytes[2 * at + 1] as number) << 8),
  );
}

/** Two seconds of speech are in what was heard, as loud as they were. */
function expectSame(sound: Int16Array, heard: Int16Array, rate: number): void {
  const part = sound.subarray(0, rate * 2);
  expect(findSound(part, heard, { rate, delayMax: 40 }).correlation).toBeGreaterThan(0.85);
  expect(Math.abs(levelDbfs(heard) - levelDbfs(sound))).toBeLessThan(1.5);
}

describe("RFC 6716 Opus, with ffmpeg at the other end", () => {
  for (const rate of [8000, 16_000, 48_000]) {
    for (const ptime of [10, 20, 60] as const) {
      // "opus" is ffmpeg's own decoder, written from the RFC; of FEC in 60 ms it makes noise
      const decoder = ptime === 60 ? "libopus" : "opus";
      peerTest(`hears what we send at ${rate} Hz in frames of ${ptime} ms`, ["ffmpeg"], () => {
        const codec = createOpus({ rate, libraries });
        const sound = speech(rate);
        const frame = (rate * ptime) / 1000;
        const out = new Uint8Array(1500);
        const packets: Uint8Array[] = [];
        for (let at = 0; at + frame <= sound.length; at += frame) {
          const bytes = codec.encode(sound, at, frame, out, 0);
          // A frame that need not be sent leaves no gap in a file: an empty one stands in
          packets.push(bytes > 0 ? out.slice(0, bytes) : Uint8Array.of(EMPTY[ptime]));
        }
        codec.close();
        const file = oggOpus(packets, ptime);
        const pcm = ffmpeg(file, `-c:a ${decoder} -i pipe:0 -f s16le -ac 1 -ar ${rate} pipe:1`);
        expectSame(sound, samplesOf(pcm), rate);
      });
    }
  }

  for (
    const [name, options] of [
      ["20 ms for speech", "-application voip -b:a 24k -frame_duration 20"],
      ["60 ms for speech, with FEC", "-application voip -b:a 24k -frame_duration 60 -fec 1"],
      ["10 ms for music", "-application audio -b:a 64k -frame_duration 10"],
      ["2.5 ms of low delay", "-application lowdelay -b:a 64k -frame_duration 2.5"],
      ["120 ms", "-application voip -b:a 24k -frame_duration 120"],
      ["two channels", "-af pan=stereo|c0=c0|c1=c0 -application voip -b:a 48k -frame_duration 20"],
    ] as const
  ) {
    peerTest(`is heard by us: ${name}`, ["ffmpeg"], () => {
      const rate = 16_000;
      const sound = speech(rate);
      const encoder = `-c:a libopus ${options} -f ogg pipe:1`;
      const file = ffmpeg(bytesOf(sound), `-f s16le -ar ${rate} -ac 1 -i pipe:0 ${encoder}`);
      const codec = createOpus({ rate, libraries });
      const heard: number[] = [];
      for (const packet of opusPackets(file)) {
        const out = new Int16Array(codec.samplesMax(packet.length));
        heard.push(...out.subarray(0, codec.decode(packet, 0, packet.length, out)));
      }
      codec.close();
      expectSame(sound, Int16Array.from(heard), rate);
    });
  }
});
