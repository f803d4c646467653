/**
 * Our side of the session descriptions of one call, from the first offer to the last re-INVITE. RFC 3264 §6, §8.
 *
 * @module
 */

import type { CodecName } from "../sdp/codec_name.ts";
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  type LocalMedia,
  type NegotiatedMedia,
} from "../sdp/offer_answer.ts";
import { parseSessionDescription, SdpParseError } from "../sdp/parse.ts";
import { serializeSessionDescription } from "../sdp/serialize.ts";
import type { SessionDescription } from "../sdp/session_description.ts";

/** What we bring to every negotiation of a call. */
export interface LocalMediaOptions {
  /** The address that the peer is to send to. */
  readonly address: string;
  readonly codecs: readonly CodecName[];
  readonly dtmfPayloadType: number;
  /** Digits. RFC 8866 §5.2 */
  readonly sdpSessionId: string;
}

/** What came of a description of the peer. */
export type Negotiation =
  | { readonly ok: true; readonly media: NegotiatedMedia }
  | {
    readonly ok: false;
    readonly statusCode: 400 | 488;
    /** Code and text of a Warning header, where there is one. */
    readonly warning?: string;
    readonly reason: string;
  };

/** Packet time that we ask for where the peer leaves it to us. */
const PTIME_OFFERED = 20;

const encoder = new TextEncoder();

/** The descriptions of one call. */
export class SessionMedia {
  readonly #options: LocalMediaOptions;
  #port = 0;
  #version = 1;
  /** Our answer to the peer's last offer; port and version are filled in when it is sent. */
  #answer: SessionDescription | undefined;
  /** What we said last; `description` when it was an offer. */
  #sent:
    | { readonly description: SessionDescription | undefined; readonly text: string }
    | undefined;
  #current: NegotiatedMedia | undefined;

  constructor(options: LocalMediaOptions) {
    this.#options = options;
  }

  /** What is agreed upon now. */
  get current(): NegotiatedMedia | undefined {
    return this.#current;
  }

  /** Our RTP port, once it is bound. Before, negotiations only tell whether there can be a call. */
  set port(value: number) {
    this.#port = value;
  }

  /**
   * Our answer to the last offer that could be answered, with our port in it.
   *
   * @throws {RangeError} There was no such offer.
   */
  get lastAnswer(): Uint8Array {
    const answer = this.#answer;
    if (answer === undefined) throw new RangeError("There is no offer to answer");
    let text = this.#serialize(answer);
    // §8: a description that differs from the last one has a raised version
    if (this.#sent !== undefined && this.#sent.text !== text) {
      this.#version++;
      text = this.#serialize(answer);
    }
    this.#sent = { text, description: undefined };
    return encoder.encode(text);
  }

  /** Takes an offer: that of the INVITE, or of a re-INVITE. Nothing changes when it cannot be answered. */
  negotiate(body: Uint8Array): Negotiation {
    let offer: SessionDescription;
    try {
      offer = parseSessionDescription(body);
    } catch (error) {
      if (!(error instanceof SdpParseError)) throw error;
      return { ok: false, statusCode: 400, reason: error.message };
    }
    const result = answerOffer(offer, this.#local(this.#version));
    if (!result.ok) {
      const { statusCode, warning } = result;
      return { ok: false, statusCode, warning, reason: warning.slice(4) };
    }
    this.#answer = result.answer;
    this.#current = result.media;
    return { ok: true, media: result.media };
  }

  /** Makes an offer of ours, for an INVITE or re-INVITE that has none. */
  offer(): Uint8Array {
    if (this.#sent !== undefined) this.#version++;
    const description = createOffer(this.#local(this.#version));
    const text = serializeSessionDescription(description);
    this.#sent = { description, text };
    return encoder.encode(text);
  }

  /** Takes the peer's answer to our last offer. */
  accept(body: Uint8Array): { ok: true; media: NegotiatedMedia } | { ok: false; reason: string } {
    const offer = this.#sent?.description;
    if (offer === undefined) return { ok: false, reason: "There was no offer" };
    try {
      const result = acceptAnswer(offer, parseSessionDescription(body));
      if (result.ok) this.#current = result.media;
      return result;
    } catch (error) {
      if (!(error instanceof SdpParseError)) throw error;
      return { ok: false, reason: error.message };
    }
  }

  #serialize({ origin, media, ...rest }: SessionDescription): string {
    return serializeSessionDescription({
      ...rest,
      origin: { ...origin, sessionVersion: `${this.#version}` },
      // Port 0 says that a stream is refused, which stays so
      media: media.map((stream) => stream.port === 0 ? stream : { ...stream, port: this.#port }),
    });
  }

  #local(sessionVersion: number): LocalMedia {
    return {
      address: this.#options.address,
      // Port 0 would refuse the stream: until ours is bound, the discard port stands for it
      port: this.#port === 0 ? 9 : this.#port,
      codecs: this.#options.codecs,
      sessionId: this.#options.sdpSessionId,
      sessionVersion,
      ptime: PTIME_OFFERED,
      telephoneEvent: true,
      dtmfPayloadType: this.#options.dtmfPayloadType,
    };
  }
}
