/**
 * What is spoken over a WebSocket with a program that takes a call, whatever the dialect.
 *
 * A dialect turns what the call says into messages and messages into what the call does. Whether
 * there is a connection, and how fast it is, is left to `websocket_handler.ts`.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { HandlerCommand, HandlerEvent, StartEvent } from "../../call/handler_message.ts";

/** The connection that there is. */
export interface Wire {
  sendText(text: string): void;
  /** `data` may be reused after. */
  sendBinary(data: Uint8Array): void;
}

/** What the far end wants, in the order in which it said so. */
export interface MediaSink {
  /** s16le mono PCM at the rate of the call, any even number of bytes; reused after the return. */
  audio(pcm: Uint8Array): void;
  command(command: HandlerCommand): void;
  /** A message that could not be understood; `command` is the name that it gave, or empty. */
  refused(message: string, command: string): void;
  log(line: string): void;
}

/** What every dialect is made with. */
export interface MediaProtocolOptions {
  readonly wire: Wire;
  readonly sink: MediaSink;
  readonly now: () => Millis;
}

/** One dialect, for one call. */
export interface MediaProtocol {
  /** What the handshake asks for. */
  readonly subprotocol: string | undefined;
  /** There is a connection, the first one or another: says who we are. */
  begin(start: StartEvent): void;
  /**
   * Sends the caller's audio. Hot path.
   *
   * @param pcm s16le mono at the rate of the call, reused after the return.
   * @param at Since the connection began.
   */
  sendAudio(pcm: Uint8Array, at: Millis): void;
  /** Tells of an event other than `start` and `end`, where the dialect knows it. */
  sendEvent(event: HandlerEvent): void;
  /** The call is over. The connection ends after it. */
  sendEnd(event: HandlerEvent): void;
  receiveText(text: string): void;
  /** `data` is valid only during the call. Hot path. */
  receiveBinary(data: Uint8Array): void;
  /** What comes next begins a new sound: half a sample that came before is forgotten. */
  clear(): void;
  /** Nothing more is sent or received. Safe to call twice. */
  end(): void;
}
