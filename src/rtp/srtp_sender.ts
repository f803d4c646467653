/**
 * The sending side of SRTP and SRTCP under one key. RFC 3711 §3.3, §3.4.
 *
 * @module
 */

import { extendSequence } from "./sequence.ts";
import type { SrtpCrypto } from "./srtp_crypto.ts";
import { clearBytesOf, readUint16, readUint32 } from "./srtp_packet.ts";
import { SRTP_SUITES, type SrtpKey } from "./srtp_suite.ts";
import {
  createSrtpTransform,
  RTCP_CLEAR_BYTES,
  SRTCP_WORD_BYTES,
  type SrtpTransform,
} from "./srtp_transform.ts";

/** RFC 3711 §9.2: a key protects no more packets than that. */
const INDEX_MAX = 2 ** 48 - 1;
const RTCP_INDEX_MAX = 2 ** 31 - 1;

/** None of our SSRCs may be forgotten while the key lives, so there is a limit to them. */
const SSRCS_MAX = 64;

/**
 * Protects what is sent under one key. One sender must serve all of it, also over a re-INVITE that
 * keeps the key: it is the sender that makes sure that no keystream is used twice.
 *
 * The packet index begins with the first sequence number. A receiver that misses the first packets
 * finds it more surely when that is below 2^15 (RFC 3711 §3.3.1).
 */
export class SrtpSender {
  /** Bytes that protection adds to an RTP or RTCP packet at most. */
  readonly overhead: number;
  readonly #transform: SrtpTransform;
  readonly #tagBytes: number;
  /** The highest packet index of each SSRC but the current one. */
  readonly #indexes = new Map<number, number>();
  #ssrc = -1;
  #index = -1;
  #rtcpIndex = -1;

  /** @throws {RangeError} The master key or salt is not as long as the suite wants. */
  constructor(key: SrtpKey, crypto: SrtpCrypto) {
    this.#transform = createSrtpTransform(key, crypto);
    this.#tagBytes = SRTP_SUITES[key.suite].tagBytes;
    this.overhead = SRTP_SUITES[key.suite].rtcpTagBytes + SRTCP_WORD_BYTES;
  }

  /**
   * Encrypts and authenticates an RTP packet in place. Sequence numbers of an SSRC must rise. Hot
   * path.
   *
   * @param packet With room for {@linkcode overhead} bytes behind `length`.
   * @returns The new length; -1, with the packet untouched: it may not be sent, since its keystream
   * would be one that was used before, or since the key is used up.
   * @throws {RangeError} These bytes are no RTP packet, or there is no room behind them.
   */
  protect(packet: Uint8Array, length: number): number {
    const clear = clearBytesOf(packet, length);
    if (clear < 0) throw new RangeError("This is no RTP packet");
    checkRoom(packet, length + this.#tagBytes);
    const ssrc = readUint32(packet, 8);
    if (ssrc !== this.#ssrc && !this.#select(ssrc)) return -1;
    const sequenceNumber = readUint16(packet, 2);
    // §3.3.1: the roll-over counter of the first packet is zero.
    const index = this.#index < 0 ? sequenceNumber : extendSequence(sequenceNumber, this.#index);
    if (index <= this.#index || index > INDEX_MAX) return -1;
    this.#index = index;
    return this.#transform.protect(packet, clear, length, index);
  }

  /**
   * Encrypts and authenticates a compound RTCP packet in place.
   *
   * @param packet With room for {@linkcode overhead} bytes behind `length`.
   * @returns The new length; -1, with the packet untouched: the key is used up.
   * @throws {RangeError} These bytes are no RTCP packet, or there is no room behind them.
   */
  protectRtcp(packet: Uint8Array, length: number): number {
    if (length < RTCP_CLEAR_BYTES) throw new RangeError("This is no RTCP packet");
    checkRoom(packet, length + this.overhead);
    // §3.4: it begins with zero. We count over all SSRCs, so that none has to be remembered.
    if (this.#rtcpIndex >= RTCP_INDEX_MAX) return -1;
    this.#rtcpIndex++;
    return this.#transform.protectRtcp(packet, length, this.#rtcpIndex);
  }

  /** Changes to another SSRC, whose packet index goes on from where it was. */
  #select(ssrc: number): boolean {
    if (!this.#indexes.has(ssrc) && this.#indexes.size >= SSRCS_MAX) return false;
    if (this.#ssrc >= 0) this.#indexes.set(this.#ssrc, this.#index);
    this.#index = this.#indexes.get(ssrc) ?? -1;
    this.#ssrc = ssrc;
    return true;
  }
}

function checkRoom(packet: Uint8Array, length: number): void {
  if (packet.length < length) {
    throw new RangeError(`The packet needs room for ${length} bytes, it has ${packet.length}`);
  }
}
