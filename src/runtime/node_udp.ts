/**
 * UDP sockets by `node:dgram`: dearer than the runtimes' own, but the one kind whose buffers can be
 * made larger.
 *
 * @module
 */

import dgram from "node:dgram";
import { isIpv6, type SocketAddress } from "../base/socket_address.ts";
import { bindError } from "./bind_error.ts";
import { plainAddress } from "./plain_address.ts";
import { plainBytes } from "./plain_bytes.ts";
import type { UdpOptions, UdpSocket } from "./ports.ts";

/** Room for a burst of some thousand requests. */
const LARGE_BUFFER_BYTES = 4 << 20;

/** Binds a socket. Rejects with a `BindError`. */
export function bindNodeUdp(options: UdpOptions): Promise<UdpSocket> {
  const { address, port } = options;
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket(isIpv6(address) ? "udp6" : "udp4");
    const fail = (error: unknown): void => {
      socket.close();
      reject(bindError("udp", options, error));
    };
    socket.once("error", fail);
    try {
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off("error", fail);
        // An ICMP error of an earlier datagram; the socket lives on.
        socket.on("error", () => {});
        if (options.largeBuffers) enlargeBuffers(socket);
        resolve(new NodeUdpSocket(socket, options.receive));
      });
    } catch (error) {
      fail(error);
    }
  });
}

function enlargeBuffers(socket: dgram.Socket): void {
  try {
    socket.setRecvBufferSize(LARGE_BUFFER_BYTES);
    socket.setSendBufferSize(LARGE_BUFFER_BYTES);
  } catch {
    // The system's own size has to do.
  }
}

class NodeUdpSocket implements UdpSocket {
  readonly local: SocketAddress;
  readonly #socket: dgram.Socket;
  readonly #sent = (): void => {};
  #open = true;

  constructor(socket: dgram.Socket, receive: UdpOptions["receive"]) {
    const { address, port } = socket.address();
    this.#socket = socket;
    this.local = { address, port };
    socket.on("message", (data, from) => {
      if (this.#open) receive(plainBytes(data), from.port, plainAddress(from.address));
    });
  }

  send(data: Uint8Array, port: number, address: string): boolean {
    if (!this.#open) return false;
    try {
      // Copied: the socket may send later. The callback keeps errors away from the `error` event.
      this.#socket.send(new Uint8Array(data), port, address, this.#sent);
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.close();
  }
}
