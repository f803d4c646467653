/**
 * Calls that bots may ask for over Twilio's REST resource, by their sid.
 *
 * @module
 */

import type { CallFacts } from "../route/call_facts.ts";
import type { TwilioCallStatus } from "./request_parameters.ts";

/** What a call goes on with. */
export type Instructions =
  | { readonly twiml: string }
  | { readonly url: string; readonly method: "GET" | "POST" };

/** One live call, as its handler lets others at it. */
export interface TwilioCall {
  readonly sid: string;
  readonly accountSid: string;
  /** Who asks has to know it; without one, nobody is asked for it. */
  readonly authToken: string | undefined;
  readonly facts: CallFacts;
  status(): TwilioCallStatus;
  hangUp(): void;
  /** @returns Why it cannot go on with that, for a person; `undefined`: it does. */
  replace(instructions: Instructions): string | undefined;
}

/** The live calls of one gateway. */
export class TwilioCalls {
  readonly #calls = new Map<string, TwilioCall>();

  add(call: TwilioCall): void {
    this.#calls.set(call.sid, call);
  }

  /** Nothing happens when another call has taken the sid meanwhile. */
  remove(call: TwilioCall): void {
    if (this.#calls.get(call.sid) === call) this.#calls.delete(call.sid);
  }

  find(sid: string): TwilioCall | undefined {
    return this.#calls.get(sid);
  }
}
