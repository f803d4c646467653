/**
 * A receive path with any codec at any rate of the handler, and a clock that stops at every
 * deadline.
 *
 * @module
 */

import type { AudioCodec } from "../../src/audio/codec.ts";
import { PCMU } from "../../src/audio/g711.ts";
import type { Hertz, Millis } from "../../src/base/units.ts";
import type { MediaEvent } from "../../src/media/media_contract.ts";
import { ReceivePath } from "../../src/media/receive_path.ts";
import type { ReceiveOptions } from "../../src/media/receive_path.ts";
import { emptyRtpHeader, parseRtp } from "../../src/rtp/packet.ts";
import { rtp } from "./session_harness.ts";

/** One receive path and what came out of it. */
export class ReceiveHarness {
  readonly path: ReceivePath;
  readonly rate: Hertz;
  readonly events: MediaEvent[] = [];
  /** Samples given to the handler, counted. */
  samples = 0;
  /** What is remembered of the audio: all of it, its largest step, or how much it was. */
  keep: "pieces" | "step" | "count" = "pieces";
  readonly pieces: Int16Array[] = [];
  /** The largest step between two samples that lie side by side. */
  stepMax = 0;
  #lastSample = 0;
  now: Millis;
  /** Called with every piece of audio, from inside the path. */
  onAudio: (samples: Int16Array) => void = () => {};
  readonly #header = emptyRtpHeader();

  constructor(
    options: Partial<ReceiveOptions> & { readonly rate?: Hertz } = {},
    start: Millis = 0,
  ) {
    this.now = start;
    this.rate = options.rate ?? 8000;
    this.path = new ReceivePath(
      { ...receiveOptions(options), rate: this.rate },
      {
        audio: (pcm) => this.#hear(pcm),
        event: (event) => void this.events.push(event),
      },
      start,
    );
  }

  /** Lets time pass, with a call at every deadline. */
  runUntil(until: Millis): void {
    while (this.path.deadline <= until) {
      this.now = Math.max(this.now, this.path.deadline);
      this.path.timeout(this.now);
    }
    this.now = Math.max(this.now, until);
  }

  receiveAt(at: Millis, packet: Uint8Array): void {
    this.runUntil(at);
    if (!parseRtp(packet, this.#header)) throw new Error("What is to be received is no RTP");
    this.path.receive(this.#header, packet, this.now);
  }

  /** How far the handler's timeline is behind the clock. */
  get lag(): Millis {
    return this.now - (this.samples * 1000) / this.rate;
  }

  /** All that was given to the handler. */
  get heard(): Int16Array {
    const heard = new Int16Array(this.samples);
    let at = 0;
    for (const piece of this.pieces) {
      heard.set(piece, at);
      at += piece.length;
    }
    return heard;
  }

  #hear(pcm: Uint8Array): void {
    const samples = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2);
    this.samples += samples.length;
    if (this.keep === "pieces") this.pieces.push(samples.slice());
    else if (this.keep === "step") this.#measure(samples);
    this.onAudio(samples);
  }

  #measure(samples: Int16Array): void {
    let last = this.#lastSample;
    for (const sample of samples) {
      const step = sample > last ? sample - last : last - sample;
      if (step > this.stepMax) this.stepMax = step;
      last = sample;
    }
    this.#lastSample = last;
  }
}

/** Of a call with PCMU, unless told otherwise. */
export function receiveOptions(options: Partial<ReceiveOptions> = {}): ReceiveOptions {
  return {
    codec: PCMU,
    payloadType: 0,
    telephoneEventPayloadType: 101,
    listening: true,
    ...options,
  };
}

/** How {@linkcode framePacket} numbers its packets. */
export interface FrameOptions {
  readonly codec?: AudioCodec;
  readonly payloadType?: number;
  readonly ssrc?: number;
  readonly duration?: Millis;
  /** Added to every timestamp. */
  readonly shift?: number;
}

/** The packet with number `index` of a stream, whose frames hold `samples` at the codec's rate. */
export function framePacket(
  index: number,
  samples: Int16Array,
  options: FrameOptions = {},
): Uint8Array {
  const { codec = PCMU, payloadType = 0, ssrc = 1, duration = 20, shift = 0 } = options;
  const bytes = new Uint8Array(8192);
  const length = codec.encode(samples, 0, samples.length, bytes, 0);
  return rtp({
    sequence: 65_500 + index,
    timestamp: 0xffff_0000 + index * duration * (codec.clockRate / 1000) + shift,
    payload: bytes.slice(0, length),
    payloadType,
    ssrc,
  });
}

/** Frame `index` of a tone that goes on from frame to frame. */
export function toneFrame(
  index: number,
  options: { readonly rate: Hertz; readonly hertz: Hertz; readonly duration?: Millis },
): Int16Array {
  const { rate, hertz, duration = 20 } = options;
  const length = (rate * duration) / 1000;
  return Int16Array.from(
    { length },
    (_, at) => Math.round(8000 * Math.sin((2 * Math.PI * hertz * (index * length + at)) / rate)),
  );
}
