/**
 * What the caller hears of the actions: one sound behind the other, without a gap, and what of them
 * has been heard.
 *
 * A sound is over for the one behind it as soon as all of it was handed over; whoever waits for
 * the caller's ears asks {@linkcode SoundLine.whenPlayed}. That is told by marks of our own, whose
 * names never leave this file.
 *
 * @module
 */

import type { HandlerEvent } from "../../call/handler_message.ts";
import type { HandlerHost } from "../handler.ts";
import type { Sound, SoundSink, SoundSpec } from "../sound/sound.ts";

/** What the names of our own marks begin with; others may not use it. */
export const OWN_MARK = "voicegw/played/";

/** What a line of sounds is made of. */
export interface SoundLineOptions {
  readonly host: HandlerHost;
  readonly makeSound: (spec: SoundSpec, sink: SoundSink) => Sound;
  /** Calls back soon, from outside of everything that runs now. */
  readonly later: (callback: () => void) => void;
  /** Calls back, at once or later, when audio from elsewhere that is on its way has come. */
  readonly drain: (drained: () => void) => void;
  /** The beginning of a sound is waited for, or no longer. */
  readonly waiting: (isWaiting: boolean) => void;
}

/** Who hears of one sound. One of the two, once; nothing after a clear. */
export interface SoundEvents {
  /** All of it was handed over, or the caller has spoken over it: the next may begin. */
  handedOver(): void;
  failed(reason: string): void;
}

interface Waiting {
  /** Number of the mark that it waits for. */
  readonly mark: number;
  readonly done: () => void;
}

interface Playing {
  readonly sound: Sound;
  readonly events: SoundEvents;
}

/** The sounds of one call, one at a time. */
export class SoundLine {
  readonly #host: HandlerHost;
  readonly #options: SoundLineOptions;
  #playing: Playing | undefined;
  /** Marks given, and the last of them that came back. */
  #marks = 0;
  #passed = 0;
  /** Something was given since the last mark. */
  #isUnmarked = false;
  #waiting: Waiting[] = [];
  /** Clears whose `cleared` has not come yet: whether each is ours. */
  #clears: boolean[] = [];

  constructor(options: SoundLineOptions) {
    this.#options = options;
    this.#host = options.host;
  }

  /** Whether anything is under way to the caller's ears. */
  get isBusy(): boolean {
    return this.#playing !== undefined || this.#isUnmarked || this.#passed < this.#marks;
  }

  /** Whether a sound is still being handed over. */
  get isPlaying(): boolean {
    return this.#playing !== undefined;
  }

  /** Plays a sound behind those before it. None may be playing. */
  play(spec: SoundSpec, events: SoundEvents): void {
    let isOver = false;
    let isBegun = false;
    const begin = () => {
      isBegun = true;
      this.#options.waiting(false);
    };
    const end = (told: () => void) => {
      if (isOver || this.#playing !== playing) return;
      isOver = true;
      this.#end();
      if (this.#isUnmarked) this.#mark();
      told();
    };
    const sound = this.#options.makeSound(spec, {
      audio: (pcm) => {
        if (isOver || this.#playing !== playing) return true;
        if (!isBegun) begin();
        return this.write(pcm);
      },
      ended: () => end(() => events.handedOver()),
      failed: (reason) => end(() => events.failed(reason)),
    });
    const playing = { sound, events };
    this.#playing = playing;
    sound.start();
    if (!isBegun && this.#playing === playing) this.#options.waiting(true);
  }

  /** Takes audio that comes from elsewhere, and whose end is marked when somebody asks for it. */
  write(pcm: Uint8Array): boolean {
    this.#isUnmarked = true;
    return this.#host.audio(pcm);
  }

  /**
   * Calls back when the caller has heard what was given so far, or will never hear it since it was
   * cleared; before the return when that is so already.
   *
   * @returns Forgets about it.
   */
  whenPlayed(done: () => void): () => void {
    if (this.#isUnmarked) this.#mark();
    if (this.#passed >= this.#marks) {
      done();
      return () => {};
    }
    const waiting = { mark: this.#marks, done };
    this.#waiting.push(waiting);
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
    };
  }

  /** Ends all sound now; what was playing tells nothing more. */
  clear(): void {
    this.#end()?.sound.stop();
    if (!this.isBusy) return;
    this.#host.clearAudio();
    this.#clears.push(true);
    this.#host.command({ command: "clear" });
    this.#allPassed();
  }

  /**
   * The web server wants the sound to end: it is told what was heard, and the next one follows.
   */
  clearAsAsked(): void {
    this.#skip((skipped) => {
      this.#host.clearAudio();
      this.#options.drain(() => {
        this.#clears.push(false);
        this.#host.command({ command: "clear" });
        skipped();
      });
    });
  }

  /** The second step of a clear that somebody else began. */
  endClear(): void {
    this.#clears.push(false);
    this.#host.command({ command: "clear" });
  }

  /** The caller has spoken over the sound, and the call dropped it: the next one follows. */
  discard(): void {
    this.#skip((skipped) =>
      this.#options.drain(() => {
        this.#host.audioDiscarded();
        skipped();
      })
    );
  }

  /** The queue towards the caller has room again. */
  resume(): void {
    this.#playing?.sound.resume();
  }

  /** @returns Whether the event is an answer to something that was done here. */
  receiveEvent(event: HandlerEvent): boolean {
    if (event.event === "mark" && event.name.startsWith(OWN_MARK)) {
      const mark = Number(event.name.slice(OWN_MARK.length));
      // Marks come back in the middle of a clear too: what follows is not to be dropped by it
      this.#options.later(() => this.#passedTo(mark));
      return true;
    }
    if (event.event !== "cleared" || event.reason !== "command") return false;
    return this.#clears.shift() === true;
  }

  /** The end: nothing is played or told any more. */
  stop(): void {
    this.#end()?.sound.stop();
    this.#waiting = [];
  }

  /** @param clear Has the call end its muting; what is given after that is heard. */
  #skip(clear: (skipped: () => void) => void): void {
    const playing = this.#end();
    playing?.sound.stop();
    clear(() => {
      this.#allPassed();
      playing?.events.handedOver();
    });
  }

  /** @returns What was playing. */
  #end(): Playing | undefined {
    const playing = this.#playing;
    this.#playing = undefined;
    if (playing !== undefined) this.#options.waiting(false);
    return playing;
  }

  #mark(): void {
    this.#isUnmarked = false;
    this.#marks++;
    this.#host.command({ command: "mark", name: `${OWN_MARK}${this.#marks}` });
  }

  #allPassed(): void {
    this.#isUnmarked = false;
    this.#passedTo(this.#marks);
  }

  #passedTo(mark: number): void {
    if (!(mark > this.#passed)) return;
    this.#passed = Math.min(mark, this.#marks);
    const ready = this.#waiting.filter((each) => each.mark <= this.#passed);
    this.#waiting = this.#waiting.filter((each) => each.mark > this.#passed);
    for (const each of ready) each.done();
  }
}
