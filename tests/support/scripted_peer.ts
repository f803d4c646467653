/**
 * A SIP peer without any rules of its own: it answers each request as a test says, over UDP, TCP or TLS on loopback.
 *
 * @module
 */

import { createResponse, type ResponseOptions } from "../../src/sip/message/build.ts";
import type { SipMessage, SipRequest } from "../../src/sip/message/message.ts";
import { parseMessage } from "../../src/sip/message/parse.ts";
import { serializeMessage } from "../../src/sip/message/serialize.ts";
import { StreamFramer } from "../../src/sip/message/stream_framer.ts";
import { until } from "./gateway.ts";

/** Answers a request; as often as wanted. To has the tag `peer` unless another is given. */
export type Reply = (statusCode: number, options?: ResponseOptions) => void;

/** What a peer does with a request. */
export type Script = (request: SipRequest, reply: Reply) => void;

/** A peer that listens. */
export interface ScriptedPeer {
  /** `127.0.0.1:port`. */
  readonly at: string;
  readonly port: number;
  /** Everything that came. */
  readonly requests: readonly SipRequest[];
  readonly responses: readonly SipMessage[];
  /** Methods of the requests that came, in their order. */
  methods(): readonly string[];
  /** Sends a message to whoever sent something last. */
  send(message: SipMessage): void;
  /** Breaks every connection. */
  disconnect(): void;
  /** Resolves when exactly these have come; rejects after two seconds. */
  expectMethods(...expected: readonly string[]): Promise<void>;
  close(): void;
}

/** Certificate and key of a peer that speaks TLS, as PEM texts. */
export interface PeerTls {
  readonly cert: string;
  readonly key: string;
}

/** Sends the bytes of one message. */
type Send = (bytes: Uint8Array) => void;

class Peer {
  readonly requests: SipRequest[] = [];
  readonly responses: SipMessage[] = [];
  last: Send | undefined;
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
  }

  receive(bytes: Uint8Array, send: Send): void {
    this.last = send;
    const message = parseMessage(bytes);
    if (message.type === "response") return void this.responses.push(message);
    this.requests.push(message);
    this.#script(message, (statusCode, options = {}) => {
      const response = createResponse(message, statusCode, { toTag: "peer", ...options });
      send(serializeMessage(response));
    });
  }

  facade(port: number, disconnect: () => void, close: () => void): ScriptedPeer {
    const methods = () => this.requests.map(({ method }) => method);
    return {
      at: `127.0.0.1:${port}`,
      port,
      requests: this.requests,
      responses: this.responses,
      methods,
      send: (message) => this.last?.(serializeMessage(message)),
      disconnect,
      close,
      expectMethods: async (...expected) => {
        const enough = () => this.requests.length >= expected.length;
        await until(enough, 2000, () => `only ${methods()}`);
        if (methods().join(" ") === expected.join(" ")) return;
        throw new Error(`Expected ${expected.join(" ")}, but came ${methods().join(" ")}`);
      },
    };
  }
}

/** Starts a peer that speaks UDP. */
export async function startUdpPeer(script: Script): Promise<ScriptedPeer> {
  const peer = new Peer(script);
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket, data, port, address) => {
        // Keep-alives
        if (data.length <= 4) return;
        peer.receive(new Uint8Array(data), (bytes) => void socket.send(bytes, port, address));
      },
      // ICMP: the other side has closed its port
      error: () => {},
    },
  });
  return peer.facade(socket.port, () => {}, () => socket.close());
}

/** Starts a peer that speaks TCP, or TLS with a certificate. */
export function startStreamPeer(script: Script, tls?: PeerTls): ScriptedPeer {
  const peer = new Peer(script);
  const open = new Set<Bun.Socket<StreamFramer>>();
  const listener = Bun.listen<StreamFramer>({
    hostname: "127.0.0.1",
    port: 0,
    ...(tls === undefined ? {} : { tls }),
    socket: {
      open: (socket) => {
        socket.data = new StreamFramer();
        open.add(socket);
      },
      data: (socket, data) => {
        for (const output of socket.data.receive(new Uint8Array(data))) {
          if (output.type === "ping") continue;
          peer.receive(output.bytes, (bytes) => void socket.write(bytes));
        }
      },
      close: (socket) => void open.delete(socket),
      error: () => {},
    },
  });
  const disconnect = () => {
    for (const socket of open) socket.end();
  };
  return peer.facade(listener.port, disconnect, () => listener.stop(true));
}
