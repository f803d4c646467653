/**
 * One registration of ours at a registrar: when a REGISTER goes out, and what its answer means. RFC 3261 §10,
 * failures as RFC 5626 §4.5 spaces them.
 *
 * Where the registrar is, the request itself and its credentials are left to the owner: the machine says when, to
 * which of the located targets, and with which Call-ID, CSeq and expiry.
 *
 * @module
 */

import { randomHex, type RandomSource, randomUint32 } from "../../base/random.ts";
import type { Millis } from "../../base/units.ts";
import type { SipResponse } from "../message/message.ts";
import type { TransitionTable } from "../transaction/transition.ts";
import { grantedExpiry, retryAfter, seconds } from "./registration_response.ts";

/**
 * `refreshing`: the binding holds while it is renewed. `stopping`: a REGISTER is on its way that is to be undone,
 * which §10.2 forbids before its answer.
 */
export type RegistrationState =
  | "idle"
  | "registering"
  | "registered"
  | "refreshing"
  | "waiting"
  | "stopping"
  | "unregistering"
  | "stopped";

/**
 * `raised`: 423. `failed`: this target is of no use now. `exhausted`: there is no other. `flowLost`: the way that the
 * binding names is gone; `flowFlapped`: so soon that trying at once would only repeat it.
 */
export type RegistrationEvent =
  | "start"
  | "stop"
  | "accepted"
  | "raised"
  | "failed"
  | "exhausted"
  | "refused"
  | "timer"
  | "flowLost"
  | "flowFlapped";

/** What is told or asked of the owner. */
export type RegistrationAction =
  | "registerFirst"
  | "registerNext"
  | "registerSame"
  | "unregister"
  | "tellRegistered"
  | "tellLost"
  | "tellRefused";

/** Every arrow of the machine. */
export const REGISTRATION_TRANSITIONS: TransitionTable<
  RegistrationState,
  RegistrationEvent,
  RegistrationAction
> = {
  idle: {
    "start": { next: "registering", actions: ["registerFirst"] },
    "stop": { next: "stopped", actions: [] },
  },
  registering: {
    "accepted": { next: "registered", actions: ["tellRegistered"] },
    "raised": { next: "registering", actions: ["registerSame"] },
    "failed": { next: "registering", actions: ["registerNext"] },
    "exhausted": { next: "waiting", actions: ["tellLost"] },
    "refused": { next: "waiting", actions: ["tellRefused"] },
    "stop": { next: "stopping", actions: [] },
  },
  registered: {
    "timer": { next: "refreshing", actions: ["registerSame"] },
    "flowLost": { next: "registering", actions: ["tellLost", "registerFirst"] },
    "flowFlapped": { next: "waiting", actions: ["tellLost"] },
    "stop": { next: "unregistering", actions: ["unregister"] },
  },
  refreshing: {
    "accepted": { next: "registered", actions: ["tellRegistered"] },
    "raised": { next: "refreshing", actions: ["registerSame"] },
    // The registrar may have moved: it is looked up again before anything counts as lost
    "failed": { next: "registering", actions: ["registerFirst"] },
    "exhausted": { next: "waiting", actions: ["tellLost"] },
    "refused": { next: "waiting", actions: ["tellRefused"] },
    "stop": { next: "stopping", actions: [] },
  },
  waiting: {
    "timer": { next: "registering", actions: ["registerFirst"] },
    "stop": { next: "stopped", actions: [] },
  },
  stopping: {
    "accepted": { next: "unregistering", actions: ["unregister"] },
    "raised": { next: "stopped", actions: [] },
    "failed": { next: "stopped", actions: [] },
    "exhausted": { next: "stopped", actions: [] },
    "refused": { next: "stopped", actions: [] },
  },
  unregistering: {
    "accepted": { next: "stopped", actions: [] },
    "raised": { next: "stopped", actions: [] },
    "failed": { next: "stopped", actions: [] },
    "exhausted": { next: "stopped", actions: [] },
    "refused": { next: "stopped", actions: [] },
  },
  stopped: {},
};

/** What the owner does, or may want to know; in this order. */
export type RegistrationOutput =
  /** Send this REGISTER, and hand what becomes of it to `receive`. */
  | {
    readonly type: "register";
    /** 0 takes the binding back. */
    readonly expiresSeconds: number;
    /**
     * `first`: look the registrar up anew. `next`: the one after the last target; when there is none, `exhausted`.
     * `same`: the last target once more.
     */
    readonly target: "first" | "next" | "same";
    readonly callId: string;
    readonly fromTag: string;
    readonly sequence: number;
  }
  /** The binding holds until then; again at each refresh. */
  | { readonly type: "registered"; readonly until: Millis }
  /** There is no binding, or nobody who would know. The next try is at `retryAt`. */
  | { readonly type: "lost"; readonly reason: string; readonly retryAt: Millis }
  /** The registrar does not want us, which trying again soon would not change. */
  | { readonly type: "refused"; readonly reason: string; readonly retryAt: Millis };

/** What became of a REGISTER; `response` is absent where none came. */
export interface RegistrationResult {
  readonly statusCode: number;
  readonly reasonPhrase?: string;
  readonly response: SipResponse | undefined;
}

/** What a registration is made of. */
export interface RegistrationOptions {
  /** What we ask for, whole seconds at least. */
  readonly expires: Millis;
  /** Base of the waits after failures; default 30 s. RFC 5626 §4.5 */
  readonly minimumRetry?: Millis;
  /** Their bound; default 30 minutes. */
  readonly maximumRetry?: Millis;
  readonly random: RandomSource;
}

const MINIMUM_RETRY: Millis = 30_000;
const MAXIMUM_RETRY: Millis = 1_800_000;

/** Refreshes are never closer than this, whatever a registrar grants. */
const REFRESH_MIN: Millis = 5000;

/** A refresh begins so long before the earliest moment that jitter leaves it, or a tenth of what was granted. */
const REFRESH_MARGIN: Millis = 5000;

/** Waits that registrars may ask for. */
const RETRY_AFTER_MAX: Millis = 86_400_000;

/** Times that a registrar may raise the expiry in a row. */
const RAISES_MAX = 3;

/** Beyond this, Min-Expires is refused: 2^31 - 1 seconds would be 68 years. */
const EXPIRES_SECONDS_MAX = 604_800;

/**
 * CSeq numbers that a request without an answer may have taken: challenges that were followed take one each.
 * DEVIATION §10.2: numbers may be left out then, which only rising ones could show.
 */
const SEQUENCE_STEP = 8;

/** One registration. */
export class Registration {
  readonly #options: Required<RegistrationOptions>;
  readonly #callId: string;
  readonly #fromTag: string;
  #state: RegistrationState = "idle";
  #deadline: Millis | undefined;
  #expiresSeconds: number;
  #sequence = 0;
  #raises = 0;
  /** Tries in a row that ended in `lost` or `refused`. */
  #failures = 0;
  #registeredAt: Millis = 0;
  #until: Millis = 0;
  #reason = "";
  /** The longest wait that the targets of this round asked for. */
  #retryAfter: Millis = 0;

  constructor(options: RegistrationOptions) {
    this.#options = { minimumRetry: MINIMUM_RETRY, maximumRetry: MAXIMUM_RETRY, ...options };
    this.#expiresSeconds = Math.max(1, Math.ceil(options.expires / 1000));
    this.#callId = randomHex(options.random, 16);
    this.#fromTag = randomHex(options.random, 8);
  }

  get state(): RegistrationState {
    return this.#state;
  }

  /** When to call {@linkcode timeout} next. */
  get deadline(): Millis | undefined {
    return this.#deadline;
  }

  /** Registers for the first time. */
  start(now: Millis): RegistrationOutput[] {
    return this.#step("start", now);
  }

  /** Takes the binding back. §10.2.2 */
  stop(now: Millis): RegistrationOutput[] {
    return this.#step("stop", now);
  }

  /**
   * The final response to the last REGISTER came, or none did.
   *
   * @param ownContact The URI of our Contact in it.
   */
  receive(result: RegistrationResult, ownContact: string, now: Millis): RegistrationOutput[] {
    const { statusCode, response } = result;
    const sequence = response === undefined ? 0 : sequenceOf(response);
    this.#sequence = sequence > this.#sequence ? sequence : this.#sequence;
    if (response === undefined) this.#sequence += SEQUENCE_STEP;
    this.#reason = `${statusCode} ${result.reasonPhrase ?? response?.reasonPhrase ?? ""}`.trim();
    const event = response !== undefined && statusCode < 300 && this.#isAsking
      ? this.#accept(response, ownContact, now)
      : this.#judge(statusCode, response);
    return this.#step(event, now);
  }

  /** There is no other target, or the registrar could not be located at all. */
  exhausted(now: Millis, reason: string = this.#reason): RegistrationOutput[] {
    this.#reason = reason;
    return this.#step("exhausted", now);
  }

  /** The connection that our Contact names is gone. RFC 5626 §4.4 */
  flowFailed(now: Millis): RegistrationOutput[] {
    if (this.#state !== "registered") return [];
    const lasted = now - this.#registeredAt;
    this.#reason = "the connection is gone";
    return this.#step(lasted < this.#options.minimumRetry ? "flowFlapped" : "flowLost", now);
  }

  /** Renews the binding, or tries again. */
  timeout(now: Millis): RegistrationOutput[] {
    if (this.#deadline === undefined || now < this.#deadline) return [];
    return this.#step("timer", now);
  }

  /** Whether the answer that comes is to a REGISTER which wants a binding. */
  get #isAsking(): boolean {
    return this.#state !== "unregistering";
  }

  #step(event: RegistrationEvent, now: Millis): RegistrationOutput[] {
    const transition = REGISTRATION_TRANSITIONS[this.#state][event];
    if (transition === undefined) return [];
    this.#state = transition.next;
    // What a state waits for is set by the action that enters it
    this.#deadline = undefined;
    return transition.actions.map((action) => this.#act(action, now));
  }

  #act(action: RegistrationAction, now: Millis): RegistrationOutput {
    switch (action) {
      case "registerFirst":
        this.#retryAfter = 0;
        this.#raises = 0;
        return this.#register("first", this.#expiresSeconds);
      case "registerNext":
        return this.#register("next", this.#expiresSeconds);
      case "registerSame":
        return this.#register("same", this.#expiresSeconds);
      case "unregister":
        return this.#register("same", 0);
      case "tellRegistered":
        this.#deadline = now + this.#refreshDelay(this.#until - now);
        return { type: "registered", until: this.#until };
      case "tellLost":
        return { type: "lost", reason: this.#reason, retryAt: this.#retryAt("lost", now) };
      case "tellRefused":
        return { type: "refused", reason: this.#reason, retryAt: this.#retryAt("refused", now) };
    }
  }

  #register(target: "first" | "next" | "same", expiresSeconds: number): RegistrationOutput {
    this.#sequence++;
    return {
      type: "register",
      expiresSeconds,
      target,
      callId: this.#callId,
      fromTag: this.#fromTag,
      sequence: this.#sequence,
    };
  }

  #accept(response: SipResponse, ownContact: string, now: Millis): RegistrationEvent {
    const granted = grantedExpiry(response, ownContact) ?? this.#expiresSeconds;
    this.#raises = 0;
    if (granted === 0) {
      this.#reason = "the registrar granted 0 s";
      return "refused";
    }
    if (this.#state === "registering") this.#registeredAt = now;
    this.#until = now + 1000 * Math.min(granted, EXPIRES_SECONDS_MAX);
    return "accepted";
  }

  #judge(statusCode: number, response: SipResponse | undefined): RegistrationEvent {
    // §10.2.2: whatever answers the removal, there is nothing left to do
    if (statusCode < 300) return "accepted";
    const wait = response === undefined ? undefined : retryAfter(response);
    this.#retryAfter = Math.max(this.#retryAfter, Math.min(wait ?? 0, RETRY_AFTER_MAX));
    if (statusCode === 423 && response !== undefined) return this.#raise(response);
    return isPassing(statusCode) ? "failed" : "refused";
  }

  /** §10.2.8: asks again for as long as the registrar wants at least. */
  #raise(response: SipResponse): RegistrationEvent {
    const minimum = seconds(response.headers.get("Min-Expires"));
    const isUsable = minimum !== undefined && minimum > this.#expiresSeconds &&
      minimum <= EXPIRES_SECONDS_MAX;
    if (!isUsable || this.#raises >= RAISES_MAX) return "refused";
    this.#raises++;
    this.#expiresSeconds = minimum;
    return "raised";
  }

  /** 80 to 90 % of what was granted, and a margin for the request itself. */
  #refreshDelay(granted: Millis): Millis {
    const share = 0.8 + 0.1 * this.#unit();
    return Math.max(REFRESH_MIN, granted * share - Math.min(REFRESH_MARGIN, granted / 10));
  }

  /**
   * RFC 5626 §4.5: a random half of a wait that doubles with each failure; who refuses us is left alone for longer
   * from the start.
   */
  #retryAt(kind: "lost" | "refused", now: Millis): Millis {
    const { minimumRetry, maximumRetry } = this.#options;
    if (this.#state === "registering") return now;
    if (this.#until > 0 && now - this.#registeredAt >= minimumRetry) {
      this.#failures = 0;
      this.#until = 0;
    }
    this.#failures++;
    const base = kind === "lost" ? minimumRetry : Math.max(minimumRetry, maximumRetry / 16);
    const upper = Math.min(maximumRetry, base * 2 ** Math.min(this.#failures, 30));
    const wait = Math.max(upper * (0.5 + 0.5 * this.#unit()), this.#retryAfter);
    this.#deadline = now + wait;
    return this.#deadline;
  }

  /** From 0 up to, not including, 1. */
  #unit(): number {
    return randomUint32(this.#options.random) / 0x1_0000_0000;
  }
}

/** Whether another target, or the same one later, may do better. */
function isPassing(statusCode: number): boolean {
  switch (statusCode) {
    case 408:
    case 430:
      return true;
    // Not implemented, version, too large: the same the next time
    case 501:
    case 505:
    case 513:
      return false;
    default:
      return statusCode >= 500 && statusCode < 600;
  }
}

function sequenceOf(response: SipResponse): number {
  try {
    return response.headers.cseq.sequence;
  } catch {
    // A transaction has matched it by the same header: it can be read
    return 0;
  }
}
