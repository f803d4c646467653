/**
 * The dialect of Twilio Media Streams: every message is JSON, sound is mu-law at 8000 Hz in base64.
 *
 * The messages themselves are left to `twilio/media_stream.ts`. Events that Twilio has no message
 * for are not sent; messages that it does not know are refused.
 *
 * @module
 */

import { PCMU } from "../../audio/g711.ts";
import { StreamResampler } from "../../audio/stream_resampler.ts";
import type { RandomSource } from "../../base/random.ts";
import type { Hertz, Millis } from "../../base/units.ts";
import type { HandlerEvent, StartEvent } from "../../call/handler_message.ts";
import { MARK_NAME_LENGTH_MAX } from "../../call/parse_command.ts";
import type { WebsocketSpec } from "../../route/route.ts";
import { MediaStreamWriter, parseStreamMessage } from "../../twilio/media_stream.ts";
import { callSid, newSid } from "../../twilio/sids.ts";
import { Refusals } from "../command_text.ts";
import type { MediaProtocol, MediaProtocolOptions, MediaSink, Wire } from "./media_protocol.ts";

const TWILIO_RATE: Hertz = 8000;

/** What every message begins with: `{`. */
const BRACE = 0x7b;

const decoder = new TextDecoder();

/** What the dialect needs besides. */
export interface TwilioProtocolOptions extends MediaProtocolOptions {
  readonly spec: Pick<WebsocketSpec, "parameters" | "account_sid">;
  /** Of the ids of streams. */
  readonly random: RandomSource;
  /** Hz of the call's PCM. */
  readonly rate: Hertz;
  /** What the first stream is called; default: a random id. */
  readonly streamSid?: string | undefined;
}

/** Media Streams. Hot path: besides the messages themselves nothing is allocated for a frame. */
export class TwilioProtocol implements MediaProtocol {
  readonly subprotocol = undefined;
  readonly #options: TwilioProtocolOptions;
  readonly #wire: Wire;
  readonly #sink: MediaSink;
  readonly #refusals: Refusals;
  /** Of the call's rate to Twilio's, and back; `undefined` where they are the same. */
  readonly #toTwilio: StreamResampler | undefined;
  readonly #fromTwilio: StreamResampler | undefined;
  #writer: MediaStreamWriter | undefined;
  readonly #received = new SampleBuffer();
  /** What the caller's audio was in last, and its samples. */
  #sent: Uint8Array = new Uint8Array(0);
  #sentSamples: Int16Array = new Int16Array(0);
  #codes = new Uint8Array(0);
  /** Where rates are changed. */
  #narrow: Int16Array = new Int16Array(0);
  #wide: Int16Array = new Int16Array(0);

  constructor(options: TwilioProtocolOptions) {
    const { wire, sink, now, rate } = options;
    this.#options = options;
    this.#wire = wire;
    this.#sink = sink;
    this.#refusals = new Refusals({
      refused: (message, command) => sink.refused(message, command),
      refusalsLeftOut: (count) => sink.log(`(${count} more messages were refused)`),
    }, now);
    if (rate === TWILIO_RATE) return;
    this.#toTwilio = new StreamResampler({ from: rate, to: TWILIO_RATE });
    this.#fromTwilio = new StreamResampler({ from: TWILIO_RATE, to: rate });
  }

  begin({ call }: StartEvent): void {
    const { spec, streamSid, random } = this.#options;
    const isFirst = this.#writer === undefined;
    const writer = new MediaStreamWriter({
      streamSid: isFirst && streamSid !== undefined ? streamSid : newSid("MZ", random),
      callSid: callSid(call.id),
      accountSid: spec.account_sid,
      parameters: spec.parameters,
    });
    this.#writer = writer;
    this.#toTwilio?.reset();
    this.#fromTwilio?.reset();
    this.#wire.sendText(writer.connected());
    this.#wire.sendText(writer.start());
  }

  sendAudio(pcm: Uint8Array, at: Millis): void {
    if (this.#writer === undefined) return;
    const samples = this.#narrowed(this.#samplesOf(pcm));
    const { length } = samples;
    if (this.#codes.length !== length) this.#codes = new Uint8Array(length);
    PCMU.encode(samples, 0, length, this.#codes, 0);
    this.#wire.sendText(this.#writer.media(this.#codes, Math.round(at)));
  }

  sendEvent(event: HandlerEvent): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    if (event.event === "mark") this.#wire.sendText(writer.mark(event.name));
    // There is no key for a flash
    else if (event.event === "dtmf" && event.digit.length === 1) {
      this.#wire.sendText(writer.dtmf(event.digit));
    }
  }

  sendEnd(): void {
    if (this.#writer !== undefined) this.#wire.sendText(this.#writer.stop());
  }

  receiveText(text: string): void {
    const message = parseStreamMessage(text);
    switch (message.type) {
      case "media":
        return this.#receiveMedia(message.payload);
      case "clear":
        return this.#sink.command({ command: "clear" });
      case "mark": {
        const { name } = message;
        if (name.length <= MARK_NAME_LENGTH_MAX) {
          return this.#sink.command({ command: "mark", name });
        }
        const length = MARK_NAME_LENGTH_MAX;
        return this.#refusals.refuse(
          `The name of a mark is longer than ${length} characters`,
          "mark",
        );
      }
      case "ignored":
        return this.#refusals.refuse(message.reason, "");
    }
  }

  receiveBinary(data: Uint8Array): void {
    // Some servers send bytes, whatever they write into them
    if (data[0] === BRACE) return this.receiveText(decoder.decode(data));
    this.#refusals.refuse("A binary message is no message of Media Streams, send text", "");
  }

  clear(): void {
    this.#fromTwilio?.reset();
  }

  end(): void {
    this.#refusals.end();
  }

  #receiveMedia(payload: Uint8Array): void {
    const { length } = payload;
    if (length === 0) return;
    const resampler = this.#fromTwilio;
    if (resampler === undefined) {
      const { samples, bytes } = this.#received.of(length);
      PCMU.decode(payload, 0, length, samples);
      return this.#sink.audio(bytes);
    }
    this.#narrow = roomFor(this.#narrow, length);
    PCMU.decode(payload, 0, length, this.#narrow);
    this.#wide = roomFor(this.#wide, resampler.outputMax(length));
    const count = resampler.process(this.#narrow, 0, length, this.#wide);
    if (count > 0) this.#sink.audio(bytesOf(this.#wide, count));
  }

  /** The same memory, where it lies as samples have to. */
  #samplesOf(pcm: Uint8Array): Int16Array {
    // The call gives the same view again and again
    if (pcm === this.#sent) return this.#sentSamples;
    const count = pcm.length >> 1;
    if ((pcm.byteOffset & 1) !== 0) {
      const { samples, bytes } = this.#received.of(count);
      bytes.set(pcm.subarray(0, 2 * count));
      return samples;
    }
    this.#sent = pcm;
    this.#sentSamples = new Int16Array(pcm.buffer, pcm.byteOffset, count);
    return this.#sentSamples;
  }

  #narrowed(samples: Int16Array): Int16Array {
    const resampler = this.#toTwilio;
    if (resampler === undefined) return samples;
    this.#narrow = roomFor(this.#narrow, resampler.outputMax(samples.length));
    const count = resampler.process(samples, 0, samples.length, this.#narrow);
    return this.#narrow.subarray(0, count);
  }
}

/** Samples and their bytes: the same pair as long as the count is the same. */
class SampleBuffer {
  samples: Int16Array = new Int16Array(0);
  bytes: Uint8Array = new Uint8Array(0);

  of(count: number): this {
    if (this.samples.length === count) return this;
    this.samples = new Int16Array(count);
    this.bytes = bytesOf(this.samples, count);
    return this;
  }
}

function bytesOf(samples: Int16Array, count: number): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, 2 * count);
}

function roomFor(buffer: Int16Array, count: number): Int16Array {
  return buffer.length >= count ? buffer : new Int16Array(count);
}
