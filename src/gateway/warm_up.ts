/**
 * Runs calls through a gateway that has no network, before the first real one comes.
 *
 * A fresh process is slow at everything that it does for the first time: tables are built, code is not compiled yet.
 * Without this the first caller waits longer, and loses the beginning of the audio.
 *
 * @module
 */

import type { Config, Route } from "../config/schema.ts";
import { AUDIO_DEFAULTS } from "../route/route.ts";
import type { Runtime, UdpOptions, UdpSocket } from "../runtime/ports.ts";
import { Gateway } from "./gateway.ts";

/** Enough for tables to be built and the first caller not to wait. Takes a tenth of a second. */
export const WARM_UP_BRIEF = 100;

/** Enough for the engine to have compiled what is hot, before calls are there to pay for it. */
export const WARM_UP_FULL = 1200;

/** Packets that each call sends. */
const PACKETS = 10;

const PEER = { address: "127.0.0.1", port: 9 };
const LOCAL = { transport: "udp", address: "127.0.0.1", port: 5060 } as const;

const ROUTE: Route = {
  name: "warm-up",
  index: 0,
  when: [],
  handler: { type: "echo" },
  answer: "auto",
  ...AUDIO_DEFAULTS,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Places calls to an echo in a gateway of its own; nothing of it is left afterwards, and nothing is seen of it.
 *
 * @param calls One after another.
 */
export async function warmUp(runtime: Runtime, config: Config, calls: number): Promise<void> {
  const network = new VirtualNetwork();
  const gateway = new Gateway({
    runtime: { ...runtime, bindUdp: (options) => network.bind(options) },
    config: {
      ...config,
      sip: {
        ...config.sip,
        listen: [LOCAL],
        allow: { ranges: [], any: true },
        auth: undefined,
        tls: undefined,
        per_source: { calls, requests_per_second: calls },
      },
      registrations: [],
      // The calls are plain, of codecs that everybody has, and come as fast as they can
      rtp: { ...config.rtp, srtp: "never", codecs: ["PCMU", "PCMA"] },
      limits: { ...config.limits, calls, calls_per_second: calls, lag: 0 },
      routes: [ROUTE],
    },
    environment: {},
  });
  await gateway.start();
  for (let call = 0; call < calls; call++) await network.call(`warm-up-${call}`);
  await gateway.stop();
}

/** The sockets of that gateway, and a caller at their far end. */
class VirtualNetwork {
  #signalling: UdpOptions | undefined;
  #rtp: UdpOptions | undefined;
  #answer = "";

  bind(options: UdpOptions): Promise<UdpSocket> {
    const isSignalling = this.#signalling === undefined;
    if (isSignalling) this.#signalling = options;
    else if (options.port % 2 === 0) this.#rtp = options;
    return Promise.resolve({
      local: { address: options.address, port: options.port },
      send: (data) => {
        if (isSignalling && data[8] === 0x32) this.#answer = decoder.decode(data);
        return true;
      },
      close: () => {},
    });
  }

  async call(id: string): Promise<void> {
    this.#answer = "";
    this.#send(requestLines("INVITE", id, ""), OFFER);
    // The ports are bound in a later turn of the event loop
    for (let turn = 0; turn < 20 && this.#answer === ""; turn++) await Promise.resolve();
    const tag = /^To: .*(;tag=\w+)/m.exec(this.#answer)?.[1] ?? "";
    this.#send(requestLines("ACK", id, tag), "");
    for (let index = 0; index < PACKETS; index++) {
      this.#rtp?.receive(rtpPacket(index), PEER.port, PEER.address);
    }
    this.#send(requestLines("BYE", id, tag), "");
  }

  #send(lines: readonly string[], body: string): void {
    const text = [...lines, `Content-Length: ${body.length}`, "", body].join("\r\n");
    this.#signalling?.receive(encoder.encode(text), PEER.port, PEER.address);
  }
}

const OFFER = [
  "v=0",
  `o=- 1 1 IN IP4 ${PEER.address}`,
  "s=-",
  `c=IN IP4 ${PEER.address}`,
  "t=0 0",
  `m=audio ${PEER.port} RTP/AVP 0 8 101`,
  "a=rtpmap:101 telephone-event/8000",
  "",
].join("\r\n");

function requestLines(method: string, id: string, toTag: string): string[] {
  const lines = [
    `${method} sip:warm-up@${LOCAL.address} SIP/2.0`,
    `Via: SIP/2.0/UDP ${PEER.address}:${PEER.port};rport;branch=z9hG4bK${id}${method}`,
    "Max-Forwards: 70",
    `From: <sip:warm-up@${PEER.address}>;tag=${id}`,
    `To: <sip:warm-up@${LOCAL.address}>${toTag}`,
    `Call-ID: ${id}`,
    `CSeq: ${method === "BYE" ? 2 : 1} ${method}`,
    `Contact: <sip:warm-up@${PEER.address}:${PEER.port}>`,
  ];
  return method === "INVITE" ? [...lines, "Content-Type: application/sdp"] : lines;
}

/** One frame of silence in G.711 mu-law. */
function rtpPacket(index: number): Uint8Array {
  const packet = new Uint8Array(12 + 160).fill(0xff);
  packet.set([0x80, 0, 0, index, 0, 0, (index * 160) >> 8, (index * 160) & 0xff, 0, 0, 0, 1]);
  return packet;
}
