/**
 * How a REFER goes, told by NOTIFY: the subscription that it brings about, at either end.
 * RFC 3515 §2.4, RFC 6665 §4, RFC 3420.
 *
 * Requests and their answers are the user agent's.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import { parseScalar } from "../message/grammar.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest } from "../message/message.ts";
import { NO_PARAMETERS, type Parameters, scanParameters } from "../message/parameters.ts";
import { SipParseError } from "../message/parse_error.ts";
import { reasonPhrase as registeredPhrase } from "../message/reason_phrases.ts";

/** Content-Type of the bodies. RFC 3515 §2.4.5 */
export const SIPFRAG_CONTENT_TYPE = "message/sipfrag;version=2.0";

/** The Status-Line that a body holds. */
export interface Sipfrag {
  /** 100 to 699. */
  readonly statusCode: number;
  readonly reasonPhrase: string;
}

/**
 * Writes a body that holds one Status-Line. RFC 3420 §2.
 *
 * @param reasonPhrase Control characters in it become spaces; what makes it long is cut.
 */
export function sipfrag(statusCode: number, reasonPhrase: string): Uint8Array {
  const phrase = printable(reasonPhrase.slice(0, PHRASE_MAX));
  return encoder.encode(`SIP/2.0 ${statusCode} ${phrase}\r\n`);
}

/**
 * Reads the Status-Line that a body begins with; what follows it is of no interest.
 *
 * @returns `undefined` when there is none.
 */
export function parseSipfrag(body: Uint8Array): Sipfrag | undefined {
  const text = decoder.decode(body.subarray(0, STATUS_LINE_BYTES_MAX)).trimStart();
  const line = text.split(/\r?\n/, 1)[0] as string;
  const match = /^SIP\/2\.0[ \t]+([1-6]\d\d)(?:[ \t]+([^]*))?$/i.exec(line);
  if (match === null) return undefined;
  return { statusCode: Number(match[1]), reasonPhrase: printable(match[2] ?? "") };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A NOTIFY should fit a datagram, whatever a phrase says that we pass on. */
const PHRASE_MAX = 128;
/** So much is looked at of a body; a phrase that goes on behind it is cut. */
const STATUS_LINE_BYTES_MAX = 512;

function printable(text: string): string {
  let clean = "";
  for (const character of text) {
    const code = character.charCodeAt(0);
    clean += code < 0x20 || code === 0x7f ? " " : character;
  }
  return clean.trim();
}

/** The states of RFC 6665 §4.1.2; the notifier begins in `active`. */
export type SubscriptionState = "notify_wait" | "active" | "terminated";

/** What can happen: a NOTIFY that leaves it open, one that ends it, or the end of its time. */
export type SubscriptionEvent = "notify" | "final_notify" | "expire" | "abandon";

/** Every allowed step; what is not here changes nothing. */
export const SUBSCRIPTION_TRANSITIONS: Readonly<
  Record<SubscriptionState, Partial<Readonly<Record<SubscriptionEvent, SubscriptionState>>>>
> = {
  notify_wait: {
    notify: "active",
    final_notify: "terminated",
    expire: "terminated",
    abandon: "terminated",
  },
  active: {
    notify: "active",
    final_notify: "terminated",
    expire: "terminated",
    abandon: "terminated",
  },
  terminated: {},
};

/** A NOTIFY to be sent. */
export interface ReferNotification {
  /** Event and Subscription-State. */
  readonly headers: Headers;
  /** Of the type {@linkcode SIPFRAG_CONTENT_TYPE}. */
  readonly body: Uint8Array;
}

/** Our side of a REFER that we got: it says what to write into the NOTIFYs. RFC 3515 §2.4.4 */
export class ReferNotifier {
  /** CSeq number of the REFER, which each NOTIFY repeats. §2.4.6 */
  readonly id: number;
  readonly #expiresAt: Millis;
  #state: SubscriptionState = "active";
  #latest: Sipfrag | undefined;

  /**
   * @param options.expires How long the peer is told at most.
   * @param now When the REFER was accepted: `notify` with 100 next.
   */
  constructor({ id, expires }: { readonly id: number; readonly expires: Millis }, now: Millis) {
    this.id = id;
    this.#expiresAt = now + expires;
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get deadline(): Millis | undefined {
    return this.#state === "terminated" ? undefined : this.#expiresAt;
  }

  /**
   * The new call got this response. Any from 200 on is the last.
   *
   * @returns `undefined` when nothing is to be sent: after the last one, or when the peer has just
   * been told the same.
   */
  notify(statusCode: number, reasonPhrase: string, now: Millis): ReferNotification | undefined {
    if (this.#state === "terminated") return undefined;
    const known = this.#latest?.statusCode === statusCode &&
      this.#latest.reasonPhrase === reasonPhrase;
    if (known) return undefined;
    this.#latest = { statusCode, reasonPhrase };
    if (statusCode >= 200) {
      this.#apply("final_notify");
      return this.#notification("terminated;reason=noresource");
    }
    this.#apply("notify");
    const left = Math.max(0, Math.ceil((this.#expiresAt - now) / 1000));
    return this.#notification(`active;expires=${left}`);
  }

  /** The time is over: the last NOTIFY repeats how the call stands. RFC 6665 §4.1.3 `timeout` */
  timeout(now: Millis): ReferNotification | undefined {
    if (this.#state === "terminated" || now < this.#expiresAt) return undefined;
    this.#apply("expire");
    return this.#notification("terminated;reason=timeout");
  }

  /** The peer does not know the subscription any more: a NOTIFY failed. RFC 6665 §4.2.2 */
  abandon(): void {
    this.#apply("abandon");
  }

  #apply(event: SubscriptionEvent): void {
    this.#state = SUBSCRIPTION_TRANSITIONS[this.#state][event] ?? this.#state;
  }

  #notification(state: string): ReferNotification {
    const { statusCode, reasonPhrase } = this.#latest ?? TRYING;
    return {
      headers: [["Event", `refer;id=${this.id}`], ["Subscription-State", state]],
      body: sipfrag(statusCode, reasonPhrase),
    };
  }
}

const TRYING: Sipfrag = { statusCode: 100, reasonPhrase: "Trying" };

/** How a REFER of ours goes. */
export interface ReferProgress extends Sipfrag {
  /** Nothing follows; `statusCode` is then 200 or more. */
  readonly isFinal: boolean;
}

/** Our side of a REFER that we sent: it reads the NOTIFYs. RFC 3515 §2.4.4 */
export class ReferSubscription {
  readonly #notifyWait: Millis;
  #id: number;
  #state: SubscriptionState = "notify_wait";
  #expiresAt: Millis;

  /**
   * @param options.t1 RFC 3261 §17.1.1.1; the first NOTIFY must come within 64 of them.
   * @param now When the REFER was sent.
   */
  constructor({ id, t1 }: { readonly id: number; readonly t1: Millis }, now: Millis) {
    this.#id = id;
    this.#notifyWait = 64 * t1;
    this.#expiresAt = now + this.#notifyWait;
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get deadline(): Millis | undefined {
    return this.#state === "terminated" ? undefined : this.#expiresAt;
  }

  /** CSeq number of the REFER. */
  get id(): number {
    return this.#id;
  }

  /** The REFER with the CSeq number `former` went out again, after a challenge. §2.4.6 */
  renumber(former: number, sequence: number): void {
    if (this.#id === former) this.#id = sequence;
  }

  /** Tells whether a NOTIFY is of this REFER: one of another event, or REFER, gets 481 or 489. */
  matches({ headers }: SipRequest): boolean {
    const { word, parameters } = wordAndParameters(headers.get("event"));
    if (word !== "refer") return false;
    const id = parameters.get("id");
    // RFC 3515 §2.4.6: the first REFER of a dialog may go without
    return id === undefined || id.replace(/^0+(?=\d)/, "") === String(this.#id);
  }

  /**
   * A NOTIFY came.
   *
   * @returns `undefined` when it says nothing new of this REFER: it is another's, comes after the
   * end, or has neither a Status-Line nor the end of the subscription in it.
   */
  receive(request: SipRequest, now: Millis): ReferProgress | undefined {
    if (this.#state === "terminated" || !this.matches(request)) return undefined;
    const status = parseSipfrag(request.body);
    const { word, parameters } = wordAndParameters(request.headers.get("subscription-state"));
    if (word === "terminated") {
      this.#apply("final_notify");
      const isFinal = status !== undefined && status.statusCode >= 200;
      return { ...(isFinal ? status : statusOfReason(parameters.get("reason"))), isFinal: true };
    }
    if (status !== undefined && status.statusCode >= 200) {
      this.#apply("final_notify");
      return { ...status, isFinal: true };
    }
    this.#apply("notify");
    // The NOTIFY that tells of the end leaves with it, and needs its time to arrive
    this.#expiresAt = now + expiresOf(parameters) + this.#notifyWait;
    return status === undefined ? undefined : { ...status, isFinal: false };
  }

  /** Nothing was heard in time. RFC 6665 §4.1.2.4, timer N */
  timeout(now: Millis): ReferProgress | undefined {
    if (this.#state === "terminated" || now < this.#expiresAt) return undefined;
    this.#apply("expire");
    return { ...status(408), isFinal: true };
  }

  /** The REFER was refused, or the session ended: nothing more is awaited. */
  abandon(): void {
    this.#apply("abandon");
  }

  #apply(event: SubscriptionEvent): void {
    this.#state = SUBSCRIPTION_TRANSITIONS[this.#state][event] ?? this.#state;
  }
}

/** When `active` says no `expires`. */
const UNSTATED_EXPIRES: Millis = 180_000;
/** A peer that says more is believed so much. */
const EXPIRES_MAX: Millis = 3_600_000;

function expiresOf(parameters: Parameters): Millis {
  const text = parameters.get("expires");
  if (text === undefined || !/^\d{1,10}$/.test(text)) return UNSTATED_EXPIRES;
  const expires = parseScalar(text, { what: "expires", max: 9_999_999_999 }) * 1000;
  return Math.min(expires, EXPIRES_MAX);
}

/**
 * How a subscription counts that ended before it told how the call went. RFC 6665 §4.1.3 has the
 * reasons; the status codes are ours.
 */
const STATUS_OF_REASON: Readonly<Record<string, number>> = {
  deactivated: 503,
  probation: 503,
  rejected: 403,
  timeout: 408,
  giveup: 480,
  noresource: 410,
  invariant: 410,
};

function statusOfReason(reason: string | undefined): Sipfrag {
  const known = reason !== undefined && Object.hasOwn(STATUS_OF_REASON, reason.toLowerCase());
  return status(known ? STATUS_OF_REASON[reason.toLowerCase()] as number : 480);
}

function status(statusCode: number): Sipfrag {
  return { statusCode, reasonPhrase: registeredPhrase(statusCode) };
}

/** Reads `word *(SEMI param)`: the word in lower case, and empty when there is nothing to read. */
function wordAndParameters(
  text: string | undefined,
): { readonly word: string; readonly parameters: Parameters } {
  if (text === undefined) return { word: "", parameters: NO_PARAMETERS };
  const semicolon = text.indexOf(";");
  const end = semicolon < 0 ? text.length : semicolon;
  const word = text.slice(0, end).trim().toLowerCase();
  try {
    return { word, parameters: scanParameters(text, end).parameters };
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return { word, parameters: NO_PARAMETERS };
  }
}
