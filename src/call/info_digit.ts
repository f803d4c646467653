/**
 * Keys that travel as SIP INFO instead of RTP: `application/dtmf-relay` and `application/dtmf`. There is no RFC for these
 * two; both are as common gateways send them. RFC 6086 §3.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { SipRequest } from "../sip/message/message.ts";
import type { SipBody } from "../sip/user_agent/output.ts";

/** A key press. */
export interface InfoDigit {
  /** One of `0-9*#A-D`, or `flash`. */
  readonly digit: string;
  readonly durationMs: Millis;
}

/** Length of a key press whose message names none. */
const DURATION_DEFAULT: Millis = 160;
const DURATION_MAX: Millis = 60_000;

/** RFC 4733 event codes, which some phones write instead of the key. */
const EVENT_NAMES: Readonly<Record<string, string>> = {
  "10": "*",
  "11": "#",
  "12": "A",
  "13": "B",
  "14": "C",
  "15": "D",
  "16": "flash",
};

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Reads the key of an INFO; `undefined` when it has none. */
export function readInfoDigit(request: SipRequest): InfoDigit | undefined {
  if (request.body.length > 1024) return undefined;
  const text = decoder.decode(request.body);
  const signal = /^\s*Signal\s*=\s*([0-9*#A-Da-d]{1,2})\s*$/m.exec(text)?.[1] ??
    /^\s*([0-9*#A-Da-d]{1,2})\s*$/.exec(text)?.[1];
  if (signal === undefined) return undefined;
  const digit = signal.length === 1 ? signal.toUpperCase() : EVENT_NAMES[signal];
  if (digit === undefined) return undefined;
  const duration = Number(/^\s*Duration\s*=\s*(\d{1,6})\s*$/m.exec(text)?.[1]);
  const durationMs = duration > 0 ? Math.min(duration, DURATION_MAX) : DURATION_DEFAULT;
  return { digit, durationMs };
}

/** Writes the body of an INFO that presses a key. */
export function infoDigitBody({ digit, durationMs }: InfoDigit): SipBody {
  const text = `Signal=${digit}\r\nDuration=${Math.round(durationMs)}\r\n`;
  return { bytes: encoder.encode(text), contentType: "application/dtmf-relay" };
}
