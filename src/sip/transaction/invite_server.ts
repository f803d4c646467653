/**
 * The INVITE server transaction. RFC 3261 §17.2.1, figure 7, as RFC 6026 §7.1 corrects it.
 *
 * Retransmission of the 2xx is left to the dialog layer; To tags, to whoever makes the responses.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import { createResponse } from "../message/build.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import type { Flow } from "../transport/flow.ts";
import type { TransactionKey } from "./key.ts";
import type { SendOutput, TransactionOutput } from "./output.ts";
import { earlierOf, Retransmission } from "./retransmission.ts";
import { sendOutput } from "./send_output.ts";
import type { TransactionTimers } from "./timers.ts";
import {
  type InviteResponseClass,
  inviteResponseClass,
  type TransitionTable,
} from "./transition.ts";

/** RFC 6026 §7.1, figure 5. */
export type InviteServerState =
  | "proceeding"
  | "completed"
  | "accepted"
  | "confirmed"
  | "terminated";

/**
 * What happens to the machine: a request, our response, a timer, or an error of the transport.
 * `silence`: nobody above has answered at once.
 */
export type InviteServerEvent =
  | "INVITE"
  | "ACK"
  | InviteResponseClass
  | "silence"
  | "timerG"
  | "timerH"
  | "timerI"
  | "timerL"
  | "transportError"
  | "connectionLost";

/**
 * `send`: our response; `repeat`: the last one again, or the first 100; `trying`: the 100;
 * `ack`, `retransmitted`: pass it up.
 */
export type InviteServerAction = "send" | "repeat" | "trying" | "ack" | "retransmitted";

/**
 * Every arrow of the figure. RFC 6026 §7.1: a datagram that could not be sent ends nothing, so that
 * INVITEs still find their transaction. A lost connection does: neither an ACK nor an INVITE can
 * come over it again.
 */
export const INVITE_SERVER_TRANSITIONS: TransitionTable<
  InviteServerState,
  InviteServerEvent,
  InviteServerAction
> = {
  proceeding: {
    "INVITE": { next: "proceeding", actions: ["repeat"] },
    "silence": { next: "proceeding", actions: ["trying"] },
    "1xx": { next: "proceeding", actions: ["send"] },
    "2xx": { next: "accepted", actions: ["send"] },
    "300-699": { next: "completed", actions: ["send"] },
    "transportError": { next: "proceeding", actions: [] },
    "connectionLost": { next: "terminated", actions: [] },
  },
  completed: {
    "INVITE": { next: "completed", actions: ["repeat"] },
    "ACK": { next: "confirmed", actions: [] },
    "timerG": { next: "completed", actions: ["repeat"] },
    "timerH": { next: "terminated", actions: [] },
    "transportError": { next: "completed", actions: [] },
    "connectionLost": { next: "terminated", actions: [] },
  },
  accepted: {
    "INVITE": { next: "accepted", actions: ["retransmitted"] },
    "ACK": { next: "accepted", actions: ["ack"] },
    "2xx": { next: "accepted", actions: ["send"] },
    "timerL": { next: "terminated", actions: [] },
    "transportError": { next: "accepted", actions: [] },
    "connectionLost": { next: "terminated", actions: [] },
  },
  confirmed: {
    "INVITE": { next: "confirmed", actions: [] },
    "ACK": { next: "confirmed", actions: [] },
    "timerI": { next: "terminated", actions: [] },
    "transportError": { next: "confirmed", actions: [] },
  },
  terminated: {},
};

/** What an INVITE server transaction is made of. */
export interface InviteServerOptions {
  readonly key: TransactionKey;
  /** Where the INVITE came from. */
  readonly flow: Flow;
  /** Where the responses go. §18.2.2 */
  readonly to: SocketAddress;
  /** Those of the flow's kind of transport. */
  readonly timers: TransactionTimers;
  /** What the INVITE is known by when it comes another way; `undefined` within dialogs. §8.2.2.2 */
  readonly mergeKey?: string | undefined;
}

/** One INVITE that was received, from the 100 to the end of the ACKs. */
export class InviteServerTransaction {
  readonly key: TransactionKey;
  readonly flow: Flow;
  readonly mergeKey: string | undefined;
  readonly #to: SocketAddress;
  readonly #timers: TransactionTimers;
  readonly #retransmission = new Retransmission();
  #state: InviteServerState = "proceeding";
  /** In Proceeding: when the 100 is due, if nothing else was said. */
  #endAt: Millis | undefined;
  /** Until the first response: the INVITE. */
  #unanswered: SipRequest | undefined;
  #last: SendOutput | undefined;
  #toTag: string | undefined;

  constructor(options: InviteServerOptions) {
    this.key = options.key;
    this.flow = options.flow;
    this.mergeKey = options.mergeKey;
    this.#to = options.to;
    this.#timers = options.timers;
  }

  /** Where the machine stands. */
  get state(): InviteServerState {
    return this.#state;
  }

  /** Whether it only waits for its end, at an instant that does not move. */
  get isLingering(): boolean {
    return this.#state === "accepted" || this.#state === "confirmed";
  }

  /**
   * When `timeout` is next to be called; `undefined` in Proceeding, which only a response leaves,
   * once there was a response.
   */
  get deadline(): Millis | undefined {
    return earlierOf(this.#retransmission.at, this.#endAt);
  }

  /** The To tag of the responses sent so far; `undefined` while there was none but 100. */
  get toTag(): string | undefined {
    return this.#toTag;
  }

  /** Passes the INVITE up. To be called at most once, first. */
  start(request: SipRequest, now: Millis): TransactionOutput[] {
    // §17.2.1: 100 may be left out if another response follows within 200 ms, and mostly one does at once
    this.#unanswered = request;
    this.#endAt = now;
    return [{ type: "request", key: this.key, request, flow: this.flow }];
  }

  /** Takes the INVITE again, or an ACK that matches. */
  receive(request: SipRequest, now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    this.#step(request.method === "ACK" ? "ACK" : "INVITE", now, outputs, request);
    return outputs;
  }

  /**
   * Takes a response from above. After a 2xx, further 2xx are sent; any other response after a
   * final is ignored.
   */
  respond(response: SipResponse, now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    this.#step(inviteResponseClass(response.statusCode), now, outputs, response);
    return outputs;
  }

  /** Does what is due; safe early and late. */
  timeout(now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    if (this.#endAt !== undefined && this.#endAt <= now) {
      this.#step(END_TIMERS[this.#state], now, outputs);
    } else if (this.#retransmission.isDue(now)) {
      this.#retransmission.advance(now);
      this.#step("timerG", now, outputs);
    }
    return outputs;
  }

  /** Takes the news that the flow is gone, or did not take what was sent. */
  transportFailed(now: Millis): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    const lost = this.flow.connection !== undefined;
    this.#step(lost ? "connectionLost" : "transportError", now, outputs);
    return outputs;
  }

  #step(
    event: InviteServerEvent | undefined,
    now: Millis,
    outputs: TransactionOutput[],
    message?: SipRequest | SipResponse,
  ): void {
    const transition = event && INVITE_SERVER_TRANSITIONS[this.#state][event];
    if (transition === undefined) {
      if (message !== undefined) {
        outputs.push(message.type === "response" ? LATE_RESPONSE : EARLY_ACK);
      }
      return;
    }
    for (const action of transition.actions) this.#act(action, outputs, message);
    if (transition.next !== this.#state) this.#enter(transition.next, now, outputs);
  }

  #act(
    action: InviteServerAction,
    outputs: TransactionOutput[],
    message: SipRequest | SipResponse | undefined,
  ): void {
    switch (action) {
      case "send":
        this.#send(message as SipResponse, outputs);
        break;
      case "repeat":
        if (this.#last === undefined) this.#sendTrying(outputs);
        else outputs.push(this.#last);
        break;
      case "trying":
        this.#sendTrying(outputs);
        break;
      case "ack":
        outputs.push({ type: "ack", request: message as SipRequest, flow: this.flow });
        break;
      case "retransmitted":
        outputs.push({ type: "retransmitted", key: this.key, request: message as SipRequest });
    }
  }

  #sendTrying(outputs: TransactionOutput[]): void {
    if (this.#unanswered !== undefined) this.#send(createResponse(this.#unanswered, 100), outputs);
  }

  #send(response: SipResponse, outputs: TransactionOutput[]): void {
    if (this.#state === "proceeding") this.#endAt = undefined;
    this.#unanswered = undefined;
    this.#last = sendOutput(response, this.flow, this.#to);
    if (response.statusCode > 100) this.#toTag = response.headers.to.tag ?? this.#toTag;
    outputs.push(this.#last);
  }

  #enter(state: InviteServerState, now: Millis, outputs: TransactionOutput[]): void {
    this.#state = state;
    this.#retransmission.stop();
    this.#endAt = undefined;
    const timers = this.#timers;
    if (state === "completed") {
      this.#retransmission.start(timers.g, timers.t2, now);
      this.#endAt = now + timers.h;
    } else if (state === "accepted") {
      // Whoever made the 2xx repeats it
      this.#last = undefined;
      this.#endAt = now + timers.l;
    } else if (state === "confirmed") {
      this.#last = undefined;
      // §17.2.1: zero over reliable transports
      if (timers.i === 0) this.#step("timerI", now, outputs);
      else this.#endAt = now + timers.i;
    } else if (state === "terminated") {
      outputs.push({ type: "terminated", key: this.key });
    }
  }
}

/** The timer that ends each state. */
const END_TIMERS: Readonly<Record<InviteServerState, InviteServerEvent | undefined>> = {
  proceeding: "silence",
  completed: "timerH",
  accepted: "timerL",
  confirmed: "timerI",
  terminated: undefined,
};

const LATE_RESPONSE: TransactionOutput = { type: "ignored", reason: "response after a final" };
const EARLY_ACK: TransactionOutput = { type: "ignored", reason: "ACK before a final" };
