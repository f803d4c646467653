/**
 * The audio of one call that we place: a sound that is played, keys that are pressed, and ears for
 * what comes back.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import { EMPTY_STATISTICS } from "../call/call_record.ts";
import type { MediaChange, MediaEvent, MediaOptions, MediaSink } from "../media/media_contract.ts";
import { MediaSession } from "../media/media_session.ts";
import type { OutgoingReport } from "../media/rtcp_exchange.ts";
import type { MediaStatistics } from "../media/statistics.ts";
import type { Runtime } from "../runtime/ports.ts";
import { type ClockSlot, MediaClock } from "./media_clock.ts";

/** What is played, and where packets go. */
export interface OutboundAudioOptions {
  readonly runtime: Runtime;
  /** At the rate of the media. */
  readonly sound: Int16Array;
  readonly digits: string;
  /** Sends one RTP packet. `bytes` is reused after the return. */
  readonly send: (bytes: Uint8Array, port: number, address: string) => void;
  /** Sends one RTCP packet from the port beside that of RTP. */
  readonly sendReport: (bytes: Uint8Array, port: number, address: string) => void;
  /** Sound and keys have all been sent. Once. */
  readonly played: () => void;
}

/** What came of a call's audio. */
export interface OutboundSound {
  /** Everything that was heard since the answer. */
  readonly heard: Int16Array;
  /** Everything that was heard before the answer: ringing, announcements. */
  readonly early: Int16Array;
  /** Figures of the whole call, once it was stopped. */
  readonly statistics: MediaStatistics;
}

/** What came of a call that never had audio. */
export const SILENCE: OutboundSound = {
  heard: new Int16Array(0),
  early: new Int16Array(0),
  statistics: EMPTY_STATISTICS,
};

/** Samples that are handed to the media at a time. */
const CHUNK_SAMPLES = 800;

/** How long a key is pressed. */
export const DIGIT_DURATION: Millis = 160;

/** Sound, in the pieces that it came in. */
class Recording {
  readonly #parts: Int16Array[] = [];

  /** Copies s16le samples. */
  add(pcm: Uint8Array): void {
    const samples = new Int16Array(pcm.length >> 1);
    new Uint8Array(samples.buffer).set(pcm.subarray(0, samples.length * 2));
    this.#parts.push(samples);
  }

  whole(): Int16Array {
    const whole = new Int16Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

/** Listens from the first description of the peer on, plays from the answer on, and does neither after the end. */
export class OutboundAudio implements MediaSink {
  readonly #options: OutboundAudioOptions;
  readonly #clock: MediaClock;
  /** Before the answer, and since. */
  readonly #early = new Recording();
  readonly #heard = new Recording();
  #media: MediaSession | undefined;
  /** Of the media in the clock. */
  #slot: ClockSlot = 0;
  #written = 0;
  #state: "listening" | "playing" | "finished" | "stopped" = "listening";
  /** Packets that had come when the call was answered. */
  #packetsBefore = 0;
  #firstPacketAt: Millis | undefined;
  #statistics: MediaStatistics = EMPTY_STATISTICS;

  constructor(options: OutboundAudioOptions) {
    this.#options = options;
    this.#clock = new MediaClock(options.runtime);
  }

  /** When the peer's first packet after the answer came; one that does not belong to the call does not count. */
  get firstPacketAt(): Millis | undefined {
    return this.#firstPacketAt;
  }

  /** What has come of it so far. */
  get sound(): OutboundSound {
    const statistics = this.#statistics;
    return { heard: this.#heard.whole(), early: this.#early.whole(), statistics };
  }

  /** The peer has described its audio, or described it anew: from now on we listen. */
  agree(agreed: MediaOptions, now: Millis): void {
    if (this.#state === "stopped") return;
    if (this.#media !== undefined) return this.renegotiate(agreed, now);
    const media = new MediaSession(agreed, this, now);
    this.#media = media;
    this.#slot = this.#clock.add(media, now);
  }

  /** The call is answered: presses the keys, if telephone-events were agreed on, then plays the sound. */
  start(now: Millis): void {
    const media = this.#media;
    if (media === undefined || this.#state !== "listening") return;
    this.#state = "playing";
    this.#packetsBefore = media.statistics().packets_received;
    const { digits } = this.#options;
    if (digits !== "") media.sendDigits(digits, DIGIT_DURATION, now);
    this.#write(media, now);
  }

  /** A packet came on the RTP port. */
  receive(data: Uint8Array, port: number, address: string, now: Millis): void {
    const media = this.#media;
    if (media === undefined) return;
    media.receive(data, port, address, now);
    if (this.#state !== "listening" && this.#firstPacketAt === undefined) {
      const { packets_received } = media.statistics();
      if (packets_received > this.#packetsBefore) this.#firstPacketAt = now;
    }
    this.#clock.touched(this.#slot, now);
  }

  /** A packet came on the RTCP port. */
  receiveReport(data: Uint8Array, address: string, now: Millis): void {
    this.#media?.receiveRtcp(data, address, now);
  }

  renegotiate(change: MediaChange, now: Millis): void {
    if (this.#media === undefined) return;
    this.#media.renegotiate(change, now);
    this.#clock.touched(this.#slot, now);
  }

  /** Ends both ways, for good. */
  stop(now: Millis): void {
    const media = this.#media;
    media?.stop(now);
    this.#state = "stopped";
    if (media === undefined) return;
    this.#statistics = media.statistics();
    this.#clock.remove(this.#slot);
    this.#media = undefined;
  }

  audio(pcm: Uint8Array): void {
    if (this.#state === "listening") this.#early.add(pcm);
    else this.#heard.add(pcm);
  }

  packet(bytes: Uint8Array, port: number, address: string): void {
    this.#options.send(bytes, port, address);
  }

  report({ bytes, to, mux }: OutgoingReport): void {
    const { send, sendReport } = this.#options;
    (mux ? send : sendReport)(bytes, to.port, to.address);
  }

  event(event: MediaEvent): void {
    if (event.type === "drained") this.#options.played();
    else if (event.type === "room" && this.#media !== undefined) {
      this.#write(this.#media, this.#options.runtime.now());
    }
  }

  /** Hands over as much of the sound as there is room for. */
  #write(media: MediaSession, now: Millis): void {
    const { sound } = this.#options;
    if (this.#state !== "playing") return;
    let hasRoom = true;
    while (hasRoom && this.#written < sound.length) {
      const chunk = sound.slice(this.#written, this.#written + CHUNK_SAMPLES);
      this.#written += chunk.length;
      hasRoom = media.write(new Uint8Array(chunk.buffer), now);
    }
    if (this.#written === sound.length) {
      this.#state = "finished";
      media.finish(now);
    }
    this.#clock.touched(this.#slot, now);
  }
}
