/**
 * The receiving side of SRTP and SRTCP under one key. RFC 3711 §3.3, §3.4.
 *
 * @module
 */

import { extendSequence } from "./sequence.ts";
import type { SrtpCrypto } from "./srtp_crypto.ts";
import { clearBytesOf, readUint16, readUint32 } from "./srtp_packet.ts";
import { ReplayWindow } from "./srtp_replay.ts";
import { SRTP_SUITES, type SrtpKey } from "./srtp_suite.ts";
import {
  createSrtpTransform,
  RTCP_CLEAR_BYTES,
  SRTCP_ENCRYPTED,
  SRTCP_WORD_BYTES,
  type SrtpTransform,
} from "./srtp_transform.ts";

/** Instead of a length: the packet was not made with the key, or was changed on its way. */
export const NOT_AUTHENTIC = -1;

/** Instead of a length: the packet came before, or is too old to tell. */
export const REPLAYED = -2;

/** RFC 3711 §3.3.2. One that is later than that is of no use to a call either. */
const RTP_WINDOW_PACKETS = 128;
const RTCP_WINDOW_PACKETS = 64;

const INDEX_MAX = 2 ** 48 - 1;

/** Sequence numbers below this may be those of a source whose start, before a wrap, we missed. */
const WRAPPED_BEFORE = 0x1000;

/**
 * Checks and decrypts what is received under one key. It must serve all of it, also over a
 * re-INVITE that keeps the key: it knows how often the sequence numbers have wrapped.
 *
 * A packet that is not authentic changes nothing here.
 */
export class SrtpReceiver {
  readonly #transform: SrtpTransform;
  readonly #tagBytes: number;
  readonly #rtcpTagBytes: number;
  readonly #mki: Uint8Array | undefined;
  readonly #isAead: boolean;
  readonly #sources = new Sources(RTP_WINDOW_PACKETS);
  readonly #rtcpSources = new Sources(RTCP_WINDOW_PACKETS);
  /** The highest packet index of each source under the key before. */
  readonly #former: ReadonlyMap<number, number>;

  /**
   * @param before What received under the key before this one, if there was one.
   * @throws {RangeError} The master key or salt is not as long as the suite wants.
   */
  constructor(key: SrtpKey, crypto: SrtpCrypto, before?: SrtpReceiver) {
    this.#former = before === undefined ? new Map() : before.#sources.highest();
    const { tagBytes, rtcpTagBytes, isAead } = SRTP_SUITES[key.suite];
    this.#transform = createSrtpTransform(key, crypto);
    this.#tagBytes = tagBytes;
    this.#rtcpTagBytes = rtcpTagBytes;
    this.#isAead = isAead;
    this.#mki = key.mki;
  }

  /**
   * Checks and decrypts an RTP packet in place. Hot path.
   *
   * @param length Bytes of the packet, when they are not all.
   * @returns The length of the packet in the clear, or {@linkcode NOT_AUTHENTIC} or
   * {@linkcode REPLAYED}; then its bytes mean nothing.
   */
  unprotect(packet: Uint8Array, length: number = packet.length): number {
    const clear = clearBytesOf(packet, length);
    const end = this.#mki === undefined ? length : this.#cutMki(packet, length, this.#tagBytes);
    if (clear < 0 || clear + this.#tagBytes > end) return NOT_AUTHENTIC;
    const ssrc = readUint32(packet, 8);
    const sequenceNumber = readUint16(packet, 2);
    const window = this.#sources.find(ssrc);
    if (window === undefined) return this.#begin(packet, clear, end);
    // §3.3.1: the roll-over counter that brings the index nearest to the highest one.
    const index = extendSequence(sequenceNumber, window.highest);
    if (index > INDEX_MAX) return NOT_AUTHENTIC;
    if (!window.isNew(index)) return REPLAYED;
    const newLength = this.#transform.unprotect(packet, clear, end, index);
    if (newLength >= 0) this.#sources.accept(ssrc, window, index);
    return newLength;
  }

  /**
   * Checks and decrypts a compound RTCP packet in place.
   *
   * @param length Bytes of the packet, when they are not all.
   * @returns As {@linkcode unprotect}.
   */
  unprotectRtcp(packet: Uint8Array, length: number = packet.length): number {
    const tagBytes = this.#rtcpTagBytes;
    const end = this.#mki === undefined ? length : this.#cutMki(packet, length, tagBytes);
    const addedBytes = SRTCP_WORD_BYTES + tagBytes;
    if (end > packet.length || end < RTCP_CLEAR_BYTES + addedBytes) return NOT_AUTHENTIC;
    // RFC 3711 §3.4 has the word before the tag, RFC 7714 §9.2 has it last.
    const word = readUint32(packet, end - (this.#isAead ? SRTCP_WORD_BYTES : addedBytes));
    const index = word % SRTCP_ENCRYPTED;
    const ssrc = readUint32(packet, 4);
    const window = this.#rtcpSources.find(ssrc);
    if (window !== undefined && !window.isNew(index)) return REPLAYED;
    const newLength = this.#transform.unprotectRtcp(packet, end, word);
    if (newLength >= 0) this.#rtcpSources.accept(ssrc, window, index);
    return newLength;
  }

  /**
   * Takes the first packet of a source. Its sender began with a roll-over counter of zero, but may
   * have wrapped since: a source that began just below 2^16 may have lost packets, or sent them
   * before we listened. One that has changed its key may have gone on counting, as §3.3.1 wants, or
   * have begun anew, as many do.
   */
  #begin(packet: Uint8Array, clear: number, end: number): number {
    const ssrc = readUint32(packet, 8);
    const sequenceNumber = readUint16(packet, 2);
    const indexes = [sequenceNumber];
    if (sequenceNumber < WRAPPED_BEFORE) indexes.push(0x10000 + sequenceNumber);
    const former = this.#former.get(ssrc);
    if (former !== undefined) indexes.push(Math.max(0, extendSequence(sequenceNumber, former)));
    for (const index of indexes) {
      const newLength = this.#transform.unprotect(packet, clear, end, index);
      if (newLength < 0) continue;
      this.#sources.accept(ssrc, undefined, index);
      return newLength;
    }
    return NOT_AUTHENTIC;
  }

  /**
   * Takes the MKI out of a packet, which nothing authenticates. RFC 3711 §3.1: it stands before the
   * tag; RFC 7714 §8.2: with GCM, at the end.
   *
   * @returns The new length; -1: it is another one than was agreed on.
   */
  #cutMki(packet: Uint8Array, length: number, tagBytes: number): number {
    const mki = this.#mki as Uint8Array;
    const end = this.#isAead ? length : length - tagBytes;
    const start = end - mki.length;
    if (start < 0 || length > packet.length) return -1;
    for (let at = 0; at < mki.length; at++) {
      if (packet[start + at] !== mki[at]) return -1;
    }
    packet.copyWithin(start, end, length);
    return length - mki.length;
  }
}

/** The windows of the sources that were heard last; a new one displaces the longest silent one. */
class Sources {
  static readonly MAX = 8;
  readonly #size: number;
  /** In the order in which they were heard last. */
  readonly #windows = new Map<number, ReplayWindow>();
  #lastSsrc = -1;
  #lastWindow: ReplayWindow | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  find(ssrc: number): ReplayWindow | undefined {
    return ssrc === this.#lastSsrc ? this.#lastWindow : this.#windows.get(ssrc);
  }

  /** The highest index of each source. */
  highest(): ReadonlyMap<number, number> {
    return new Map([...this.#windows].map(([ssrc, window]) => [ssrc, window.highest]));
  }

  /** Takes an authentic packet. @param window What `find` gave. */
  accept(ssrc: number, window: ReplayWindow | undefined, index: number): void {
    const current = window ?? new ReplayWindow(this.#size);
    current.accept(index);
    if (ssrc === this.#lastSsrc) return;
    this.#lastSsrc = ssrc;
    this.#lastWindow = current;
    this.#windows.delete(ssrc);
    this.#windows.set(ssrc, current);
    if (this.#windows.size <= Sources.MAX) return;
    const [longestSilent] = this.#windows.keys();
    if (longestSilent !== undefined) this.#windows.delete(longestSilent);
  }
}
