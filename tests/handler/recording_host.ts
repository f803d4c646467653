/**
 * A call's side of the handler contract that keeps what it hears, with a queue that fills like a
 * real one.
 *
 * @module
 */

import { EMPTY_STATISTICS } from "../../src/call/call_record.ts";
import type { HandlerCommand, StartEvent } from "../../src/call/handler_message.ts";
import type { EndEvent, HandlerEvent } from "../../src/call/handler_message.ts";
import type { HandlerEnd, HandlerHost } from "../../src/handler/handler.ts";
import { FACTS } from "../support/call_facts.ts";

/** What the host heard, in order. Audio next to audio is one entry. */
export type Heard =
  | { readonly type: "started" | "clearAudio" | "audioDiscarded" }
  | { readonly type: "audio"; readonly bytes: number }
  | { readonly type: "command"; readonly command: HandlerCommand }
  | { readonly type: "refused"; readonly message: string; readonly command: string }
  | { readonly type: "ended"; readonly end: HandlerEnd };

/** Keeps what it hears; waits for what is expected. */
export class RecordingHost implements HandlerHost {
  readonly heard: Heard[] = [];
  readonly logged: string[] = [];
  /** What the handler said last of its far end. */
  isWaiting = false;
  audioBytes = 0;
  droppedBytes = 0;
  /** Bytes of audio after which the queue is full. */
  queueBytesMax = Number.POSITIVE_INFINITY;
  /** Bytes that were kept, the last ones, when `keep` is set. */
  readonly chunks: Uint8Array[] = [];
  keep = false;
  /** Called on each command, as a call would answer it. */
  onCommand: (command: HandlerCommand) => void = () => {};
  #waiting: { readonly check: () => boolean; readonly done: () => void }[] = [];

  started(): void {
    this.#hear({ type: "started" });
  }

  audio(pcm: Uint8Array): boolean {
    if (pcm.length % 2 !== 0) throw new Error("Half a sample");
    this.audioBytes += pcm.length;
    if (this.keep) this.chunks.push(pcm.slice());
    const last = this.heard.at(-1);
    if (last?.type === "audio") {
      this.heard[this.heard.length - 1] = { type: "audio", bytes: last.bytes + pcm.length };
    } else this.heard.push({ type: "audio", bytes: pcm.length });
    this.#wake();
    return this.audioBytes < this.queueBytesMax;
  }

  command(command: HandlerCommand): void {
    this.#hear({ type: "command", command });
    this.onCommand(command);
  }

  waiting(isWaiting: boolean): void {
    this.isWaiting = isWaiting;
  }

  clearAudio(): void {
    this.#hear({ type: "clearAudio" });
  }

  audioDiscarded(): void {
    this.#hear({ type: "audioDiscarded" });
  }

  refused(message: string, command: string): void {
    this.#hear({ type: "refused", message, command });
  }

  log(line: string): void {
    this.logged.push(line);
    this.#wake();
  }

  ended(end: HandlerEnd): void {
    this.#hear({ type: "ended", end });
  }

  audioDropped(bytes: number): void {
    this.droppedBytes += bytes;
  }

  /** How the handler ended; `undefined` while it lives. */
  get end(): HandlerEnd | undefined {
    const last = this.heard.find((each) => each.type === "ended");
    return last?.type === "ended" ? last.end : undefined;
  }

  /** Entries of the given types, without the rest. */
  of<T extends Heard["type"]>(...types: readonly T[]): Extract<Heard, { type: T }>[] {
    return this.heard.filter((each): each is Extract<Heard, { type: T }> =>
      (types as readonly string[]).includes(each.type)
    );
  }

  /** All audio that was kept, as one buffer. */
  get pcm(): Uint8Array {
    const all = new Uint8Array(this.chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let offset = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    return all;
  }

  /** Waits until something heard makes `check` true. Rejects after `timeout`. */
  until(check: () => boolean, timeout = 5_000): Promise<void> {
    if (check()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`Heard only ${JSON.stringify(this.heard.slice(-10))}`)),
        timeout,
      );
      this.#waiting.push({
        check,
        done: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  /** Waits for the end. */
  async untilEnded(timeout = 5_000): Promise<HandlerEnd> {
    await this.until(() => this.end !== undefined, timeout);
    return this.end as HandlerEnd;
  }

  #hear(heard: Heard): void {
    if (this.end !== undefined) throw new Error(`Heard ${heard.type} after the end`);
    this.heard.push(heard);
    this.#wake();
  }

  #wake(): void {
    const ready = this.#waiting.filter((each) => each.check());
    this.#waiting = this.#waiting.filter((each) => !ready.includes(each));
    for (const each of ready) each.done();
  }
}

/** The first event of a call. */
export const START: StartEvent = {
  event: "start",
  protocol: "voicegw.v1",
  call: FACTS,
  audio: { encoding: "s16le", rate: 8000, channels: 1, codec: "PCMU" },
};

/** The last event of a call. */
export const END: EndEvent = {
  event: "end",
  cause: "caller_hangup",
  sip_status: 200,
  duration_ms: 1234,
  statistics: EMPTY_STATISTICS,
};

/** A key press. */
export function dtmf(digit: string): HandlerEvent {
  return { event: "dtmf", digit, duration_ms: 100, source: "rfc4733" };
}
