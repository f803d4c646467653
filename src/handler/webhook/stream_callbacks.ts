/**
 * Tells a web server what becomes of a WebSocket that its TwiML asked for: `statusCallback` of
 * `<Stream>`.
 *
 * Source: twilio.com/docs/voice/twiml/stream.
 *
 * @module
 */

import type { NextRequest, WebsocketAction } from "../../action/action.ts";
import type { HandlerEnd } from "../handler.ts";
import type { WebLine } from "./web_line.ts";
import type { WebRequest } from "./web_protocol.ts";

/** What a callback tells. */
export interface StreamChange {
  readonly streamSid: string;
  /** As the response named it, or else its sid. */
  readonly name: string;
  readonly event: "stream-started" | "stream-stopped" | "stream-error";
  /** What went wrong, for a person. */
  readonly error?: string;
}

/** What callbacks need. */
export interface StreamCallbacksOptions {
  /** @param base URL of the response that the callback's stands in. */
  readonly request: (change: StreamChange, callback: NextRequest, base: string) => WebRequest;
  /** Of its own: whoever is slow here holds up no answer. */
  readonly line: WebLine;
  readonly newSid: () => string;
}

/** One WebSocket whose life is told. */
export interface StreamWatch {
  /** What the stream is to be called. */
  readonly streamSid: string;
  /** There is a connection. */
  started(): void;
  /** It is gone. One that has started is told to have stopped, whatever went wrong. */
  ended(end: HandlerEnd): void;
}

/** The callbacks of one call's streams. */
export class StreamCallbacks {
  readonly line: WebLine;
  readonly #options: StreamCallbacksOptions;
  #isOver = false;

  constructor(options: StreamCallbacksOptions) {
    this.#options = options;
    this.line = options.line;
  }

  /**
   * @param base URL of the response that the action stood in.
   * @returns `undefined` when nobody is to be told.
   */
  watch(action: WebsocketAction, base: string): StreamWatch | undefined {
    const { status_callback: callback } = action;
    if (callback === undefined) return undefined;
    const streamSid = this.#options.newSid();
    const name = action.name ?? streamSid;
    const tell = (event: StreamChange["event"], error?: string) => {
      if (this.#isOver) return;
      const change = { streamSid, name, event, ...(error === undefined ? {} : { error }) };
      this.line.tell(this.#options.request(change, callback, base));
    };
    let isStarted = false;
    return {
      streamSid,
      started: () => {
        isStarted = true;
        tell("stream-started");
      },
      ended: (end) => {
        if (end.type === "failed") tell("stream-error", end.reason);
        if (isStarted) tell("stream-stopped");
      },
    };
  }

  /** Gives up what is under way; nothing more is told. */
  abort(): void {
    this.#isOver = true;
    this.line.abort();
  }
}
