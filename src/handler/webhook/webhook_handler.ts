/**
 * A web server as handler: it is told of the call, and says what to do.
 *
 * This file is the life of such a handler: its beginning, where audio and events go, and its end.
 * What is said to the server is left to a protocol (`json_protocol.ts`, `twilio_protocol.ts`), the
 * order of actions to `action_runner.ts`, and each of them to its step.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { EndEvent, HandlerEvent, StartEvent } from "../../call/handler_message.ts";
import type { Timer } from "../../runtime/ports.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler.ts";
import type { Question } from "./step.ts";
import { makeParts, type WebhookOptions, type WebhookParts } from "./webhook_parts.ts";

/** What the end of the call waits for the web server at most. */
export const FAREWELL_MAX: Millis = 5_000;

/** What can be the web server's own doing: an answer to it may bring on the next. */
const ECHOES: ReadonlySet<HandlerEvent["event"]> = new Set(["error", "mark", "cleared"]);

/**
 * - `failing`: it cannot go on; what it holds is being ended.
 * - `stopping`: the call is over, or has gone to somebody else.
 */
type State = "idle" | "running" | "failing" | "stopping" | "ended";

/** One web server for one call. */
export class WebhookHandler implements Handler {
  readonly #options: WebhookOptions;
  readonly #host: HandlerHost;
  #state: State = "idle";
  #parts: WebhookParts | undefined;
  #end: HandlerEnd = { type: "stopped" };
  #timer: Timer | undefined;
  /** The end has waited long enough for the web server. */
  #isLate = false;
  #isVoice = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#host = options.host;
  }

  start(event: StartEvent): void {
    if (this.#state !== "idle") return;
    this.#state = "running";
    this.#host.started();
    if (!this.#isRunning) return;
    const parts = makeParts(event, this.#options, {
      isVoice: () => this.#isVoice,
      answered: () => this.#answered(),
      ranOut: () => this.#ranOut(),
      failed: (reason) => this.#fail(reason),
      happened: (told) => this.#tell(told),
      streamEnded: () => this.#streamEnded(),
    });
    this.#parts = parts;
    const { call, line, protocol, runner, stream, twilio } = parts;
    twilio?.enter(this.#options.context.twilioCalls, runner, call);
    twilio?.status?.begun(call.isAnswered);
    if (call.isAnswered) stream?.start();
    runner.await((replied) => line.ask(protocol.incoming(event), replied));
  }

  receiveAudio(pcm: Uint8Array): void {
    const parts = this.#parts;
    if (parts === undefined || !this.#isRunning) return;
    const { listeners, runner: { step }, stream, utterances } = parts;
    step?.receiveAudio?.(pcm);
    utterances?.receiveAudio(pcm);
    if (step?.takesVoice !== true) stream?.receiveAudio(pcm);
    listeners.receiveAudio(pcm);
  }

  receiveEvent(event: HandlerEvent): void {
    const parts = this.#parts;
    if (parts === undefined || !this.#isRunning) return;
    if (event.event === "speech") this.#isVoice = event.state === "started";
    const { runner, sounds, utterances } = parts;
    if (sounds.receiveEvent(event)) return;
    const isTaken = runner.receiveEvent(event);
    if (!this.#isRunning || utterances?.receiveEvent(event) === true || isTaken) return;
    this.#tell(event);
  }

  resumeAudio(): void {
    const parts = this.#parts;
    if (parts === undefined || !this.#isRunning) return;
    const { runner, sounds, stream } = parts;
    if (runner.step?.resumeAudio !== undefined) runner.step.resumeAudio();
    else if (sounds.isPlaying) sounds.resume();
    else if (runner.isIdle) stream?.pause(false);
  }

  discardAudio(): void {
    const parts = this.#parts;
    if (parts === undefined || !this.#isRunning) return this.#host.audioDiscarded();
    if (parts.runner.step?.discardAudio?.() === true) return;
    parts.runner.dropSounds();
    parts.sounds.discard();
  }

  stop(event: HandlerEvent): void {
    if (this.#state === "stopping" || this.#state === "ended") return;
    const parts = this.#parts;
    const isFailing = this.#state === "failing";
    this.#state = "stopping";
    this.#end = { type: "stopped" };
    // Before `start`, or while it says that it is running; or the failure is being cleared away
    if (parts === undefined) return this.#close();
    if (isFailing || event.event !== "end") return;
    const { timeout } = this.#options.spec;
    this.#timer = this.#options.context.runtime.setTimer(() => {
      this.#isLate = true;
      abortLines(parts);
    }, Math.min(timeout, FAREWELL_MAX));
    parts.utterances?.finish();
    this.#endParts(parts, event);
    parts.runner.finish(event, (question) => this.#farewell(parts, question, event));
  }

  kill(): void {
    if (this.#state === "ended") return;
    this.#state = "stopping";
    this.#end = { type: "stopped" };
    const parts = this.#parts;
    if (parts === undefined) return this.#close();
    this.#abandon(parts);
  }

  get #isRunning(): boolean {
    return this.#state === "running";
  }

  #answered(): void {
    this.#parts?.twilio?.status?.answered();
    this.#parts?.stream?.start();
  }

  /** Nothing is left to do: the call ends, unless the caller's audio is what it is about. */
  #ranOut(): void {
    const parts = this.#parts;
    if (parts === undefined || !this.#isRunning) return;
    const { call, runner, sounds, stream, utterances } = parts;
    if (utterances !== undefined || (stream !== undefined && !stream.isOver)) {
      call.answer();
      stream?.pause(false);
      return;
    }
    sounds.whenPlayed(() => {
      if (this.#isRunning && runner.isIdle) call.command({ command: "hangup" });
    });
  }

  /** The web server has said all that it has to say. */
  #streamEnded(): void {
    if (this.#isRunning && this.#parts?.runner.isIdle === true) this.#ranOut();
  }

  /** Tells the web server of something that happened; what it says to that takes precedence. */
  #tell(event: HandlerEvent): void {
    const parts = this.#parts;
    if (parts === undefined || !this.#isRunning) return;
    const request = parts.protocol.notification(event);
    if (request === undefined) return;
    const isEcho = ECHOES.has(event.event);
    parts.line.tell(request, (actions, base) => parts.runner.interject(actions, base, isEcho));
  }

  /** The last words to the web server, and then the end. */
  #farewell(parts: WebhookParts, question: Question | undefined, event: EndEvent): void {
    if (this.#state === "ended") return;
    const { call, line, protocol, runner, twilio } = parts;
    // A stream says that it has stopped when it is gone
    const close = () =>
      call.whenFree(() =>
        twilio === undefined ? this.#close() : twilio.streams.line.whenQuiet(() => this.#close())
      );
    if (this.#isLate) return close();
    const asked = question === undefined ? undefined : protocol.question(question, runner.base);
    if (asked !== undefined) line.tell(asked);
    const last = protocol.ended(event);
    if (last !== undefined) line.tell(last);
    const status = twilio?.status;
    status?.ended(event);
    line.whenQuiet(() => status === undefined ? close() : status.line.whenQuiet(close));
  }

  #fail(reason: string): void {
    const parts = this.#parts;
    if (parts === undefined || !this.#isRunning) return;
    this.#state = "failing";
    this.#end = { type: "failed", reason };
    this.#abandon(parts);
  }

  /** Ends everything without grace. */
  #abandon(parts: WebhookParts): void {
    this.#endParts(parts, undefined);
    parts.runner.stop();
    abortLines(parts);
    parts.call.kill();
    parts.call.whenFree(() => this.#close());
  }

  /** Nothing is heard or said any more, but what the action under way still has to say. */
  #endParts(parts: WebhookParts, event: EndEvent | undefined): void {
    parts.waits.stop();
    parts.sounds.stop();
    parts.listeners.stop(event);
    parts.stream?.stop();
    parts.call.close();
    parts.twilio?.leave();
  }

  #close(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#timer?.cancel();
    this.#host.ended(this.#end);
  }
}

function abortLines({ line, twilio }: WebhookParts): void {
  line.abort();
  twilio?.abort();
}
