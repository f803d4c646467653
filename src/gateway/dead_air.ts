/**
 * Keeps callers from hearing nothing: while a handler waits for its server, or the next handler
 * starts, silence has a limit. Then a sound is played, or the handler has failed.
 *
 * It is told what happens to a call, and asks for one deadline; timers are others' business.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import { formatDuration } from "../config/duration.ts";
import type { ClipStore } from "../handler/builtin/clip_store.ts";
import type { CallFacts } from "../route/call_facts.ts";
import type { DeadAir as DeadAirSettings, HandlerSpec } from "../route/route.ts";
import { expandTemplate } from "../route/template.ts";

/** The sound of a call, as far as silence is concerned. */
export interface AudibleMedia {
  /** How much of the handler's audio waits to be played. */
  readonly queuedMs: Millis;
  /** Whether a sound plays that is none of the handler's. */
  readonly isPrompting: boolean;
  /** Plays a sound until the handler gives audio, or `stopPrompt`. */
  startPrompt(pcm: Uint8Array, now: Millis): void;
  /** Nothing happens when none plays. */
  stopPrompt(now: Millis): void;
}

/** What joins it to a call. */
export interface DeadAirOptions {
  readonly media: AudibleMedia;
  readonly clips: Pick<ClipStore, "load">;
  /** Of the handlers' PCM. */
  readonly rate: Hertz;
  readonly now: () => Millis;
  /** What the route of these facts says. */
  readonly settings: (facts: CallFacts) => DeadAirSettings;
  /** The deadline is another. */
  readonly rescheduled: () => void;
  /** The present handler has failed. */
  readonly failed: (reason: string) => void;
  readonly log: (message: string) => void;
}

/** The handler that has the call. */
interface Present {
  readonly facts: CallFacts;
  readonly settings: DeadAirSettings;
  /** Whom or what it waits for. */
  readonly awaited: string;
}

/** The silence of one call. */
export class DeadAir {
  readonly #options: DeadAirOptions;
  #present: Present | undefined;
  /** The caller hears what we play. */
  #isAudible = false;
  #isStarting = false;
  #isWaiting = false;
  /** The sound of that number is being fetched or played; 0: none. */
  #prompt = 0;
  #prompts = 0;
  /** From when on there is nothing to hear, as far as is known. */
  #quietFrom: Millis = Infinity;

  constructor(options: DeadAirOptions) {
    this.#options = options;
  }

  /** Whether nothing but what is queued is to be heard; then {@linkcode wrote} has to be told. */
  get isSilent(): boolean {
    return this.#isStarting || this.#isWaiting;
  }

  /** When the caller has heard nothing for too long; `undefined`: that is not to be feared. */
  get deadline(): Millis | undefined {
    const limit = this.#present?.settings.limit ?? 0;
    const isCounting = limit > 0 && this.#isAudible && this.isSilent && this.#prompt === 0;
    return isCounting ? this.#quietFrom + limit : undefined;
  }

  /** The call is answered, and there is a way for audio. */
  audible(now: Millis): void {
    this.#isAudible = true;
    this.#count(now);
  }

  /** A handler is started. */
  handlerStarts(spec: HandlerSpec, facts: CallFacts, now: Millis): void {
    const settings = this.#options.settings(facts);
    this.#present = { facts, settings, awaited: awaitedBy(spec) };
    this.#change({ isStarting: true, isWaiting: false }, now);
  }

  /** It has started. */
  handlerStarted(now: Millis): void {
    this.#change({ isStarting: false, isWaiting: this.#isWaiting }, now);
  }

  /** It waits for its far end, or no more. */
  waiting(isWaiting: boolean, now: Millis): void {
    this.#change({ isStarting: this.#isStarting, isWaiting }, now);
  }

  /** It has given audio. */
  wrote(now: Millis): void {
    if (this.#options.media.isPrompting) return;
    // The sound was stopped by that
    this.#prompt = 0;
    this.#count(now);
  }

  /** It has the call no more. */
  handlerEnded(now: Millis): void {
    this.#present = undefined;
    this.#change({ isStarting: false, isWaiting: false }, now);
  }

  timeout(now: Millis): void {
    const present = this.#present;
    if (present === undefined || now < (this.deadline ?? Infinity)) return;
    // What waits was longer on its way than was thought
    if (this.#options.media.queuedMs > 0) return this.#count(now);
    const { settings: { limit, play }, awaited } = present;
    const quiet = `Nothing was heard for ${formatDuration(limit)} while it waited for ${awaited}`;
    if (play === undefined) return this.#fail(quiet);
    this.#prompt = ++this.#prompts;
    void this.#play(this.#prompt, play, quiet);
  }

  async #play(prompt: number, play: string, quiet: string): Promise<void> {
    const { clips, rate, now, media } = this.#options;
    const facts = this.#present?.facts;
    if (facts === undefined) return;
    const file = expandTemplate(play, facts, "file");
    if (!file.ok) return this.#fail(`${quiet}, and dead_air.play: ${file.reason}`);
    try {
      const pcm = await clips.load(file.value, rate);
      // The handler may be heard again by now
      if (this.#prompt !== prompt) return;
      media.startPrompt(pcm, now());
      this.#options.log(`${quiet}: plays "${file.value}"`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (this.#prompt === prompt) this.#fail(`${quiet}, and dead_air.play: ${reason}`);
    }
  }

  /** There is nothing to wait for any more. */
  #fail(reason: string): void {
    this.#present = undefined;
    this.#options.failed(reason);
  }

  #change(
    { isStarting, isWaiting }: { readonly isStarting: boolean; readonly isWaiting: boolean },
    now: Millis,
  ): void {
    const wasSilent = this.isSilent;
    this.#isStarting = isStarting;
    this.#isWaiting = isWaiting;
    if (!this.isSilent) return this.#endPrompt(now);
    if (wasSilent) return;
    this.#count(now);
    this.#options.rescheduled();
  }

  #endPrompt(now: Millis): void {
    if (this.#prompt === 0) return;
    this.#prompt = 0;
    this.#options.media.stopPrompt(now);
  }

  #count(now: Millis): void {
    if (this.isSilent) this.#quietFrom = now + this.#options.media.queuedMs;
  }
}

/** Names what a handler waits for, without what may be secret in a URL. */
function awaitedBy(spec: HandlerSpec): string {
  if ("url" in spec) {
    const [, scheme, host] = /^([a-z]+:\/\/)(?:[^@/?#]*@)?([^/?#]*)/i.exec(spec.url) ?? [];
    return `${scheme ?? ""}${host ?? spec.type}`;
  }
  return spec.type === "exec" ? "its program to start" : `its ${spec.type} to start`;
}
