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
import { createCodec } from "../audio/codec_table.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import { sameSocketAddress } from "../base/socket_address.ts";
import type { Hertz, Millis } from "../base/units.ts";
import { emptyRtpHeader, isRtcp, parseRtp } from "../rtp/packet.ts";
import { HELD_PAYLOAD_BYTES_MAX } from "../rtp/reorder_window.ts";
import type {
  Cleared,
  MediaChange,
  MediaDirection,
  MediaOptions,
  MediaSink,
} from "./media_contract.ts";
import { ReceivePath } from "./receive_path.ts";
import type { ReceiveOptions } from "./receive_path.ts";
import { SendPath } from "./send_path.ts";
import type { SendOptions } from "./send_path.ts";
import { SourceLatch } from "./source_latch.ts";
import type { MediaStatistics } from "./statistics.ts";

export type {
  Cleared,
  MediaChange,
  MediaDirection,
  MediaEvent,
  MediaOptions,
  MediaSink,
} from "./media_contract.ts";

/** Frame lengths that we send. */
export const PTIME_MIN: Millis = 10;
export const PTIME_MAX: Millis = 60;

/** Of the handler's PCM when the options name none. */
const RATE_DEFAULT: Hertz = 8000;

/**
 * Both directions of one call's audio. Methods may be called from inside the sink's. Hot path: a
 * packet received or sent in order allocates nothing.
 */
export class MediaSession {
  readonly #sink: MediaSink;
  readonly #receive: ReceivePath;
  readonly #send: SendPath;
  readonly #latch: SourceLatch;
  readonly #header = emptyRtpHeader();
  #options: MediaOptions;
  #codec: AudioCodec;
  #refused = 0;
  /** When the peer gave its last sign of life, or the wait for one began. */
  #lastRtp: Millis;
  #timedOut = false;
  #stopped = false;

  /**
   * @param sink Gets audio, packets and events.
   * @param now Where the handler's timeline begins.
   * @throws {RangeError} When `ptime` is out of range.
   */
  constructor(options: MediaOptions, sink: MediaSink, now: Millis) {
    checkPtime(options.ptime);
    this.#options = options;
    this.#sink = sink;
    this.#lastRtp = now;
    this.#latch = new SourceLatch(options.remote, options.signallingAddress);
    const { random, queueMax, keepAlive = 0 } = options;
    const rate = rateOf(options);
    this.#codec = codecOf(options);
    this.#receive = new ReceivePath({ ...receiveOptions(options, this.#codec), rate }, sink, now);
    const send = sendOptions(options, this.#codec);
    this.#send = new SendPath({ ...send, rate, random, queueMax, keepAlive }, sink, now);
    this.#aim();
  }

  /**
   * Takes a datagram from the RTP socket. What is not RTP of this call is counted and dropped; RTCP
   * is left alone.
   *
   * @param packet The caller may reuse it after the return.
   */
  receive(packet: Uint8Array, port: number, address: string, now: Millis): void {
    if (this.#stopped) return;
    const header = this.#header;
    if (isRtcp(packet)) return;
    if (!parseRtp(packet, header) || header.payloadLength > HELD_PAYLOAD_BYTES_MAX) {
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

  /**
   * Takes the handler's audio for the caller; a frame that is due leaves before the return.
   *
   * @param pcm s16le mono, any size; copied. An odd byte waits for its other half.
   * @returns `false` above the high-water mark: pause until the `room` event. The audio is taken
   * all the same, up to the queue's bound.
   */
  write(pcm: Uint8Array, now: Millis): boolean {
    return this.#send.write(pcm, now);
  }

  /**
   * Asks for a `mark` event once everything written before has been sent; it may come before the
   * return.
   */
  mark(name: string, now: Millis): void {
    this.#send.mark(name, now);
  }

  /** Drops all queued audio. Marks in it are reported before the return. */
  clear(_now: Millis): Cleared {
    return this.#send.clear();
  }

  /**
   * Sends digits as telephone-events, RFC 4733; `digitsSent` follows. Audio waits meanwhile.
   *
   * @param digits Of `0-9*#A-D`; others are left out, all of them when no payload type was agreed
   * on.
   * @param durationMs Of each digit.
   */
  sendDigits(digits: string, durationMs: Millis, now: Millis): void {
    this.#send.sendDigits(digits, durationMs, now);
  }

  /**
   * The handler writes no more: `drained` is reported once all is sent, before the return if it is
   * already.
   */
  finish(now: Millis): void {
    this.#send.finish(now);
  }

  /**
   * Follows a re-INVITE: hold, resume, another address, codec or frame length. A key that is absent
   * stays as it was.
   *
   * @throws {RangeError} When `ptime` is out of range; nothing is changed then.
   */
  renegotiate(change: MediaChange, now: Millis): void {
    const before = this.#options;
    const after: MediaOptions = { ...before, ...change };
    checkPtime(after.ptime);
    this.#options = after;
    if (!sameTarget(before.remote, after.remote)) {
      this.#latch.reset(after.remote, after.signallingAddress);
    }
    if (!isReceiving(before.direction) && isReceiving(after.direction)) this.#lastRtp = now;
    const codec = this.#codec;
    if (before.codec !== after.codec) this.#codec = codecOf(after);
    this.#receive.renegotiate(receiveOptions(after, this.#codec));
    this.#send.renegotiate(sendOptions(after, this.#codec));
    if (codec !== this.#codec) codec.close();
    this.#aim();
  }

  /** Does all that is due. Early or late calls are safe. */
  timeout(now: Millis): void {
    if (this.#stopped) return;
    this.#send.timeout(now);
    this.#receive.timeout(now);
    if (now < this.#lifeDeadline()) return;
    this.#timedOut = true;
    this.#sink.event({ type: "timeout" });
  }

  /** When to call {@linkcode timeout} next; Infinity when nothing is due. */
  get deadline(): Millis {
    if (this.#stopped) return Infinity;
    return Math.min(this.#receive.deadline, this.#send.deadline, this.#lifeDeadline());
  }

  /**
   * Ends the session: the handler's timeline is filled up to the clock, then nothing is sent or
   * delivered any more.
   */
  stop(now: Millis): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#send.stop();
    this.#receive.stop(now);
    this.#codec.close();
  }

  /** Counts so far; may be asked for after the end too. */
  statistics(): MediaStatistics {
    const receive = this.#receive.statistics();
    return {
      ...receive,
      ...this.#send.statistics(),
      packets_refused: receive.packets_refused + this.#refused,
    };
  }

  /**
   * Sends to where the peer is known to be, or else to where its SDP says, if that may be trusted.
   */
  #aim(): void {
    const { remote, direction, latch } = this.#options;
    if (remote === undefined || direction === "recvonly" || direction === "inactive") {
      this.#send.aim(undefined);
    } else if (this.#latch.latched) {
      this.#send.aim({ address: this.#latch.address, port: this.#latch.port });
    } else this.#send.aim(latch === "auto" ? remote : undefined);
  }

  #lifeDeadline(): Millis {
    const { timeout, direction } = this.#options;
    if (timeout === 0 || this.#timedOut || !isReceiving(direction)) return Infinity;
    return this.#lastRtp + timeout;
  }
}

function isReceiving(direction: MediaDirection): boolean {
  return direction === "sendrecv" || direction === "recvonly";
}

function sameTarget(a: SocketAddress | undefined, b: SocketAddress | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && sameSocketAddress(a, b));
}

function checkPtime(ptime: Millis): void {
  if (ptime >= PTIME_MIN && ptime <= PTIME_MAX && Number.isInteger(ptime)) return;
  throw new RangeError(`A ptime of ${ptime} ms is out of range, use ${PTIME_MIN} to ${PTIME_MAX}`);
}

function rateOf({ rate = RATE_DEFAULT }: MediaOptions): Hertz {
  return rate;
}

function codecOf(options: MediaOptions): AudioCodec {
  const { codec, libraries = {} } = options;
  return createCodec(codec, { rate: rateOf(options), libraries });
}

function receiveOptions(options: MediaOptions, codec: AudioCodec): ReceiveOptions {
  return {
    codec,
    payloadType: options.receivePayloadType,
    telephoneEventPayloadType: options.receiveTelephoneEventPayloadType,
    listening: isReceiving(options.direction),
  };
}

function sendOptions(options: MediaOptions, codec: AudioCodec): SendOptions {
  return {
    codec,
    payloadType: options.payloadType,
    telephoneEventPayloadType: options.telephoneEventPayloadType,
    ptime: options.ptime,
  };
}
