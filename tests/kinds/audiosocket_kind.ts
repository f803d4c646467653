/**
 * An AudioSocket server as the tests of all kinds see it.
 *
 * @module
 */

import { createServer, type Socket } from "node:net";
import { FreezingProxy } from "./freezing_proxy.ts";
import { CallQueue, type FarCall, type FarEnd, type FarEvent, type Kind } from "./kind.ts";

const HANG_UP = 0x00;
const UUID = 0x01;
const DTMF = 0x03;
const AUDIO_8000 = 0x10;
/** Bytes of sound in one frame: 20 ms. */
const FRAME_BYTES = 320;
const FLOOD_MAX = 1 << 20;

class AudiosocketCall implements FarCall {
  readonly events: FarEvent[] = [];
  heardBytes = 0;
  readonly #socket: Socket;
  readonly #proxy: FreezingProxy;
  #echoes = false;
  #rest = Buffer.alloc(0);

  constructor(socket: Socket, proxy: FreezingProxy) {
    this.#socket = socket;
    this.#proxy = proxy;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (data: Buffer) => this.#receive(data));
  }

  say(pcm: Uint8Array): void {
    for (let at = 0; at < pcm.length; at += FRAME_BYTES) {
      this.#send(AUDIO_8000, pcm.subarray(at, at + FRAME_BYTES));
    }
  }

  echo(): void {
    this.#echoes = true;
  }

  mark(): void {
    throw new Error("AudioSocket has no marks");
  }

  clear(): void {
    throw new Error("AudioSocket has no clear");
  }

  hangUp(): void {
    this.#send(HANG_UP, new Uint8Array());
    this.#socket.end();
  }

  die(): void {
    this.#socket.resetAndDestroy();
  }

  stall(): void {
    this.#socket.pause();
  }

  flood(): void {
    const noise = new Uint8Array(FRAME_BYTES).fill(0x35);
    const pour = (): void => {
      if (!this.#socket.writable) return;
      while (this.#socket.writableLength < FLOOD_MAX) this.say(noise);
      setTimeout(pour, 1);
    };
    pour();
  }

  freeze(): void {
    this.#proxy.freeze();
  }

  #send(kind: number, payload: Uint8Array): void {
    const frame = Buffer.alloc(3 + payload.length);
    frame[0] = kind;
    frame.writeUInt16BE(payload.length, 1);
    frame.set(payload, 3);
    this.#socket.write(frame);
  }

  #receive(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 3) {
      const end = 3 + this.#rest.readUInt16BE(1);
      if (this.#rest.length < end) return;
      this.#take(this.#rest[0] as number, this.#rest.subarray(3, end));
      this.#rest = this.#rest.subarray(end);
    }
  }

  #take(kind: number, payload: Buffer): void {
    if (kind === UUID) this.events.push({ event: "start", id: payload.toString("hex") });
    else if (kind === DTMF) this.events.push({ event: "dtmf", digit: payload.toString("latin1") });
    else if (kind === HANG_UP) this.events.push({ event: "end" });
    else if (kind === AUDIO_8000) {
      this.heardBytes += payload.length;
      if (this.#echoes) this.say(payload);
    }
  }
}

async function open(isWatched: boolean): Promise<FarEnd> {
  const calls = new CallQueue<FarCall>();
  const behind: { proxy?: FreezingProxy } = {};
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    calls.push(new AudiosocketCall(socket, behind.proxy as FreezingProxy));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const proxy = await FreezingProxy.open(
    typeof address === "object" && address !== null ? address.port : 0,
  );
  behind.proxy = proxy;
  return {
    route: { audiosocket: { url: `tcp://127.0.0.1:${proxy.port}`, idle: isWatched ? "1s" : "0s" } },
    next: () => calls.next(),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await proxy.close();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** An AudioSocket server. */
export const AUDIOSOCKET: Kind = {
  name: "audiosocket",
  open,
  without: {
    marks: "AudioSocket has no message that asks what was heard",
    clear: "AudioSocket has no message that drops what was sent",
  },
  tellsOfClear: "marks",
  playedOfMarks: "none",
  noticesHalfOpen: true,
};
