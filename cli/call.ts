/**
 * `voicegw call`: places a call, plays and records sound, and says how the call went.
 *
 * @module
 */

import type { Command } from "commander";
import type { CodecName } from "../src/audio/codec.ts";
import { resample } from "../src/audio/resampler.ts";
import { tone } from "../src/audio/tone.ts";
import { parseWav, serializeWav, WavError } from "../src/audio/wav.ts";
import type { Hertz } from "../src/base/units.ts";
import { placeCall } from "../src/gateway/outbound_call.ts";
import {
  OutboundCallError,
  type OutboundCallOptions,
  type OutboundCallResult,
  OutboundTargetError,
} from "../src/gateway/outbound_options.ts";
import { parseTarget } from "../src/gateway/outbound_target.ts";
import { BindError, type Runtime } from "../src/runtime/ports.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import type { Credentials } from "../src/sip/auth/credentials.ts";
import { parseSipUri } from "../src/sip/message/uri.ts";
import { addCallOptions, type CallCommandOptions } from "./call_options.ts";
import { figures, judge, report } from "./call_report.ts";
import type { CliIo } from "./cli_io.ts";
import { EXIT_USAGE } from "./config_file.ts";
import { ladderLine, ladderOf } from "./ladder.ts";

/** Samples a second that lose nothing of what each codec carries, among those that handlers may have. */
const CODEC_RATES: Readonly<Record<CodecName, Hertz>> = {
  PCMU: 8000,
  PCMA: 8000,
  G722: 16_000,
  opus: 48_000,
  "L16/8000": 8000,
  "L16/16000": 16_000,
  "L16/44100": 48_000,
};

const EXIT_FAILED = 1;

/** Length of the tone that is played when there is no recording. */
const TONE_DURATION = 2000;

/** How long we go on listening after our own sound. */
const LINGER = 500;

const HELP = `
The URI says how to get there: sip:100@host goes by UDP or as DNS says (NAPTR, SRV),
;transport=tcp, tls, ws or wss by that, and sips: by TLS.
Every SIP message is printed as it comes or goes. When the call is over, the report says how long it
was, what was heard, whether that was an echo of what was sent, and how the network did. Round trip
and quality at the other side are known where it sends reports (RTCP), which takes some seconds.
A recording has 8000, 16000 or 48000 samples a second, as the best codec that was offered needs.
With --srtp the keys are in the SDP: only TLS (sips:, ;transport=tls) keeps them from being read.
Ctrl-C hangs up, and the report follows; a second Ctrl-C ends at once.

Exit status: 0 the call was answered and, if it lasted a second or more, audio came back; 1 it was
not, the keys could not be sent, or something failed; ${EXIT_USAGE} bad usage.

Environment: VOICEGW_PASSWORD is the password for --user, which no other user of the machine sees.

Examples:
  voicegw call sip:100@127.0.0.1
  voicegw call 'sip:100@pbx.example.com;transport=tls' --user 200 --ca pbx.pem
  voicegw call sip:ivr@10.0.0.5 --digits 12# --duration 5s --record heard.wav
  voicegw call sip:bot@10.0.0.5 --play question.wav --header 'X-Room-ID: blue'
  voicegw call sips:100@pbx.example.com --srtp --codec opus,G722,PCMU --record heard.wav
`;

/** Adds the command. */
export function register(program: Command, io: CliIo): void {
  const command = program.command("call")
    .summary("place a call and say how it went")
    .description("Places a call, plays a recording or a tone, and says how the call went.")
    .argument("<uri>", "whom to call, such as sip:100@127.0.0.1:5060");
  addCallOptions(command)
    .addHelpText("after", HELP)
    .action(async (uri: string, options: CallCommandOptions) => {
      io.setExitCode(await call(uri, options, io));
    });
}

async function call(uri: string, options: CallCommandOptions, io: CliIo): Promise<number> {
  const runtime = createRuntime();
  const interrupt = listenForInterrupt(io);
  try {
    parseTarget(uri);
    const sound = await readSound(options, runtime);
    const placed = placeCall({
      ...await callOptions(uri, options, { runtime, env: io.env }),
      sound,
      signal: interrupt.first,
      ...(options.json === true
        ? {}
        : { onMessage: ladderOf((entry) => io.stdout(ladderLine(entry))) }),
    });
    const result = await Promise.race([placed, interrupt.second]);
    if (result === undefined) return EXIT_FAILED;
    if (options.json === true) io.stdout(`${JSON.stringify(figures(result, sound))}\n`);
    else io.stdout(`\n${report(result, sound)}`);
    if (options.record !== undefined) await writeSound(options.record, result, runtime);
    return judge(result).worked ? 0 : EXIT_FAILED;
  } catch (error) {
    const isUsage = error instanceof OutboundTargetError || error instanceof UsageError;
    const isOurs = isUsage || error instanceof OutboundCallError || error instanceof BindError ||
      error instanceof FileError;
    if (!isOurs) throw error;
    io.stderr(`${error.message}\n`);
    return isUsage ? EXIT_USAGE : EXIT_FAILED;
  }
}

/** The first signal hangs up; the second one ends without waiting for the other side. */
function listenForInterrupt(
  io: CliIo,
): { readonly first: AbortSignal; readonly second: Promise<undefined> } {
  const controller = new AbortController();
  const second = new Promise<undefined>((resolve) => {
    const interrupt = () => {
      if (controller.signal.aborted) return resolve(undefined);
      io.stderr("Hanging up; a second signal ends at once\n");
      controller.abort();
    };
    io.onSignal("SIGINT", interrupt);
    io.onSignal("SIGTERM", interrupt);
  });
  return { first: controller.signal, second };
}

async function callOptions(
  uri: string,
  options: CallCommandOptions,
  { runtime, env }: { readonly runtime: Runtime; readonly env: CliIo["env"] },
): Promise<Omit<OutboundCallOptions, "sound">> {
  const { ca, insecure } = options;
  const trusted = ca === undefined ? undefined : await readText(ca, runtime);
  return {
    runtime,
    target: uri,
    proxy: options.proxy,
    credentials: credentials(options, env),
    tls: { verify: insecure !== true, ...(trusted === undefined ? {} : { ca: trusted }) },
    redirects: options.redirects ? "follow" : "refuse",
    from: `<${options.from}>`,
    headers: options.header ?? [],
    codecs: options.codec,
    rate: rateOf(options),
    srtp: options.srtp === true ? "required" : "optional",
    localAddress: options.local,
    ports: options.ports,
    digits: options.digits ?? "",
    ...(options.duration === undefined ? {} : { duration: options.duration }),
    linger: LINGER,
    ringTimeout: options.ringTimeout,
  };
}

/** Options that make no sense together; the message says what is missing. */
class UsageError extends Error {}

function credentials(options: CallCommandOptions, env: CliIo["env"]): Credentials | undefined {
  const password = options.password ?? env["VOICEGW_PASSWORD"];
  const username = options.user ?? parseSipUri(options.from).user;
  if (password !== undefined && username !== undefined) return { username, password };
  if (options.user === undefined && options.password === undefined) return undefined;
  throw new UsageError(
    password === undefined
      ? "--user needs a password: set VOICEGW_PASSWORD, or add --password"
      : "--password needs a user: add --user",
  );
}

async function readText(file: string, runtime: Runtime): Promise<string> {
  try {
    return new TextDecoder().decode(await runtime.readFile(file));
  } catch (error) {
    throw new FileError(error instanceof Error ? error.message : String(error));
  }
}

/** A file that cannot be used or written; the message names it. */
class FileError extends Error {}

/** Which codec it will be is known only when the sound is. */
function rateOf({ codec }: CallCommandOptions): Hertz {
  return Math.max(...codec.map((name) => CODEC_RATES[name]));
}

async function readSound(options: CallCommandOptions, runtime: Runtime): Promise<Int16Array> {
  const { play } = options;
  const rate = rateOf(options);
  if (play === undefined) {
    return options.tone === 0 ? new Int16Array(0) : tone(options.tone, TONE_DURATION, rate);
  }
  let bytes: Uint8Array;
  try {
    bytes = await runtime.readFile(play);
  } catch (error) {
    throw new FileError(error instanceof Error ? error.message : String(error));
  }
  try {
    const { samples, sampleRate } = parseWav(bytes);
    return resample(samples, sampleRate, rate);
  } catch (error) {
    if (!(error instanceof WavError)) throw error;
    throw new FileError(`${play}: ${error.message}`);
  }
}

async function writeSound(
  file: string,
  { heard, rate }: OutboundCallResult,
  runtime: Runtime,
): Promise<void> {
  try {
    await runtime.writeFile(file, serializeWav(heard, rate));
  } catch (error) {
    throw new FileError(error instanceof Error ? error.message : String(error));
  }
}
