/**
 * UDP sockets by `Bun.udpSocket`: the cheapest way that Bun has, for RTP above all.
 *
 * @module
 */

import { isIpv6, type SocketAddress } from "../base/socket_address.ts";
import { bindError } from "./bind_error.ts";
import { enlargeBuffers } from "./bun_buffers.ts";
import { openLibC } from "./bun_libc.ts";
import { DatagramSender } from "./bun_send.ts";
import { plainAddress } from "./plain_address.ts";
import type { UdpOptions, UdpSocket } from "./ports.ts";

/** What we use of Bun's socket. Declared here, so that no other runtime needs Bun's types. */
interface BunSocket {
  /** The file descriptor. */
  readonly fd?: number;
  readonly address: SocketAddress;
  send(data: Uint8Array, port: number, address: string): boolean;
  close(): void;
}

interface BunUdp {
  udpSocket(options: {
    readonly hostname: string;
    readonly port: number;
    readonly binaryType: "uint8array";
    readonly socket: {
      readonly data: (socket: unknown, data: Uint8Array, port: number, address: string) => void;
      readonly error: () => void;
    };
  }): Promise<BunSocket>;
}

/**
 * Errors of an earlier datagram that the system reports on the next call, which then did nothing.
 */
const LATE_ERRORS: readonly unknown[] = [
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "EPROTO",
];

/** Binds a socket. Rejects with a `BindError`. */
export async function bindBunUdp(options: UdpOptions): Promise<UdpSocket> {
  const { address: hostname, port, receive } = options;
  const bun = (globalThis as unknown as { readonly Bun: BunUdp }).Bun;
  const state = { open: true };
  // A dual-stack socket writes IPv4 addresses as IPv6 ones.
  const deliver = isIpv6(hostname)
    ? (_: unknown, data: Uint8Array, from: number, address: string): void => {
      if (state.open) receive(data, from, plainAddress(address));
    }
    : (_: unknown, data: Uint8Array, from: number, address: string): void => {
      if (state.open) receive(data, from, address);
    };
  try {
    // An ICMP error arrives in `error`; the socket lives on.
    const handlers = { data: deliver, error: () => {} };
    const socket = await bun.udpSocket({
      hostname,
      port,
      binaryType: "uint8array",
      socket: handlers,
    });
    const libc = await openLibC();
    const { fd } = socket;
    const isOpen = libc !== undefined && fd !== undefined;
    if (isOpen && options.largeBuffers === true) enlargeBuffers(libc, fd);
    const sender = isOpen && !isIpv6(hostname) ? new DatagramSender(libc, fd) : undefined;
    // To ask the socket costs a system call and two strings
    const local = port === 0 ? socket.address : { address: hostname, port };
    return new BunUdpSocket({ socket, sender, state, local });
  } catch (error) {
    throw bindError("udp", options, error);
  }
}

class BunUdpSocket implements UdpSocket {
  readonly local: SocketAddress;
  readonly #socket: BunSocket;
  readonly #sender: DatagramSender | undefined;
  readonly #state: { open: boolean };

  constructor(
    { socket, sender, state, local }: {
      readonly socket: BunSocket;
      readonly sender: DatagramSender | undefined;
      readonly state: { open: boolean };
      readonly local: SocketAddress;
    },
  ) {
    this.#socket = socket;
    this.#sender = sender;
    this.#state = state;
    this.local = { address: local.address, port: local.port };
  }

  send(data: Uint8Array, port: number, address: string): boolean {
    if (!this.#state.open) return false;
    if (this.#sender?.send(data, port, address) === true) return true;
    try {
      return this.#socket.send(data, port, address);
    } catch (error) {
      return LATE_ERRORS.includes((error as { code?: unknown }).code) &&
        this.#sendAgain(data, port, address);
    }
  }

  close(): void {
    if (!this.#state.open) return;
    this.#state.open = false;
    this.#socket.close();
  }

  #sendAgain(data: Uint8Array, port: number, address: string): boolean {
    try {
      return this.#socket.send(data, port, address);
    } catch {
      return false;
    }
  }
}
