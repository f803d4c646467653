/**
 * The audio of one call: its receive path and its send path, joined.
 *
 * Here is decided what concerns both: whether a datagram is RTP of this call and from whom, where
 * ours goes, what a re-INVITE changes, and whether the peer is still there. Bytes and the instant
 * come in; samples, packets and events go to the sink, from inside the methods.
 *
 * @module
 */

import type { AudioCodec } from "../audio/codec.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis, Samples } from "../base/units.ts";
import { emptyRtpHeader, isRtcp, parseRtp, RTP_HEADER_BYTES } from "../rtp/packet.ts";
import { HELD_PAYLOAD_BYTES_MAX } from "../rtp/reorder_window.ts";
import type {
  Cleared,
  MediaChange,
  MediaEvent,
  MediaOptions,
  MediaSink,
} from "./media_contract.ts";
import type { Protection } from "./protection.ts";
import { qualityStatistics } from "./quality_report.ts";
import { ReceivePath } from "./receive_path.ts";
import { Recorder } from "./recorder.ts";
import { type OutgoingReport, RtcpExchange, type RtpWay } from "./rtcp_exchange.ts";
import { SendPath } from "./send_path.ts";
import {
  checkOptions,
  codecOf,
  isReceiving,
  isSameCodec,
  protectionOf,
  rateOf,
  receiveOptions,
  rtcpAgreement,
  sameTarget,
  sendOptions,
  tapOptions,
} from "./session_options.ts";
import { SourceLatch } from "./source_latch.ts";
import { joinStatistics, type MediaStatistics } from "./statistics.ts";
import { Taps } from "./taps.ts";

export type {
  Cleared,
  MediaChange,
  MediaDirection,
  MediaEvent,
  MediaOptions,
  MediaSink,
} from "./media_contract.ts";
export { PTIME_MAX, PTIME_MIN } from "./session_options.ts";

/** What waits for longer than this is no handler's that keeps the pace of time. */
const QUEUED_MS_MIN: Millis = 100;

/**
 * Both directions of one call's audio. Methods may be called from inside the sink's. Hot path: a
 * packet received or sent in order allocates nothing.
 */
export class MediaSession {
  readonly #sink: MediaSink;
  readonly #receive: ReceivePath;
  readonly #send: SendPath;
  readonly #latch: SourceLatch;
  readonly #rtcp: RtcpExchange | undefined;
  readonly #header = emptyRtpHeader();
  #options: MediaOptions;
  #codec: AudioCodec;
  /** `undefined`: RTP is in the clear. */
  #protection: Protection | undefined;
  /** What listens beside the handler, if anything does. */
  #taps: Taps | undefined;
  /** Where our RTP goes; `undefined`: nowhere. */
  #target: SocketAddress | undefined;
  #refused = 0;
  /** How much of the caller's audio the handler has heard. */
  #received: Samples = 0;
  /** When the peer gave its last sign of life, or the wait for one began. */
  #lastRtp: Millis;
  #patience: Millis;
  #timedOut = false;
  #stopped = false;
  /** The instant of the call that is under way, for what comes out of it. */
  #now: Millis;

  /**
   * @param sink Gets audio, packets and events.
   * @param now Where the handler's timeline begins.
   * @throws {RangeError} When an option is out of range, or a library that it needs is not there.
   */
  constructor(options: MediaOptions, sink: MediaSink, now: Millis) {
    checkOptions(options);
    this.#options = options;
    this.#sink = sink;
    this.#now = now;
    this.#lastRtp = now;
    this.#patience = this.#patienceOf(options);
    const { random, queueMax, keepAlive = 0, newSourceAfter = 0, rtcp } = options;
    this.#latch = new SourceLatch(options.remote, options.signallingAddress, { newSourceAfter });
    const rate = rateOf(options);
    this.#codec = codecOf(options);
    this.#protection = protectionOf(options, undefined);
    if (options.speech !== undefined || options.inbandDtmf === true) this.#openTaps();
    const inner = this.#innerSink();
    this.#receive = new ReceivePath({ ...receiveOptions(options, this.#codec), rate }, inner, now);
    const tap = (samples: Int16Array, count: Samples) =>
      this.#taps?.sent(samples, count, this.#now);
    const send = { ...sendOptions(options, this.#codec), rate, random, queueMax, keepAlive, tap };
    this.#send = new SendPath(send, inner, now);
    this.#rtcp = rtcp === undefined ? undefined : new RtcpExchange(
      {
        ...rtcp,
        ...rtcpAgreement(options),
        ssrc: this.#send.ssrc,
        clockRate: this.#codec.clockRate,
        random,
      },
      {
        takeReception: () => this.#receive.takeReception(),
        quality: () => this.#receivedQuality(),
      },
      now,
    );
    this.#aim();
  }

  /**
   * Takes a datagram from the RTP socket. What is not RTP of this call is counted and dropped.
   *
   * @param datagram Decrypted in place; the caller may reuse it after the return.
   */
  receive(datagram: Uint8Array, port: number, address: string, now: Millis): void {
    if (this.#stopped) return;
    this.#now = now;
    if (isRtcp(datagram)) return this.receiveRtcp(datagram, address, now);
    const packet = this.#protection === undefined ? datagram : this.#unprotect(datagram);
    const header = this.#header;
    if (
      packet === undefined || !parseRtp(packet, header) ||
      header.payloadLength > HELD_PAYLOAD_BYTES_MAX
    ) {
      this.#refused++;
      return;
    }
    if (!this.#receive.accepts(header.payloadType)) {
      this.#refused++;
      const known = port === this.#latch.port && address === this.#latch.address;
      if (known && this.#receive.isCurrent(header.ssrc)) this.#receive.receive(header, packet, now);
      return;
    }
    const verdict = this.#latch.accept(port, address, now);
    if (verdict === "refused") {
      this.#refused++;
      return;
    }
    this.#lastRtp = now;
    if (verdict === "latched") {
      this.#aim();
      this.#sink.event({ type: "latched", address, port });
      if (this.#stopped) return;
    }
    this.#receive.receive(header, packet, now);
  }

  /** Takes a datagram from the RTCP socket; one that is no report of the peer is dropped. */
  receiveRtcp(datagram: Uint8Array, address: string, now: Millis): void {
    if (this.#stopped || this.#rtcp === undefined) return;
    const from = { address, way: this.#way() };
    const isReport = this.#rtcp.receive(datagram, from, this.#protection, now);
    // Who is silent, but reports, is there
    if (isReport) this.#lastRtp = now;
  }

  /**
   * Takes the handler's audio for the caller; a frame that is due leaves before the return.
   *
   * @param pcm s16le mono, any size; copied. An odd byte waits for its other half.
   * @returns `false` above the high-water mark: pause until the `room` event. The audio is taken
   * all the same, up to the queue's bound.
   */
  write(pcm: Uint8Array, now: Millis): boolean {
    this.#now = now;
    return this.#send.write(pcm, now);
  }

  /**
   * Asks for a `mark` event once everything written before has been sent; it may come before the
   * return.
   */
  mark(name: string, now: Millis): void {
    this.#now = now;
    this.#send.mark(name, now);
  }

  /** Drops all queued audio. Marks in it are reported before the return. */
  clear(now: Millis): Cleared {
    return this.#send.clear(now);
  }

  /**
   * Sends digits as telephone-events, RFC 4733; `digitsSent` follows. Audio waits meanwhile.
   *
   * @param digits Of `0-9*#A-D`; others are left out, all of them when no payload type was agreed
   * on.
   * @param durationMs Of each digit.
   */
  sendDigits(digits: string, durationMs: Millis, now: Millis): void {
    this.#now = now;
    this.#send.sendDigits(digits, durationMs, now);
  }

  /**
   * The handler writes no more: `drained` is reported once all is sent, before the return if it is
   * already.
   */
  finish(now: Millis): void {
    this.#now = now;
    this.#send.finish(now);
  }

  /**
   * Follows a re-INVITE: hold, resume, another address, codec or frame length. A key that is absent
   * stays as it was.
   *
   * @throws {RangeError} As the constructor does; nothing is changed then.
   */
  renegotiate(change: MediaChange, now: Millis): void {
    if (this.#stopped) return;
    this.#now = now;
    const before = this.#options;
    const after: MediaOptions = { ...before, ...change };
    checkOptions(after);
    const former = this.#codec;
    const codec = isSameCodec(before, after) ? former : codecOf(after);
    this.#codec = codec;
    this.#protection = protectionOf(after, this.#protection);
    this.#options = after;
    this.#patience = this.#patienceOf(after);
    if (before.speech !== after.speech) {
      (this.#taps ?? this.#openTaps()).listenFor(tapOptions(after).speech);
    }
    if (!sameTarget(before.remote, after.remote)) {
      this.#latch.reset(after.remote, after.signallingAddress);
    }
    if (!isReceiving(before.direction) && isReceiving(after.direction)) this.#lastRtp = now;
    this.#receive.renegotiate(receiveOptions(after, codec));
    if (!this.#stopped) this.#send.renegotiate(sendOptions(after, codec));
    this.#rtcp?.agree(rtcpAgreement(after), codec.clockRate);
    if (codec !== former) former.close();
    this.#aim();
  }

  /**
   * Records both directions from now on; the recorder is the same when asked for again. After the
   * end it stays empty.
   */
  startRecording(): Recorder {
    if (this.#stopped) return new Recorder(rateOf(this.#options));
    return (this.#taps ?? this.#openTaps()).startRecording();
  }

  /** Does all that is due. Early or late calls are safe. */
  timeout(now: Millis): void {
    if (this.#stopped) return;
    this.#now = now;
    this.#send.timeout(now);
    this.#receive.timeout(now);
    if (this.#stopped) return;
    if (this.#rtcp !== undefined && now >= this.#rtcp.deadline) {
      this.#sendReport(this.#rtcp.report(this.#way(), this.#protection, now));
    }
    if (now < this.#lifeDeadline()) return;
    this.#timedOut = true;
    this.#patience = Infinity;
    this.#sink.event({ type: "timeout" });
  }

  /** When to call {@linkcode timeout} next; Infinity when nothing is due. */
  get deadline(): Millis {
    if (this.#stopped) return Infinity;
    const media = Math.min(this.#receive.deadline, this.#send.deadline, this.#lifeDeadline());
    return this.#rtcp === undefined ? media : Math.min(media, this.#rtcp.deadline);
  }

  /**
   * Ends the session: the handler's timeline is filled up to the clock, then nothing is sent or
   * delivered any more.
   */
  stop(now: Millis): void {
    if (this.#stopped) return;
    this.#now = now;
    this.#stopped = true;
    this.#send.stop();
    this.#receive.stop(now);
    this.#sendReport(this.#rtcp?.goodbye(this.#way(), this.#protection, now));
    this.#taps?.stop();
    this.#taps = undefined;
    this.#codec.close();
  }

  /** How much of the handler's audio waits to be played. */
  get queuedMs(): Millis {
    return this.#send.queuedMs;
  }

  /** Counts so far; may be asked for after the end too. */
  statistics(): MediaStatistics {
    const received = this.#receive.statistics(this.#refused);
    const quality = qualityStatistics(this.#receivedQuality(received), this.#rtcp?.quality);
    return joinStatistics(received, this.#send.statistics(), quality);
  }

  /**
   * Sends to where the peer is known to be, or else to where its SDP says, if that may be trusted.
   */
  #aim(): void {
    const { remote, direction, latch } = this.#options;
    const { latched, address, port } = this.#latch;
    const stated = latch === "auto" ? remote : undefined;
    this.#target = remote !== undefined && latched ? { address, port } : stated;
    const isSending = direction === "sendrecv" || direction === "sendonly";
    this.#send.aim(isSending ? this.#target : undefined);
  }

  /** Reports go on in hold, as RFC 3264 §8.4 wants. */
  #way(): RtpWay {
    const { remote, signallingAddress } = this.#options;
    const addresses = this.#latch.latched
      ? [this.#latch.address]
      : [signallingAddress, ...(remote === undefined ? [] : [remote.address])];
    return { target: this.#target, remote, addresses };
  }

  /** When the peer is missed. */
  #lifeDeadline(): Millis {
    return this.#lastRtp + this.#patience;
  }

  /** How long the peer may be silent; Infinity while it may be so for ever. */
  #patienceOf({ timeout, direction }: MediaOptions): Millis {
    return timeout === 0 || this.#timedOut || !isReceiving(direction) ? Infinity : timeout;
  }

  /** What the parts put out, on its way to the sink of the session. */
  #innerSink(): MediaSink {
    const sink = this.#sink;
    return {
      audio: (pcm) => {
        this.#received += pcm.length >> 1;
        this.#taps?.received(pcm, this.#now);
        sink.audio(pcm);
        this.#taps?.listen(pcm);
      },
      packet: (bytes, port, address) => this.#sendPacket(bytes, port, address),
      report: (report) => sink.report(report),
      event: (event) => sink.event(event),
    };
  }

  #sendPacket(bytes: Uint8Array, port: number, address: string): void {
    this.#rtcp?.sent(timestampOf(bytes), bytes.length - RTP_HEADER_BYTES, this.#now);
    const packet = this.#protection === undefined ? bytes : this.#protection.protect(bytes);
    if (packet !== undefined) this.#sink.packet(packet, port, address);
  }

  #sendReport(report: OutgoingReport | undefined): void {
    if (report !== undefined) this.#sink.report(report);
  }

  /** @returns The packet in the clear; `undefined`: it is not the peer's, or was here before. */
  #unprotect(datagram: Uint8Array): Uint8Array | undefined {
    const length = this.#protection?.unprotect(datagram) ?? -1;
    return length < 0 ? undefined : datagram.subarray(0, length);
  }

  #openTaps(): Taps {
    const report = (event: MediaEvent) => this.#sink.event(event);
    const begin = { received: this.#received, now: this.#now };
    const isQueued = () => this.#send.queuedMs > QUEUED_MS_MIN;
    this.#taps = new Taps({ ...tapOptions(this.#options), isQueued }, report, begin);
    return this.#taps;
  }

  #receivedQuality({ packets_late: packetsLate } = this.#receive.statistics()) {
    return { ...this.#receive.quality(), codec: this.#options.codec, packetsLate };
  }
}

/** RFC 3550 §5.1: the second word. */
function timestampOf(packet: Uint8Array): number {
  return (((packet[4] as number) << 24) | ((packet[5] as number) << 16) |
    ((packet[6] as number) << 8) | (packet[7] as number)) >>> 0;
}
