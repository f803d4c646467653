/**
 * What a media session is made of and whom it talks to: its options, its sink, its events.
 *
 * @module
 */

import type { AudioLibraries, OpusWishes } from "../audio/audio_libraries.ts";
import type { CodecName } from "../audio/codec.ts";
import type { RandomSource } from "../base/random.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Hertz, Millis } from "../base/units.ts";
import type { SrtpCrypto } from "../rtp/srtp_crypto.ts";
import type { BargeInOptions } from "./barge_in.ts";
import type { MediaKeys } from "./protection.ts";
import type { OutgoingReport, RtcpSetUp } from "./rtcp_exchange.ts";

/** Who may hear and be heard, from our side. RFC 3264 §5.1. */
export type MediaDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** Something that happened to a call's audio. */
export type MediaEvent =
  /**
   * The caller pressed a key: one of `0-9*#A-D`, or `flash`. Once a key press for each of its
   * sources: telephone-events, or tones in the audio.
   */
  | {
    readonly type: "dtmf";
    readonly digit: string;
    readonly durationMs: Millis;
    readonly source: "rfc4733" | "inband";
  }
  /** The caller speaks, or no longer does; `atMs` counts from the beginning of the audio. */
  | { readonly type: "speech"; readonly state: "started" | "stopped"; readonly atMs: Millis }
  /** The caller speaks over our audio: it is to stop. */
  | { readonly type: "bargeIn" }
  /** Everything written before the mark has been sent, or was dropped. */
  | { readonly type: "mark"; readonly name: string; readonly playedMs: Millis }
  /** The queue has room again, after `write` had returned `false`. */
  | { readonly type: "room" }
  /** After `finish`: everything has been sent. Once. */
  | { readonly type: "drained" }
  /** No RTP at all has come for the time that the options allow. Once. */
  | { readonly type: "timeout" }
  /** Every digit that was asked for has been sent. */
  | { readonly type: "digitsSent" }
  /** The source of the peer's RTP is known, or has changed. */
  | { readonly type: "latched"; readonly address: string; readonly port: number };

/**
 * Where a media session puts what it makes, called synchronously from inside its methods.
 *
 * This is the hot path: buffers are handed over instead of output objects. A sink may call any
 * method of the session.
 */
export interface MediaSink {
  /** Takes audio for the handler, s16le mono. `pcm` is reused after the return. */
  audio(pcm: Uint8Array): void;
  /** Sends one RTP packet now. `bytes` is reused after the return. */
  packet(bytes: Uint8Array, port: number, address: string): void;
  /** Sends one compound RTCP packet now, from the port of RTP or from that of RTCP. */
  report(report: OutgoingReport): void;
  event(event: MediaEvent): void;
}

/** What offer and answer agreed on, and what the operator allows. */
export interface MediaOptions {
  readonly codec: CodecName;
  /** Of the PCM on the handler's side, for the whole session. Default: 8000. */
  readonly rate?: Hertz;
  /** What codecs and detectors may need. */
  readonly libraries?: AudioLibraries;
  /** What the peer asks of Opus. */
  readonly opus?: OpusWishes | undefined;
  /** RTP payload type of the audio that we send. */
  readonly payloadType: number;
  /** RTP payload type of the audio that we accept. */
  readonly receivePayloadType: number;
  /** Payload type of the telephone-events that we send; absent: digits cannot be sent. RFC 4733. */
  readonly telephoneEventPayloadType?: number;
  readonly receiveTelephoneEventPayloadType?: number;
  /** Of the timestamps of telephone-events; absent: that of the codec. */
  readonly telephoneEventClockRate?: Hertz | undefined;
  /** Length of the frames that we send, 10 to 60 ms. */
  readonly ptime: Millis;
  /**
   * Where the SDP wants its RTP; `undefined` sends nothing (hold by a zero address, or no SDP yet).
   */
  readonly remote: SocketAddress | undefined;
  /**
   * Address that the signalling comes from: RTP from there is accepted too, for peers behind NAT.
   */
  readonly signallingAddress: string;
  /**
   * `auto` sends to the SDP's address at once; `strict` waits for valid RTP, so that SDP cannot aim
   * ours.
   */
  readonly latch: "auto" | "strict";
  readonly direction: MediaDirection;
  /** No RTP at all for this long is reported once; 0 never. */
  readonly timeout: Millis;
  /** Source of SSRC, first sequence number and first timestamp. RFC 3550 §5.1. */
  readonly random: RandomSource;
  /**
   * After this long without a packet of the peer, a packet from another address is taken for its;
   * 0, the default: never.
   */
  readonly newSourceAfter?: Millis;
  /** What our RTCP is made of; absent: none is sent or read. */
  readonly rtcp?: RtcpSetUp | undefined;
  /** Reports come and go on the port of RTP. */
  readonly rtcpMux?: boolean;
  /** Both sides understand RFC 3611. */
  readonly extendedReports?: boolean;
  /** Where the SDP wants reports. */
  readonly remoteRtcp?: SocketAddress | undefined;
  /** Keys of both directions; absent: in the clear. */
  readonly srtp?: MediaKeys | undefined;
  /** What encrypts; needed with `srtp`. */
  readonly srtpCrypto?: SrtpCrypto;
  /** Whether the caller's speech is told of, and whether it stops our sound; absent: neither. */
  readonly speech?: BargeInOptions | undefined;
  /** Whether keys are heard in the caller's audio. */
  readonly inbandDtmf?: boolean;
  /**
   * A frame of silence goes out when nothing has been sent for this long, and soon after the
   * session begins; 0, the default: never. RFC 6263 §4.
   */
  readonly keepAlive?: Millis;
  /** Bound of the queue towards the caller; what is written above it is dropped. */
  readonly queueMax?: Millis;
}

/**
 * What a re-INVITE or UPDATE may change, and `speech` with what it needs, by the call's wish. A key
 * that is absent stays as it was.
 */
export type MediaChange = Partial<
  Omit<
    MediaOptions,
    | "random"
    | "queueMax"
    | "rate"
    | "keepAlive"
    | "newSourceAfter"
    | "rtcp"
    | "srtpCrypto"
    | "inbandDtmf"
  >
>;

/** What a clear did. */
export interface Cleared {
  /** How much of the handler's audio has been sent since the start. */
  readonly playedMs: Millis;
  /** How much was dropped now. */
  readonly droppedMs: Millis;
}
