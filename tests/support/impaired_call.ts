/**
 * A call in virtual time whose far end speaks over an impaired link: one media session sends a
 * sound, another hears what is left of it, and both ends and the link are counted.
 *
 * What the sender makes of a sound does not depend on the link, so it is made once for all calls.
 *
 * @module
 */

import type { AudioLibraries } from "../../src/audio/audio_libraries.ts";
import type { CodecName } from "../../src/audio/codec.ts";
import { SeededRandom } from "../../src/base/random.ts";
import type { Hertz, Millis, Samples } from "../../src/base/units.ts";
import type { MediaOptions } from "../../src/media/media_contract.ts";
import { MediaSession } from "../../src/media/media_session.ts";
import type { MediaStatistics } from "../../src/media/statistics.ts";
import { speech } from "../audio/sounds.ts";
import { impair, type Impaired, type Impairments, type TimedPacket } from "./impaired_link.ts";
import { compareSounds, type Differences, Reference } from "./sound_comparison.ts";

/**
 * What is spoken. `talk`: two sentences; `long`: the same sentence for two minutes; `pause`: a
 * sentence, ten minutes in which the handler writes nothing, a sentence; `quiet`: the same with
 * silence written, which a codec may leave out (DTX).
 */
export type SoundName = "talk" | "long" | "pause" | "quiet";

/** One call. */
export interface ImpairedCall {
  readonly codec: CodecName;
  /** Of the handlers on both sides. */
  readonly rate: Hertz;
  readonly sound: SoundName;
  readonly impairments: Impairments;
}

/** What became of it. */
export interface Figures extends Differences {
  /** Audio that the handler was given, more than the clock says. */
  readonly lengthErrorMs: Millis;
  /** The furthest that the handler's audio was behind the clock. */
  readonly behindMs: Millis;
  /** The loudest sample in ten minutes of silence; 0 without such. */
  readonly pausePeak: number;
  readonly concealedMs: Millis;
  readonly recoveredMs: Millis;
  /** Both. */
  readonly madeUpMs: Millis;
  readonly countedLost: number;
  /** Between the first packet that arrived and the last one. */
  readonly trulyLost: number;
  /** Share of the packets with speech that were lost. */
  readonly spokenLoss: number;
  /** How much can be made up for those at best: a hole fades within 60 ms. */
  readonly concealableMs: Millis;
  readonly statistics: MediaStatistics;
  readonly link: Impaired;
}

/** Length of a packet. */
export const FRAME_MS: Millis = 20;
/** After the last packet: all that is held is given up by then. */
const LINGER_MS: Millis = 400;
const PAUSE_MS: Millis = 600_000;
const PAUSE_MARGIN_MS: Millis = 1000;
const LONG_MS: Millis = 120_000;
const FADE_MS: Millis = 60;
const PAYLOAD_TYPE = 96;
const PEER = { address: "192.0.2.7", port: 40_000 } as const;

/** What a handler wrote and what was sent of it. */
interface Track {
  readonly written: Int16Array;
  readonly packets: readonly TimedPacket[];
}

interface Heard {
  readonly samples: Int16Array;
  readonly lengthErrorMs: Millis;
  readonly behindMs: Millis;
  readonly statistics: MediaStatistics;
}

/** Makes calls, and remembers what they have in common. */
export class ImpairedCalls {
  readonly #libraries: AudioLibraries;
  readonly #tracks = new Map<string, Track>();
  readonly #references = new Map<string, Reference>();

  constructor(libraries: AudioLibraries) {
    this.#libraries = libraries;
  }

  /**
   * Makes one call. What is heard is compared with what is heard over a perfect link; over a
   * perfect link, with what was written.
   */
  make(call: ImpairedCall): Figures {
    const track = this.#track(call);
    const link = impair(track.packets, call.impairments);
    const heard = this.#hear(call, link);
    const { lengthErrorMs, behindMs, statistics } = heard;
    const isPerfect = Object.keys(call.impairments).length === 1;
    const reference = isPerfect
      ? new Reference(spoken(call, track.written), call.rate)
      : this.#perfect(call, track);
    return {
      ...compareSounds(reference, spoken(call, heard.samples)),
      lengthErrorMs,
      behindMs,
      pausePeak: peakOf(pauseIn(call, heard.samples)),
      concealedMs: statistics.concealed_ms,
      recoveredMs: statistics.recovered_ms,
      madeUpMs: statistics.concealed_ms + statistics.recovered_ms,
      countedLost: statistics.packets_lost,
      ...lossOf(link, track.packets),
      spokenLoss: spokenLossOf(call, track, link),
      statistics,
      link,
    };
  }

  #track(call: ImpairedCall): Track {
    const { codec, rate, sound } = call;
    const key = `${codec} ${rate} ${sound}`;
    const track = this.#tracks.get(key) ?? this.#speak(call);
    this.#tracks.set(key, track);
    return track;
  }

  #perfect(call: ImpairedCall, track: Track): Reference {
    const { codec, rate, sound } = call;
    const key = `${codec} ${rate} ${sound}`;
    const known = this.#references.get(key);
    if (known !== undefined) return known;
    const { samples } = this.#hear(call, impair(track.packets, { seed: 1 }));
    const reference = new Reference(spoken(call, samples), rate);
    this.#references.set(key, reference);
    return reference;
  }

  /** The sender: a handler that writes a frame each frame time. */
  #speak(call: ImpairedCall): Track {
    const packets: TimedPacket[] = [];
    let now: Millis = 0;
    const session = new MediaSession(this.#options(call), {
      audio: () => {},
      packet: (bytes) => void packets.push({ at: now, bytes: bytes.slice() }),
      report: () => {},
      event: () => {},
    }, 0);
    const passTo = (until: Millis): void => {
      while (session.deadline <= until) {
        now = Math.max(now, session.deadline);
        session.timeout(now);
      }
      now = until;
    };
    const { rate } = call;
    const written = soundOf(call);
    const frame = (rate * FRAME_MS) / 1000;
    const { from, to } = pauseOf(call);
    for (let at = 0; at < written.length; at += frame) {
      if (call.sound === "pause" && at >= from && at < to) continue;
      passTo(((at + frame) * 1000) / rate);
      session.write(bytesOf(written.subarray(at, at + frame)), now);
    }
    passTo(now + LINGER_MS);
    session.stop(now);
    return { written, packets };
  }

  /** The receiver. */
  #hear(call: ImpairedCall, link: Impaired): Heard {
    const sink = new Recording(call.rate);
    const session = new MediaSession(this.#options(call), {
      audio: (pcm) => sink.take(pcm),
      packet: () => {},
      report: () => {},
      event: () => {},
    }, 0);
    const passTo = (until: Millis): void => {
      while (session.deadline <= until) {
        sink.now = Math.max(sink.now, session.deadline);
        session.timeout(sink.now);
      }
      sink.now = until;
    };
    const received = new Uint8Array(2048);
    for (const { at, bytes } of link.arrivals) {
      passTo(at);
      received.set(bytes);
      session.receive(received.subarray(0, bytes.length), PEER.port, PEER.address, at);
    }
    passTo(sink.now + LINGER_MS);
    session.stop(sink.now);
    const { samples, behindMs } = sink;
    const lengthErrorMs = (samples.length * 1000) / call.rate - sink.now;
    return { samples, behindMs, lengthErrorMs, statistics: session.statistics() };
  }

  #options({ codec, rate }: ImpairedCall): MediaOptions {
    return {
      codec,
      rate,
      libraries: this.#libraries,
      payloadType: PAYLOAD_TYPE,
      receivePayloadType: PAYLOAD_TYPE,
      ptime: FRAME_MS,
      remote: PEER,
      signallingAddress: PEER.address,
      latch: "auto",
      direction: "sendrecv",
      timeout: 0,
      random: new SeededRandom(7),
    };
  }
}

/** All that one handler was given. */
class Recording {
  now: Millis = 0;
  behindMs: Millis = 0;
  readonly #rate: Hertz;
  #samples = new Int16Array(0x8_0000);
  #length: Samples = 0;

  constructor(rate: Hertz) {
    this.#rate = rate;
  }

  get samples(): Int16Array {
    return this.#samples.subarray(0, this.#length);
  }

  take(pcm: Uint8Array): void {
    const length = pcm.length / 2;
    this.behindMs = Math.max(this.behindMs, this.now - (this.#length * 1000) / this.#rate);
    if (this.#length + length > this.#samples.length) {
      const larger = new Int16Array(this.#samples.length * 2);
      larger.set(this.#samples);
      this.#samples = larger;
    }
    this.#samples.set(new Int16Array(pcm.buffer, pcm.byteOffset, length), this.#length);
    this.#length += length;
  }
}

function soundOf({ sound, rate }: ImpairedCall): Int16Array {
  const sentence = speech(rate);
  const frame = (rate * FRAME_MS) / 1000;
  const whole = sentence.subarray(0, sentence.length - (sentence.length % frame));
  if (sound === "talk") return joined([whole, whole]);
  if (sound === "long") {
    return joined(Array(Math.ceil((LONG_MS * rate) / 1000 / whole.length)).fill(whole));
  }
  return joined([whole, new Int16Array((PAUSE_MS * rate) / 1000), whole]);
}

/** Where the silence is in what was written. */
function pauseOf({ sound, rate }: ImpairedCall): { readonly from: Samples; readonly to: Samples } {
  if (sound === "talk" || sound === "long") return { from: Infinity, to: Infinity };
  const sentence = speech(rate);
  const frame = (rate * FRAME_MS) / 1000;
  const from = sentence.length - (sentence.length % frame);
  return { from, to: from + (PAUSE_MS * rate) / 1000 };
}

/** What was heard in the silence, without a little at both of its ends. */
function pauseIn(call: ImpairedCall, samples: Int16Array): Int16Array {
  const margin = (PAUSE_MARGIN_MS * call.rate) / 1000;
  const { from, to } = pauseOf(call);
  return samples.subarray(from + margin, to - margin);
}

/** A sound without {@linkcode pauseIn}. */
function spoken(call: ImpairedCall, samples: Int16Array): Int16Array {
  const pause = pauseIn(call, samples);
  if (pause.length === 0) return samples;
  const from = (pause.byteOffset - samples.byteOffset) / 2;
  return joined([samples.subarray(0, from), samples.subarray(from + pause.length)]);
}

function peakOf(samples: Int16Array): number {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return peak;
}

function joined(sounds: readonly Int16Array[]): Int16Array {
  const all = new Int16Array(sounds.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const sound of sounds) {
    all.set(sound, at);
    at += sound.length;
  }
  return all;
}

function bytesOf(samples: Int16Array): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.length * 2);
}

function spokenLossOf(call: ImpairedCall, track: Track, { lost }: Impaired): number {
  const { from, to } = pauseOf(call);
  const isSpoken = ({ at }: TimedPacket): boolean => {
    const sample = (at * call.rate) / 1000;
    return sample < from || sample > to;
  };
  const spokenLost = lost.filter((index) => isSpoken(track.packets[index] as TimedPacket));
  return spokenLost.length / track.packets.filter(isSpoken).length;
}

/** What the receiver could know of the loss. */
function lossOf(
  { lost }: Impaired,
  packets: readonly TimedPacket[],
): Pick<Figures, "trulyLost" | "concealableMs"> {
  const gone = new Set(lost);
  let first = 0;
  while (gone.has(first)) first++;
  let last = packets.length - 1;
  while (gone.has(last)) last--;
  let trulyLost = 0;
  let concealableMs = 0;
  let run = 0;
  for (let index = first; index <= last; index++) {
    if (gone.has(index)) {
      trulyLost++;
      run++;
    } else {
      concealableMs += Math.min(run * FRAME_MS, FADE_MS);
      run = 0;
    }
  }
  return { trulyLost, concealableMs };
}
