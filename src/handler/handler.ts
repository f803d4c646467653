/**
 * The contract between a call and the far side of its audio, whatever kind that is.
 *
 * A handler is told about its call and gives audio and commands back. It never touches SIP or RTP;
 * the call never touches processes or sockets. Both sides call each other synchronously on the one
 * event loop.
 *
 * A clear takes two steps, since audio may still be on its way through a pipe when its command is
 * heard. The sound stops at once ({@linkcode HandlerHost.clearAudio}); then the pipe runs empty into
 * a muted call; and the `clear` command that follows ends the muting and is answered by the one
 * `cleared` event. A program that waits for `cleared` before it writes again loses nothing of the
 * new audio and hears nothing of the old.
 *
 * @module
 */

import type { HandlerCommand, HandlerEvent, StartEvent } from "../call/handler_message.ts";

/** How a handler's life came to its end. */
export type HandlerEnd =
  /** It is done: play what is queued, then hang up. */
  | { readonly type: "completed" }
  /**
   * It could not start, died or broke its protocol; `reason` is for a person and names the fix
   * where there is one.
   */
  | { readonly type: "failed"; readonly reason: string }
  /** It was told to stop, and everything it held (processes, sockets, timers) is gone. */
  | { readonly type: "stopped" };

/**
 * What a call offers to its handler. Every method may be called from inside any method of the
 * handler.
 */
export interface HandlerHost {
  /** The handler is running: the call may be answered. Once. */
  started(): void;
  /**
   * Takes audio for the caller: s16le mono PCM at the rate of `start`, any even number of bytes.
   *
   * @param pcm Copied; the handler may reuse the buffer.
   * @returns `false` when the queue is full: stop reading until {@linkcode Handler.resumeAudio}.
   * What was given is taken all the same, up to a bound far above that mark.
   */
  audio(pcm: Uint8Array): boolean;
  /**
   * Takes a command. Order with respect to `audio` is kept: what was written before a `mark` was
   * given to `audio` before it. A `clear` comes after its {@linkcode HandlerHost.clearAudio}, ends
   * the muting and is answered with `cleared`, which counts everything dropped since then.
   */
  command(command: HandlerCommand): void;
  /**
   * Stops the sound now: drops what is queued, and what `audio` brings until the `clear` command
   * that follows (it counts as dropped). Says nothing to the handler yet. May come again before
   * that `clear`; every call is followed by one `clear` of its own, and the last of them ends the
   * muting.
   */
  clearAudio(): void;
  /** What {@linkcode Handler.discardAudio} asked for is done: audio from now on is new. */
  audioDiscarded(): void;
  /**
   * A message of the handler could not be understood: counted, logged, answered with an `error`
   * event.
   */
  refused(message: string, command: string): void;
  /** One line of free text from the handler, such as its standard error, for the log. */
  log(line: string): void;
  /**
   * The handler's life is over, and nothing of it is left. Once, the last call, also after `stop`.
   */
  ended(end: HandlerEnd): void;
  /**
   * The handler waits for its far end (a response, a new connection), and the caller hears nothing
   * meanwhile but what is queued; or it waits no more. The route says how long that may last.
   */
  waiting(isWaiting: boolean): void;
  /** Audio for the handler was lost since it does not read fast enough. */
  audioDropped(bytes: number): void;
}

/** The far side of one call's audio. Made by a factory of its kind; does nothing before `start`. */
export interface Handler {
  /** Begins. Answers with `started` or `ended`, at once or later. */
  start(event: StartEvent): void;
  /** Takes the caller's audio, s16le mono. `pcm` is reused by the caller after the return. */
  receiveAudio(pcm: Uint8Array): void;
  /** Takes an event other than `start` and `end`. */
  receiveEvent(event: HandlerEvent): void;
  /** The queue towards the caller has room again. */
  resumeAudio(): void;
  /**
   * The call stopped the sound by itself (barge-in) and drops what `audio` brings: hand over what
   * is on its way, then answer with {@linkcode HandlerHost.audioDiscarded}, at once or later. Once
   * for each call, unless `ended` is first.
   */
  discardAudio(): void;
  /** The call is over: wind down, then call `ended`. `event` is an `end`. Safe to call twice. */
  stop(event: HandlerEvent): void;
  /** Ends everything now, without grace. Followed by `ended` like `stop`. */
  kill(): void;
}
