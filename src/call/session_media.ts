/**
 * Our side of the session descriptions of one session, from the first offer to the last re-INVITE.
 * RFC 3264 §5 to §8.
 *
 * When a description is sent, and what becomes of the audio, is the call's.
 *
 * @module
 */

import type { CodecName } from "../sdp/codec_name.ts";
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  type Direction,
  type LocalMedia,
  type NegotiatedMedia,
} from "../sdp/offer_answer.ts";
import { parseSessionDescription, SdpParseError } from "../sdp/parse.ts";
import { serializeSessionDescription } from "../sdp/serialize.ts";
import type { MediaDescription, SessionDescription } from "../sdp/session_description.ts";
import { SDP_CONTENT_TYPE, type SipBody } from "../sip/user_agent/output.ts";

/** What we bring to every negotiation of a session. */
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

/** What came of the peer's answer to our offer. */
export type Accepted =
  | { readonly ok: true; readonly media: NegotiatedMedia }
  | { readonly ok: false; readonly reason: string };

/** A description as it was sent, without its version. */
interface Sent {
  readonly version: number;
  readonly text: string;
}

/** An offer of ours that has no answer yet. */
interface Offered {
  readonly description: SessionDescription;
  readonly direction: Direction;
  /** What had been sent before. */
  readonly before: Sent | undefined;
}

/** Packet time that we ask for where the peer leaves it to us. */
const PTIME_OFFERED = 20;

const DIRECTIONS: ReadonlySet<string> = new Set(["sendrecv", "sendonly", "recvonly", "inactive"]);

const encoder = new TextEncoder();

/** The descriptions of one session. */
export class SessionMedia {
  readonly #options: LocalMediaOptions;
  #port = 0;
  #direction: Direction = "sendrecv";
  /**
   * Our answer to the peer's last offer, as it was made: port and version are filled in when it is
   * sent.
   */
  #answer: SessionDescription | undefined;
  /** What we said last that holds: an answer, or an offer that was answered. */
  #local: SessionDescription | undefined;
  #sent: Sent | undefined;
  #offered: Offered | undefined;
  #current: NegotiatedMedia | undefined;

  constructor(options: LocalMediaOptions) {
    this.#options = options;
  }

  /** What is agreed upon now. */
  get current(): NegotiatedMedia | undefined {
    return this.#current;
  }

  /** What we want and have told the peer: `sendonly` while we hold it. */
  get direction(): Direction {
    return this.#direction;
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
    this.#local = answer;
    return this.#send(answer);
  }

  /**
   * Takes an offer: that of the INVITE, or of a re-INVITE. Nothing changes when it cannot be
   * answered.
   */
  negotiate(body: Uint8Array): Negotiation {
    let offer: SessionDescription;
    try {
      offer = parseSessionDescription(body);
    } catch (error) {
      if (!(error instanceof SdpParseError)) throw error;
      return { ok: false, statusCode: 400, reason: error.message };
    }
    const result = answerOffer(offer, this.#ours(this.#direction));
    if (!result.ok) {
      const { statusCode, warning } = result;
      return { ok: false, statusCode, warning, reason: warning.slice(4) };
    }
    this.#answer = result.answer;
    this.#current = result.media;
    return { ok: true, media: result.media };
  }

  /** Makes an offer of all that we have, for an INVITE, or for a re-INVITE that has none. */
  offer(): Uint8Array {
    const made = createOffer(this.#ours(this.#direction));
    const stream = made.media[0] as MediaDescription;
    // §8: the streams that there were keep their places; ours is the one that was not refused
    const media = this.#local?.media.map((old) => old.port === 0 ? old : stream) ?? [stream];
    return this.#offer({ ...made, media }, this.#direction);
  }

  /**
   * Offers once more what was described last: with another direction, or as it is, its version
   * included, for a refresh. RFC 3264 §8, RFC 4028 §7.4
   *
   * @throws {RangeError} Nothing was agreed upon yet.
   */
  reoffer(direction?: Direction): Uint8Array {
    const local = this.#local;
    if (local === undefined) throw new RangeError("There is no session to offer anew");
    if (direction === undefined) return this.#offer(local, this.#direction);
    const media = local.media.map((stream) => {
      if (stream.port === 0) return stream;
      const attributes = stream.attributes.map((attribute) =>
        DIRECTIONS.has(attribute.name) ? { name: direction, value: undefined } : attribute
      );
      return { ...stream, attributes };
    });
    return this.#offer({ ...local, media }, direction);
  }

  /**
   * Takes the peer's answer to our offer. One that is no use leaves the offer open: `withdraw` it,
   * or end the call.
   */
  accept(body: Uint8Array): Accepted {
    const offered = this.#offered;
    if (offered === undefined) return { ok: false, reason: "There was no offer" };
    try {
      const result = acceptAnswer(offered.description, parseSessionDescription(body));
      if (!result.ok) return result;
      this.#offered = undefined;
      this.#local = offered.description;
      this.#direction = offered.direction;
      this.#current = result.media;
      return result;
    } catch (error) {
      if (!(error instanceof SdpParseError)) throw error;
      return { ok: false, reason: error.message };
    }
  }

  /** Our offer was refused: what was agreed upon before holds. RFC 3261 §14.1 */
  withdraw(): void {
    this.#offered = undefined;
  }

  /** Our offer never went out: its version is free again. */
  takeBack(): void {
    if (this.#offered !== undefined) this.#sent = this.#offered.before;
    this.#offered = undefined;
  }

  /**
   * Descriptions of another session that shares our port, direction and means, for a peer that
   * takes over.
   */
  successor(sdpSessionId: string): SessionMedia {
    const next = new SessionMedia({ ...this.#options, sdpSessionId });
    next.#port = this.#port;
    next.#direction = this.#direction;
    return next;
  }

  #offer(description: SessionDescription, direction: Direction): Uint8Array {
    this.#offered = { description: this.#filledIn(description), direction, before: this.#sent };
    return this.#send(description);
  }

  /** §8: a description that differs from the last one has a version that is higher by one. */
  #send(description: SessionDescription): Uint8Array {
    const version = this.#sent?.version ?? 1;
    const text = this.#serialize(description, version);
    if (this.#sent === undefined || this.#sent.text === text) {
      this.#sent = { version, text };
      return encoder.encode(text);
    }
    this.#sent = { version: version + 1, text: this.#serialize(description, version + 1) };
    return encoder.encode(this.#sent.text);
  }

  #serialize(description: SessionDescription, version: number): string {
    const { origin, ...rest } = this.#filledIn(description);
    return serializeSessionDescription({
      ...rest,
      origin: { ...origin, sessionVersion: `${version}` },
    });
  }

  /** Port 0 says that a stream is refused, which stays so. */
  #filledIn(description: SessionDescription): SessionDescription {
    const media = description.media.map((stream) =>
      stream.port === 0 ? stream : { ...stream, port: this.#port }
    );
    return { ...description, media };
  }

  #ours(direction: Direction): LocalMedia {
    return {
      address: this.#options.address,
      // Port 0 would refuse the stream: until ours is bound, the discard port stands for it
      port: this.#port === 0 ? 9 : this.#port,
      codecs: this.#options.codecs,
      sessionId: this.#options.sdpSessionId,
      sessionVersion: 1,
      ptime: PTIME_OFFERED,
      telephoneEvent: true,
      dtmfPayloadType: this.#options.dtmfPayloadType,
      direction,
    };
  }
}

/** A session description as the body of a message. */
export function sdpBody(bytes: Uint8Array): SipBody {
  return { bytes, contentType: SDP_CONTENT_TYPE };
}
