/**
 * UDP sockets by `Deno.listenDatagram`, which Deno gives to programs that run with
 * `--unstable-net`.
 *
 * @module
 */

import type { SocketAddress } from "../base/socket_address.ts";
import { bindError } from "./bind_error.ts";
import { plainAddress } from "./plain_address.ts";
import type { UdpOptions, UdpSocket } from "./ports.ts";

interface DenoAddress {
  readonly transport: "udp";
  readonly hostname: string;
  readonly port: number;
}

/** What we use of Deno's socket. Declared here, so that no other runtime needs Deno's types. */
interface DenoSocket {
  readonly addr: DenoAddress;
  receive(buffer: Uint8Array): Promise<[Uint8Array, DenoAddress]>;
  send(data: Uint8Array, to: DenoAddress): Promise<number>;
  close(): void;
}

type ListenDatagram = (options: DenoAddress) => DenoSocket;

/** The largest datagram that there is. */
const DATAGRAM_BYTES_MAX = 65_535;

/** Failed reads without a good one between them, after which a socket is given up. */
const READ_ERRORS_MAX = 1_000;

/** Deno's way to bind UDP sockets, or `undefined` where the flag is missing. */
export function denoListenDatagram(): ListenDatagram | undefined {
  const deno = (globalThis as { readonly Deno?: { readonly listenDatagram?: ListenDatagram } })
    .Deno;
  return deno?.listenDatagram === undefined
    ? undefined
    : (options) => (deno.listenDatagram as ListenDatagram)(options);
}

/** Binds a socket. Rejects with a `BindError`. */
export function bindDenoUdp(listen: ListenDatagram, options: UdpOptions): Promise<UdpSocket> {
  try {
    const at = { transport: "udp", hostname: options.address, port: options.port } as const;
    return Promise.resolve(new DenoUdpSocket(listen(at), options.receive));
  } catch (error) {
    return Promise.reject(bindError("udp", options, error));
  }
}

interface Outgoing {
  readonly data: Uint8Array;
  readonly to: DenoAddress;
}

/** Datagrams that wait for the one before; more are not taken. */
const WAITING_MAX = 1024;

class DenoUdpSocket implements UdpSocket {
  readonly local: SocketAddress;
  readonly #socket: DenoSocket;
  /** Deno turns the order of sends around that are begun in one turn: each waits for the one before. */
  readonly #waiting: Outgoing[] = [];
  #isSending = false;
  #open = true;

  constructor(socket: DenoSocket, receive: UdpOptions["receive"]) {
    this.#socket = socket;
    this.local = { address: socket.addr.hostname, port: socket.addr.port };
    void this.#readAll(receive);
  }

  send(data: Uint8Array, port: number, address: string): boolean {
    // Deno lets a wrong port wrap around.
    if (!this.#open || !(port > 0 && port < 65_536)) return false;
    if (this.#waiting.length >= WAITING_MAX) return false;
    // Copied, since Deno may send later
    const to = { transport: "udp", hostname: address, port } as const;
    this.#waiting.push({ data: new Uint8Array(data), to });
    if (!this.#isSending) void this.#sendAll();
    return true;
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (;;) {
      const next = this.#waiting.shift();
      if (next === undefined || !this.#open) break;
      try {
        await this.#socket.send(next.data, next.to);
      } catch {
        // Like a lost datagram
      }
    }
    this.#isSending = false;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.close();
  }

  async #readAll(receive: UdpOptions["receive"]): Promise<void> {
    const buffer = new Uint8Array(DATAGRAM_BYTES_MAX);
    for (let errors = 0; this.#open && errors < READ_ERRORS_MAX;) {
      let datagram;
      try {
        datagram = await this.#socket.receive(buffer);
      } catch {
        // Closed, or the ICMP error of a datagram that we sent.
        errors++;
        continue;
      }
      errors = 0;
      const [data, from] = datagram;
      if (this.#open) receive(data, from.port, plainAddress(from.hostname));
    }
  }
}
