/**
 * The SIP messages that share a Call-ID: a leg of a call, one line for each message.
 *
 * @module
 */

import { formatSocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import type { SipMessage, SipRequest } from "../sip/message/message.ts";
import { uriParts } from "../sip/message/uri.ts";
import type { Flow } from "../sip/transport/flow.ts";
import { traceLine } from "./trace_line.ts";

/** Which way a message went. */
export type TraceDirection = "received" | "sent";

/** One message. */
export interface LadderStep {
  readonly direction: TraceDirection;
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
  /** User part of From, or its host. */
  readonly from: string;
  readonly to: string;
  /** When its first message came or went. */
  readonly startedAt: Millis;
  readonly steps: readonly LadderStep[];
  /** Messages that were too many, left out behind the first {@linkcode KEPT_FIRST}. */
  readonly leftOut: number;
  /** How the call ended, in a few words. */
  readonly end: string;
}

/** Messages of one leg that are kept. */
export const LEG_STEPS_MAX = 200;

/** Of these none is left out: how a call was set up is what most questions are about. */
export const KEPT_FIRST = 50;

/** Nobody honest has a longer Call-ID; names and what tells repetitions are cut to this. */
export const CALL_ID_MAX = 256;

/** One leg. It begins with an INVITE. */
export class TraceLeg<Call> {
  readonly callId: string;
  readonly startedAt: Millis;
  /** The call that the leg is of. */
  call: Call;
  /** Whom the peer wants us to call. */
  referTo: string | undefined;
  readonly #from: string;
  readonly #to: string;
  readonly #steps: LadderStep[] = [];
  #leftOut = 0;
  /** Messages that were there before, to tell a repetition. */
  readonly #seen = new Set<string>();
  /** Requests without a final response, and INVITEs without an ACK. */
  readonly #open = new Set<string>();
  #invited = 0;
  #status = 0;
  #state: "setup" | "up" | "bye" = "setup";

  constructor({ headers }: SipRequest, call: Call, now: Millis) {
    this.callId = headers.callId;
    this.startedAt = now;
    this.call = call;
    this.#from = nameOf(headers.from.uri);
    this.#to = nameOf(headers.to.uri);
  }

  /** `up`: the INVITE was answered, be it by ringing; `bye`: a BYE was answered. */
  get state(): "setup" | "up" | "bye" {
    return this.#state;
  }

  /** The CSeq number of the last INVITE. */
  get invited(): number {
    return this.#invited;
  }

  /** Of the last final response to an INVITE; 0 before there is one. */
  get status(): number {
    return this.#status;
  }

  /** Whether nobody waits for an answer or an ACK. */
  get isSettled(): boolean {
    return this.#open.size === 0;
  }

  get size(): number {
    return this.#steps.length;
  }

  /**
   * Takes a message.
   *
   * @returns Whether it is no repetition.
   */
  add(direction: TraceDirection, message: SipMessage, flow: Flow, now: Millis): boolean {
    const identity = identityOf(direction, message);
    const isRepeated = this.#seen.has(identity);
    if (!isRepeated) {
      if (this.#seen.size < LEG_STEPS_MAX) this.#seen.add(identity);
      this.#follow(direction, message);
    }
    const text = traceLine(message);
    this.#steps.push({
      direction,
      afterMs: now - this.startedAt,
      peer: `${flow.transport}://${formatSocketAddress(flow.remote)}`,
      text: isRepeated ? `${text} · again` : text,
    });
    if (this.#steps.length > LEG_STEPS_MAX) {
      this.#steps.splice(KEPT_FIRST, 1);
      this.#leftOut++;
    }
    return !isRepeated;
  }

  /** All that was said. */
  ladder(end: string, call: string | undefined): Ladder {
    return {
      callId: this.callId,
      ...(call === undefined ? {} : { call }),
      from: this.#from,
      to: this.#to,
      startedAt: this.startedAt,
      steps: this.#steps,
      leftOut: this.#leftOut,
      end,
    };
  }

  /** Takes note of what a message changes. */
  #follow(direction: TraceDirection, message: SipMessage): void {
    const { sequence, method } = message.headers.cseq;
    if (message.type === "response") return this.#followResponse(direction, message);
    const asker = direction;
    if (method === "ACK") return void this.#open.delete(openKey(asker, sequence, "ACK"));
    if (method === "INVITE") this.#invited = Math.max(this.#invited, sequence);
    this.#open.add(openKey(asker, sequence, method));
  }

  #followResponse(
    direction: TraceDirection,
    { statusCode, headers }: SipMessage & { type: "response" },
  ): void {
    const { sequence, method } = headers.cseq;
    const asker = direction === "sent" ? "received" : "sent";
    if (method === "INVITE" && statusCode >= 200) this.#status = statusCode;
    const isDialog = statusCode > 100 && statusCode < 300 && headers.to.tag !== undefined;
    if (method === "INVITE" && isDialog && this.#state === "setup") this.#state = "up";
    if (statusCode < 200) return;
    const wasOpen = this.#open.delete(openKey(asker, sequence, method));
    // RFC 3261 §13.2.2.4, §17.1.1.3: every final response to an INVITE has an ACK
    if (wasOpen && method === "INVITE") this.#open.add(openKey(asker, sequence, "ACK"));
    if (method === "BYE") {
      this.#state = "bye";
      // Of what is still unanswered nothing more will come
      this.#open.clear();
    }
  }
}

function openKey(asker: TraceDirection, sequence: number, method: string): string {
  return `${asker} ${sequence} ${method}`;
}

/** What a repetition has in common with what it repeats. */
function identityOf(direction: TraceDirection, message: SipMessage): string {
  const start = message.type === "request" ? message.method : `${message.statusCode}`;
  const { via, cseq, to } = message.headers;
  const rseq = message.headers.get("RSeq");
  const parts = [start, via.branch, cseq.sequence, cseq.method, to.tag, rseq];
  return [direction, ...parts].join(" ").slice(0, CALL_ID_MAX);
}

function nameOf(uri: string): string {
  const { user, host } = uriParts(uri);
  return (user === "" ? host : user).slice(0, CALL_ID_MAX);
}
