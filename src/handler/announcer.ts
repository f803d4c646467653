/**
 * Stands between a handler and its call, and does the commands `play` and `say`, which no handler
 * can do by itself: their sound takes its place in the handler's audio.
 *
 * What the handler wrote before an announcement is before it. What it writes meanwhile waits: audio,
 * marks, more announcements. All of it falls to a clear or a barge-in, and comes to an end before
 * the handler's own end is told. While nothing is announced, everything passes as it is.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type {
  HandlerCommand,
  HandlerEvent,
  PlayCommand,
  SayCommand,
  StartEvent,
} from "../call/handler_message.ts";
import type { Handler, HandlerEnd, HandlerHost } from "./handler.ts";
import type { Sound, SoundSink, SoundSpec } from "./sound/sound.ts";

/** Audio behind an announcement; then the handler is asked to stop writing. */
const HELD_HIGH: Millis = 1_000;

/** The same at most: what a handler may bring after it was asked to stop. */
const HELD_MAX: Millis = 60_000;

/** Room that small pieces share. */
const HELD_BUFFER_BYTES = 16 << 10;

/** Announcements and marks that wait. */
export const WAITING_MAX = 256;

/** What is announced for a handler. */
export interface AnnouncerOptions {
  /** The call. */
  readonly host: HandlerHost;
  /** Hz of the PCM. */
  readonly rate: Hertz;
  /** Makes the handler, whose call the announcer is. */
  readonly handler: (host: HandlerHost) => Handler;
  readonly createSound: (spec: SoundSpec, sink: SoundSink) => Sound;
}

type Announcement = PlayCommand | SayCommand;

/** Audio that waits: the beginning of a buffer, so that small pieces share one. */
interface HeldAudio {
  readonly type: "audio";
  readonly buffer: Uint8Array;
  length: number;
}

/** What waits behind an announcement, in its order. */
type Waiting =
  | HeldAudio
  | { readonly type: "mark"; readonly command: HandlerCommand }
  | { readonly type: "announcement"; readonly announcement: Announcement };

/** A handler that can make announcements; to the handler itself, its call. */
export class Announcer implements Handler, HandlerHost {
  readonly #options: AnnouncerOptions;
  readonly #host: HandlerHost;
  readonly #handler: Handler;
  readonly #bytesPerMs: number;
  /** What is heard now. */
  #sound: Sound | undefined;
  #waiting: Waiting[] = [];
  /** Marks and announcements among them. */
  #waitingCommands = 0;
  #waitingBytes = 0;
  /** The call has room for more. */
  #hasRoom = true;
  /** What waits is being handed over. */
  #isReleasing = false;
  /** How the handler ended: it is told once everything was handed over. */
  #end: HandlerEnd | undefined;
  #isStopped = false;
  #isOver = false;
  #hasDropped = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#host = options.host;
    this.#bytesPerMs = options.rate * 2 / 1000;
    this.#handler = options.handler(this);
  }

  // What the call tells.

  start(event: StartEvent): void {
    this.#handler.start(event);
  }

  receiveAudio(pcm: Uint8Array): void {
    if (this.#end === undefined) this.#handler.receiveAudio(pcm);
  }

  receiveEvent(event: HandlerEvent): void {
    if (this.#end === undefined) this.#handler.receiveEvent(event);
  }

  resumeAudio(): void {
    this.#hasRoom = true;
    if (this.#sound !== undefined) this.#sound.resume();
    else if (this.#waiting.length > 0) this.#release();
    else this.#resumeHandler();
  }

  discardAudio(): void {
    this.#drop();
    if (this.#end === undefined) this.#handler.discardAudio();
    else this.#tellEnd(this.#end);
  }

  stop(event: HandlerEvent): void {
    this.#isStopped = true;
    this.#forget();
    if (this.#end === undefined) this.#handler.stop(event);
    else this.#tellEnd({ type: "stopped" });
  }

  kill(): void {
    this.#isStopped = true;
    this.#forget();
    if (this.#end === undefined) this.#handler.kill();
    else this.#tellEnd({ type: "stopped" });
  }

  // What the handler says.

  started(): void {
    this.#host.started();
  }

  audio(pcm: Uint8Array): boolean {
    if (this.#isBusy) return this.#hold(pcm);
    const hasRoom = this.#host.audio(pcm);
    this.#hasRoom = hasRoom;
    return hasRoom;
  }

  command(command: HandlerCommand): void {
    switch (command.command) {
      case "play":
      case "say":
        return this.#announce(command);
      case "mark":
        if (this.#isBusy) return this.#wait({ type: "mark", command });
        return this.#host.command(command);
      case "clear":
        // What came between the two steps of the clear is as old as what came before them
        this.#drop();
        this.#host.command(command);
        return this.#resumeHandler();
      default:
        return this.#host.command(command);
    }
  }

  clearAudio(): void {
    this.#host.clearAudio();
    this.#drop();
  }

  audioDiscarded(): void {
    this.#drop();
    this.#host.audioDiscarded();
    this.#resumeHandler();
  }

  refused(message: string, command: string): void {
    this.#host.refused(message, command);
  }

  log(line: string): void {
    this.#host.log(line);
  }

  waiting(isWaiting: boolean): void {
    this.#host.waiting(isWaiting);
  }

  audioDropped(bytes: number): void {
    this.#host.audioDropped(bytes);
  }

  ended(end: HandlerEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    if (end.type !== "completed") this.#forget();
    if (!this.#isBusy) this.#tellEnd(end);
  }

  /** Something is announced, or waits behind an announcement. */
  get #isBusy(): boolean {
    return this.#sound !== undefined || this.#waiting.length > 0;
  }

  /** What the handler gives waits. */
  #hold(pcm: Uint8Array): boolean {
    if (this.#waitingBytes + pcm.length <= HELD_MAX * this.#bytesPerMs) this.#append(pcm);
    else if (!this.#hasDropped) {
      this.#hasDropped = true;
      this.#host.log(`Audio behind an announcement is lost, since it is over ${HELD_MAX} ms`);
    }
    return this.#waitingBytes < HELD_HIGH * this.#bytesPerMs;
  }

  #append(pcm: Uint8Array): void {
    let last = this.#waiting.at(-1);
    if (last?.type !== "audio" || last.length + pcm.length > last.buffer.length) {
      const buffer = new Uint8Array(Math.max(HELD_BUFFER_BYTES, pcm.length));
      last = { type: "audio", buffer, length: 0 };
      this.#waiting.push(last);
    }
    last.buffer.set(pcm, last.length);
    last.length += pcm.length;
    this.#waitingBytes += pcm.length;
  }

  #announce(announcement: Announcement): void {
    if (this.#isStopped) return;
    if (this.#isBusy) this.#wait({ type: "announcement", announcement });
    else this.#begin(announcement);
  }

  #wait(waiting: Waiting & { readonly type: "mark" | "announcement" }): void {
    if (this.#waitingCommands >= WAITING_MAX) {
      const { command } = waiting.type === "mark" ? waiting.command : waiting.announcement;
      return this.#host.refused("Too many commands wait for an announcement, send fewer", command);
    }
    this.#waitingCommands++;
    this.#waiting.push(waiting);
  }

  #begin(announcement: Announcement): void {
    const sound: Sound = this.#options.createSound(specOf(announcement), {
      audio: (pcm) => {
        this.#hasRoom = this.#host.audio(pcm);
        return this.#hasRoom;
      },
      ended: () => this.#finished(sound),
      failed: (reason) => {
        this.#tellError(reason, announcement.command);
        this.#finished(sound);
      },
    });
    this.#sound = sound;
    sound.start();
  }

  /** The call goes on: the handler hears of it, and so does who reads the log. */
  #tellError(message: string, command: string): void {
    this.#host.log(`${command}: ${message}`);
    this.receiveEvent({ event: "error", message, command });
  }

  #finished(sound: Sound): void {
    if (this.#sound !== sound) return;
    this.#sound = undefined;
    this.#release();
  }

  /** Hands over what waits, up to the next announcement, as far as there is room. */
  #release(): void {
    if (this.#isReleasing) return;
    this.#isReleasing = true;
    while (this.#sound === undefined && this.#hasRoom) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#handOver(next);
    }
    this.#isReleasing = false;
    if (this.#isBusy || this.#isStopped) return;
    if (this.#end !== undefined) this.#tellEnd(this.#end);
    else if (this.#hasRoom) this.#resumeHandler();
  }

  #resumeHandler(): void {
    if (this.#end === undefined && !this.#isBusy) this.#handler.resumeAudio();
  }

  #handOver(waiting: Waiting): void {
    if (waiting.type === "audio") {
      this.#waitingBytes -= waiting.length;
      this.#hasRoom = this.#host.audio(heldPcm(waiting));
      return;
    }
    this.#waitingCommands--;
    if (waiting.type === "mark") this.#host.command(waiting.command);
    else this.#begin(waiting.announcement);
  }

  /**
   * A clear: what is heard ends, and what waits is not heard. The call is mute: audio counts as
   * dropped there, and marks come back.
   */
  #drop(): void {
    this.#sound?.stop();
    this.#sound = undefined;
    const waiting = this.#waiting;
    if (waiting.length > 0) {
      this.#waiting = [];
      this.#waitingBytes = this.#waitingCommands = 0;
      for (const each of waiting) {
        if (each.type === "audio") this.#host.audio(heldPcm(each));
        else if (each.type === "mark") this.#host.command(each.command);
      }
    }
    this.#hasRoom = true;
  }

  /** The call is over, or the handler failed: nothing is to be heard any more. */
  #forget(): void {
    this.#sound?.stop();
    this.#sound = undefined;
    this.#waiting = [];
    this.#waitingBytes = this.#waitingCommands = 0;
  }

  #tellEnd(end: HandlerEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#forget();
    this.#host.ended(end);
  }
}

function heldPcm({ buffer, length }: HeldAudio): Uint8Array {
  return buffer.subarray(0, length);
}

function specOf(announcement: Announcement): SoundSpec {
  if (announcement.command === "say") {
    const { language, text, voice } = announcement;
    return { type: "say", text, language, voice, loop: 1 };
  }
  const { file, loop, url } = announcement;
  return file === undefined ? { type: "url", url: url ?? "", loop } : { type: "file", file, loop };
}
