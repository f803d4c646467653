/**
 * What was said in each call: its SIP messages, one line each, kept until the call is over and then handed out as a
 * ladder.
 *
 * What shares a Call-ID is a leg. Legs that take each other's places belong to one call: by the Replaces of an INVITE
 * that comes in (RFC 3891), and by the REFER that made us send one (RFC 3515). Ladders are handed out by
 * {@linkcode CallTrace.timeout}, as soon as all has been said, or some seconds after the end. Where nobody wants
 * ladders there is no trace, and nothing is spent on one.
 *
 * @module
 */

import { TimerTable } from "../base/timer_table.ts";
import type { Millis } from "../base/units.ts";
import type { CallRecord } from "../call/call_record.ts";
import type { EndCause } from "../call/handler_message.ts";
import { parseRefer } from "../sip/dialog/refer.ts";
import { parseReplaces } from "../sip/dialog/replaces.ts";
import type { SipMessage, SipRequest } from "../sip/message/message.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import type { Flow } from "../sip/transport/flow.ts";
import type { RefusedRequest } from "./observer.ts";
import { CALL_ID_MAX, type Ladder, type TraceDirection, TraceLeg } from "./trace_leg.ts";

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

const LEGS_MAX = 2000;

/** At most some 30 MB, at the length that lines may have. */
const STEPS_MAX = 40_000;

/** After the end of a call its last request may wait so long for an answer: 64·T1, and some more. */
const SETTLE: Millis = 35_000;

/** Who was challenged, or hung up without a record, has this long to go on. */
const SILENCE: Millis = 32_000;

/** A call that is up and says nothing for so long is handed out as far as it is known. */
const SILENCE_OF_CALL: Millis = 2 * 3_600_000;

/** Ends that somebody wanted. */
const GOOD_ENDS: ReadonlySet<EndCause> = new Set([
  "caller_hangup",
  "callee_hangup",
  "caller_cancel",
  "handler_hangup",
  "operator_hangup",
  "redirected",
  "shutdown",
  "transferred",
]);

interface Ending {
  readonly text: string;
  readonly isGood: boolean;
  /** Our id of the call. */
  readonly call: string | undefined;
  readonly at: Millis;
}

interface TracedCall {
  /** At least one. */
  readonly legs: Leg[];
  end: Ending | undefined;
  touchedAt: Millis;
}

type Leg = TraceLeg<TracedCall>;

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

  /** Legs that are kept, and the messages of all of them. */
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
  message(direction: TraceDirection, message: SipMessage, flow: Flow, now: Millis): void {
    try {
      const leg = this.#legs.get(message.headers.callId) ?? this.#begin(direction, message, now);
      if (leg !== undefined) this.#add(leg, { direction, message, flow }, now);
    } catch (error) {
      // An answer to what could not be read
      if (!(error instanceof SipParseError)) throw error;
    }
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
        ladders.push(...call.legs.map((leg) => leg.ladder(end.text, end.call)));
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
  #begin(direction: TraceDirection, message: SipMessage, now: Millis): Leg | undefined {
    if (message.type !== "request" || message.method !== "INVITE") return undefined;
    const { callId, cseq } = message.headers;
    const over = this.#over.get(callId);
    const isRepeated = over !== undefined && cseq.sequence <= over;
    if (callId.length > CALL_ID_MAX || isRepeated) return undefined;
    if (this.#legs.size >= this.#legsMax) this.#dropOldest();
    const former = this.#formerOf(direction, message);
    if (former === undefined && !this.#isWanted(message)) return undefined;
    const call: TracedCall = former?.call ?? { legs: [], end: undefined, touchedAt: now };
    const leg: Leg = new TraceLeg(message, call, now);
    call.legs.push(leg);
    this.#legs.set(callId, leg);
    this.#over.delete(callId);
    return leg;
  }

  /** The leg whose place an INVITE is to take. */
  #formerOf(direction: TraceDirection, invite: SipRequest): Leg | undefined {
    if (direction === "received") return this.#legs.get(replacedCallId(invite) ?? "");
    // RFC 3515 §2.4.3: its target is what the REFER has named
    const former = this.#referred.get(invite.requestUri);
    this.#referred.delete(invite.requestUri);
    return former;
  }

  #isWanted({ headers }: SipRequest): boolean {
    const text = this.#text;
    if (text === undefined) return true;
    return ["Call-ID", "From", "To"].some((name) =>
      headers.get(name)?.toLowerCase().includes(text) === true
    );
  }

  #add(
    leg: Leg,
    { direction, message, flow }: {
      readonly direction: TraceDirection;
      readonly message: SipMessage;
      readonly flow: Flow;
    },
    now: Millis,
  ): void {
    const { call, size } = leg;
    const isNew = leg.add(direction, message, flow, now);
    this.#steps += leg.size - size;
    call.touchedAt = now;
    if (isNew && direction === "received" && message.type === "request") {
      this.#receiveRequest(leg, message);
    }
    while (this.#steps > this.#stepsMax && this.#legs.size > 1) this.#dropOldest();
    // Its own messages may have been one too many
    if (this.#legs.has(leg.callId)) this.#schedule(call, now);
  }

  #receiveRequest(leg: Leg, request: SipRequest): void {
    // Refused before, the caller tries again: with the right password, perhaps
    if (request.method === "INVITE" && leg.state === "setup") leg.call.end = undefined;
    if (request.method !== "REFER") return;
    if (leg.referTo !== undefined) this.#referred.delete(leg.referTo);
    leg.referTo = parseRefer(request).uri;
    this.#referred.set(leg.referTo, leg);
  }

  /** A call has ended. A leg that only seemed to be of another call ends for itself. */
  #end(leg: Leg, end: Ending): void {
    const { call } = leg;
    if (call.legs[0] !== leg) {
      call.legs.splice(call.legs.indexOf(leg), 1);
      leg.call = { legs: [leg], end: undefined, touchedAt: end.at };
    }
    leg.call.end = end;
    this.#schedule(call, end.at);
    this.#schedule(leg.call, end.at);
  }

  #schedule(call: TracedCall, now: Millis): void {
    const isSettled = call.legs.every((leg) => leg.isSettled);
    if (call.end !== undefined) {
      return this.#deadlines.set(call, isSettled ? now : call.end.at + SETTLE);
    }
    const isUp = !isSettled || call.legs.some((leg) => leg.state === "up");
    this.#deadlines.set(call, call.touchedAt + (isUp ? SILENCE_OF_CALL : SILENCE));
  }

  #dropOldest(): void {
    for (const { call } of this.#legs.values()) {
      this.#dropped += call.legs.length;
      return this.#forget(call);
    }
  }

  #forget(call: TracedCall): void {
    this.#deadlines.delete(call);
    for (const leg of call.legs) {
      this.#legs.delete(leg.callId);
      this.#steps -= leg.size;
      const { referTo } = leg;
      if (referTo !== undefined && this.#referred.get(referTo) === leg) {
        this.#referred.delete(referTo);
      }
      this.#over.set(leg.callId, leg.invited);
    }
    for (const callId of this.#over.keys()) {
      if (this.#over.size <= this.#legsMax) return;
      this.#over.delete(callId);
    }
  }
}

/** How a call ended of whose end nobody has told. */
function endOfSilence({ legs, touchedAt }: TracedCall): Ending {
  const last = legs.at(-1);
  const ending = { call: undefined, at: touchedAt };
  if (last?.state === "bye") return { ...ending, text: "ended by BYE", isGood: true };
  const text = last?.status === 401 || last?.status === 407
    ? "asked for a password, and heard no more"
    : "heard no more";
  return { ...ending, text, isGood: false };
}

/** The Call-ID of the leg whose place an INVITE is to take, where it names one. */
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
