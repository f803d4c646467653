/**
 * `voicegw call`: places a call, plays and records sound, and says how the call went.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import { resample } from "../src/audio/resampler.ts";
import { tone } from "../src/audio/tone.ts";
import { parseWav, serializeWav, WavError } from "../src/audio/wav.ts";
import { parseDuration } from "../src/config/duration.ts";
import { placeCall } from "../src/gateway/outbound_call.ts";
import {
  OutboundCallError,
  type OutboundCallOptions,
  type OutboundCallResult,
} from "../src/gateway/outbound_options.ts";
import { BindError, type Runtime } from "../src/runtime/ports.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { nextHopOf } from "../src/sip/message/next_hop.ts";
import { judge, ladder, type LadderEntry, report } from "./call_report.ts";
import type { CliIo } from "./cli_io.ts";

interface CallCommandOptions {
  readonly play?: string;
  readonly tone: number;
  readonly digits: string;
  readonly record?: string;
  readonly duration?: number;
  readonly header: readonly (readonly [string, string])[];
  readonly from: string;
  readonly codec: readonly ("PCMU" | "PCMA")[];
  readonly local?: string;
  readonly ports: { readonly first: number; readonly last: number };
  readonly ringTimeout: number;
  readonly json?: boolean;
}

const RATE = 8000;
const EXIT_FAILED = 1;

/** Length of the tone that is played when there is no recording. */
const TONE_DURATION = 2000;

/** How long we go on listening after our own sound. */
const LINGER = 500;

const HELP = `
What is printed: the SIP messages as they come and go, then what was heard, whether it was an echo of
what was sent, and how the network did. The exit status is 0 when the call was answered and sound
came back, otherwise 1.

Examples:
  voicegw call sip:100@127.0.0.1                          a tone of two seconds
  voicegw call sip:ivr@10.0.0.5 --digits 12# --duration 5s --record heard.wav
  voicegw call sip:bot@10.0.0.5 --play question.wav --header 'X-Room-ID: blue'
`;

/** Adds the command. */
export function register(program: Command, io: CliIo): void {
  program.command("call")
    .summary("place a call and say how it went")
    .description("Places a call over UDP, plays a recording or a tone, and says how the call went.")
    .argument("<uri>", "whom to call, such as sip:100@127.0.0.1:5060")
    .option("--play <file>", "play this WAV file")
    .option("--tone <hertz>", "play a tone of 2 s instead; 0: silence", frequency, 440)
    .option("--digits <keys>", "press these keys (0-9 * # A-D), RFC 4733", digits, "")
    .option("--record <file>", "write what was heard into this WAV file")
    .option("--duration <time>", "hang up after this, such as 5s; default: after the sound", millis)
    .option("--header <header>", "add a header, such as 'X-Room-ID: blue'; repeatable", header, [])
    .option("--from <uri>", "who calls", "sip:voicegw@localhost")
    .option("--codec <name>", "offer only this one: PCMU or PCMA", codec, ["PCMU", "PCMA"])
    .option("--local <address>", "the address to call from; default: as the system routes")
    .option("--ports <range>", "RTP ports", ports, { first: 40000, last: 49999 })
    .option("--ring-timeout <time>", "give up when nobody answers", millis, 30_000)
    .option("--json", "print the figures as one JSON object instead")
    .addHelpText("after", HELP)
    .action(async (uri: string, options: CallCommandOptions) => {
      io.setExitCode(await call(uri, options, io));
    });
}

async function call(uri: string, options: CallCommandOptions, io: CliIo): Promise<number> {
  const runtime = createRuntime();
  const entries: LadderEntry[] = [];
  try {
    const sound = await readSound(options, runtime);
    const result = await placeCall({
      ...await callOptions(uri, options, runtime),
      sound,
      onMessage: (direction, message, at) => {
        entries.push({ direction, message, at });
      },
    });
    if (options.json === true) io.stdout(`${json(result)}\n`);
    else io.stdout(`${ladder(entries)}\n${report(result, sound)}`);
    if (options.record !== undefined) await writeSound(options.record, result.heard, runtime);
    return judge(result).worked ? 0 : EXIT_FAILED;
  } catch (error) {
    const isOurs = error instanceof OutboundCallError || error instanceof BindError ||
      error instanceof SoundError;
    if (!isOurs) throw error;
    io.stderr(`${error.message}\n`);
    return EXIT_FAILED;
  }
}

async function callOptions(
  uri: string,
  options: CallCommandOptions,
  runtime: Runtime,
): Promise<Omit<OutboundCallOptions, "sound">> {
  return {
    runtime,
    target: uri,
    from: `<${options.from}>`,
    headers: options.header,
    codecs: options.codec,
    localAddress: options.local ?? await localAddress(uri, runtime),
    ports: options.ports,
    digits: options.digits,
    ...(options.duration === undefined ? {} : { duration: options.duration }),
    linger: LINGER,
    ringTimeout: options.ringTimeout,
  };
}

async function localAddress(uri: string, runtime: Runtime): Promise<string> {
  const host = nextHopOf(uri)?.host;
  const [address] = host === undefined ? [] : await runtime.resolveHost(host).catch(() => []);
  return await runtime.localAddressTowards(address ?? "127.0.0.1");
}

/** A recording that cannot be played or written; the message names the file. */
class SoundError extends Error {}

async function readSound(options: CallCommandOptions, runtime: Runtime): Promise<Int16Array> {
  const { play } = options;
  if (play === undefined) {
    return options.tone === 0 ? new Int16Array(0) : tone(options.tone, TONE_DURATION, RATE);
  }
  let bytes: Uint8Array;
  try {
    bytes = await runtime.readFile(play);
  } catch (error) {
    throw new SoundError(error instanceof Error ? error.message : String(error));
  }
  try {
    const { samples, sampleRate } = parseWav(bytes);
    return resample(samples, sampleRate, RATE);
  } catch (error) {
    if (!(error instanceof WavError)) throw error;
    throw new SoundError(`${play}: ${error.message}`);
  }
}

async function writeSound(file: string, sound: Int16Array, runtime: Runtime): Promise<void> {
  try {
    await runtime.writeFile(file, serializeWav(sound, RATE));
  } catch (error) {
    throw new SoundError(error instanceof Error ? error.message : String(error));
  }
}

function json(result: OutboundCallResult): string {
  const { heard, ...figures } = result;
  const verdict = judge(result);
  return JSON.stringify({ ...figures, heardMs: (1000 * heard.length) / RATE, ...verdict });
}

function frequency(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0 && value <= 3400) return value;
  throw new InvalidArgumentError("Give a frequency from 0 to 3400 Hz, such as 440.");
}

function digits(text: string): string {
  if (/^[0-9*#A-D]{1,64}$/i.test(text)) return text.toUpperCase();
  throw new InvalidArgumentError("Give keys among 0-9 * # A-D, such as 12#.");
}

function millis(text: string): number {
  const value = parseDuration(text);
  if (value !== undefined && value > 0) return value;
  throw new InvalidArgumentError("Give a time with its unit, such as 500ms or 5s.");
}

function header(
  text: string,
  before: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const parts = /^([A-Za-z0-9.!%*_+`'~-]+)\s*:\s*([^\r\n\0]*)$/.exec(text);
  if (parts === null) throw new InvalidArgumentError("Write it as 'Name: value'.");
  return [...before, [parts[1] as string, parts[2] as string]];
}

function codec(text: string): readonly ("PCMU" | "PCMA")[] {
  const name = text.toUpperCase();
  if (name === "PCMU" || name === "PCMA") return [name];
  throw new InvalidArgumentError("Give PCMU or PCMA.");
}

function ports(text: string): { first: number; last: number } {
  const parts = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const first = Number(parts?.[1]);
  const last = Number(parts?.[2]);
  if (parts !== null && first > 0 && last <= 65_535 && last > first) return { first, last };
  throw new InvalidArgumentError("Give a range of ports such as 40000-49999.");
}
