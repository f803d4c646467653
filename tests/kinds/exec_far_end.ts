/**
 * A program for calls that does what a test says: it passes what it hears and is told on to the
 * port in its arguments, and gives back what comes from there.
 *
 * @module
 */

import { createReadStream, writeSync } from "node:fs";
import { connect } from "node:net";
import { type Piece, pieceOf, PieceReader } from "./pieces.ts";

const CONTROL = 3;
/** The last event comes another way than the end of the sound. */
const LAST_WORDS_MS = 100;
const NOISE = new Uint8Array(64 << 10);
const socket = connect(Number(process.argv[2]), "127.0.0.1");
socket.setNoDelay(true);

/** Writes all of it, however long that takes. */
function write(descriptor: number, data: Uint8Array): void {
  let rest = data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
}

function flood(): never {
  for (;;) write(1, NOISE);
}

function perform({ type, data }: Piece): void {
  switch (type) {
    case "audio":
      return write(1, data);
    case "control":
      return write(CONTROL, data);
    case "exit":
      return void process.exit(0);
    case "die":
      process.kill(process.pid, "SIGKILL");
      break;
    case "stall":
      process.stdin.pause();
      break;
    case "flood":
      return flood();
    case "freeze":
      process.kill(process.pid, "SIGSTOP");
      break;
  }
}

const orders = new PieceReader(perform);
socket.on("data", (data: Buffer) => orders.receive(data));
socket.on("close", () => process.exit(0));
process.stdin.on("data", (data: Buffer) => socket.write(pieceOf("audio", data)));
process.stdin.on("end", () => setTimeout(() => socket.end(), LAST_WORDS_MS));
let line = "";
createReadStream("", { fd: CONTROL, autoClose: false }).on("data", (data) => {
  const lines = (line + data.toString()).split("\n");
  line = lines.pop() ?? "";
  for (const each of lines) socket.write(pieceOf("control", new TextEncoder().encode(each)));
}).on("error", () => {});
