/**
 * The keys that the caller presses, each told once, though some phones send one in several ways at
 * the same time.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { DtmfEvent } from "./handler_message.ts";
import type { InfoDigit } from "./info_digit.ts";

/**
 * The same key by another way is the same press, if it began at most so long after the first way
 * had told it. One way tells a key when it is pressed, another when it is let go.
 */
const SAME_KEY_WITHIN: Millis = 500;

interface Press {
  readonly digit: string;
  /** Which way told it first. */
  readonly source: DtmfEvent["source"];
  /** When it was heard of last. */
  readonly at: Millis;
}

/** Key presses of one call. */
export class KeyPresses {
  #last: Press | undefined;

  /**
   * @returns What to tell the handler; `undefined` for a press that it has heard of in another way.
   */
  pressed(key: InfoDigit, source: DtmfEvent["source"], now: Millis): DtmfEvent | undefined {
    const { digit, durationMs } = key;
    const last = this.#last;
    const isEcho = last !== undefined && last.digit === digit && last.source !== source &&
      now - durationMs - last.at < SAME_KEY_WITHIN;
    this.#last = { digit, source: isEcho ? last.source : source, at: now };
    if (isEcho) return undefined;
    return { event: "dtmf", digit, duration_ms: Math.round(durationMs), source };
  }
}
