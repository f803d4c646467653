/**
 * One RTP socket of a test: sends PCMU frames when told to, and keeps what comes.
 *
 * @module
 */

import { PCMU } from "../../src/audio/g711.ts";
import { emptyRtpHeader, parseRtp, type RtpHeader, writeRtpHeader } from "../../src/rtp/packet.ts";

/** A packet that came. */
export interface ReceivedRtp {
  readonly header: RtpHeader;
  readonly payload: Uint8Array;
  /** `address:port` of its sender. */
  readonly from: string;
}

const FRAME = 160;
const FRAME_MS = 20;

/** One end of a stream. */
export class RtpPeer {
  readonly received: ReceivedRtp[] = [];
  readonly port: number;
  readonly #socket: Bun.udp.Socket<"buffer">;
  readonly #ssrc: number;
  #sequence = 1;
  #timestamp = 0;
  #closed = false;

  private constructor(socket: Bun.udp.Socket<"buffer">, ssrc: number) {
    this.#socket = socket;
    this.port = socket.port;
    this.#ssrc = ssrc;
  }

  static async open(address = "127.0.0.1", ssrc = 0x1234): Promise<RtpPeer> {
    const opened: { peer?: RtpPeer } = {};
    const socket = await Bun.udpSocket({
      hostname: address,
      port: 0,
      socket: {
        data: (_socket, data, port, from) => opened.peer?.receive(data, `${from}:${port}`),
        // ICMP: the other side has closed its port
        error: () => {},
      },
    });
    const peer = new RtpPeer(socket, ssrc);
    opened.peer = peer;
    return peer;
  }

  /** Sends one frame in which every sample has the same mu-law code. */
  send(to: { readonly address: string; readonly port: number }, code: number): void {
    this.sendPayload(to, new Uint8Array(FRAME).fill(code));
  }

  /** Sends one frame of mu-law. */
  sendPayload(
    to: { readonly address: string; readonly port: number },
    payload: Uint8Array,
  ): void {
    const packet = new Uint8Array(12 + FRAME);
    packet.set(payload, 12);
    writeRtpHeader(packet, {
      ...emptyRtpHeader(),
      marker: this.#sequence === 1,
      payloadType: 0,
      sequenceNumber: this.#sequence++ & 0xffff,
      timestamp: this.#timestamp,
      ssrc: this.#ssrc,
    });
    this.#timestamp += FRAME;
    if (!this.#closed) this.#socket.send(packet, to.port, to.address);
  }

  /** Sends frames at their pace. */
  async stream(
    to: { readonly address: string; readonly port: number },
    code: number,
    frames: number,
  ): Promise<void> {
    const start = performance.now();
    for (let index = 0; index < frames; index++) {
      await Bun.sleep(Math.max(0, start + index * FRAME_MS - performance.now()));
      this.send(to, code);
    }
  }

  /** How many packets came in which every sample has this mu-law code. */
  countOf(code: number): number {
    return this.received.filter(({ payload }) => payload.every((byte) => byte === code)).length;
  }

  /** Takes a datagram from the socket. */
  receive(data: Uint8Array, from: string): void {
    const header = emptyRtpHeader();
    if (!parseRtp(data, header)) return;
    const { payloadOffset, payloadLength } = header;
    const payload = data.slice(payloadOffset, payloadOffset + payloadLength);
    this.received.push({ header, payload, from });
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }
}

/** The sample that a mu-law code stands for. */
export function sampleOf(code: number): number {
  const out = new Int16Array(1);
  PCMU.decode(new Uint8Array([code]), 0, 1, out);
  return out[0] as number;
}
