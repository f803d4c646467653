/**
 * The server transaction of every request but INVITE and ACK. RFC 3261 §17.2.2, figure 8.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import type { Flow } from "../transport/flow.ts";
import type { TransactionKey } from "./key.ts";
import type { SendOutput, TransactionOutput } from "./output.ts";
import { repeatLater, sendOutput } from "./send_output.ts";
import type { TransactionTimers } from "./timers.ts";
import { type ResponseClass, responseClass, type TransitionTable } from "./transition.ts";

/** The states of figure 8. */
export type NonInviteServerState = "trying" | "proceeding" | "completed" | "terminated";

/**
 * What happens to the machine: the request again, our response, a timer, an error of the transport.
 */
export type NonInviteServerEvent = "request" | ResponseClass | "timerJ" | "transportError";

/** `send`: our response; `repeat`: the last one again. */
export type NonInviteServerAction = "send" | "repeat";

/** Every arrow of figure 8. A request that comes again before the first response is absorbed. */
export const NON_INVITE_SERVER_TRANSITIONS: TransitionTable<
  NonInviteServerState,
  NonInviteServerEvent,
  NonInviteServerAction
> = {
  trying: {
    "request": { next: "trying", actions: [] },
    "1xx": { next: "proceeding", actions: ["send"] },
    "200-699": { next: "completed", actions: ["send"] },
    "transportError": { next: "terminated", actions: [] },
  },
  proceeding: {
    "request": { next: "proceeding", actions: ["repeat"] },
    "1xx": { next: "proceeding", actions: ["send"] },
    "200-699": { next: "completed", actions: ["send"] },
    "transportError": { next: "terminated", actions: [] },
  },
  completed: {
    "request": { next: "completed", actions: ["repeat"] },
    "timerJ": { next: "terminated", actions: [] },
    "transportError": { next: "terminated", actions: [] },
  },
  terminated: {},
};

/** What a non-INVITE server transaction is made of. */
export interface NonInviteServerOptions {
  readonly key: TransactionKey;
  /** Where the request came from. */
  readonly flow: Flow;
  /** Where the responses go. §18.2.2 */
  readonly to: SocketAddress;
  /** Those of the flow's kind of transport. */
  readonly timers: TransactionTimers;
  /** What the request is known by when it comes another way; `undefined` within dialogs. §8.2.2.2 */
  readonly mergeKey?: string | undefined;
}

/** One request that was received, until it cannot come again. */
export class NonInviteServerTransaction {
  readonly key: TransactionKey;
  readonly flow: Flow;
  readonly mergeKey: string | undefined;
  readonly #to: SocketAddress;
  readonly #timers: TransactionTimers;
  #state: NonInviteServerState = "trying";
  #endAt: Millis | undefined;
  #last: SendOutput | undefined;

  constructor(options: NonInviteServerOptions) {
    this.key = options.key;
    this.flow = options.flow;
    this.mergeKey = options.mergeKey;
    this.#to = options.to;
    this.#timers = options.timers;
  }

  /** Where the machine stands. */
  get state(): NonInviteServerState {
    return this.#state;
  }

  /** Whether it only waits for its end, at an instant that does not move. */
  get isLingering(): boolean {
    return this.#state === "completed";
  }

  /** When `timeout` is next to be called; `undefined` until the final response. */
  get deadline(): Millis | undefined {
    return this.#endAt;
  }

  /** Passes the request up. To be called at most once, first. */
  start(request: SipRequest, _now: Millis): TransactionOutput[] {
    return [{ type: "request", key: this.key, request, flow: this.flow }];
  }

  /** Takes the request again. */
  receive(_request: SipRequest, now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    this.#step("request", now, outputs);
    return outputs;
  }

  /** Takes a response from above; any after the first final is ignored. */
  respond(response: SipResponse, now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    this.#step(responseClass(response.statusCode), now, outputs, response);
    return outputs;
  }

  /** Does what is due; safe early and late. */
  timeout(now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    if (this.#endAt !== undefined && this.#endAt <= now) this.#step("timerJ", now, outputs);
    return outputs;
  }

  /** Takes the news that the flow is gone, or did not take what was sent. */
  transportFailed(now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    this.#step("transportError", now, outputs);
    return outputs;
  }

  #step(
    event: NonInviteServerEvent,
    now: Millis,
    outputs: TransactionOutput[],
    response?: SipResponse,
  ): void {
    const transition = NON_INVITE_SERVER_TRANSITIONS[this.#state][event];
    if (transition === undefined) {
      // §17.2.2: further finals are discarded
      if (response !== undefined) outputs.push(LATE_RESPONSE);
      return;
    }
    for (const action of transition.actions) {
      if (action === "send" && response !== undefined) {
        this.#last = sendOutput(response, this.flow, this.#to);
      }
      if (this.#last !== undefined) outputs.push(this.#last);
    }
    if (transition.next !== this.#state) this.#enter(transition.next, now, outputs);
  }

  #enter(state: NonInviteServerState, now: Millis, outputs: TransactionOutput[]): void {
    this.#state = state;
    this.#endAt = undefined;
    if (state === "completed") {
      // §17.2.2: zero over reliable transports
      if (this.#timers.j === 0) this.#step("timerJ", now, outputs);
      else this.#endAt = now + this.#timers.j;
      this.#last &&= repeatLater(this.#last);
    } else if (state === "terminated") {
      outputs.push({ type: "terminated", key: this.key });
    }
  }
}

const LATE_RESPONSE: TransactionOutput = { type: "ignored", reason: "response after a final" };
