/**
 * The cryptography that SRTP needs, as an interface: whoever has it hands it in.
 *
 * Which key, vector and range belong to a packet is decided in `srtp_transform.ts`.
 *
 * @module
 */

/**
 * AES and HMAC-SHA1 on ranges of packets. Nothing that is handed in is kept, and nothing but the
 * range is written. Keys of AES have 16 or 32 bytes.
 */
export interface SrtpCrypto {
  /**
   * Encrypts or decrypts `bytes` in place with AES in counter mode. RFC 3711 §4.1.1.
   *
   * @param iv 16 bytes: the first counter block.
   */
  applyCounterMode(key: Uint8Array, iv: Uint8Array, bytes: Uint8Array): void;

  /**
   * The HMAC-SHA1 of `bytes` and `suffix`, one after the other. RFC 3711 §4.2.1.
   *
   * @returns All 20 bytes.
   */
  hmacSha1(key: Uint8Array, bytes: Uint8Array, suffix: Uint8Array): Uint8Array;

  /**
   * Encrypts `bytes` in place with AES-GCM. RFC 7714 §5.2.1.
   *
   * @param iv 12 bytes.
   * @param associated Is authenticated only.
   * @returns The tag: 16 bytes.
   */
  sealGcm(
    key: Uint8Array,
    iv: Uint8Array,
    associated: Uint8Array,
    bytes: Uint8Array,
  ): Uint8Array;

  /**
   * Decrypts `bytes` in place with AES-GCM. RFC 7714 §5.2.2.
   *
   * @param tag 16 bytes, compared in constant time.
   * @returns `false`: not authentic; `bytes` is as it was.
   */
  openGcm(
    key: Uint8Array,
    iv: Uint8Array,
    associated: Uint8Array,
    bytes: Uint8Array,
    tag: Uint8Array,
  ): boolean;
}
