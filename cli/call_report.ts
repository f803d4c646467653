/**
 * What a call that we placed was like, in words and figures for a person.
 *
 * @module
 */

import { findSound, levelDbfs } from "../src/audio/similarity.ts";
import type { OutboundCallResult } from "../src/gateway/outbound_options.ts";
import type { SipMessage } from "../src/sip/message/message.ts";
import { describeMessage } from "../src/sip/message/serialize.ts";

/** One message of the ladder. */
export interface LadderEntry {
  readonly direction: "received" | "sent";
  readonly message: SipMessage;
  /** Any clock; the first entry is shown as 0. */
  readonly at: number;
}

/** Whether a call did what calls are for. */
export interface Verdict {
  readonly worked: boolean;
  /** A sentence without a full stop. */
  readonly text: string;
}

const RATE = 8000;

/** Of a sound that is looked for in what was heard; more changes nothing but the time it takes. */
const COMPARED_SAMPLES = 2 * RATE;

/** A sound is taken for an echo of ours from here on. */
const ECHO_CORRELATION = 0.5;

const ECHO_DELAY_MAX = 1000;

const BARS = " ▁▂▃▄▅▆▇█";

/** A call worked when it was answered, and something was heard if it lasted long enough for that. */
export function judge(result: OutboundCallResult): Verdict {
  if (!result.answered) {
    return { worked: false, text: `not answered: ${result.statusCode} ${result.reasonPhrase}` };
  }
  if (result.firstAudioMs === undefined && result.durationMs >= 1000) {
    const text = "answered, but no audio came back: look at the RTP address in the SDP of the" +
      " answer, and at firewalls in between";
    return { worked: false, text };
  }
  return { worked: true, text: "the call worked" };
}

/** The messages in their order, one a line. */
export function ladder(entries: readonly LadderEntry[]): string {
  const first = entries[0]?.at ?? 0;
  return entries.map(({ direction, message, at }) => {
    const time = `${Math.round(at - first)} ms`.padStart(9);
    const arrow = direction === "sent" ? "──▶" : "◀──";
    return `${time}  ${arrow}  ${describeMessage(message)}\n`;
  }).join("");
}

/** Everything about a call that is over. */
export function report(result: OutboundCallResult, sound: Int16Array): string {
  const lines: [string, string][] = [];
  if (result.answered) {
    const whose = { caller: "we hung up", callee: "the other side hung up", nobody: "cut off" };
    const why = result.peerReason === "" ? "" : ` (${result.peerReason})`;
    lines.push(
      ["Answered", `after ${ms(result.setupMs)}, ${result.codec}`],
      ["Length", `${seconds(result.durationMs)}, ${whose[result.endedBy]}${why}`],
      ["Heard", heard(result)],
    );
    if (sound.length > 0) lines.push(["Echo", echo(sound, result.heard)]);
    lines.push(["Network", network(result)]);
  }
  lines.push(["Result", judge(result).text]);
  return lines.map(([name, text]) => `${name.padEnd(9)} ${text}\n`).join("");
}

/** Loudness over time as a row of bars, one for each 100 ms, silence to full scale in steps of 6 dB. */
export function levelBars(samples: Int16Array, barsMax = 80): string {
  let text = "";
  for (let at = 0; at < samples.length && text.length < barsMax; at += RATE / 10) {
    const level = levelDbfs(samples.subarray(at, at + RATE / 10));
    const step = Math.max(0, Math.min(BARS.length - 1, Math.round((level + 50) / 6)));
    text += BARS[Number.isFinite(step) ? step : 0];
  }
  return text;
}

/** Whether what was heard is what we sent. */
export function echo(sound: Int16Array, heardSamples: Int16Array): string {
  const sent = sound.subarray(0, COMPARED_SAMPLES);
  const found = findSound(sent, heardSamples, { rate: RATE, delayMax: ECHO_DELAY_MAX });
  if (found.correlation < ECHO_CORRELATION) return "none: what came back is not what we sent";
  return `what we sent came back, ${(100 * found.correlation).toFixed(1)} % alike`;
}

function heard(result: OutboundCallResult): string {
  if (result.firstAudioMs === undefined) return "nothing: no packet came";
  const level = levelDbfs(result.heard);
  const loudness = Number.isFinite(level) ? `${level.toFixed(0)} dB` : "silence";
  const length = seconds((1000 * result.heard.length) / RATE);
  return `${length} at ${loudness}, the first packet after ${ms(result.firstAudioMs)}`;
}

function network(result: OutboundCallResult): string {
  const figures = result.statistics;
  return `in ${figures.packets_received} packets, ${figures.packets_lost} lost,` +
    ` ${figures.packets_late} late, jitter ${ms(figures.jitter_ms)};` +
    ` out ${figures.packets_sent}, at worst ${ms(figures.late_ms_max)} late`;
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(2)} s`;
}
