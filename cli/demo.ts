/**
 * `voicegw demo`: answers a call of its own with a child process, and shows what was heard.
 *
 * @module
 */

import type { Command } from "commander";
import { tone } from "../src/audio/tone.ts";
import type { CallRecord } from "../src/call/call_record.ts";
import { formatIssue } from "../src/config/issue.ts";
import { loadConfig } from "../src/config/load.ts";
import { Gateway } from "../src/gateway/gateway.ts";
import { placeCall } from "../src/gateway/outbound_call.ts";
import { OutboundCallError, type OutboundCallResult } from "../src/gateway/outbound_options.ts";
import { WARM_UP_BRIEF, warmUp } from "../src/gateway/warm_up.ts";
import { BindError } from "../src/runtime/ports.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { callLine } from "./call_line.ts";
import { echoOf, judge, levelBars, report } from "./call_report.ts";
import type { CliIo } from "./cli_io.ts";
import { ladderLine, ladderOf } from "./ladder.ts";

/** What the demonstration serves: the smallest useful file, on loopback and on any free port. */
const DEMO_CONFIG = `sip:
  listen: [udp://127.0.0.1:0]
rtp:
  ports: 30000-30999
routes:
  - name: echo
    when: { X-Room-ID: demo }
    exec: [cat]
`;

const RATE = 8000;

/** Hz of the melody that the caller plays, a fifth of a second each. */
const MELODY = [523, 659, 784, 1047, 784, 659, 523];

const NOTE_DURATION = 200;

/** Adds the command. */
export function register(program: Command, io: CliIo): void {
  program.command("demo")
    .summary("answer a call of its own and show what happened")
    .description(
      "Serves a small configuration on loopback, calls it, and shows what the caller heard.",
    )
    .action(async () => {
      io.setExitCode(await demo(io));
    });
}

async function demo(io: CliIo): Promise<number> {
  try {
    const shown = await callOurselves(io);
    show(shown, io);
    const { result, sound } = shown;
    return judge(result).worked && echoOf(sound, result)?.found === true ? 0 : 1;
  } catch (error) {
    if (!(error instanceof BindError || error instanceof OutboundCallError)) throw error;
    io.stderr(`${error.message}\n`);
    return 1;
  }
}

/** What there is to show of the call. */
interface Demonstration {
  /** Lines of the SIP messages. */
  readonly ladder: string;
  readonly result: OutboundCallResult;
  readonly sound: Int16Array;
  readonly record: CallRecord | undefined;
}

async function callOurselves(io: CliIo): Promise<Demonstration> {
  const loaded = loadConfig(DEMO_CONFIG, { file: "demo.yaml", env: io.env });
  if (!loaded.ok) throw new Error(loaded.errors.map(formatIssue).join("\n"));
  const runtime = createRuntime();
  await warmUp(runtime, loaded.config, WARM_UP_BRIEF);
  let record: CallRecord | undefined;
  const gateway = new Gateway({
    runtime,
    config: loaded.config,
    environment: io.env,
    observer: {
      callEnded: (ended) => {
        record = ended;
      },
      log: (level, message) => {
        if (level !== "debug") io.stdout(`  ${message}\n`);
      },
    },
  });
  await gateway.start();
  const [listener = ""] = gateway.listeners;
  io.stdout(`voicegw listens on ${listener} and serves this routes.yaml:\n\n`);
  io.stdout(`${indent(DEMO_CONFIG)}\nA caller plays a melody to it:\n\n`);
  const sound = melody();
  let ladder = "";
  try {
    const result = await placeCall({
      runtime,
      target: `sip:100@${listener.replace("udp://", "")}`,
      from: "<sip:demo@127.0.0.1>",
      headers: [["X-Room-ID", "demo"]],
      codecs: ["PCMU"],
      localAddress: "127.0.0.1",
      ports: { first: 31000, last: 31999 },
      sound,
      digits: "",
      linger: 300,
      ringTimeout: 10_000,
      onMessage: ladderOf((entry) => {
        ladder += ladderLine(entry);
      }),
    });
    await gateway.drain();
    return { ladder, result, sound, record };
  } finally {
    await gateway.stop();
  }
}

function show({ ladder, result, sound, record }: Demonstration, io: CliIo): void {
  io.stdout(`${indent(ladder)}\n`);
  if (result.answered) {
    io.stdout("The program `cat` answered, and sent back what it heard:\n\n");
    io.stdout(
      `  played  ${levelBars(sound, RATE)}\n  heard   ${levelBars(result.heard, RATE)}\n\n`,
    );
  }
  io.stdout(`${indent(report(result, sound))}\n`);
  if (record !== undefined) {
    io.stdout(`The gateway's line for this call:\n\n  ${callLine(record)}\n\n`);
  }
  io.stdout(
    "Next: write a routes.yaml of your own, then run: voicegw serve --config routes.yaml\n",
  );
}

function melody(): Int16Array {
  const notes = MELODY.map((frequency) => tone(frequency, NOTE_DURATION, RATE));
  const whole = new Int16Array(notes.reduce((sum, note) => sum + note.length, 0));
  let at = 0;
  for (const [index, note] of notes.entries()) {
    // A rest after every other note, so that the bars show more than a block
    if (index % 2 === 0) whole.set(note.subarray(0, Math.round(note.length * 0.6)), at);
    else whole.set(note, at);
    at += note.length;
  }
  return whole;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}
