/**
 * Keys that the handler presses: as telephone-events in the audio (RFC 4733) where both sides agreed
 * on them, else one INFO a key, each after the answer to the one before. RFC 6086 §4.
 *
 * The pace of telephone-events is the media's; that of INFOs is kept here.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import { DIGIT_GAP_MS, DIGITS_MAX, PAUSES } from "../media/digit_sender.ts";
import type { DtmfMode } from "../route/route.ts";
import { isHold } from "../sdp/offer_answer.ts";
import type { CallCore } from "./call_core.ts";
import type { CallOutput } from "./call_output.ts";
import type { DtmfCommand } from "./handler_message.ts";
import { infoDigitBody } from "./info_digit.ts";

interface Key {
  /** One of `0-9*#A-D`, or one of {@linkcode PAUSES}. */
  readonly digit: string;
  readonly durationMs: Millis;
}

/** The keys that one call's handlers press. */
export class Pressing {
  readonly #core: CallCore;
  readonly #mode: DtmfMode;
  /** Digits that the media has and has not sent. */
  #inMedia = 0;
  /** Keys that go by INFO. */
  #waiting: Key[] = [];
  /** The answer to an INFO is awaited. */
  #isAsked = false;
  /** The next INFO goes out no earlier. */
  #notBefore: Millis = -Infinity;

  constructor(core: CallCore, mode: DtmfMode = "auto") {
    this.#core = core;
    this.#mode = mode;
  }

  /** Whether keys of the handler are still to be sent, or to be answered, by INFO. */
  get isPending(): boolean {
    return this.#isAsked || this.#waiting.length > 0;
  }

  /** Whether the session has to be known to both sides first: an INFO belongs to it. */
  get needsSession(): boolean {
    return !this.#isByRtp;
  }

  /** When the next INFO is due. */
  get deadline(): Millis | undefined {
    return this.#isAsked || this.#waiting.length === 0 ? undefined : this.#notBefore;
  }

  /** The handler presses keys; they queue behind those before. */
  command({ digits, duration_ms: durationMs }: DtmfCommand, now: Millis): CallOutput[] {
    if (this.#inMedia + this.#waiting.length + digits.length > DIGITS_MAX) {
      return this.#core.refuse("dtmf", "Too many digits wait to be sent, send fewer");
    }
    if (this.#isByRtp) {
      const media = this.#core.media.current;
      if (media !== undefined && isHold(media)) {
        return this.#core.refuse("dtmf", "The caller has put us on hold, wait for resume");
      }
      this.#inMedia += digits.length;
      return [{ type: "send_digits", digits, durationMs }];
    }
    for (const digit of digits) this.#waiting.push({ digit, durationMs });
    return this.timeout(now);
  }

  /** The media has sent all digits that it had. */
  digitsSent(): void {
    this.#inMedia = 0;
  }

  /** The answer to our INFO came: one that refuses a key refuses those behind it too. */
  answered(statusCode: number, now: Millis): CallOutput[] {
    if (!this.#isAsked) return [];
    this.#isAsked = false;
    if (statusCode < 300) return this.timeout(now);
    this.#waiting = [];
    return this.#core.refuse("dtmf", `The caller refused a key by INFO with ${statusCode}`);
  }

  /** The session that the INFO went out in is ours no more. */
  joined(): CallOutput[] {
    if (!this.isPending) return [];
    this.#isAsked = false;
    this.#waiting = [];
    return this.#core.refuse("dtmf", "Somebody else took the caller's place, press again");
  }

  /** Sends the next INFO, if it is its time. */
  timeout(now: Millis): CallOutput[] {
    while (now >= (this.deadline ?? Infinity)) {
      const { digit, durationMs } = this.#waiting.shift() as Key;
      const pause = PAUSES[digit];
      this.#notBefore = now + (pause ?? durationMs + DIGIT_GAP_MS);
      if (pause !== undefined) continue;
      this.#isAsked = true;
      return [{ type: "send_info", body: infoDigitBody({ digit, durationMs }) }];
    }
    return [];
  }

  get #isByRtp(): boolean {
    const payloadType = this.#core.media.current?.telephoneEventPayloadType;
    return this.#mode !== "info" && payloadType !== undefined;
  }
}
