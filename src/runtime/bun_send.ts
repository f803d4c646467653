/**
 * Datagrams over IPv4 by `sendto` of the C library. Bun's own method looks every address up anew,
 * which costs as much as the sending.
 *
 * @module
 */

import { parseIpAddress } from "../base/socket_address.ts";
import type { LibC } from "./bun_libc.ts";

/** Linux numbers, the same on every architecture that Bun runs on. */
const AF_INET = 2;
const MSG_DONTWAIT = 0x40;

/** Size of `struct sockaddr_in`. */
const ADDRESS_BYTES = 16;

const PORT_MAX = 0xffff;

/** Bun runs on little-endian processors alone. */
const IS_LITTLE_ENDIAN = true;

/** Sends from one socket. */
export class DatagramSender {
  readonly #libc: LibC;
  readonly #descriptor: number;
  /** `struct sockaddr_in` of where the last one went. */
  readonly #to = new Uint8Array(ADDRESS_BYTES);
  #address = "";
  #port = 0;

  constructor(libc: LibC, descriptor: number) {
    this.#libc = libc;
    this.#descriptor = descriptor;
    new DataView(this.#to.buffer).setUint16(0, AF_INET, IS_LITTLE_ENDIAN);
  }

  /** @returns `false` when nothing was sent: the address is no IPv4 one, or the system did not take it. */
  send(data: Uint8Array, port: number, address: string): boolean {
    if (port !== this.#port || address !== this.#address) {
      if (!this.#aim(port, address)) return false;
    }
    const { length } = data;
    const sent = this.#libc.sendto(
      this.#descriptor,
      data,
      length,
      MSG_DONTWAIT,
      this.#to,
      ADDRESS_BYTES,
    );
    return sent === length;
  }

  #aim(port: number, address: string): boolean {
    const bytes = parseIpAddress(address);
    if (bytes?.length !== 4 || port > PORT_MAX) return false;
    this.#to[2] = port >> 8;
    this.#to[3] = port & 0xff;
    this.#to.set(bytes, 4);
    this.#address = address;
    this.#port = port;
    return true;
  }
}
