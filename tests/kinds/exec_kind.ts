/**
 * A child process as the tests of all kinds see it: `exec_far_end.ts` passes everything on to the
 * test, which says what it does.
 *
 * @module
 */

import { createServer, type Socket } from "node:net";
import { CallQueue, type FarCall, type FarEnd, type FarEvent, type Kind } from "./kind.ts";
import { type Piece, pieceOf, PieceReader } from "./pieces.ts";

const PROGRAM = new URL("exec_far_end.ts", import.meta.url).pathname;

class ExecCall implements FarCall {
  readonly events: FarEvent[] = [];
  heardBytes = 0;
  readonly #socket: Socket;
  #echoes = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new PieceReader((piece) => this.#take(piece));
    socket.on("data", (data: Buffer) => reader.receive(data));
  }

  say(pcm: Uint8Array): void {
    this.#socket.write(pieceOf("audio", pcm));
  }

  echo(): void {
    this.#echoes = true;
  }

  mark(name: string): void {
    this.#command({ command: "mark", name });
  }

  clear(): void {
    this.#command({ command: "clear" });
  }

  hangUp(): void {
    this.#socket.write(pieceOf("exit", new Uint8Array()));
  }

  die(): void {
    this.#socket.write(pieceOf("die", new Uint8Array()));
  }

  stall(): void {
    this.#socket.write(pieceOf("stall", new Uint8Array()));
  }

  flood(): void {
    this.#socket.write(pieceOf("flood", new Uint8Array()));
  }

  freeze(): void {
    this.#socket.write(pieceOf("freeze", new Uint8Array()));
  }

  #command(command: Readonly<Record<string, unknown>>): void {
    const line = new TextEncoder().encode(`${JSON.stringify(command)}\n`);
    this.#socket.write(pieceOf("control", line));
  }

  #take({ type, data }: Piece): void {
    if (type === "control") {
      this.events.push(JSON.parse(new TextDecoder().decode(data)));
    } else if (type === "audio") {
      this.heardBytes += data.length;
      if (this.#echoes) this.say(data);
    }
  }
}

async function open(): Promise<FarEnd> {
  const calls = new CallQueue<FarCall>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    calls.push(new ExecCall(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    route: { exec: { command: [process.execPath, PROGRAM, `${port}`], stop_after: "300ms" } },
    next: () => calls.next(),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

/** A child process. */
export const EXEC: Kind = {
  name: "exec",
  open,
  without: {},
  tellsOfClear: "cleared",
  playedOfMarks: "at least",
  noticesHalfOpen: false,
};
