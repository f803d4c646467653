/**
 * The call that a REFER asks for: what its INVITE says, and who hears how it goes. RFC 3515 §2.4.3,
 * RFC 3891, RFC 3892.
 *
 * Whether such a call may be placed, where it leads and with which credentials is decided by
 * whoever places it.
 *
 * @module
 */

import { formatReplaces } from "../sip/dialog/replaces.ts";
import type { ReferRequest } from "../sip/dialog/refer.ts";
import type { Headers } from "../sip/message/headers.ts";
import type { SessionId, SipBody } from "../sip/user_agent/output.ts";

/** Where a referred call reports to. */
export interface ReferredCallEvents {
  progress(statusCode: number, reasonPhrase: string): void;
  accepted(session: SessionId, answer: Uint8Array, signallingAddress: string | undefined): void;
  failed(statusCode: number, reasonPhrase: string): void;
}

/**
 * One call to be placed. Its methods are for whoever places it; the last one is `accepted` or
 * `failed`.
 */
export class ReferredCall {
  readonly refer: ReferRequest;
  /** Our offer, with the RTP port that the call has already. */
  readonly body: SipBody;
  readonly #events: ReferredCallEvents;
  #isOver = false;
  /** Called when the call is over before this one is answered. To be set by whoever places it. */
  cancel: () => void = () => {};

  constructor(refer: ReferRequest, body: SipBody, events: ReferredCallEvents) {
    this.refer = refer;
    this.body = body;
    this.#events = events;
  }

  /** Whether nobody waits for the call any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Headers of the INVITE: what the Refer-To asks for, in whose place and on whose behalf. */
  get headers(): Headers {
    const { headers, replaces, referredBy } = this.refer;
    return [
      ...headers,
      ...(replaces === undefined
        ? []
        : [["Replaces", formatReplaces(replaces)], ["Require", "replaces"]] as const),
      ...(referredBy === undefined ? [] : [["Referred-By", referredBy] as const]),
    ];
  }

  /** A provisional response came. */
  progress(statusCode: number, reasonPhrase: string): void {
    if (!this.#isOver) this.#events.progress(statusCode, reasonPhrase);
  }

  /**
   * The call was answered: its session goes over to the call that asked for it, which hangs up when
   * it cannot use it.
   *
   * @param signallingAddress Where the INVITE went; RTP from there is taken too.
   */
  accepted(session: SessionId, answer: Uint8Array, signallingAddress?: string): void {
    this.#isOver = true;
    this.#events.accepted(session, answer, signallingAddress);
  }

  /** It was refused, or could not be placed at all. */
  failed(statusCode: number, reasonPhrase: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.failed(statusCode, reasonPhrase);
  }

  /** The call that asked for it is over. */
  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.cancel();
  }
}
