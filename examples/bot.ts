/**
 * A bot in one file, with nothing but standard input, standard output and file descriptor 3.
 *
 *     voicegw serve --config examples/bot.yaml
 *
 * That runs it with Bun; Node 22.18 or later does as well.
 *
 * Call, and you hear a melody of three tones. Press 1 to 9 for as many beeps, 0 for ten, `*` to
 * silence the bot at once, `#` for a last tone, after which it hangs up. What you say is measured:
 * its loudness goes to the log.
 *
 * Deno gives programs no way to file descriptor 3: there the melody plays, and keys do nothing.
 *
 * @module
 */

import { createReadStream, writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

const CONTROL_FD = Number(process.env.VOICEGW_CONTROL_FD ?? 3);
const RATE = Number(process.env.VOICEGW_RATE ?? 8000);

/**
 * A sine of `millis` at `hertz`, s16le, faded at both ends so that it does not click. 0 Hz is
 * silence.
 */
function tone(hertz: number, millis: number): Uint8Array {
  const length = Math.round(RATE * millis / 1000);
  const pcm = new Uint8Array(length * 2);
  const view = new DataView(pcm.buffer);
  for (let index = 0; index < length; index++) {
    const fade = Math.min(1, index / 40, (length - index) / 40);
    const value = Math.sin(2 * Math.PI * hertz * index / RATE) * fade * 8000;
    view.setInt16(index * 2, Math.round(value), true);
  }
  return pcm;
}

/** Plays sounds one after the other: the gateway keeps the time, so they may be written at once. */
function play(...sounds: readonly Uint8Array[]): void {
  for (const sound of sounds) process.stdout.write(sound);
}

function command(fields: { readonly command: string; readonly [key: string]: string }): void {
  writeSync(CONTROL_FD, JSON.stringify(fields) + "\n");
}

function log(text: string): void {
  process.stderr.write(`${text}\n`);
}

interface CallEvent {
  readonly event: string;
  readonly digit?: string;
  readonly name?: string;
  readonly dropped_ms?: number;
  readonly call?: { readonly from: { readonly uri: string } };
}

function receive(event: CallEvent): void {
  switch (event.event) {
    case "start":
      log(`a call from ${event.call?.from.uri}`);
      break;
    case "dtmf":
      pressed(event.digit ?? "");
      break;
    case "cleared":
      // Only now: what is written between a clear and this event is dropped with the rest.
      log(`silenced, ${event.dropped_ms} ms were not heard`);
      play(tone(300, 150));
      break;
    case "mark":
      if (event.name === "farewell") command({ command: "hangup", cause: "the caller pressed #" });
      break;
    case "end":
      process.exit(0);
  }
}

function pressed(digit: string): void {
  if (digit === "*") command({ command: "clear" });
  else if (digit === "#") {
    play(tone(440, 400));
    // Answered when the tone has been played to its end.
    command({ command: "mark", name: "farewell" });
  } else if (/^\d$/.test(digit)) {
    const beeps = Number(digit) || 10;
    for (let count = 0; count < beeps; count++) play(tone(880, 120), tone(0, 120));
  }
}

const control = createReadStream("", { fd: CONTROL_FD, autoClose: false });
control.on("error", () => log("no file descriptor 3 here: keys do nothing"));
createInterface({ input: control }).on("line", (line) => receive(JSON.parse(line)))
  .on("error", () => {});

let loudest = 0;
let samples = 0;
process.stdin.on("data", (data: Uint8Array) => {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  for (let offset = 0; offset + 1 < data.length; offset += 2) {
    loudest = Math.max(loudest, Math.abs(view.getInt16(offset, true)));
  }
  samples += data.length / 2;
  if (samples < RATE * 5) return;
  log(`loudest sample of the last five seconds: ${loudest}`);
  loudest = 0;
  samples = 0;
});
// The caller has hung up.
process.stdin.on("end", () => process.exit(0));

play(tone(523, 150), tone(659, 150), tone(784, 300));
