/**
 * The INVITE client transaction. RFC 3261 §17.1.1, figure 5, as RFC 6026 §7.2 corrects it.
 *
 * It acknowledges finals other than 2xx itself; the ACK of a 2xx is left to the dialog layer.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import type { Flow } from "../transport/flow.ts";
import { createFailureAck } from "./failure_ack.ts";
import type { TransactionKey } from "./key.ts";
import type { ResponseOutput, SendOutput, TransactionOutput } from "./output.ts";
import { earlierOf, Retransmission } from "./retransmission.ts";
import { sendOutput } from "./send_output.ts";
import type { TransactionTimers } from "./timers.ts";
import {
  type InviteResponseClass,
  inviteResponseClass,
  type TransitionTable,
} from "./transition.ts";

/** RFC 3261 figure 5, with the Accepted of RFC 6026 §7.2. */
export type InviteClientState =
  | "calling"
  | "proceeding"
  | "completed"
  | "accepted"
  | "terminated";

/** What happens to the machine: a response, a timer, an error of the transport. */
export type InviteClientEvent =
  | InviteResponseClass
  | "timerA"
  | "timerB"
  | "timerD"
  | "timerM"
  | "timerCancelled"
  | "transportError";

/**
 * `repeat`: the INVITE; `ack`: send the ACK; `respond`: pass the response up; the rest tell of the
 * failure.
 */
export type InviteClientAction = "repeat" | "ack" | "respond" | "timeout" | "transport";

/**
 * Every arrow of the figure, and one more: §9.1 ends a cancelled INVITE that gets no final response
 * (`timerCancelled`; RFC 3261 gives it no letter).
 */
export const INVITE_CLIENT_TRANSITIONS: TransitionTable<
  InviteClientState,
  InviteClientEvent,
  InviteClientAction
> = {
  calling: {
    "timerA": { next: "calling", actions: ["repeat"] },
    "timerB": { next: "terminated", actions: ["timeout"] },
    "transportError": { next: "terminated", actions: ["transport"] },
    "1xx": { next: "proceeding", actions: ["respond"] },
    "2xx": { next: "accepted", actions: ["respond"] },
    "300-699": { next: "completed", actions: ["ack", "respond"] },
  },
  proceeding: {
    "1xx": { next: "proceeding", actions: ["respond"] },
    "2xx": { next: "accepted", actions: ["respond"] },
    "300-699": { next: "completed", actions: ["ack", "respond"] },
    "timerCancelled": { next: "terminated", actions: ["timeout"] },
    "transportError": { next: "terminated", actions: ["transport"] },
  },
  completed: {
    "1xx": { next: "completed", actions: [] },
    "300-699": { next: "completed", actions: ["ack"] },
    "timerD": { next: "terminated", actions: [] },
    // The final response is known above: the end alone is the news of an ACK that did not go out
    "transportError": { next: "terminated", actions: [] },
  },
  accepted: {
    "1xx": { next: "accepted", actions: [] },
    "2xx": { next: "accepted", actions: ["respond"] },
    "timerM": { next: "terminated", actions: [] },
    "transportError": { next: "accepted", actions: [] },
  },
  terminated: {},
};

/** What an INVITE client transaction is made of. */
export interface InviteClientOptions {
  readonly key: TransactionKey;
  /** With our Via on top, its branch chosen. Not to be changed while the transaction lives. */
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly to: SocketAddress;
  /** Those of the flow's kind of transport. */
  readonly timers: TransactionTimers;
}

/** One INVITE that we send, until no answer can come any more. */
export class InviteClientTransaction {
  readonly key: TransactionKey;
  readonly flow: Flow;
  readonly #request: SipRequest;
  readonly #send: SendOutput;
  readonly #timers: TransactionTimers;
  readonly #retransmission = new Retransmission();
  #state: InviteClientState = "calling";
  #endAt: Millis | undefined;
  /** Set by a CANCEL; counts in Proceeding alone. */
  #giveUpAt: Millis | undefined;
  #ack: SendOutput | undefined;

  constructor(options: InviteClientOptions) {
    this.key = options.key;
    this.flow = options.flow;
    this.#request = options.request;
    this.#send = sendOutput(options.request, options.flow, options.to);
    this.#timers = options.timers;
  }

  /** Where the machine stands. */
  get state(): InviteClientState {
    return this.#state;
  }

  /** Whether it only waits for its end, at an instant that does not move. */
  get isLingering(): boolean {
    return this.#state === "completed" || this.#state === "accepted";
  }

  /**
   * When `timeout` is next to be called; `undefined` in Proceeding, unless the INVITE was
   * cancelled.
   */
  get deadline(): Millis | undefined {
    return earlierOf(this.#retransmission.at, this.#endAt);
  }

  /** Sends the INVITE. To be called once, first. */
  start(now: Millis): TransactionOutput[] {
    this.#retransmission.start(this.#timers.a, Infinity, now);
    this.#endAt = now + this.#timers.b;
    return [this.#send];
  }

  /** Takes a response that matches. `flow` is where it came from. */
  receive(response: SipResponse, flow: Flow, now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    const event = inviteResponseClass(response.statusCode);
    this.#step(event, now, outputs, { type: "response", key: this.key, response, flow });
    return outputs;
  }

  /**
   * Takes the news that a CANCEL was sent for it: from now on a final response has 64·T1 to come.
   * §9.1
   */
  cancelled(now: Millis): TransactionOutput[] {
    this.#giveUpAt ??= now + this.#timers.cancelled;
    if (this.#state === "proceeding") this.#endAt = this.#giveUpAt;
    return [];
  }

  /** Does what is due; safe early and late. The end goes before a retransmission. */
  timeout(now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    if (this.#endAt !== undefined && this.#endAt <= now) {
      this.#step(END_TIMERS[this.#state], now, outputs);
    } else if (this.#retransmission.isDue(now)) {
      this.#retransmission.advance(now);
      this.#step("timerA", now, outputs);
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
    event: InviteClientEvent | undefined,
    now: Millis,
    outputs: TransactionOutput[],
    response?: ResponseOutput,
  ): void {
    const transition = event && INVITE_CLIENT_TRANSITIONS[this.#state][event];
    if (transition === undefined) {
      if (response !== undefined) outputs.push(OTHER_FINAL);
      return;
    }
    for (const action of transition.actions) this.#act(action, outputs, response);
    if (transition.next !== this.#state) this.#enter(transition.next, now, outputs);
  }

  #act(
    action: InviteClientAction,
    outputs: TransactionOutput[],
    response: ResponseOutput | undefined,
  ): void {
    switch (action) {
      case "repeat":
        outputs.push(this.#send);
        break;
      case "ack":
        outputs.push(this.#ack ??= this.#createAck((response as ResponseOutput).response));
        break;
      case "respond":
        outputs.push(response as ResponseOutput);
        break;
      case "timeout":
      case "transport":
        outputs.push({ type: "failed", key: this.key, cause: action });
    }
  }

  #createAck(response: SipResponse): SendOutput {
    // §17.1.1.2: the ACK goes where the INVITE went
    return sendOutput(createFailureAck(this.#request, response), this.flow, this.#send.to);
  }

  #enter(state: InviteClientState, now: Millis, outputs: TransactionOutput[]): void {
    this.#state = state;
    this.#retransmission.stop();
    this.#endAt = undefined;
    const timers = this.#timers;
    if (state === "proceeding") {
      this.#endAt = this.#giveUpAt;
    } else if (state === "accepted") {
      this.#endAt = now + timers.m;
    } else if (state === "completed") {
      // §17.1.1.2: zero over reliable transports
      if (timers.d === 0) this.#step("timerD", now, outputs);
      else this.#endAt = now + timers.d;
    } else if (state === "terminated") {
      outputs.push({ type: "terminated", key: this.key });
    }
  }
}

/** The timer that ends each state. */
const END_TIMERS: Readonly<Record<InviteClientState, InviteClientEvent | undefined>> = {
  calling: "timerB",
  proceeding: "timerCancelled",
  completed: "timerD",
  accepted: "timerM",
  terminated: undefined,
};

const OTHER_FINAL: TransactionOutput = { type: "ignored", reason: "final of another class" };
