/**
 * A program that behind the exec handler asks how much of its audio was heard. What it learns, it
 * writes to standard error.
 *
 * Writes `first` ms, marks them; once the mark is passed writes `second` ms, waits `wait` ms, clears, and hangs up.
 *
 * @module
 */

import { createReadStream, writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

const [first = 0, second = 0, wait = 0] = process.argv.slice(2).map(Number);

function command(value: Readonly<Record<string, unknown>>): void {
  writeSync(3, `${JSON.stringify(value)}\n`);
}

/** A level that mu-law carries unchanged and nobody takes for silence. */
function say(millis: number): void {
  process.stdout.write(Buffer.from(new Int16Array(millis * 8).fill(8316).buffer));
}

const lines = createInterface({ input: createReadStream("", { fd: 3 }) });
lines.on("line", (line) => {
  const message = JSON.parse(line);
  if (message.event === "start") {
    say(first);
    command({ command: "mark", name: "first" });
  } else if (message.event === "mark") {
    process.stderr.write(`mark ${message.name} ${message.played_ms}\n`);
    if (message.name !== "first") return;
    say(second);
    setTimeout(() => {
      command({ command: "mark", name: "second" });
      command({ command: "clear" });
    }, wait);
  } else if (message.event === "cleared") {
    process.stderr.write(`cleared ${message.played_ms} ${message.dropped_ms}\n`);
    command({ command: "hangup", cause: "said it all" });
  } else if (message.event === "end") process.exit(0);
});
