/**
 * A media session whose peer, whose signalling and whose handler do whatever dice say, and what must
 * hold all the same.
 *
 * @module
 */

import { expect } from "bun:test";
import type { CodecName } from "../../src/audio/codec.ts";
import type { Hertz, Millis } from "../../src/base/units.ts";
import type { MediaChange, MediaDirection, MediaEvent } from "../../src/media/media_contract.ts";
import { type MediaKeys, Protection } from "../../src/media/protection.ts";
import { MediaSession } from "../../src/media/media_session.ts";
import { emptyRtpHeader, parseRtp, writeRtpHeader } from "../../src/rtp/packet.ts";
import { SRTP_SUITES, type SrtpSuite } from "../../src/rtp/srtp_suite.ts";
import { srtpCrypto } from "../../src/runtime/srtp_crypto.ts";
import { absurdReports, damage, Dice, libraries, opened } from "./hostile_material.ts";

const STEPS = 45;

/** Payload types, and which packet times go with each codec. */
const CODECS: readonly (readonly [CodecName, number, readonly Millis[]])[] = [
  ["PCMU", 0, [10, 20, 30, 40, 50, 60]],
  ["PCMA", 8, [10, 20, 30, 60]],
  ["G722", 9, [10, 20, 30, 60]],
  ["opus", 111, [10, 20, 40, 60]],
  ["L16/8000", 97, [10, 20, 30]],
  ["L16/16000", 98, [10, 20, 40]],
  ["L16/44100", 11, [10]],
];
const RATES: readonly Hertz[] = [8000, 16_000, 24_000, 32_000, 44_100, 48_000];
const DIRECTIONS: readonly MediaDirection[] = [
  "sendrecv",
  "sendrecv",
  "sendonly",
  "recvonly",
  "inactive",
];
const SUITES = Object.keys(SRTP_SUITES) as readonly SrtpSuite[];
const PEER = "192.0.2.7";
const ADDRESSES = [PEER, PEER, PEER, PEER, PEER, PEER, PEER, "198.51.100.9"];
const PORT = 40_000;

/** How far the handler's timeline may be ahead of the clock: a little more than a frame. */
const LEAD_MAX: Millis = 24.5;
/** How far behind: the reserve, the longest wait for a missing packet, and a packet of 120 ms. */
const LAG_MAX: Millis = 120 + 200 + 120;

/** What offer and answer came to. */
interface Agreement {
  readonly codec: CodecName;
  readonly payloadType: number;
  readonly receivePayloadType: number;
  readonly ptime: Millis;
  readonly srtp: MediaKeys | undefined;
}

/**
 * A session, its peer and its handler, all three led by dice. Some sinks end it from inside.
 */
export class Ordeal {
  readonly #dice: Dice;
  readonly #rate: Hertz;
  readonly #session: MediaSession;
  #agreed: Agreement;
  /** The other end of SRTP. */
  #peer: Protection | undefined;
  #now: Millis = 0;
  #heard = 0;
  #written = 0;
  #clears = 0;
  #sequence: number;
  #timestamp: number;
  #ssrc = 7;
  /** The session's own. */
  #ourSsrc = 0;
  /** So many calls of the sink later it ends the session, from inside. */
  #patience: number;
  #isOver = false;
  #endedAt: Millis | undefined;
  /** Of the last packet that came out. */
  #lastSent = -1;
  readonly problems: string[] = [];

  constructor(seed: number) {
    const dice = new Dice(seed);
    this.#dice = dice;
    this.#rate = dice.of(RATES);
    this.#sequence = dice.int(0x10000);
    this.#timestamp = dice.int(2 ** 32);
    this.#patience = dice.int(5) === 0 ? dice.int(100) : Infinity;
    const first = { ...this.#codec(), ...this.#keys() };
    this.#agreed = first;
    const rtcp = { interval: 150, cname: "hostile", wallClock: 1.7e12 };
    this.#session = new MediaSession(
      {
        ...first,
        rate: this.#rate,
        libraries,
        srtpCrypto,
        telephoneEventPayloadType: 101,
        receiveTelephoneEventPayloadType: 101,
        remote: { address: PEER, port: PORT },
        signallingAddress: PEER,
        latch: dice.of(["auto", "strict"]),
        direction: "sendrecv",
        timeout: dice.of([0, 200]),
        random: dice.source,
        newSourceAfter: dice.of([0, 60]),
        rtcp: dice.int(4) === 0 ? undefined : rtcp,
        rtcpMux: dice.int(2) === 0,
        extendedReports: dice.int(2) === 0,
        speech: dice.int(3) === 0 ? { mode: "clear", after: 100 } : undefined,
        inbandDtmf: dice.int(3) === 0,
        keepAlive: dice.of([0, 70]),
        queueMax: dice.of([100, 1000, 30_000]),
      },
      {
        audio: (pcm) => {
          this.#heard += pcm.length / 2;
          this.#told();
        },
        packet: (bytes) => this.#sent(bytes),
        report: ({ bytes, to }) =>
          this.#require(bytes.length > 0 && to.port > 0, "an empty report"),
        event: (event) => {
          this.#event(event);
          this.#told();
        },
      },
      0,
    );
  }

  /** Plays it to its end; says what did not hold. */
  run(): readonly string[] {
    for (let step = 0; step < STEPS && this.problems.length === 0 && !this.#isOver; step++) {
      this.#pass(this.#dice.of([0, 3, 20, 20, 20, 45]));
      this.#act();
      this.#checkTime();
    }
    if (this.#isOver) this.#act();
    this.#patience = Infinity;
    this.#session.stop(this.#now);
    this.#require(opened.size === 0, "something is left open");
    opened.clear();
    const behind = (this.#endedAt ?? this.#now) * this.#rate / 1000 - this.#heard;
    this.#require(behind < 1, `the timeline ends ${behind} samples early`);
    this.#checkCounts();
    return this.problems;
  }

  #act(): void {
    switch (this.#dice.int(12)) {
      case 0:
        return this.#renegotiate();
      case 1:
        return this.#deliver(this.#dice.bytes(this.#dice.int(21)));
      case 2:
        return this.#deliver(this.#likeRtp(this.#dice.bytes(this.#dice.int(200))));
      case 3:
        return this.#reports();
      case 4:
        return this.#handler();
      case 5:
      case 6:
        return this.#write();
      default:
        for (let count = this.#dice.int(4); count >= 0; count--) this.#deliver(this.#audio());
    }
  }

  #handler(): void {
    const session = this.#session;
    switch (this.#dice.int(6)) {
      case 0:
        this.#clears++;
        return void session.clear(this.#now);
      case 1:
        return session.mark("here", this.#now);
      case 2:
        return session.sendDigits(this.#dice.of(["1", "5w#", "flash", ",9"]), 60, this.#now);
      case 3:
        return void session.startRecording().take(this.#dice.int(2) === 0);
      case 4:
        return session.startRecording().pause();
      default:
        if (this.#dice.int(8) === 0) session.finish(this.#now);
    }
  }

  #write(): void {
    const pcm = this.#dice.bytes(this.#dice.of([1, 3, 320, 641, 1920, 12_000]));
    if (this.#dice.int(3) === 0) pcm.fill(0);
    if (!this.#isOver) this.#written += pcm.length / 2;
    this.#session.write(pcm, this.#now);
  }

  #renegotiate(): void {
    const dice = this.#dice;
    const change: MediaChange = { direction: dice.of(DIRECTIONS) };
    const codec = dice.int(2) === 0 ? this.#codec() : this.#agreed;
    const keys = dice.int(2) === 0 ? this.#keys() : { srtp: this.#agreed.srtp };
    const port = dice.of([PORT, PORT, PORT + 2]);
    const remote = dice.int(6) === 0 ? undefined : { address: dice.of(ADDRESSES), port };
    if (dice.int(4) === 0) this.#refused();
    this.#agreed = { ...codec, ...keys };
    this.#session.renegotiate({ ...change, ...this.#agreed, remote }, this.#now);
  }

  /** What cannot be had changes nothing. */
  #refused(): void {
    const key = { suite: "AEAD_AES_128_GCM", key: new Uint8Array(30) } as const;
    const change = this.#dice.of<MediaChange>([
      { codec: "opus", ptime: 30 },
      { codec: "opus", ptime: 20, srtp: { send: key, receive: key } },
      { ptime: 70 },
    ]);
    if (!this.#isOver) {
      expect(() => this.#session.renegotiate(change, this.#now)).toThrow(RangeError);
    }
  }

  #codec(): Omit<Agreement, "srtp"> {
    const [codec, payloadType, ptimes] = this.#dice.of(CODECS);
    return { codec, payloadType, receivePayloadType: payloadType, ptime: this.#dice.of(ptimes) };
  }

  /** Keys for both sides, or none; the peer goes on with them. */
  #keys(): { readonly srtp: MediaKeys | undefined } {
    if (this.#dice.int(3) === 0) {
      this.#peer = undefined;
      return { srtp: undefined };
    }
    const suite = this.#dice.of(SUITES);
    const { keyBytes, saltBytes } = SRTP_SUITES[suite];
    const draw = () => ({ suite, key: this.#dice.bytes(keyBytes + saltBytes) });
    const srtp = { send: draw(), receive: draw() };
    const mirrored = { send: srtp.receive, receive: srtp.send };
    if (this.#peer === undefined) this.#peer = new Protection(mirrored, srtpCrypto);
    else this.#peer.agree(mirrored);
    return { srtp };
  }

  /** A packet of the peer as it should be, but for what is in it. */
  #audio(): Uint8Array {
    const dice = this.#dice;
    if (dice.int(40) === 0) this.#ssrc = dice.int(4);
    this.#sequence = (this.#sequence + dice.of([1, 1, 1, 1, 1, 2, 0, -1, 40, 3000])) & 0xffff;
    this.#timestamp = (this.#timestamp + dice.of([160, 160, 160, 960, 0, 441, -320, 1e6])) >>> 0;
    const events = dice.int(8) === 0;
    const length = dice.of([160, 160, 160, 3, 40, 80, 321, 1280, 0, 1, 2]);
    const packet = new Uint8Array(12 + (events ? 4 : length) + 32);
    packet.set(dice.bytes(events ? 4 : length), 12);
    writeRtpHeader(packet, {
      ...emptyRtpHeader(),
      marker: dice.int(20) === 0,
      payloadType: events ? 101 : dice.int(25) === 0 ? 13 : this.#agreed.payloadType,
      sequenceNumber: this.#sequence,
      timestamp: this.#timestamp,
      ssrc: this.#ssrc,
    });
    const clear = packet.subarray(0, packet.length - 32);
    return (this.#peer === undefined ? clear : this.#peer.protect(clear) ?? clear).slice();
  }

  /** Noise that begins as a packet does. */
  #likeRtp(bytes: Uint8Array): Uint8Array {
    if (bytes.length > 1) bytes[1] = this.#dice.of([this.#agreed.payloadType, 101, 13, 77, 255]);
    if (bytes.length > 0) bytes[0] = 0x80 | (bytes[0] as number) & 0x3f;
    return bytes;
  }

  #reports(): void {
    const dice = this.#dice;
    const bytes = absurdReports({ ours: this.#ourSsrc, theirs: this.#ssrc }, dice);
    const isForged = this.#peer === undefined || bytes.length < 8 || dice.int(4) === 0;
    const packet = isForged ? bytes : this.#peer?.protectRtcp(bytes) ?? bytes;
    this.#session.receiveRtcp(packet, dice.of(ADDRESSES), this.#now);
  }

  #deliver(packet: Uint8Array): void {
    const port = this.#dice.int(9) === 0 ? PORT + 2 : PORT;
    damage(packet, this.#dice);
    this.#session.receive(packet, port, this.#dice.of(ADDRESSES), this.#now);
  }

  /** The sink was called. */
  #told(): void {
    this.#require(!this.#isOver, "it goes on after its end");
    if (--this.#patience > 0 || this.#isOver) return;
    this.#patience = Infinity;
    this.#session.stop(this.#now);
    this.#isOver = true;
    this.#endedAt = this.#now;
  }

  /** Lets time pass, deadline by deadline. */
  #pass(time: Millis): void {
    const until = this.#now + time;
    const session = this.#session;
    for (let calls = 0; session.deadline <= until; calls++) {
      if (calls > 60) return void this.problems.push(`it does not move on from ${this.#now} ms`);
      this.#now = Math.max(this.#now, session.deadline);
      session.timeout(this.#now);
    }
    this.#now = until;
  }

  #event(event: MediaEvent): void {
    if (event.type === "bargeIn") this.#handlerClears();
    if ("playedMs" in event) this.#require(event.playedMs >= 0, "a mark before the beginning");
  }

  #handlerClears(): void {
    this.#clears++;
    const { playedMs, droppedMs } = this.#session.clear(this.#now);
    this.#require(playedMs >= 0 && droppedMs >= 0, "a clear of less than nothing");
  }

  /** Numbers follow one another, and whoever has the key can read it. */
  #sent(bytes: Uint8Array): void {
    this.#require(!this.#isOver, "it sends after its end");
    const header = emptyRtpHeader();
    this.#require(parseRtp(bytes, header), "what was sent is no RTP");
    const expected = (this.#lastSent + 1) & 0xffff;
    const { sequenceNumber } = header;
    if (this.#lastSent >= 0) this.#require(sequenceNumber === expected, "a number was left out");
    this.#lastSent = sequenceNumber;
    this.#ourSsrc = header.ssrc;
    if (this.#peer === undefined) return;
    this.#require(this.#peer.unprotect(bytes.slice()) > 12, "what was sent cannot be read");
  }

  #checkTime(): void {
    const ahead = this.#heard * 1000 / this.#rate - this.#now;
    this.#require(ahead <= LEAD_MAX, `the timeline is ${ahead} ms ahead`);
    this.#require(ahead >= -LAG_MAX, `the timeline is ${-ahead} ms behind`);
  }

  #checkCounts(): void {
    const statistics = this.#session.statistics();
    for (const [name, value] of Object.entries(statistics)) {
      const isFine = value === null || (Number.isFinite(value) && value >= 0);
      this.#require(
        isFine || (name === "drift_ppm" && Number.isFinite(value)),
        `${name}: ${value}`,
      );
    }
    const { played_ms, dropped_ms, skipped_ms, queue_ms } = statistics;
    const counted = played_ms + dropped_ms + skipped_ms + queue_ms;
    const written = this.#written * 1000 / this.#rate;
    // Each figure is rounded, and a clear drops half a sample that waits for its other half
    const tolerance = 2 + (this.#clears + 1) / 8;
    const isAll = Math.abs(counted - written) <= tolerance;
    this.#require(isAll, `${counted} ms of the ${written} ms that were written are accounted for`);
  }

  #require(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }
}
