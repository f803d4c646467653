import { describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import type { AudioCodec, CodecName } from "../../src/audio/codec.ts";
import { createCodec } from "../../src/audio/codec_table.ts";
import { OVERLOADS, randomCodes, SIGNALS } from "../audio/g722_signals.ts";
import { peerTest } from "../support/peers.ts";
import { speak } from "./spoken_words.ts";

const G722 = ["-f", "g722"];
const LINEAR = ["-f", "s16le", "-ar", "16000", "-ac", "1"];

function codecOf(name: CodecName): AudioCodec {
  return createCodec(name, { rate: 16_000, libraries: {} });
}

/** Frame by frame, as a call does. */
function encode(name: CodecName, samples: Int16Array): Uint8Array {
  const codec = codecOf(name);
  const out = new Uint8Array(samples.length * 2);
  const frame = codec.sampleRate / 50;
  let written = 0;
  for (let at = 0; at < samples.length; at += frame) {
    written += codec.encode(samples, at, Math.min(frame, samples.length - at), out, written);
  }
  return out.subarray(0, written);
}

function decode(name: CodecName, payload: Uint8Array): Int16Array {
  const codec = codecOf(name);
  const out = new Int16Array(codec.samplesMax(payload.length));
  return out.subarray(0, codec.decode(payload, 0, payload.length, out));
}

/** Runs a program with bytes for its input, and gives back those of its output. */
function run(command: string, args: readonly string[], input: Uint8Array): Uint8Array {
  const { status, stdout, stderr } = spawnSync(command, args, { input, maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return stdout;
}

function ffmpeg(from: readonly string[], to: readonly string[], input: Uint8Array): Uint8Array {
  return run("ffmpeg", ["-v", "error", ...from, "-i", "-", ...to, "-"], input);
}

/** With dither off: it would not be the law that is compared. */
function sox(from: readonly string[], to: readonly string[], input: Uint8Array): Uint8Array {
  return run("sox", ["-D", "-t", "raw", ...from, "-", "-t", "raw", ...to, "-"], input);
}

function bytesOf(samples: Int16Array): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}

function samplesOf(bytes: Uint8Array): Int16Array {
  return new Int16Array(bytes.slice().buffer);
}

/** The first place where two differ; -1 when they are the same. */
function difference(one: ArrayLike<number>, other: ArrayLike<number>): number {
  const length = Math.max(one.length, other.length);
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return at;
  return -1;
}

function compareG722(name: string, samples: Int16Array): void {
  const codes = encode("G722", samples);
  const theirs = ffmpeg(LINEAR, ["-c:a", "g722", "-trellis", "0", ...G722], bytesOf(samples));
  expect([name, "encoded", difference(codes, theirs)]).toEqual([name, "encoded", -1]);
  const heard = samplesOf(ffmpeg(G722, ["-f", "s16le"], codes));
  expect([name, "decoded", difference(decode("G722", codes), heard)]).toEqual([
    name,
    "decoded",
    -1,
  ]);
}

describe("ITU-T G.722 against ffmpeg, bit by bit", () => {
  peerTest("tones, noise, impulses and silence, both ways", ["ffmpeg"], () => {
    // One after the other: a program is slow to start.
    compareG722("signals", Int16Array.from(Object.values(SIGNALS).flatMap((part) => [...part])));
  });

  peerTest("half a minute of speech, both ways", ["ffmpeg", "espeak-ng"], () => {
    const speech = speak(722, 16_000);
    // Whole frames: ffmpeg fills up the last.
    compareG722("speech", speech.subarray(0, speech.length - speech.length % 320));
  });

  peerTest("codes without sense, decoded", ["ffmpeg"], () => {
    const codes = randomCodes(64_000);
    const heard = samplesOf(ffmpeg(G722, ["-f", "s16le"], codes));
    expect(difference(decode("G722", codes), heard)).toBe(-1);
  });

  // ffmpeg does not limit the bands to 15 bits before it encodes them, as §5.2 LOWT and HIGHT do.
  peerTest("full-scale squares, decoded", ["ffmpeg"], () => {
    const samples = Int16Array.from(Object.values(OVERLOADS).flatMap((part) => [...part]));
    const codes = encode("G722", samples);
    const heard = samplesOf(ffmpeg(G722, ["-f", "s16le"], codes));
    expect(difference(decode("G722", codes), heard)).toBe(-1);
  });
});

describe("codecs without memory against SoX", () => {
  const LITTLE_ENDIAN = ["-r", "8000", "-c", "1", "-e", "signed", "-b", "16", "-L"];
  const EVERY_SAMPLE = Int16Array.from({ length: 65_536 }, (_, at) => at - 32_768);

  for (const name of ["L16/8000", "L16/16000", "L16/44100"] as const) {
    peerTest(`${name}: every sample, both ways`, ["sox"], () => {
      const bigEndian = ["-r", "8000", "-c", "1", "-e", "signed", "-b", "16", "-B"];
      const payload = encode(name, EVERY_SAMPLE);
      const theirs = sox(LITTLE_ENDIAN, bigEndian, bytesOf(EVERY_SAMPLE));
      expect(difference(payload, theirs)).toBe(-1);
      const heard = samplesOf(sox(bigEndian, LITTLE_ENDIAN, payload));
      expect(difference(decode(name, payload), heard)).toBe(-1);
    });
  }

  for (const [name, law] of [["PCMU", "u-law"], ["PCMA", "a-law"]] as const) {
    peerTest(`${name}: every code is the same sample, and nearly every sample the same code`, [
      "sox",
    ], () => {
      const companded = ["-r", "8000", "-c", "1", "-e", law, "-b", "8"];
      const codes = Uint8Array.from({ length: 256 }, (_, at) => at);
      const heard = samplesOf(sox(companded, LITTLE_ENDIAN, codes));
      expect(difference(decode(name, codes), heard)).toBe(-1);
      // The two round otherwise where a sample lies at the border between two codes.
      const ours = encode(name, EVERY_SAMPLE);
      const theirs = sox(LITTLE_ENDIAN, companded, bytesOf(EVERY_SAMPLE));
      const unlike = ours.filter((code, at) => code !== theirs[at]);
      expect(unlike.length / ours.length < 0.02).toBe(true);
    });
  }
});
