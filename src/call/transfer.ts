/**
 * Calls that go elsewhere: our REFER to the caller, and the caller's REFER to us. RFC 3515, RFC
 * 3891, RFC 5589.
 *
 * Subscriptions and NOTIFYs are the user agent's; placing the new call is the gateway's.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { ReferRequest } from "../sip/dialog/refer.ts";
import type { CallCore } from "./call_core.ts";
import type { CallOutput } from "./call_output.ts";
import type { TransferCommand } from "./handler_message.ts";

/** How our REFER goes, as the user agent tells. */
export interface TransferProgress {
  readonly statusCode: number;
  /** Nothing follows. */
  readonly isFinal: boolean;
}

/** The transfer that the handler has asked for, one at a time. */
export class Transfer {
  readonly #core: CallCore;
  #isPending = false;
  /** What the handler was told last; 0: nothing. */
  #told = 0;
  /** The handler is done: a transfer that fails ends the call. */
  #isLast = false;

  constructor(core: CallCore) {
    this.#core = core;
  }

  get isPending(): boolean {
    return this.#isPending;
  }

  /** The handler wants the caller to call somebody else. */
  command({ to, replaces }: TransferCommand): CallOutput[] {
    if (this.#isPending) {
      return this.#core.refuse("transfer", "The transfer before is not done yet, wait for it");
    }
    this.#isPending = true;
    this.#told = 0;
    return [{ type: "transfer", to, replaces }];
  }

  /** There is no such call, or nobody to send a REFER to. */
  impossible(reason: string): CallOutput[] {
    this.#isPending = false;
    return this.#core.refuse("transfer", reason);
  }

  /**
   * Everything that the handler wrote is sent: the call is over, unless a transfer is still to be
   * awaited.
   */
  handlerDone(now: Millis): CallOutput[] {
    this.#isLast = true;
    return this.#isPending ? [] : this.#core.end("handler_hangup", "", now);
  }

  /** The REFER was answered, or a NOTIFY came. RFC 3515 §2.4.4 */
  progress({ statusCode, isFinal }: TransferProgress, now: Millis): CallOutput[] {
    if (!this.#isPending || !this.#core.hasSession) return [];
    if (!isFinal) return this.#tell("trying", statusCode);
    this.#isPending = false;
    if (statusCode >= 300) {
      const told = this.#tell("failed", statusCode);
      return this.#isLast ? this.#core.end("handler_hangup", "", now) : told;
    }
    // RFC 5589 §6.1: who has transferred hangs up when it has worked
    const told = this.#tell("accepted", statusCode);
    return [...told, ...this.#core.end("transferred", "", now)];
  }

  /** The session that the REFER went out in is ours no more. */
  joined(now: Millis): CallOutput[] {
    if (!this.#isPending) return [];
    return this.progress({ statusCode: SESSION_GONE, isFinal: true }, now);
  }

  #tell(status: "trying" | "accepted" | "failed", statusCode: number): CallOutput[] {
    if (status === "trying" && statusCode === this.#told) return [];
    this.#told = statusCode;
    return this.#core.tell({ event: "transfer", status, sip_status: statusCode });
  }
}

/** What a transfer comes to whose session another one has taken the place of. */
const SESSION_GONE = 481;

/**
 * The call that the caller has asked us for, one at a time. The caller's place is taken once it is
 * answered.
 */
export class Referral {
  readonly #core: CallCore;
  #isPending = false;

  constructor(core: CallCore) {
    this.#core = core;
  }

  /**
   * A REFER came. RFC 3515 §2.4.2
   *
   * @param isAllowed Whether the operator lets callers do so at all.
   */
  receive(refer: ReferRequest, isAllowed: boolean): CallOutput[] {
    if (this.#isPending) return [{ type: "answer_refer", answer: { statusCode: 491 } }];
    if (!isAllowed || !this.#core.hasSession) {
      return [{ type: "answer_refer", answer: { statusCode: 603 } }];
    }
    this.#isPending = true;
    return [
      { type: "answer_refer", answer: { statusCode: 202 } },
      // §2.4.4: the first NOTIFY goes out at once
      { type: "notify_refer", statusCode: 100 },
      { type: "refer", refer },
    ];
  }

  /** The new call rings, or fails: then the call goes on as it is. */
  progress(statusCode: number, phrase?: string): CallOutput[] {
    if (!this.#isPending || this.#core.state === "ended" || statusCode === 100) return [];
    if (statusCode >= 200) this.#isPending = false;
    return [{ type: "notify_refer", statusCode, ...(phrase === undefined ? {} : { phrase }) }];
  }
}
