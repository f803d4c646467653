/**
 * The client transaction of every request but INVITE and ACK. RFC 3261 §17.1.2, figure 6.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import type { Flow } from "../transport/flow.ts";
import type { TransactionKey } from "./key.ts";
import type { ResponseOutput, SendOutput, TransactionOutput } from "./output.ts";
import { earlierOf, Retransmission } from "./retransmission.ts";
import { sendOutput } from "./send_output.ts";
import type { TransactionTimers } from "./timers.ts";
import { type ResponseClass, responseClass, type TransitionTable } from "./transition.ts";

/** The states of figure 6. */
export type NonInviteClientState = "trying" | "proceeding" | "completed" | "terminated";

/** What happens to the machine: a response, a timer, an error of the transport. */
export type NonInviteClientEvent =
  | ResponseClass
  | "timerE"
  | "timerF"
  | "timerK"
  | "transportError";

/**
 * `repeat`: the request; `respond`: pass the response up; `timeout`, `transport`: tell of the
 * failure.
 */
export type NonInviteClientAction = "repeat" | "respond" | "timeout" | "transport";

/** Every arrow of figure 6. */
export const NON_INVITE_CLIENT_TRANSITIONS: TransitionTable<
  NonInviteClientState,
  NonInviteClientEvent,
  NonInviteClientAction
> = {
  trying: {
    "timerE": { next: "trying", actions: ["repeat"] },
    "timerF": { next: "terminated", actions: ["timeout"] },
    "transportError": { next: "terminated", actions: ["transport"] },
    "1xx": { next: "proceeding", actions: ["respond"] },
    "200-699": { next: "completed", actions: ["respond"] },
  },
  proceeding: {
    "timerE": { next: "proceeding", actions: ["repeat"] },
    "timerF": { next: "terminated", actions: ["timeout"] },
    "transportError": { next: "terminated", actions: ["transport"] },
    "1xx": { next: "proceeding", actions: ["respond"] },
    "200-699": { next: "completed", actions: ["respond"] },
  },
  completed: {
    "1xx": { next: "completed", actions: [] },
    "200-699": { next: "completed", actions: [] },
    "timerK": { next: "terminated", actions: [] },
    // Nothing more is sent, so that nothing can fail: the end comes early, quietly
    "transportError": { next: "terminated", actions: [] },
  },
  terminated: {},
};

/** What a non-INVITE client transaction is made of. */
export interface NonInviteClientOptions {
  readonly key: TransactionKey;
  /** With our Via on top, its branch chosen. */
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly to: SocketAddress;
  /** Those of the flow's kind of transport. */
  readonly timers: TransactionTimers;
}

/** One request that we send, until its answer cannot come again. */
export class NonInviteClientTransaction {
  readonly key: TransactionKey;
  readonly flow: Flow;
  readonly #send: SendOutput;
  readonly #timers: TransactionTimers;
  readonly #retransmission = new Retransmission();
  #state: NonInviteClientState = "trying";
  #endAt: Millis | undefined;

  constructor(options: NonInviteClientOptions) {
    this.key = options.key;
    this.flow = options.flow;
    this.#send = sendOutput(options.request, options.flow, options.to);
    this.#timers = options.timers;
  }

  /** Where the machine stands. */
  get state(): NonInviteClientState {
    return this.#state;
  }

  /** Whether it only waits for its end, at an instant that does not move. */
  get isLingering(): boolean {
    return this.#state === "completed";
  }

  /** When `timeout` is next to be called. */
  get deadline(): Millis | undefined {
    return earlierOf(this.#retransmission.at, this.#endAt);
  }

  /** Sends the request. To be called once, first. */
  start(now: Millis): TransactionOutput[] {
    this.#retransmission.start(this.#timers.e, this.#timers.t2, now);
    this.#endAt = now + this.#timers.f;
    return [this.#send];
  }

  /** Takes a response that matches. `flow` is where it came from. */
  receive(response: SipResponse, flow: Flow, now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    const event = responseClass(response.statusCode);
    this.#step(event, now, outputs, { type: "response", key: this.key, response, flow });
    return outputs;
  }

  /** Does what is due; safe early and late. The end goes before a retransmission. */
  timeout(now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    if (this.#endAt !== undefined && this.#endAt <= now) {
      this.#step(this.#state === "completed" ? "timerK" : "timerF", now, outputs);
    } else if (this.#retransmission.isDue(now)) {
      this.#retransmission.advance(now);
      this.#step("timerE", now, outputs);
    }
    return outputs;
  }

  /** Takes the news that the flow is gone, or did not take what was sent. */
  transportFailed(now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    this.#step("transportError", now, outputs);
    return outputs;
  }

  #step(
    event: NonInviteClientEvent,
    now: Millis,
    outputs: TransactionOutput[],
    response?: ResponseOutput,
  ): void {
    const transition = NON_INVITE_CLIENT_TRANSITIONS[this.#state][event];
    if (transition === undefined) return;
    for (const action of transition.actions) {
      if (action === "repeat") outputs.push(this.#send);
      else if (action !== "respond") outputs.push({ type: "failed", key: this.key, cause: action });
      else if (response !== undefined) outputs.push(response);
    }
    if (transition.next !== this.#state) this.#enter(transition.next, now, outputs);
  }

  #enter(state: NonInviteClientState, now: Millis, outputs: TransactionOutput[]): void {
    this.#state = state;
    if (state === "proceeding") {
      // §17.1.2.2: timer E runs on, and is set to T2 from then on; so does timer F
      this.#retransmission.slowDown();
      return;
    }
    this.#retransmission.stop();
    this.#endAt = undefined;
    if (state === "completed") {
      // §17.1.2.2: zero over reliable transports
      if (this.#timers.k === 0) this.#step("timerK", now, outputs);
      else this.#endAt = now + this.#timers.k;
    } else {
      outputs.push({ type: "terminated", key: this.key });
    }
  }
}
