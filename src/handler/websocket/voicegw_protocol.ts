/**
 * voicegw's own dialect, the subprotocol `voicegw.v1`: text messages are events and commands of the
 * common vocabulary, binary ones PCM, both ways.
 *
 * @module
 */

import {
  HANDLER_PROTOCOL,
  type HandlerEvent,
  type StartEvent,
} from "../../call/handler_message.ts";
import { COMMAND_BYTES_MAX, CommandText } from "../command_text.ts";
import { SampleAligner } from "../sample_aligner.ts";
import type { MediaProtocol, MediaProtocolOptions, MediaSink, Wire } from "./media_protocol.ts";

/** The vocabulary as JSON, and PCM. Hot path: sound is handed on as it is. */
export class VoicegwProtocol implements MediaProtocol {
  readonly subprotocol = HANDLER_PROTOCOL;
  readonly #wire: Wire;
  readonly #sink: MediaSink;
  readonly #commands: CommandText;
  readonly #aligner = new SampleAligner();

  constructor({ wire, sink, now }: MediaProtocolOptions) {
    this.#wire = wire;
    this.#sink = sink;
    this.#commands = new CommandText("message", {
      command: (command) => sink.command(command),
      refused: (message, command) => sink.refused(message, command),
      refusalsLeftOut: (count) => sink.log(`(${count} more messages were refused)`),
    }, now);
  }

  begin(start: StartEvent): void {
    this.clear();
    this.sendEvent(start);
  }

  sendAudio(pcm: Uint8Array): void {
    this.#wire.sendBinary(pcm);
  }

  sendEvent(event: HandlerEvent): void {
    this.#wire.sendText(JSON.stringify(event));
  }

  sendEnd(event: HandlerEvent): void {
    this.sendEvent(event);
  }

  receiveText(text: string): void {
    this.#commands.receive(text, text.length > COMMAND_BYTES_MAX);
  }

  receiveBinary(data: Uint8Array): void {
    const pcm = this.#aligner.align(data);
    if (pcm.length > 0) this.#sink.audio(pcm);
  }

  clear(): void {
    this.#aligner.reset();
  }

  end(): void {
    this.#commands.end();
  }
}
