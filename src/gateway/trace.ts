/**
 * What was said in each call: its SIP messages, one line each, kept until the call is over and then handed out as a
 * ladder.
 *
 * A leg is what shares a Call-ID, and begins with an INVITE. Legs that take each other's places belong to one call: by
 * the Replaces of an INVITE that comes in (RFC 3891), and by the REFER that made us send one (RFC 3515). A ladder is
 * handed out by {@linkcode CallTrace.timeout} once every request has its answer, or some seconds after the end. Who has
 * none of this made does not feed messages.
 *
 * @module
 */

import { formatSocketAddress } from "../base/socket_address.ts";
import { TimerTable } from "../base/timer_table.ts";
import type { Millis } from "../base/units.ts";
import type { CallRecord } from "../call/call_record.ts";
import type { EndCause } from "../call/handler_message.ts";
import { parseRefer } from "../sip/dialog/refer.ts";
import { parseReplaces } from "../sip/dialog/replaces.ts";
import type { SipMessage, SipRequest } from "../sip/message/message.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import { uriParts } from "../sip/message/uri.ts";
import type { Flow } from "../sip/transport/flow.ts";
import type { RefusedRequest } from "./observer.ts";
import { traceLine } from "./trace_line.ts";

/** One message. */
export interface LadderStep {
  readonly direction: "received" | "sent";
  /** Since the first message. */
  readonly afterMs: Millis;
  /** The far end, such as `udp://192.0.2.1:5060`. */
  readonly peer: string;
  readonly text: string;
}

/** The messages of one leg, in their order. */
export interface Ladder {
  /** The SIP Call-ID. */
  readonly callId: string;
  /** Our id of the call; absent when there never was one. */
  readonly call?: string;
  /** User part of From, or its URI. */
  readonly from: string;
  readonly to: string;
  /** When its first message came or went. */
  readonly startedAt: Millis;
  readonly steps: readonly LadderStep[];
  /** Messages that were too many, left out behind the first {@linkcode KEPT_FIRST}. */
  readonly leftOut: number;
  /** How it ended, in a few words. */
  readonly end: string;
}

/** What is traced. */
export interface CallTraceOptions {
  /** `failed`: calls that were refused, or ended in another way than somebody's hanging up. */
  readonly mode: "failed" | "all";
  /** Calls alone whose Call-ID, From or To has this text, in any case; default: every call. */
  readonly text?: string | undefined;
  /** Legs at the same time; the oldest call goes first. */
  readonly legsMax?: number;
  /** Messages of all legs together. */
  readonly stepsMax?: number;
}

/** Messages of one leg. */
export const LEG_STEPS_MAX = 200;

/** Of these none is left out: how a call was set up is what most questions are about. */
export const KEPT_FIRST = 50;

/** At most 30 MB, at the length that lines may have. */
const STEPS_MAX = 40_000;
const LEGS_MAX = 2000;

/** Nobody honest has a longer one; the rest of what is kept of a message is cut to this, too. */
const CALL_ID_MAX = 256;

/** After the end of a call its last request may wait so long for an answer. */
const SETTLE: Millis = 5000;

/** Who was challenged, or has hung up unseen by the gateway, has this long to go on. */
const SILENCE: Millis = 32_000;

/** A call that is up and says nothing for so long is handed out as far as it is known. */
const SILENCE_OF_CALL: Millis = 2 * 3_600_000;

const GOOD_ENDS: ReadonlySet<EndCause> = new Set([
  "caller_hangup",
  "caller_cancel",
  "handler_hangup",
  "operator_hangup",
  "redirected",
  "shutdown",
  "transferred",
]);

interface Leg {
  readonly callId: string;
  readonly from: string;
  readonly to: string;
  readonly startedAt: Millis;
  readonly steps: LadderStep[];
  leftOut: number;
  /** To tell a repetition from something new. */
  readonly seen: Set<string>;
  /** Requests without a final response, and INVITEs without an ACK. */
  readonly open: Set<string>;
  /** CSeq numbers of INVITEs. */
  invited: number;
  /** Of the last final response to an INVITE; 0 before. */
  status: number;
  state: "setup" | "up" | "bye";
  call: TracedCall;
  /** Whom the peer wants us to call. */
  referTo: string | undefined;
}

interface CallEnding {
  readonly text: string;
  readonly isGood: boolean;
  readonly call: string | undefined;
  readonly at: Millis;
}

interface TracedCall {
  readonly legs: Leg[];
  end: CallEnding | undefined;
  touchedAt: Millis;
}

/** The ladders of a gateway's calls. */
export class CallTrace {
  readonly #isAll: boolean;
  readonly #text: string | undefined;
  readonly #legsMax: number;
  readonly #stepsMax: number;
  /** In the order in which they began. */
  readonly #legs = new Map<string, Leg>();
  readonly #deadlines = new TimerTable<TracedCall>();
  /** Whom peers want us to call, and the leg that said so. */
  readonly #referred = new Map<string, Leg>();
  /** Legs that were handed out, and the CSeq of their last INVITE: a repeated one begins nothing. */
  readonly #over = new Map<string, number>();
  #steps = 0;
  #dropped = 0;

  constructor(options: CallTraceOptions) {
    this.#isAll = options.mode === "all";
    this.#text = options.text?.toLowerCase();
    this.#legsMax = options.legsMax ?? LEGS_MAX;
    this.#stepsMax = options.stepsMax ?? STEPS_MAX;
  }

  /** Legs that are kept, and all of their messages. */
  get size(): { readonly legs: number; readonly steps: number } {
    return { legs: this.#legs.size, steps: this.#steps };
  }

  /** Legs that were dropped since there were too many. */
  get dropped(): number {
    return this.#dropped;
  }

  /** When `timeout` is next to be called. */
  get deadline(): Millis | undefined {
    return this.#deadlines.deadline;
  }

  /** A message came or went. */
  message(direction: "received" | "sent", message: SipMessage, flow: Flow, now: Millis): void {
    let leg: Leg | undefined;
    try {
      leg = this.#legs.get(message.headers.callId) ?? this.#begin(direction, message, now);
      if (leg === undefined) return;
      this.#follow(leg, direction, message);
    } catch (error) {
      // What is answered without having been read
      if (!(error instanceof SipParseError)) throw error;
      if (leg === undefined) return;
    }
    this.#add(leg, {
      direction,
      afterMs: now - leg.startedAt,
      peer: `${flow.transport}://${formatSocketAddress(flow.remote)}`,
      text: textOf(leg, direction, message),
    });
    // It may have been dropped for its own messages
    if (!this.#legs.has(leg.callId)) return;
    leg.call.touchedAt = now;
    this.#schedule(leg.call, now);
  }

  /** A request was refused; with an INVITE that began a leg, the leg is over. */
  refused({ request, statusCode, reason }: RefusedRequest, now: Millis): void {
    const leg = this.#legs.get(request.headers.get("Call-ID") ?? "");
    // The caller comes again with a longer session timer; what is refused within a call ends none
    if (leg === undefined || request.method !== "INVITE" || statusCode === 422) return;
    if (leg.state !== "setup" || leg.call.end !== undefined) return;
    const isGood = statusCode < 400;
    const text = `${isGood ? "redirected" : "refused"} with ${statusCode}: ${reason}`;
    this.#end(leg, { text, isGood, call: undefined, at: now });
  }

  /** A call is over. */
  ended(record: CallRecord, now: Millis): void {
    const leg = this.#legs.get(record.call.sip_call_id);
    if (leg === undefined) return;
    const { cause, detail, call: { id } } = record;
    const text = detail === "" ? cause : `${cause}: ${detail}`;
    this.#end(leg, { text, isGood: GOOD_ENDS.has(cause), call: id, at: now });
  }

  /** Hands out the ladders of what is over. */
  timeout(now: Millis): Ladder[] {
    const ladders: Ladder[] = [];
    for (;;) {
      const call = this.#deadlines.popDue(now);
      if (call === undefined) return ladders;
      const end = call.end ?? endOfSilence(call);
      if (this.#isAll || !end.isGood) {
        for (const leg of call.legs) ladders.push(ladderOf(leg, end));
      }
      this.#forget(call);
    }
  }

  /** Hands out the ladders of calls that are over, whether or not all has been said. */
  close(): Ladder[] {
    for (const { call } of this.#legs.values()) {
      if (call.end !== undefined) this.#deadlines.set(call, -Infinity);
      else this.#deadlines.delete(call);
    }
    return this.timeout(-Infinity);
  }

  /** The leg that an INVITE begins, if it is to be traced. */
  #begin(direction: LadderStep["direction"], message: SipMessage, now: Millis): Leg | undefined {
    if (message.type !== "request" || message.method !== "INVITE") return undefined;
    const { headers } = message;
    const { callId, cseq } = headers;
    const over = this.#over.get(callId);
    if (callId.length > CALL_ID_MAX || (over !== undefined && cseq.sequence <= over)) return undefined;
    if (this.#legs.size >= this.#legsMax) this.#dropOldest();
    const former = direction === "received"
      ? this.#legs.get(replacedCallId(message) ?? "")
      : this.#referred.get(message.requestUri);
    if (former === undefined && !this.#isWanted(message)) return undefined;
    const call: TracedCall = former?.call ?? { legs: [], end: undefined, touchedAt: now };
    const leg: Leg = {
      callId,
      from: nameOf(headers.from.uri),
      to: nameOf(headers.to.uri),
      startedAt: now,
      steps: [],
      leftOut: 0,
      seen: new Set(),
      open: new Set(),
      invited: 0,
      status: 0,
      state: "setup",
      call,
      referTo: undefined,
    };
    call.legs.push(leg);
    if (former?.referTo === message.requestUri) this.#referred.delete(message.requestUri);
    this.#legs.set(callId, leg);
    this.#over.delete(callId);
    return leg;
  }

  #isWanted({ headers }: SipRequest): boolean {
    const text = this.#text;
    if (text === undefined) return true;
    return ["Call-ID", "From", "To"].some((name) =>
      headers.get(name)?.toLowerCase().includes(text) === true
    );
  }

  /** Takes note of what a message changes. */
  #follow(leg: Leg, direction: LadderStep["direction"], message: SipMessage): void {
    const { sequence, method } = message.headers.cseq;
    const isOurs = direction === "sent";
    if (message.type === "response") {
      const key = requestKey(!isOurs, sequence, method);
      if (method === "INVITE") followInvite(leg, message.statusCode, message.headers.to.tag);
      if (message.statusCode < 200) return;
      // §17.1.1.3, §13.2.2.4: every final response to an INVITE has an ACK
      if (leg.open.delete(key) && method === "INVITE") leg.open.add(ackKey(!isOurs, sequence));
      if (method === "BYE" && message.statusCode < 300) leg.state = "bye";
      return;
    }
    if (method === "ACK") return void leg.open.delete(ackKey(isOurs, sequence));
    if (method === "REFER") this.#refer(leg, direction, message);
    if (method === "INVITE") {
      leg.invited = Math.max(leg.invited, sequence);
      // With a password this time, perhaps
      if (message.headers.to.tag === undefined && leg.state === "setup") leg.call.end = undefined;
    }
    if (!leg.seen.has(identityOf(direction, message))) {
      leg.open.add(requestKey(isOurs, sequence, method));
    }
  }

  /** RFC 3515 §2.4.3: the INVITE that follows is of the same call. */
  #refer(leg: Leg, direction: LadderStep["direction"], request: SipRequest): void {
    if (direction === "sent") return;
    if (leg.referTo !== undefined) this.#referred.delete(leg.referTo);
    leg.referTo = parseRefer(request).uri;
    this.#referred.set(leg.referTo, leg);
  }

  #add(leg: Leg, step: LadderStep): void {
    leg.steps.push(step);
    this.#steps++;
    if (leg.steps.length > LEG_STEPS_MAX) {
      leg.steps.splice(KEPT_FIRST, 1);
      leg.leftOut++;
      this.#steps--;
    }
    while (this.#steps > this.#stepsMax && this.#legs.size > 1) this.#dropOldest();
  }

  /** A call has ended. A leg that only seemed to be of another call ends for itself. */
  #end(leg: Leg, end: CallEnding): void {
    const { call } = leg;
    if (call.legs[0] === leg) {
      call.end = end;
      return this.#schedule(call, end.at);
    }
    call.legs.splice(call.legs.indexOf(leg), 1);
    leg.call = { legs: [leg], end, touchedAt: end.at };
    this.#schedule(call, end.at);
    this.#schedule(leg.call, end.at);
  }

  #schedule(call: TracedCall, now: Millis): void {
    const isSettled = call.legs.every((leg) => leg.open.size === 0);
    if (call.end !== undefined) {
      return this.#deadlines.set(call, isSettled ? now : call.end.at + SETTLE);
    }
    const isUp = !isSettled || call.legs.some((leg) => leg.state === "up");
    this.#deadlines.set(call, call.touchedAt + (isUp ? SILENCE_OF_CALL : SILENCE));
  }

  #dropOldest(): void {
    for (const { call } of this.#legs.values()) {
      this.#dropped += call.legs.length;
      this.#forget(call);
      return;
    }
  }

  #forget(call: TracedCall): void {
    this.#deadlines.delete(call);
    for (const leg of call.legs) {
      this.#legs.delete(leg.callId);
      this.#steps -= leg.steps.length;
      if (leg.referTo !== undefined && this.#referred.get(leg.referTo) === leg) {
        this.#referred.delete(leg.referTo);
      }
      this.#over.set(leg.callId, leg.invited);
    }
    for (const callId of this.#over.keys()) {
      if (this.#over.size <= this.#legsMax) return;
      this.#over.delete(callId);
    }
  }
}

function followInvite(leg: Leg, statusCode: number, toTag: string | undefined): void {
  if (statusCode >= 200) leg.status = statusCode;
  // Another INVITE is refused within a call, and the call goes on
  if (statusCode > 100 && statusCode < 300 && toTag !== undefined && leg.state === "setup") {
    leg.state = "up";
  }
}

function textOf(leg: Leg, direction: LadderStep["direction"], message: SipMessage): string {
  const identity = identityOf(direction, message);
  const text = traceLine(message);
  if (leg.seen.has(identity)) return `${text} · again`;
  if (leg.seen.size < LEG_STEPS_MAX) leg.seen.add(identity);
  return text;
}

/** What a repetition has in common with what it repeats. */
function identityOf(direction: LadderStep["direction"], message: SipMessage): string {
  const { headers } = message;
  const start = message.type === "request" ? message.method : `${message.statusCode}`;
  const { via, cseq, to } = headers;
  const parts = [via.branch, cseq.sequence, cseq.method, to.tag, headers.get("RSeq")];
  return [direction, start, ...parts].join(" ").slice(0, CALL_ID_MAX);
}

function requestKey(isOurs: boolean, sequence: number, method: string): string {
  return `${isOurs ? "sent" : "received"} ${sequence} ${method}`;
}

function ackKey(isOurs: boolean, sequence: number): string {
  return requestKey(isOurs, sequence, "ACK");
}

/** The Call-ID of the leg whose place an INVITE is to take. */
function replacedCallId({ headers }: SipRequest): string | undefined {
  const value = headers.get("Replaces");
  if (value === undefined) return undefined;
  try {
    return parseReplaces(value).callId;
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

function nameOf(uri: string): string {
  const { user, host } = uriParts(uri);
  return (user === "" ? host : user).slice(0, CALL_ID_MAX);
}

/** How a leg ended of whose end nobody has told. */
function endOfSilence({ legs, touchedAt }: TracedCall): CallEnding {
  const last = legs.at(-1);
  const ending = { call: undefined, at: touchedAt };
  if (last?.state === "bye") return { ...ending, text: "ended by BYE", isGood: true };
  const text = last?.status === 401 || last?.status === 407
    ? "asked for a password, and heard no more"
    : "heard no more";
  return { ...ending, text, isGood: false };
}

function ladderOf(leg: Leg, end: CallEnding): Ladder {
  const { callId, from, to, startedAt, steps, leftOut } = leg;
  const call = end.call === undefined ? {} : { call: end.call };
  return { callId, ...call, from, to, startedAt, steps, leftOut, end: end.text };
}
