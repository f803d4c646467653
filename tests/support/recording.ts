/**
 * Looks at recordings of calls: both tracks of a file, and how they belong together.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { findSound, type Similarity } from "../../src/audio/similarity.ts";
import { parseWav, WAV_HEADER_BYTES } from "../../src/audio/wav.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { startServe } from "./command.ts";
import { RawCaller, rtpTargetOf, sdpOf } from "./raw_caller.ts";
import { RtpPeer } from "./rtp_peer.ts";

/** Both tracks of a file. */
export interface Tracks {
  readonly rate: number;
  /** The caller's. */
  readonly left: Int16Array;
  /** The handler's. */
  readonly right: Int16Array;
}

/** Reads both tracks of a recording; throws when it is not one. */
export function tracksOf(path: string): Tracks {
  const file = new Uint8Array(readFileSync(path));
  const { sampleRate: rate, channels, samples: { length } } = parseWav(file);
  if (channels !== 2) throw new Error(`${path} has ${channels} channels`);
  const samples = new Int16Array(file.buffer, WAV_HEADER_BYTES, length * 2);
  const [left, right] = [0, 1].map((track) =>
    new Int16Array(length).map((_, at) => samples[at * 2 + track] as number)
  );
  return { rate, left: left as Int16Array, right: right as Int16Array };
}

/** How far an echo is looked for, to both sides. */
const DELAY_MS_MAX = 100;

/** So much of the caller's track is looked for: who looks holds up the calls of other tests. */
const LOOKED_FOR_MS = 120;

/**
 * Finds what the caller says at a moment in the handler's track. A negative delay: it would be
 * there too early.
 */
export function echoIn({ rate, left, right }: Tracks, atMs: number): Similarity {
  const at = (millis: number) => Math.max(0, millis * rate / 1000);
  const said = left.subarray(at(atMs), at(atMs + LOOKED_FOR_MS));
  const heard = right.subarray(at(atMs - DELAY_MS_MAX), at(atMs + LOOKED_FOR_MS + DELAY_MS_MAX));
  const { correlation, delayMs } = findSound(said, heard, { rate, delayMax: 2 * DELAY_MS_MAX });
  return { correlation, delayMs: delayMs - Math.min(atMs, DELAY_MS_MAX) };
}

/** The longest run of zeros, in milliseconds. */
export function longestSilence(samples: Int16Array, rate: number): number {
  let [longest, current] = [0, 0];
  for (const sample of samples) {
    current = sample === 0 ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return longest * 1000 / rate;
}

/** A sound that resembles itself at no other place. */
export function noise(durationMs: number, rate: number, seed = 1): Int16Array<ArrayBuffer> {
  const random = new SeededRandom(seed);
  return new Int16Array(durationMs * rate / 1000).map(() =>
    (random.nextUint32() & 0x3fff) - 0x2000
  );
}

/**
 * Has a served call of 2.5 s recorded into `folder`, and kills the server in the middle of it.
 *
 * @returns How long the call was, and its file.
 */
export async function killedRecording(folder: string): Promise<{ path: string; callMs: number }> {
  const path = `${folder}/killed.wav`;
  const config = `${folder}/routes.yaml`;
  await Bun.write(
    config,
    "sip: { listen: ['udp://127.0.0.1:0'] }\nrtp: { ports: 31200-31399 }\n" +
      `routes: [{ echo: true, record: "${path}" }]\n`,
  );
  const { server, at } = await startServe(config);
  const caller = await RawCaller.open(at);
  const peer = await RtpPeer.open();
  try {
    const { answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", peer.port) });
    const answeredAt = performance.now();
    await peer.stream(rtpTargetOf(answer), 0x9f, 125);
    const callMs = performance.now() - answeredAt;
    return { path, callMs };
  } finally {
    process.kill(server.pid, "SIGKILL");
    await server.exited;
    caller.close();
    peer.close();
  }
}
