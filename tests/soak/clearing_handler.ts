/**
 * A program behind the exec handler that talks, and stops itself at random instants.
 *
 * `bun clearing_handler.ts FILE CLEARS SEED`: each clear becomes a line of JSON in FILE, with when
 * it was sent and answered, in ms of the wall clock, and what the answer says. Then it ends.
 *
 * @module
 */

import { appendFileSync, createReadStream, writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { SeededRandom } from "../../src/base/random.ts";

const [file = "", clears = "0", seed = "1"] = process.argv.slice(2);
const random = new SeededRandom(Number(seed));

/** So much is written before it is heard: more than the gateway takes, less than a pipe holds. */
const AHEAD_MS = 1500;
/** Between an answer and the next words: what was sent before is told apart by it. */
const SILENCE_MS = 120;
/** A level that mu-law carries unchanged. */
const LEVEL = 8316;

let done = 0;
let sentAt = 0;
let begun = 0;
let written = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

/** Keeps what is written ahead of what is heard, in pieces of any size. */
function talk(): void {
  while (written - (performance.now() - begun) < AHEAD_MS) {
    const millis = 1 + Math.floor(random.nextUnit() * 200);
    process.stdout.write(Buffer.from(new Int16Array(millis * 8).fill(LEVEL).buffer));
    written += millis;
  }
  timer = setTimeout(talk, 50);
}

function begin(): void {
  begun = performance.now();
  written = 0;
  talk();
  setTimeout(() => {
    clearTimeout(timer);
    sentAt = wallClock();
    writeSync(3, '{"command":"clear"}\n');
  }, 50 + random.nextUnit() * 800);
}

process.stdin.resume();
const lines = createInterface({ input: createReadStream("", { fd: 3 }) });
lines.on("line", (line) => {
  const message = JSON.parse(line);
  if (message.event === "start") begin();
  else if (message.event === "end") process.exit(0);
  else if (message.event === "cleared") {
    const { played_ms: playedMs, dropped_ms: droppedMs } = message;
    const answer = { sentAt, answeredAt: wallClock(), playedMs, droppedMs };
    appendFileSync(file, `${JSON.stringify(answer)}\n`);
    if (++done < Number(clears)) setTimeout(begin, SILENCE_MS);
    else setTimeout(() => process.exit(0), SILENCE_MS);
  }
});
