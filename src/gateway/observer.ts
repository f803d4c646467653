/**
 * Who watches a gateway: the log, the records, a person at a terminal.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { CallRecord } from "../call/call_record.ts";
import type { CallFacts } from "../route/call_facts.ts";
import type { SipMessage, SipRequest } from "../sip/message/message.ts";
import type { Flow } from "../sip/transport/flow.ts";

/** Importance of a line in the log. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** Facts beside the text of a line in the log. */
export type LogFields = Readonly<Record<string, string | number>>;

/** A request that got a final response above 299, and is no call. */
export interface RefusedRequest {
  readonly statusCode: number;
  /** For a person. */
  readonly reason: string;
  /** As far as it could be read. */
  readonly request: SipRequest;
  readonly flow: Flow;
}

/** What a gateway tells. Methods are to return quickly: they run on the event loop of the calls. */
export interface GatewayObserver {
  log?(level: LogLevel, message: string, fields: LogFields): void;
  /** A message was received or sent. Called only while this method is there. */
  message?(
    direction: "received" | "sent",
    message: SipMessage,
    flow: Flow,
    now: Millis,
  ): void;
  /** Each of them, also where the log tells of some alone. */
  refused?(refused: RefusedRequest, now: Millis): void;
  callAnswered?(call: CallFacts): void;
  /** Once for every call that got as far as a route. */
  callEnded?(record: CallRecord): void;
}

/** The same observer, whose errors end no call: they are counted by `onError`. */
export function guardObserver(observer: GatewayObserver, onError: () => void): GatewayObserver {
  const guard = <Arguments extends unknown[]>(method: (...args: Arguments) => void) => {
    return (...args: Arguments): void => {
      try {
        method.apply(observer, args);
      } catch {
        // Whoever watches is told by a counter: its own log may be what fails
        onError();
      }
    };
  };
  const { log, message, refused, callAnswered, callEnded } = observer;
  return {
    ...(log === undefined ? {} : { log: guard(log) }),
    ...(message === undefined ? {} : { message: guard(message) }),
    ...(refused === undefined ? {} : { refused: guard(refused) }),
    ...(callAnswered === undefined ? {} : { callAnswered: guard(callAnswered) }),
    ...(callEnded === undefined ? {} : { callEnded: guard(callEnded) }),
  };
}
