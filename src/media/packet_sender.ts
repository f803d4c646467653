/**
 * The packets of one outgoing stream: their buffer, their numbers, and where they go. RFC 3550
 * §5.1.
 *
 * What is in them, and when they leave, is left to the send path.
 *
 * @module
 */

import { randomUint16, randomUint32 } from "../base/random.ts";
import type { RandomSource } from "../base/random.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis, RtpTimestamp } from "../base/units.ts";
import { emptyRtpHeader, RTP_HEADER_BYTES, writeRtpHeader } from "../rtp/packet.ts";
import type { MediaSink } from "./media_contract.ts";

/**
 * Free bytes behind the payload in the buffer of every packet that is handed over, so that it can
 * be encrypted in place: an authentication tag or a key identifier goes there.
 */
export const SRTP_OVERHEAD_MAX = 32;

/** The longest frame that is sent at all, of 60 ms of 16 bits at 48 kHz. */
const PAYLOAD_BYTES_MAX = 60 * 48 * 2;

/**
 * The packet that is made just now, of whichever call: it has left before the next one is made. One
 * for each call would be out of the processor's caches whenever it is needed.
 */
const PACKET = new Uint8Array(RTP_HEADER_BYTES + PAYLOAD_BYTES_MAX + SRTP_OVERHEAD_MAX);
const ROOM = PACKET.subarray(0, RTP_HEADER_BYTES + PAYLOAD_BYTES_MAX);

/** Numbers and sends packets. Hot path: allocates only when the length of packets changes. */
export class PacketSender {
  /**
   * Where the payload is to be put, from {@linkcode RTP_HEADER_BYTES} on, right before
   * {@linkcode PacketSender.send}. Without the bytes that are left for SRTP.
   */
  readonly room = ROOM;
  readonly #sink: Pick<MediaSink, "packet">;
  readonly #header = emptyRtpHeader();
  #view = ROOM;
  /** Port 0 stands for nowhere. */
  #port = 0;
  #address = "";
  #count = 0;
  #lastAt: Millis = -Infinity;

  constructor(random: RandomSource, sink: Pick<MediaSink, "packet">) {
    this.#sink = sink;
    // §5.1: SSRC and first sequence number are random. RFC 3711 §3.3.1: below 2^15, so that no
    // early loss hides the first cycle from the peer.
    this.#header.ssrc = randomUint32(random);
    this.#header.sequenceNumber = randomUint16(random) & 0x7fff;
  }

  /** Sets where packets go. */
  aim(target: SocketAddress | undefined): void {
    this.#address = target?.address ?? "";
    this.#port = target?.port ?? 0;
  }

  /** Whether packets go anywhere. */
  get isAimed(): boolean {
    return this.#port !== 0;
  }

  /** Of the stream. */
  get ssrc(): number {
    return this.#header.ssrc;
  }

  /** Packets so far. */
  get count(): number {
    return this.#count;
  }

  /** When the last one left; -Infinity before the first. */
  get lastAt(): Millis {
    return this.#lastAt;
  }

  /**
   * Sends what lies in the room. `bytes` that the sink gets is a view of a buffer with
   * {@linkcode SRTP_OVERHEAD_MAX} free bytes behind it, used again for the next packet of any call.
   */
  send(
    payloadBytes: number,
    payloadType: number,
    timestamp: RtpTimestamp,
    marker: boolean,
    now: Millis,
  ): void {
    const header = this.#header;
    header.payloadType = payloadType;
    header.timestamp = timestamp;
    header.marker = marker;
    writeRtpHeader(PACKET, header);
    header.sequenceNumber = (header.sequenceNumber + 1) & 0xffff;
    this.#count++;
    this.#lastAt = now;
    const length = RTP_HEADER_BYTES + payloadBytes;
    if (this.#view.length !== length) this.#view = PACKET.subarray(0, length);
    this.#sink.packet(this.#view, this.#port, this.#address);
  }
}
