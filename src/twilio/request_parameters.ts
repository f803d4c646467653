/**
 * What Twilio's requests say of a call, as names and values in order.
 *
 * Source: twilio.com/docs/voice/twiml, for SIP twilio.com/docs/voice/api/receiving-sip.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { CallFacts, PartyFacts } from "../route/call_facts.ts";
import { callSid } from "./sids.ts";

/** A name and its value. */
export type Parameter = readonly [name: string, value: string];

/** Several, in the order in which they are sent. */
export type Parameters = readonly Parameter[];

/** What becomes of a call. */
export type TwilioCallStatus =
  | "queued"
  | "initiated"
  | "ringing"
  | "in-progress"
  | "completed"
  | "busy"
  | "failed"
  | "no-answer"
  | "canceled";

/** What a request is made of. */
export interface CallParameterOptions {
  readonly facts: CallFacts;
  readonly accountSid: string;
  readonly status: string;
  /** More of them, such as Digits. */
  readonly extra?: Parameters;
}

/** The parameters of every request about a call. */
export function callParameters(options: CallParameterOptions): Parameters {
  const { facts, accountSid, status, extra = [] } = options;
  const { from, to, diversion: [diversion] } = facts;
  const [caller, called] = [partyOf(from), partyOf(to)];
  return [
    ["CallSid", callSid(facts.id)],
    ["AccountSid", accountSid],
    ["From", caller],
    ["To", called],
    ["Caller", caller],
    ["Called", called],
    ["CallStatus", status],
    ["ApiVersion", "2010-04-01"],
    ["Direction", "inbound"],
    ...from.display_name === "" ? [] : [["CallerName", from.display_name] as const],
    ...diversion === undefined ? [] : [["ForwardedFrom", partyOf(diversion)] as const],
    ["SipDomain", to.host],
    // Who has proved nothing has none
    ...facts.auth_user === "" ? [] : [["SipUsername", facts.auth_user] as const],
    ["SipCallId", facts.sip_call_id],
    ["SipSourceIp", addressOf(facts.source)],
    ...Object.entries(facts.x_headers).map(([name, value]) =>
      [`SipHeader_${name}`, value] as const
    ),
    ...extra,
  ];
}

/** What a status callback says besides. */
export interface StatusParameterOptions {
  /** Since 1970. */
  readonly at: Millis;
  /** From 0. */
  readonly sequence: number;
  /** Once the call is over. */
  readonly end?: { readonly durationMs: Millis; readonly sipStatus: number };
}

/** The parameters that a status callback has besides. */
export function statusParameters({ at, sequence, end }: StatusParameterOptions): Parameters {
  return [
    ["Timestamp", dateText(at)],
    ["SequenceNumber", `${sequence}`],
    ["CallbackSource", "call-progress-events"],
    ...end === undefined ? [] : [
      ["CallDuration", `${Math.ceil(end.durationMs / 1000)}`] as const,
      ["SipResponseCode", `${end.sipStatus}`] as const,
    ],
  ];
}

/** What a callback of a stream tells. */
export interface StreamParameterOptions {
  readonly facts: CallFacts;
  readonly accountSid: string;
  readonly streamSid: string;
  readonly name: string;
  readonly event: string;
  readonly error?: string;
  /** Since 1970. */
  readonly at: Millis;
}

/** The parameters of a callback of a stream: of the call they name nothing but its sid. */
export function streamParameters(options: StreamParameterOptions): Parameters {
  const { facts, accountSid, streamSid, name, event, error, at } = options;
  return [
    ["AccountSid", accountSid],
    ["CallSid", callSid(facts.id)],
    ["StreamSid", streamSid],
    ["StreamName", name],
    ["StreamEvent", event],
    ...error === undefined ? [] : [["StreamError", error] as const],
    // ISO 8601, unlike that of a status callback
    ["Timestamp", new Date(at).toISOString()],
  ];
}

/** A party of a call, as Twilio names it: a number as such, everybody else as a SIP URI. */
export function partyOf({ user, uri }: Pick<PartyFacts, "user" | "uri">): string {
  return /^\+?\d+$/.test(user) ? user : uri;
}

/** Writes `application/x-www-form-urlencoded`, UTF-8. */
export function formEncode(parameters: Parameters): Uint8Array {
  const form = new URLSearchParams();
  for (const [name, value] of parameters) form.append(name, value);
  return new TextEncoder().encode(form.toString());
}

/** A date as Twilio writes it, in UTC. RFC 2822 §3.3 */
export function dateText(at: Millis): string {
  return new Date(at).toUTCString().replace("GMT", "+0000");
}

function addressOf(source: string): string {
  return source.slice(0, source.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
}
