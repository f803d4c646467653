/**
 * A media session with a recording sink, RTP packets to feed it, and a clock that stops at every
 * deadline.
 *
 * @module
 */

import { PCMU } from "../../src/audio/g711.ts";
import { SeededRandom } from "../../src/base/random.ts";
import type { Millis } from "../../src/base/units.ts";
import { MediaSession } from "../../src/media/media_session.ts";
import type { MediaEvent, MediaOptions } from "../../src/media/media_session.ts";
import type { OutgoingReport } from "../../src/media/rtcp_exchange.ts";
import { emptyRtpHeader, parseRtp, writeRtpHeader } from "../../src/rtp/packet.ts";
import type { RtpHeader } from "../../src/rtp/packet.ts";

export const PEER = { address: "192.0.2.7", port: 40000 };

export interface SentPacket {
  readonly at: Millis;
  readonly header: RtpHeader;
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly address: string;
}

/** One session and all that came out of it. */
export class Harness {
  readonly session: MediaSession;
  readonly sent: SentPacket[] = [];
  readonly events: (MediaEvent & { at: Millis })[] = [];
  readonly reports: (OutgoingReport & { readonly at: Millis })[] = [];
  /** Samples given to the handler. */
  readonly heard: number[] = [];
  /** Instants and lengths of what was given to the handler. */
  readonly deliveries: { at: Millis; samples: number }[] = [];
  now: Millis;
  /** Called with every event, from inside the session. */
  onEvent: (event: MediaEvent) => void = () => {};
  /** Called with every piece of audio, from inside the session. */
  onAudio: (pcm: Uint8Array) => void = () => {};

  constructor(options: Partial<MediaOptions> = {}, start: Millis = 0) {
    this.now = start;
    this.session = new MediaSession(
      {
        codec: "PCMU",
        payloadType: 0,
        receivePayloadType: 0,
        telephoneEventPayloadType: 101,
        receiveTelephoneEventPayloadType: 101,
        ptime: 20,
        remote: PEER,
        signallingAddress: "192.0.2.1",
        latch: "auto",
        direction: "sendrecv",
        timeout: 0,
        random: new SeededRandom(1),
        ...options,
      },
      {
        audio: (pcm) => {
          this.deliveries.push({ at: this.now, samples: pcm.length / 2 });
          const view = new DataView(pcm.buffer, pcm.byteOffset, pcm.byteLength);
          for (let at = 0; at < pcm.length; at += 2) this.heard.push(view.getInt16(at, true));
          this.onAudio(pcm);
        },
        packet: (bytes, port, address) => {
          const header = emptyRtpHeader();
          if (!parseRtp(bytes, header)) throw new Error("The session sent what is no RTP");
          this.sent.push({ at: this.now, header, bytes: bytes.slice(), port, address });
        },
        report: (report) => void this.reports.push({ at: this.now, ...report }),
        event: (event) => {
          this.events.push({ ...event, at: this.now });
          this.onEvent(event);
        },
      },
      start,
    );
  }

  /** Lets time pass, with a call at every deadline. */
  runUntil(until: Millis): void {
    for (let calls = 0; this.session.deadline <= until; calls++) {
      if (calls > 200_000) throw new Error(`The session does not move on from ${this.now} ms`);
      this.now = Math.max(this.now, this.session.deadline);
      this.session.timeout(this.now);
    }
    this.now = Math.max(this.now, until);
  }

  /** Lets time pass and a packet arrive. */
  receiveAt(at: Millis, packet: Uint8Array, source = PEER): void {
    this.runUntil(at);
    this.session.receive(packet, source.port, source.address, at);
  }

  write(samples: number, value = 1000): boolean {
    return this.session.write(pcmOf(samples, value), this.now);
  }

  eventsOf<Type extends MediaEvent["type"]>(type: Type): Extract<MediaEvent, { type: Type }>[] {
    return this.events.filter((event) => event.type === type) as never;
  }

  stop(): void {
    this.session.stop(this.now);
  }
}

/** Constant samples as s16le. */
export function pcmOf(samples: number, value = 1000): Uint8Array {
  return new Uint8Array(new Int16Array(samples).fill(value).buffer);
}

/** A level that the mu-law carries unchanged, so that frames can be told apart: index 0 to 126. */
export function levelOfIndex(index: number): number {
  const out = new Int16Array(1);
  PCMU.decode(new Uint8Array([0x80 + index]), 0, 1, out);
  return out[0] as number;
}

interface PacketOptions {
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
  readonly payloadType?: number;
  readonly ssrc?: number;
  readonly marker?: boolean;
}

/** One RTP packet. */
export function rtp(options: PacketOptions): Uint8Array {
  const packet = new Uint8Array(12 + options.payload.length);
  writeRtpHeader(packet, {
    ...emptyRtpHeader(),
    marker: options.marker ?? false,
    payloadType: options.payloadType ?? 0,
    sequenceNumber: options.sequence & 0xffff,
    timestamp: options.timestamp >>> 0,
    ssrc: options.ssrc ?? 0x1234,
  });
  packet.set(options.payload, 12);
  return packet;
}

/**
 * A PCMU packet of 20 ms, number `index` of a stream; its samples all have {@linkcode
 * levelOfIndex}.
 */
export function voice(
  index: number,
  options: { level?: number; ssrc?: number; frame?: number; base?: number } = {},
): Uint8Array {
  const frame = options.frame ?? 160;
  const code = 0x80 + (options.level ?? index % 60);
  return rtp({
    sequence: (options.base ?? 65_530) + index,
    timestamp: 0xffff_fc00 + index * frame,
    payload: new Uint8Array(frame).fill(code),
    ssrc: options.ssrc ?? 0x1234,
  });
}

/** A telephone-event packet of payload type 101. */
export function keyPacket(options: {
  readonly sequence: number;
  readonly timestamp: number;
  readonly code: number;
  readonly duration: number;
  readonly end?: boolean;
}): Uint8Array {
  const { sequence, timestamp, code, duration, end } = options;
  const payload = new Uint8Array([code, end ? 0x8a : 10, duration >>> 8, duration & 0xff]);
  return rtp({ sequence, timestamp, payload, payloadType: 101 });
}
