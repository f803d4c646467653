/**
 * The recording of one call, as its route and its handler ask for it: whether there is one, when it
 * begins, is interrupted and ends. A call has one.
 *
 * Samples and files are the media's and the gateway's.
 *
 * @module
 */

import type { RecordSpec } from "../route/route.ts";
import { expandTemplate } from "../route/template.ts";
import type { CallCore } from "./call_core.ts";
import type { CallOutput } from "./call_output.ts";
import type { RecordCommand } from "./handler_message.ts";

/**
 * - `off`: it has not begun.
 * - `on`: what is said is recorded.
 * - `paused`: silence is recorded.
 * - `over`: it has ended, or could not begin.
 */
export type RecordingState = "off" | "on" | "paused" | "over";

/** What each command turns each state into; what is not here is out of place. */
export const RECORDING_TRANSITIONS: Readonly<
  Record<RecordCommand["action"], Readonly<Partial<Record<RecordingState, RecordingState>>>>
> = {
  start: { off: "on" },
  pause: { on: "paused" },
  resume: { paused: "on" },
  stop: { on: "over", paused: "over" },
};

/** What a command out of place is told. */
const OUT_OF_PLACE: Readonly<Record<RecordingState, string>> = {
  off: "The recording has not begun, send start",
  on: "The recording runs already, send pause or stop",
  paused: "The recording is paused, send resume or stop",
  over: "The recording is over, and a call has one only",
};

/** The recording of one call. */
export class Recording {
  readonly #core: CallCore;
  readonly #spec: RecordSpec | undefined;
  #state: RecordingState = "off";

  /** @param spec Of the route; `undefined`: nothing is to be recorded. */
  constructor(core: CallCore, spec: RecordSpec | undefined) {
    this.#core = core;
    this.#spec = spec;
  }

  get state(): RecordingState {
    return this.#state;
  }

  /** The call may have been answered: a recording that begins with the answer begins. */
  answered(): CallOutput[] {
    const isDue = this.#spec?.on === "answer" && this.#core.answeredAt !== undefined &&
      this.#core.state !== "ended" && this.#state === "off";
    return isDue ? this.command("start") : [];
  }

  /** The handler asks for something; what is out of place gets an `error` event. */
  command(action: RecordCommand["action"]): CallOutput[] {
    if (this.#spec === undefined) {
      return this.#core.refuse("record", "The route records nothing, give it the key record");
    }
    const next = RECORDING_TRANSITIONS[action][this.#state];
    if (next === undefined) return this.#core.refuse("record", OUT_OF_PLACE[this.#state]);
    this.#state = next;
    return action === "start" ? this.#start(this.#spec) : [{ type: "record", order: { action } }];
  }

  /** It has ended by itself: the file cannot be written, or holds no more. */
  failed(reason: string): CallOutput[] {
    this.#state = "over";
    return this.#core.refuse("record", reason);
  }

  #start({ file }: RecordSpec): CallOutput[] {
    const path = expandTemplate(file, this.#core.facts, "file");
    if (path.ok) return [{ type: "record", order: { action: "start", file: path.value } }];
    const { reason } = path;
    return [{ type: "record", order: { action: "fail", reason } }, ...this.failed(reason)];
  }
}
