/**
 * What a call that we placed was like, in words and figures for a person or as JSON.
 *
 * @module
 */

import { resample } from "../src/audio/resampler.ts";
import { findSound, levelDbfs } from "../src/audio/similarity.ts";
import type { Hertz, Millis } from "../src/base/units.ts";
import type { OutboundCallResult } from "../src/gateway/outbound_options.ts";
import type { DialAttempt } from "../src/gateway/outbound_queue.ts";

/** Whether a call did what calls are for. */
export interface Verdict {
  readonly worked: boolean;
  /** A sentence without a full stop. */
  readonly text: string;
}

/** How much of what we sent came back. */
export interface Echo {
  /** Whether what came back is taken for what we sent. */
  readonly found: boolean;
  /** How alike both are, 0 to 100. */
  readonly percent: number;
}

/** At which sounds are compared: what is above it changes nothing but the time it takes. */
const COMPARED_RATE: Hertz = 8000;

/** Of a sound that is looked for in what was heard; more changes nothing but the time either. */
const COMPARED_MS = 2000;

/** A sound is taken for an echo of ours from here on. */
const ECHO_PERCENT_MIN = 50;

const ECHO_DELAY_MAX = 1000;

/** What is quieter than this is nothing to be heard: the silence of A-law is -72. */
const SILENCE_DBFS = -60;

const BARS = " ▁▂▃▄▅▆▇█";

/** What fits into a line. */
const BARS_MAX = 80;

/** A call worked when it was answered, and something was heard if it lasted long enough for that. */
export function judge(result: OutboundCallResult): Verdict {
  if (!result.answered) return { worked: false, text: whyNot(result) };
  if (result.unsentDigits !== "") {
    const text = `answered, but the keys ${result.unsentDigits} could not be sent: the other side` +
      " takes neither telephone-events nor INFO";
    return { worked: false, text };
  }
  if (result.firstAudioMs === undefined && result.durationMs >= 1000) {
    const text = "answered, but no audio came back: look at the RTP address in the SDP of the" +
      " answer, and at firewalls in between";
    return { worked: false, text };
  }
  return { worked: true, text: "the call worked" };
}

function whyNot(result: OutboundCallResult): string {
  const { statusCode, reasonPhrase, responded, unconnected } = result;
  const status = `${statusCode} ${printable(reasonPhrase)}`;
  if (statusCode < 300) return `failed: ${status}`;
  if (responded || (statusCode !== 408 && statusCode !== 503)) return `not answered: ${status}`;
  if (statusCode === 503 && unconnected !== "") {
    const remedy = unconnected.includes("certificate") ? " (--ca, --insecure)" : "";
    return `not answered: ${status}; no connection to ${printable(unconnected)}${remedy}`;
  }
  if (statusCode === 503) {
    return `not answered: ${status}; no way to get there: look at the address, the port, firewalls` +
      " in between, and for TLS at the certificate (--ca, --insecure)";
  }
  return `not answered: ${status}; no response at all: look at the address, the port, and` +
    " firewalls in between";
}

/** Everything about a call that is over, as lines. */
export function report(result: OutboundCallResult, sound: Int16Array): string {
  const lines: [string, string][] = result.attempts.map((attempt) => [
    "Tried",
    `${attempt.uri}: ${attempt.statusCode} ${printable(attempt.reasonPhrase)}`,
  ]);
  if (result.early.length > 0) {
    lines.push(["Early", `${loudness(result.early, result.rate)}, before the answer`]);
  }
  if (result.answered) {
    const whose = { caller: "we hung up", callee: "the other side hung up", nobody: "cut off" };
    const why = result.peerReason === "" ? "" : ` (${printable(result.peerReason)})`;
    lines.push(
      ["Answered", `after ${ms(result.setupMs)}, ${result.codec}${encryption(result)}`],
      ["Length", `${seconds(result.durationMs)}, ${whose[result.endedBy]}${why}`],
      ["Heard", heard(result)],
    );
    const echo = echoOf(sound, result);
    if (echo !== undefined) lines.push(["Echo", describeEcho(echo)]);
    lines.push(["Network", network(result)]);
    const quality = describeQuality(result);
    if (quality !== "") lines.push(["Quality", quality]);
  }
  lines.push(["Result", judge(result).text]);
  return lines.map(([name, text]) => `${name.padEnd(9)} ${text}\n`).join("");
}

/**
 * The same as an object, its keys named as in call records; times are rounded to 0.1 ms, MOS and shares are as in
 * records.
 */
export function figures(
  result: OutboundCallResult,
  sound: Int16Array,
): Readonly<Record<string, unknown>> {
  const { worked, text } = judge(result);
  const echo = echoOf(sound, result);
  const { firstAudioMs, rate, suite } = result;
  return {
    worked,
    result: text,
    answered: result.answered,
    sip_status: result.statusCode,
    sip_reason: result.reasonPhrase,
    setup_ms: tenths(result.setupMs),
    duration_ms: tenths(result.durationMs),
    ended_by: result.endedBy,
    peer_reason: result.peerReason,
    codec: result.codec,
    ...(suite === undefined ? {} : { srtp: suite }),
    ...(result.attempts.length === 0 ? {} : { attempts: result.attempts.map(attemptFigures) }),
    ...(result.unsentDigits === "" ? {} : { unsent_digits: result.unsentDigits }),
    ...(result.early.length === 0 ? {} : { early_ms: tenths((1000 * result.early.length) / rate) }),
    ...(firstAudioMs === undefined ? {} : { first_audio_ms: tenths(firstAudioMs) }),
    heard_ms: tenths((1000 * result.heard.length) / rate),
    ...(echo === undefined ? {} : { echo_percent: tenths(echo.percent) }),
    statistics: Object.fromEntries(
      Object.entries(result.statistics).map(([name, value]) => [name, statistic(name, value)]),
    ),
  };
}

function attemptFigures({ uri, statusCode, reasonPhrase }: DialAttempt) {
  return { uri, sip_status: statusCode, sip_reason: reasonPhrase };
}

/** Loudness over time as a row of bars, one for each 100 ms, silence to full scale in steps of 6 dB. */
export function levelBars(samples: Int16Array, rate: Hertz): string {
  let text = "";
  for (let at = 0; at < samples.length && text.length < BARS_MAX; at += rate / 10) {
    const level = levelDbfs(samples.subarray(at, at + rate / 10));
    const step = Math.max(0, Math.min(BARS.length - 1, Math.round((level + 50) / 6)));
    text += BARS[Number.isFinite(step) ? step : 0];
  }
  return text;
}

/**
 * Whether what was heard is what we sent, as far as it was heard.
 *
 * @param sound What we sent, at the rate of the result.
 * @returns `undefined` when one of both is silence: there is nothing to compare.
 */
export function echoOf(
  sound: Int16Array,
  { heard: back, rate }: Pick<OutboundCallResult, "heard" | "rate">,
): Echo | undefined {
  const sent = comparable(sound, rate, COMPARED_MS);
  if (isSilence(sent) || isSilence(back)) return undefined;
  const heard = comparable(back, rate, COMPARED_MS + ECHO_DELAY_MAX);
  const { correlation } = findSound(sent, heard, {
    rate: COMPARED_RATE,
    delayMax: ECHO_DELAY_MAX,
    // Of less, anything that hums would be found somewhere
    overlapMin: (500 * Math.min(sent.length, heard.length)) / COMPARED_RATE,
  });
  const percent = 100 * Math.abs(correlation);
  return { found: percent >= ECHO_PERCENT_MIN, percent };
}

/** The beginning of a sound, at the rate at which sounds are compared. */
function comparable(samples: Int16Array, rate: Hertz, lengthMs: Millis): Int16Array {
  return resample(samples.subarray(0, (lengthMs * rate) / 1000), rate, COMPARED_RATE);
}

function describeEcho({ found, percent }: Echo): string {
  return found
    ? `yes: what we sent came back, ${percent.toFixed(1)} % alike`
    : "no: what came back is other sound";
}

function heard(result: OutboundCallResult): string {
  if (result.firstAudioMs === undefined) return "nothing: no packet came";
  const first = `the first packet ${ms(result.firstAudioMs)} after the answer`;
  return `${loudness(result.heard, result.rate)}, ${first}`;
}

/** How long a sound is, and how loud. */
function loudness(samples: Int16Array, rate: Hertz): string {
  const length = seconds((1000 * samples.length) / rate);
  return isSilence(samples)
    ? `${length} of silence`
    : `${length} at ${levelDbfs(samples).toFixed(0)} dBFS`;
}

function isSilence(samples: Int16Array): boolean {
  return levelDbfs(samples) < SILENCE_DBFS;
}

function network({ statistics }: OutboundCallResult): string {
  return `received ${statistics.packets_received} packets, ${statistics.packets_lost} lost,` +
    ` ${statistics.packets_late} late, jitter ${ms(statistics.jitter_ms)};` +
    ` sent ${statistics.packets_sent}, at most ${ms(statistics.late_ms_max)} late`;
}

/** What is known of how it sounds, as far as reports tell; empty when nothing is. */
function describeQuality({ statistics }: OutboundCallResult): string {
  const { round_trip_ms: roundTrip, remote_loss_pct: loss, mos, remote_mos: theirs } = statistics;
  return [
    mos === null ? "" : `MOS ${mos.toFixed(1)}`,
    theirs === null ? "" : `MOS ${theirs.toFixed(1)} at the other side`,
    loss === null ? "" : `${loss.toFixed(1)} % lost there`,
    roundTrip === null ? "" : `round trip ${ms(roundTrip)}`,
  ].filter((part) => part !== "").join(", ");
}

function encryption({ suite }: OutboundCallResult): string {
  return suite === undefined ? "" : `, encrypted with ${suite}`;
}

/** Scores and shares go by hundredths: a MOS of 4.4 and one of 4.35 are not the same. */
function statistic(name: string, value: number | null): number | null {
  if (value === null || name.endsWith("mos") || name.endsWith("_pct")) return value;
  return tenths(value);
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(2)} s`;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

/** What the peer wrote moves no cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "�");
}
