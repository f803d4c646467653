/**
 * Our side of the session descriptions of one session, from the first offer to the last re-INVITE.
 * RFC 3264 §5 to §8.
 *
 * When a description is sent, and what becomes of the audio, is the call's.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { isSameBytes } from "../base/same_bytes.ts";
import type { CodecName, RtpMap } from "../sdp/codec_name.ts";
import { readStream } from "../sdp/media_stream.ts";
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  type Direction,
  type LocalMedia,
  type LocalRtcp,
  type NegotiatedMedia,
} from "../sdp/offer_answer.ts";
import { parseSessionDescription } from "../sdp/parse.ts";
import { SdpParseError } from "../sdp/parse_error.ts";
import type { SrtpPolicy } from "../sdp/profile.ts";
import { serializeSessionDescription } from "../sdp/serialize.ts";
import type { MediaDescription, SessionDescription } from "../sdp/session_description.ts";
import { drawKeys, keepKey, type LocalKeys } from "../sdp/srtp_keys.ts";
import { SDP_CONTENT_TYPE, type SipBody } from "../sip/user_agent/output.ts";

/** What we bring to every negotiation of a session. */
export interface LocalMediaOptions {
  /** The address that the peer is to send to. */
  readonly address: string;
  readonly codecs: readonly CodecName[];
  readonly dtmfPayloadType: number;
  /** Digits. RFC 8866 §5.2 */
  readonly sdpSessionId: string;
  /** Encryption, and what draws its keys; absent: never. */
  readonly srtp?: { readonly policy: SrtpPolicy; readonly random: RandomSource };
  /** What we can do with RTCP; absent: neither. */
  readonly rtcp?: LocalRtcp;
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

/** A description as it was sent. */
interface Sent {
  readonly version: number;
  readonly bytes: Uint8Array;
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

const NONE: readonly RtpMap[] = [];

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
  /** The keys of our last offer. */
  #keys: LocalKeys["offered"];
  /** What payload types have meant in what we sent, the latest last: so far as it was read. */
  #payloadTypes: readonly RtpMap[] = NONE;
  /** What we sent since. */
  readonly #unread: SessionDescription[] = [];

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
    const result = answerOffer(offer, this.#ours());
    if (!result.ok) {
      const { statusCode, warning } = result;
      return { ok: false, statusCode, warning, reason: warning.slice(4) };
    }
    this.#answer = result.answer;
    this.#current = result.media;
    return result;
  }

  /** Makes an offer of all that we have, for an INVITE, or for a re-INVITE that has none. */
  offer(): Uint8Array {
    this.#keys = this.#keysToOffer();
    const made = createOffer({
      ...this.#ours(),
      payloadTypesBefore: this.#payloadTypesBefore(),
    });
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
      const { crypto: keys } = result.media;
      // What was not taken up is not offered again: a key that was in use once never comes back
      this.#local = keys === undefined
        ? offered.description
        : keepKey(offered.description, keys.send);
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
   * takes over. With our own session's id, for another peer that answers the offer which we made:
   * what is offered there is the same, keys included.
   */
  successor(sdpSessionId: string): SessionMedia {
    const next = new SessionMedia({ ...this.#options, sdpSessionId });
    next.#port = this.#port;
    next.#direction = this.#direction;
    if (sdpSessionId === this.#options.sdpSessionId) next.#keys = this.#keys;
    return next;
  }

  /** None in the clear. While nothing is agreed upon, an offer is the same each time. */
  #keysToOffer(): LocalKeys["offered"] {
    const { srtp } = this.#options;
    const current = this.#current?.crypto?.send;
    if (srtp === undefined) return undefined;
    // What is encrypted is not offered in the clear, whatever the policy
    if (srtp.policy !== "required" && current === undefined) return undefined;
    if (this.#current === undefined && this.#keys !== undefined) return this.#keys;
    return drawKeys(srtp.random, current);
  }

  #offer(description: SessionDescription, direction: Direction): Uint8Array {
    this.#offered = { description: this.#filledIn(description), direction, before: this.#sent };
    return this.#send(description);
  }

  /** §8: a description that differs from the last one has a version that is higher by one. */
  #send(description: SessionDescription): Uint8Array {
    this.#unread.push(description);
    const before = this.#sent;
    let version = before?.version ?? 1;
    let bytes = this.#serialize(description, version);
    if (before !== undefined && !isSameBytes(before.bytes, bytes)) {
      version++;
      bytes = this.#serialize(description, version);
    }
    this.#sent = { version, bytes };
    return bytes;
  }

  #serialize(description: SessionDescription, version: number): Uint8Array {
    // Port 0 says that a stream is refused, which stays so
    return serializeSessionDescription(description, {
      sessionVersion: `${version}`,
      port: this.#port,
    });
  }

  /** What payload types have meant in what we sent, the latest last. */
  #payloadTypesBefore(): readonly RtpMap[] {
    const meanings = new Map(this.#payloadTypes.map((map) => [map.payloadType, map]));
    for (const description of this.#unread.splice(0)) {
      for (const stream of description.media) {
        if (stream.port === 0) continue;
        for (const map of readStream(description, stream).payloadTypes) {
          meanings.delete(map.payloadType);
          meanings.set(map.payloadType, map);
        }
      }
    }
    this.#payloadTypes = [...meanings.values()];
    return this.#payloadTypes;
  }

  /** Port 0 says that a stream is refused, which stays so. */
  #filledIn(description: SessionDescription): SessionDescription {
    const media = description.media.map((stream) =>
      stream.port === 0 ? stream : { ...stream, port: this.#port }
    );
    return { ...description, media };
  }

  #ours(): LocalMedia {
    const { srtp, codecs } = this.#options;
    const current = this.#current;
    return {
      address: this.#options.address,
      // Port 0 would refuse the stream: until ours is bound, the discard port stands for it
      port: this.#port === 0 ? 9 : this.#port,
      // A codec that was agreed upon stays while it can: a change in mid-call is heard
      codecs: current === undefined ? codecs : firstOf(codecs, current.codec),
      sessionId: this.#options.sdpSessionId,
      sessionVersion: 1,
      ptime: PTIME_OFFERED,
      telephoneEvent: true,
      dtmfPayloadType: this.#options.dtmfPayloadType,
      direction: this.#direction,
      srtp: srtp && {
        policy: srtp.policy,
        random: srtp.random,
        current: current?.crypto?.send,
        offered: this.#keys,
      },
      rtcp: this.#options.rtcp,
    };
  }
}

function firstOf(codecs: readonly CodecName[], first: CodecName): readonly CodecName[] {
  return [first, ...codecs.filter((codec) => codec !== first)];
}

/** A session description as the body of a message. */
export function sdpBody(bytes: Uint8Array): SipBody {
  return { bytes, contentType: SDP_CONTENT_TYPE };
}
