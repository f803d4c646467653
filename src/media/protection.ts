/**
 * SRTP around the packets of one session, where keys were agreed on. RFC 3711.
 *
 * A key that is agreed on again goes on where it was: its packet index must never begin anew.
 *
 * @module
 */

import type { SrtpCrypto } from "../rtp/srtp_crypto.ts";
import { SrtpReceiver } from "../rtp/srtp_receiver.ts";
import { SrtpSender } from "../rtp/srtp_sender.ts";
import { type InlineKey, isSameSrtpKey, type SrtpKey, srtpKey } from "../rtp/srtp_suite.ts";

/** The keys of both directions, as SDP has them. */
export interface MediaKeys {
  readonly send: InlineKey;
  readonly receive: InlineKey;
}

/** What encrypts and decrypts the packets of one session. Packets are changed in place. */
export class Protection {
  readonly #crypto: SrtpCrypto;
  #sendKey: SrtpKey;
  #receiveKey: SrtpKey;
  #sender: SrtpSender;
  #receiver: SrtpReceiver;
  /** The whole buffer behind the packet that was sent last, and the packet in it. */
  #room: Uint8Array = new Uint8Array(0);
  #view = this.#room;

  /** @throws {RangeError} A key is not as long as its suite wants. */
  constructor(keys: MediaKeys, crypto: SrtpCrypto) {
    this.#crypto = crypto;
    this.#sendKey = srtpKey(keys.send);
    this.#receiveKey = srtpKey(keys.receive);
    this.#sender = new SrtpSender(this.#sendKey, crypto);
    this.#receiver = new SrtpReceiver(this.#receiveKey, crypto);
  }

  /**
   * Keys were agreed on once more.
   *
   * DEVIATION §3.3.1: under a new key our roll-over counter begins anew. Only peers that
   * kept theirs could follow it; one that takes another's place has none to keep.
   */
  agree(keys: MediaKeys): void {
    const sendKey = srtpKey(keys.send);
    const receiveKey = srtpKey(keys.receive);
    if (!isSameSrtpKey(sendKey, this.#sendKey)) {
      this.#sender = new SrtpSender(sendKey, this.#crypto);
    }
    if (!isSameSrtpKey(receiveKey, this.#receiveKey)) {
      this.#receiver = new SrtpReceiver(receiveKey, this.#crypto, this.#receiver);
    }
    this.#sendKey = sendKey;
    this.#receiveKey = receiveKey;
  }

  /**
   * Checks and decrypts an RTP packet.
   *
   * @returns Its length; negative: it is not the peer's, or was here before.
   */
  unprotect(packet: Uint8Array): number {
    return this.#receiver.unprotect(packet);
  }

  /** As {@linkcode Protection.unprotect}, for RTCP. */
  unprotectRtcp(packet: Uint8Array): number {
    return this.#receiver.unprotectRtcp(packet);
  }

  /**
   * Encrypts an RTP packet.
   *
   * @param packet A view of a buffer that begins with it and has room behind it.
   * @returns Another view of that buffer; `undefined`: it may not be sent.
   */
  protect(packet: Uint8Array): Uint8Array | undefined {
    if (packet.buffer !== this.#room.buffer) {
      this.#room = new Uint8Array(packet.buffer, packet.byteOffset);
    }
    const length = this.#sender.protect(this.#room, packet.length);
    if (length < 0) return undefined;
    if (this.#view.buffer !== this.#room.buffer || this.#view.length !== length) {
      this.#view = this.#room.subarray(0, length);
    }
    return this.#view;
  }

  /** Encrypts a compound RTCP packet into a buffer of its own. */
  protectRtcp(packet: Uint8Array): Uint8Array | undefined {
    const room = new Uint8Array(packet.length + this.#sender.overhead);
    room.set(packet);
    const length = this.#sender.protectRtcp(room, packet.length);
    return length < 0 ? undefined : room.subarray(0, length);
  }
}
