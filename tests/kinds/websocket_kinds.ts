/**
 * WebSocket servers as the tests of all kinds see them, made with the package `ws`: one that speaks
 * `voicegw.v1`, one that speaks Twilio's Media Streams.
 *
 * @module
 */

import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { PCMU } from "../../src/audio/g711.ts";
import { FreezingProxy } from "./freezing_proxy.ts";
import { CallQueue, type FarCall, type FarEnd, type FarEvent, type Kind } from "./kind.ts";

/** A second of noise, and how much of it waits at most while it is poured out. */
const NOISE = new Uint8Array(16_000).fill(0x35);
const FLOOD_MAX = 1 << 20;

/** What both protocols do alike. */
abstract class SocketCall implements FarCall {
  readonly events: FarEvent[] = [];
  heardBytes = 0;
  protected readonly socket: WebSocket;
  readonly #proxy: FreezingProxy;
  protected echoes = false;

  constructor(socket: WebSocket, proxy: FreezingProxy) {
    this.socket = socket;
    this.#proxy = proxy;
    socket.on("message", (data, isBinary) => this.take(data, isBinary));
    socket.on("error", () => {});
  }

  abstract say(pcm: Uint8Array): void;
  abstract mark(name: string): void;
  abstract clear(): void;
  protected abstract take(data: RawData, isBinary: boolean): void;

  echo(): void {
    this.echoes = true;
  }

  hangUp(): void {
    this.socket.close(1000);
  }

  die(): void {
    this.socket.terminate();
  }

  stall(): void {
    this.socket.pause();
  }

  flood(): void {
    const pour = (): void => {
      if (this.socket.readyState !== this.socket.OPEN) return;
      while (this.socket.bufferedAmount < FLOOD_MAX) this.say(NOISE);
      setTimeout(pour, 1);
    };
    pour();
  }

  freeze(): void {
    this.#proxy.freeze();
  }
}

class VoicegwCall extends SocketCall {
  say(pcm: Uint8Array): void {
    this.socket.send(pcm);
  }

  mark(name: string): void {
    this.#command({ command: "mark", name });
  }

  clear(): void {
    this.#command({ command: "clear" });
  }

  protected take(data: RawData, isBinary: boolean): void {
    const bytes = data as Buffer;
    if (!isBinary) {
      this.events.push(JSON.parse(bytes.toString()));
      return;
    }
    this.heardBytes += bytes.length;
    if (this.echoes) this.say(bytes);
  }

  #command(command: Readonly<Record<string, unknown>>): void {
    this.socket.send(JSON.stringify(command));
  }
}

/** What came of Twilio's messages, in the words of the common vocabulary. */
class TwilioCall extends SocketCall {
  #streamSid = "";

  say(pcm: Uint8Array): void {
    const samples = new Int16Array(pcm.slice().buffer);
    const codes = new Uint8Array(samples.length);
    PCMU.encode(samples, 0, samples.length, codes, 0);
    this.#send({ event: "media", media: { payload: Buffer.from(codes).toString("base64") } });
  }

  mark(name: string): void {
    this.#send({ event: "mark", mark: { name } });
  }

  clear(): void {
    this.#send({ event: "clear" });
  }

  protected take(data: RawData): void {
    const message = JSON.parse((data as Buffer).toString());
    switch (message.event) {
      case "start":
        this.#streamSid = message.streamSid;
        break;
      case "media":
        this.#hear(Buffer.from(message.media.payload, "base64"));
        break;
      case "dtmf":
        this.events.push({ event: "dtmf", digit: message.dtmf.digit });
        break;
      case "mark":
        this.events.push({ event: "mark", name: message.mark.name });
        break;
      case "stop":
        this.events.push({ event: "end" });
        break;
    }
  }

  #hear(codes: Uint8Array): void {
    this.heardBytes += codes.length * 2;
    if (!this.echoes) return;
    const payload = Buffer.from(codes).toString("base64");
    this.#send({ event: "media", media: { payload } });
  }

  #send(message: Readonly<Record<string, unknown>>): void {
    this.socket.send(JSON.stringify({ ...message, streamSid: this.#streamSid }));
  }
}

/** A server behind a proxy, and the URL of the proxy. */
export async function openServer(
  makeCall: (socket: WebSocket, proxy: FreezingProxy) => FarCall,
  routeOf: (url: string) => Readonly<Record<string, unknown>>,
): Promise<FarEnd> {
  const calls = new CallQueue<FarCall>();
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const proxy = await FreezingProxy.open(typeof address === "object" ? address?.port ?? 0 : 0);
  server.on("connection", (socket) => calls.push(makeCall(socket, proxy)));
  return {
    route: routeOf(`ws://127.0.0.1:${proxy.port}/calls?key=1`),
    next: () => calls.next(),
    close: async () => {
      for (const socket of server.clients) socket.terminate();
      await proxy.close();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** A far end that is gone is given up after two pings, where it is looked after. */
function liveness(isWatched: boolean) {
  return { ping: isWatched ? "1s" : "0s", reconnect: "off" };
}

/** A server of `voicegw.v1`. */
export const WEBSOCKET: Kind = {
  name: "websocket",
  open: (isWatched) =>
    openServer(
      (socket, proxy) => new VoicegwCall(socket, proxy),
      (url) => ({ websocket: { url, ...liveness(isWatched) } }),
    ),
  without: {},
  tellsOfClear: "cleared",
  playedOfMarks: "exact",
  noticesHalfOpen: true,
};

/** Makes the bot's side of one of Twilio's streams. */
export function twilioCall(socket: WebSocket, proxy: FreezingProxy): FarCall {
  return new TwilioCall(socket, proxy);
}

/** A server of Twilio's Media Streams. */
export const TWILIO_STREAM: Kind = {
  name: "websocket of Twilio's",
  open: (isWatched) =>
    openServer(
      twilioCall,
      (url) => ({ websocket: { url, protocol: "twilio", ...liveness(isWatched) } }),
    ),
  without: {},
  tellsOfClear: "marks",
  playedOfMarks: "none",
  noticesHalfOpen: true,
};
