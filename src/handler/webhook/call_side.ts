/**
 * What all actions of one call share: whether it is answered, what it is told to do, and what is
 * still alive of it.
 *
 * @module
 */

import type { Hertz } from "../../base/units.ts";
import type { HandlerCommand, StartEvent } from "../../call/handler_message.ts";
import type { Runtime } from "../../runtime/ports.ts";
import type { Handler, HandlerHost } from "../handler.ts";
import type { InnerSpec } from "./make_inner.ts";
import { OWN_MARK, type SoundLine } from "./sound_line.ts";
import type { StepContext } from "./step.ts";

/** What a call's side is made of. */
export interface CallSideOptions {
  readonly runtime: Runtime;
  readonly host: HandlerHost;
  readonly sounds: SoundLine;
  readonly rate: Hertz;
  readonly startEvent: StartEvent;
  readonly makeHandler: (spec: InnerSpec, host: HandlerHost) => Handler;
  /** The call was answered, by an action or a handler within the call. Once. */
  readonly answered: () => void;
  /** An action could not be done, and the call goes on. */
  readonly trouble: (message: string, action: string) => void;
}

interface Held {
  readonly kill: () => void;
}

/** The call, as its actions see it. */
export class CallSide implements StepContext {
  readonly runtime: Runtime;
  readonly host: HandlerHost;
  readonly sounds: SoundLine;
  readonly rate: Hertz;
  readonly callId: string;
  readonly startEvent: StartEvent;
  readonly #options: CallSideOptions;
  readonly #held = new Set<Held>();
  #isAnswered: boolean;
  #isOver = false;
  #free: (() => void) | undefined;

  constructor(options: CallSideOptions) {
    const { runtime, host, sounds, rate, startEvent } = options;
    this.#options = options;
    this.runtime = runtime;
    this.host = host;
    this.sounds = sounds;
    this.rate = rate;
    this.callId = startEvent.call.id;
    this.#isAnswered = startEvent.answered === true;
    // Whatever is started within the call finds it answered
    this.startEvent = { ...startEvent, answered: true };
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  answer(): void {
    if (this.#isAnswered || this.#isOver) return;
    this.#isAnswered = true;
    this.host.command({ command: "answer" });
    if (!this.#isOver) this.#options.answered();
  }

  command(command: HandlerCommand): void {
    if (this.#isOver) return;
    if (command.command === "answer" && !this.#isAnswered) return this.answer();
    if (command.command === "mark" && command.name.startsWith(OWN_MARK)) {
      const message = `Names of marks cannot begin with "${OWN_MARK}", choose another`;
      return this.host.refused(message, "mark");
    }
    if (command.command === "clear") return this.sounds.clearAsAsked();
    this.host.command(command);
  }

  trouble(message: string, action: string): void {
    this.#options.trouble(message, action);
  }

  makeHandler(spec: InnerSpec, host: HandlerHost): Handler {
    return this.#options.makeHandler(spec, host);
  }

  hold(kill: () => void = () => {}): () => void {
    const held = { kill };
    this.#held.add(held);
    return () => {
      if (!this.#held.delete(held) || this.#held.size > 0) return;
      const free = this.#free;
      this.#free = undefined;
      free?.();
    };
  }

  /** The call takes no more commands. */
  close(): void {
    this.#isOver = true;
  }

  /** Ends without grace what is still alive. */
  kill(): void {
    for (const held of [...this.#held]) held.kill();
  }

  /** Calls back when nothing is alive any more; before the return when that is so already. */
  whenFree(free: () => void): void {
    if (this.#held.size === 0) free();
    else this.#free = free;
  }
}
