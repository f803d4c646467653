/**
 * The keys that the caller presses, each told once, though some phones send one in two ways at the
 * same time.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { DtmfEvent } from "./handler_message.ts";
import type { InfoDigit } from "./info_digit.ts";

/** The same key by RTP and by INFO within this time is one press. */
const SAME_KEY_WITHIN: Millis = 500;

/** Key presses of one call. */
export class KeyPresses {
  #last:
    | { readonly digit: string; readonly source: DtmfEvent["source"]; readonly at: Millis }
    | undefined;

  /**
   * @returns What to tell the handler; `undefined` for a press that it has heard of in another way.
   */
  pressed(key: InfoDigit, source: DtmfEvent["source"], now: Millis): DtmfEvent | undefined {
    const { digit, durationMs } = key;
    const last = this.#last;
    const isEcho = last !== undefined && last.digit === digit && last.source !== source &&
      now - last.at < SAME_KEY_WITHIN;
    if (isEcho) return undefined;
    this.#last = { digit, source, at: now };
    return { event: "dtmf", digit, duration_ms: Math.round(durationMs), source };
  }
}
