/**
 * What the caller says, one WAV file after the other, for the web server to answer.
 *
 * @module
 */

import { UtteranceCutter } from "../../action/utterance_cutter.ts";
import { WAV_HEADER_BYTES, writeWavHeader } from "../../audio/wav.ts";
import type { Hertz, Millis } from "../../base/units.ts";
import type { HandlerEvent } from "../../call/handler_message.ts";
import type { WebRequest } from "./web_protocol.ts";

/** What is kept before the first word and behind the last one. */
const PRE_ROLL: Millis = 300;

/** Longest utterance; a longer one is cut. */
export const UTTERANCE_MAX: Millis = 60_000;

/** What utterances are made of. */
export interface UtterancesOptions {
  readonly rate: Hertz;
  readonly callId: string;
  /** Whether what the caller says is meant for the web server now. */
  readonly isWanted: () => boolean;
  readonly send: (request: WebRequest) => void;
}

/** The utterances of one caller. */
export class Utterances {
  readonly #options: UtterancesOptions;
  readonly #cutter: UtteranceCutter;
  #count = 0;
  #isWanted = false;

  constructor(options: UtterancesOptions) {
    this.#options = options;
    this.#cutter = new UtteranceCutter({
      rate: options.rate,
      preRoll: PRE_ROLL,
      max: UTTERANCE_MAX,
    });
  }

  receiveAudio(pcm: Uint8Array): void {
    this.#send(this.#cutter.receive(pcm));
  }

  /** @returns Whether it is the beginning or end of an utterance. */
  receiveEvent(event: HandlerEvent): boolean {
    if (event.event !== "speech") return false;
    if (event.state === "started") {
      this.#isWanted = this.#options.isWanted();
      this.#cutter.speechStarted(event.at_ms);
    } else this.#send(this.#cutter.speechStopped(event.at_ms));
    return this.#isWanted;
  }

  /** The call is over: what was being said is an utterance too. */
  finish(): void {
    this.#send(this.#cutter.finish());
  }

  #send(pcm: Uint8Array | undefined): void {
    if (pcm === undefined || !this.#isWanted) return;
    const { callId, rate, send } = this.#options;
    const body = new Uint8Array(WAV_HEADER_BYTES + pcm.length);
    writeWavHeader(body, { rate, channels: 1, dataBytes: pcm.length });
    body.set(pcm, WAV_HEADER_BYTES);
    this.#count++;
    send({
      name: "call.utterance",
      method: "POST",
      body,
      contentType: "audio/wav",
      headers: {
        "X-Voicegw-Call-Id": callId,
        "X-Voicegw-Utterance": String(this.#count),
        "X-Voicegw-At-Ms": String(Math.round(this.#cutter.startedAt)),
      },
    });
  }
}
