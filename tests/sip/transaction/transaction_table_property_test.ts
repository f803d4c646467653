import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../../src/base/random.ts";
import { createResponse } from "../../../src/sip/message/build.ts";
import type { SipRequest } from "../../../src/sip/message/message.ts";
import { DEFAULT_TIMERS } from "../../../src/sip/transaction/timers.ts";
import {
  type TransactionKey,
  type TransactionOutput,
  TransactionTable,
} from "../../../src/sip/transaction/transaction_table.ts";
import type { Flow } from "../../../src/sip/transport/flow.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";
import { request, response, TCP, UDP } from "./messages.ts";

const METHODS = ["INVITE", "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"] as const;
const STATUS_CODES = [100, 180, 183, 200, 200, 302, 401, 486, 487, 603] as const;
const FLOWS = [UDP, UDP, TCP] as const;

/** A table among peers and a user that do anything at any time, and what it has told. */
class Chaos {
  readonly table = new TransactionTable({ transactionsMax: 40 });
  readonly clock = new VirtualClock();
  /** Server transactions that wait for a final response. */
  readonly unanswered = new Map<TransactionKey, SipRequest>();
  /** Our requests whose transactions live. */
  readonly ours = new Map<TransactionKey, { request: SipRequest; flow: Flow }>();
  readonly begun = new Set<TransactionKey>();
  readonly random: SeededRandom;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  step(): void {
    const { table, clock } = this;
    switch (this.random.nextUint32() % 10) {
      case 0:
      case 1:
      case 2:
        return this.note(table.receiveRequest(this.#foreign(), this.#pick(FLOWS), clock.now));
      case 3:
      case 4:
        return this.#respond();
      case 5:
        return this.#send();
      case 6:
      case 7:
        return this.#receiveResponse();
      case 8:
        if (this.random.nextUint32() % 8 > 0) return;
        return this.note(table.transportFailed(this.#pick(FLOWS), clock.now));
      default:
        // Late wake-ups too
        clock.run({ deadline: undefined, timeout: () => [] }, this.random.nextUint32() % 3000);
        return this.note(table.timeout(clock.now));
    }
  }

  /** Answers and cancels whatever still waits for somebody. */
  settle(): void {
    const { now } = this.clock;
    for (const [key, received] of [...this.unanswered]) {
      this.note(this.table.respond(key, createResponse(received, 500, { toTag: "bot" }), now));
    }
    for (const { request: sent, flow } of [...this.ours.values()]) {
      if (sent.method !== "INVITE") continue;
      const branch = sent.headers.via.branch as string;
      const cancel = request("CANCEL", { branch });
      const isCancelled = [...this.ours.values()].some((one) =>
        one.request.method === "CANCEL" && one.request.headers.via.branch === branch
      );
      if (!isCancelled) this.note(this.table.send(cancel, flow, flow.remote, now).outputs);
    }
  }

  note(outputs: readonly TransactionOutput[]): void {
    for (const output of outputs) {
      if (output.type === "request") {
        this.unanswered.set(output.key, output.request);
        this.begun.add(output.key);
      } else if (output.type === "terminated") {
        this.unanswered.delete(output.key);
        this.ours.delete(output.key);
      }
    }
  }

  /** A request of one of few transactions, so that everything meets everything. */
  #foreign(): SipRequest {
    const number = this.random.nextUint32() % 6;
    const inDialog = this.random.nextUint32() % 3 === 0;
    const branch = this.random.nextUint32() % 5 === 0 ? "" : `;branch=z9hG4bK${number}`;
    return request(this.#pick(METHODS), {
      via: `UDP 192.0.2.${1 + this.random.nextUint32() % 2}${branch}`,
      callId: `call-${this.random.nextUint32() % 4}`,
      ...inDialog ? { toTag: "bot" } : {},
    });
  }

  #respond(): void {
    const waiting = [...this.unanswered];
    if (waiting.length === 0) return;
    const [key, received] = this.#pick(waiting);
    const statusCode = this.#pick(STATUS_CODES);
    if (statusCode >= 200 && this.random.nextUint32() % 4 > 0) this.unanswered.delete(key);
    this.note(this.table.respond(key, response(received, statusCode), this.clock.now));
  }

  #send(): void {
    const branch = `z9hG4bKours${this.random.nextUint32()}`;
    const flow = this.#pick(FLOWS);
    const sent = request(this.#pick(["INVITE", "BYE"]), { branch });
    const { key, outputs } = this.table.send(sent, flow, flow.remote, this.clock.now);
    this.ours.set(key, { request: sent, flow });
    this.note(outputs);
  }

  #receiveResponse(): void {
    const waiting = [...this.ours.values()];
    if (waiting.length === 0) return;
    const { request: sent, flow } = this.#pick(waiting);
    const received = response(sent, this.#pick(STATUS_CODES));
    this.note(this.table.receiveResponse(received, flow, this.clock.now));
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.random.nextUint32() % choices.length] as T;
  }
}

describe("RFC 3261 §17 any order of events", () => {
  test("nothing throws, and nothing is left 64 T1 + T4 after the last event", () => {
    let begun = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const chaos = new Chaos(seed);
      for (let step = 0; step < 150; step++) chaos.step();
      chaos.settle();
      const { t1, t4 } = DEFAULT_TIMERS;
      chaos.clock.run(chaos.table, 64 * t1 + t4);
      expect([seed, chaos.table.size, chaos.table.deadline]).toEqual([seed, 0, undefined]);
      begun += chaos.begun.size;
    }
    expect(begun).toBeGreaterThan(200);
  });
});
