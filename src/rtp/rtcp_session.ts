/**
 * Our side of RTCP in a session of two: when reports go out, what is in them, and what the peer's
 * say. RFC 3550 §6, RFC 3611.
 *
 * Bytes, plain figures and the instant come in; bytes go out. Which source may report is for the
 * media session to judge.
 *
 * @module
 */

import { randomUint32 } from "../base/random.ts";
import type { RandomSource } from "../base/random.ts";
import type { Hertz, Millis, RtpTimestamp } from "../base/units.ts";
import {
  type NtpTime,
  parseRtcp,
  type ReportBlock,
  type RtcpPacket,
  serializeRtcp,
} from "./rtcp.ts";
import type { VoipMetrics } from "./rtcp_extended.ts";
import type { ReceptionFigures } from "./rtp_stats.ts";
import { advanceTimestamp } from "./sequence.ts";

/** What a session of RTCP is made of. */
export interface RtcpOptions {
  /** Ours. */
  readonly ssrc: number;
  /** Our canonical name, which tells nobody who we are. RFC 7022 */
  readonly cname: string;
  readonly random: RandomSource;
  /** Mean time from one report to the next. */
  readonly interval: Millis;
  /** Wall clock at the instant 0 of `now`, since 1970. */
  readonly wallClock: Millis;
  /** Whether both sides understand RFC 3611. */
  readonly extendedReports: boolean;
}

/** How we receive the peer, at the moment of a report. */
export interface Reception extends ReceptionFigures {
  /** Of the peer's stream. */
  readonly ssrc: number;
  readonly voip?: VoipMetrics;
}

/** What the peer's reports say, and what they let us know. */
export interface RtcpQuality {
  readonly roundTripMs: Millis | undefined;
  readonly roundTripMsMax: Millis | undefined;
  /** Share of our packets that the peer lost since the beginning, 0 to 1. */
  readonly remoteLoss: number | undefined;
  readonly remoteJitterMs: Millis | undefined;
  /** MOS of a conversation, as the peer reckons. */
  readonly remoteMos: number | undefined;
  readonly reportsSent: number;
  readonly reportsReceived: number;
}

/** What came of a packet of the peer. */
export type RtcpEvent =
  | { readonly type: "report" }
  /** The peer's stream ends. */
  | { readonly type: "goodbye"; readonly ssrcs: readonly number[]; readonly reason: string };

/** From 1900 to 1970, in seconds. */
const NTP_EPOCH = 2_208_988_800;
const TWO_32 = 2 ** 32;

/** A round trip above this is a peer's mistake. */
const ROUND_TRIP_MS_MAX = 60_000;

/** The RTCP of one session. `sent` is the hot path: plain numbers. */
export class RtcpSession {
  readonly #options: RtcpOptions;
  #clockRate: Hertz;
  #deadline: Millis;
  #packets = 0;
  #octets = 0;
  #lastTimestamp: RtpTimestamp = 0;
  #lastSentAt: Millis = -Infinity;
  /** The peer's last sender report: the middle of its NTP time, and when it came. */
  #senderReport = 0;
  #senderReportAt: Millis = 0;
  /** The peer's last reference time, likewise. RFC 3611 §4.4 */
  #reference = 0;
  #referenceAt: Millis = 0;
  #peer = 0;
  #roundTrip: Millis | undefined;
  #roundTripMax: Millis | undefined;
  #remote: ReportBlock | undefined;
  #remoteMos: number | undefined;
  #reportsSent = 0;
  #reportsReceived = 0;

  constructor(options: RtcpOptions & { readonly clockRate: Hertz }, now: Millis) {
    this.#options = options;
    this.#clockRate = options.clockRate;
    // §6.2: the first one comes after half the time
    this.#deadline = now + this.#drawInterval() / 2;
  }

  /** The codec has changed. */
  set clockRate(clockRate: Hertz) {
    this.#clockRate = clockRate;
  }

  /** When the next report is due. */
  get deadline(): Millis {
    return this.#deadline;
  }

  /** An RTP packet of ours goes out. */
  sent(timestamp: RtpTimestamp, payloadBytes: number, now: Millis): void {
    this.#packets++;
    this.#octets += payloadBytes;
    this.#lastTimestamp = timestamp;
    this.#lastSentAt = now;
  }

  /**
   * Makes the report that is due; early calls make it early.
   *
   * @param reception Absent: the peer has not been heard.
   */
  report(reception: Reception | undefined, now: Millis): Uint8Array<ArrayBuffer> {
    this.#deadline = now + this.#drawInterval();
    this.#reportsSent++;
    return serializeRtcp([...this.#reports(reception, now), ...this.#extended(reception, now)]);
  }

  /** Makes our goodbye: the last report, and the end of our stream. §6.6 */
  goodbye(reception: Reception | undefined, now: Millis): Uint8Array<ArrayBuffer> {
    this.#deadline = Infinity;
    const { ssrc } = this.#options;
    const goodbye = { type: "goodbye", ssrcs: [ssrc], reason: "" } as const;
    return serializeRtcp([...this.#reports(reception, now), goodbye]);
  }

  /** Takes a compound packet; `undefined` when it is none. */
  receive(bytes: Uint8Array, now: Millis): RtcpEvent | undefined {
    const packets = parseRtcp(bytes);
    if (packets === undefined) return undefined;
    this.#reportsReceived++;
    for (const packet of packets) this.#take(packet, now);
    const goodbye = packets.find((packet) => packet.type === "goodbye");
    return goodbye ?? { type: "report" };
  }

  quality(): RtcpQuality {
    const remote = this.#remote;
    return {
      roundTripMs: this.#roundTrip,
      roundTripMsMax: this.#roundTripMax,
      remoteLoss: remote === undefined ? undefined : this.#remoteLossOf(remote),
      remoteJitterMs: remote === undefined ? undefined : remote.jitter * 1000 / this.#clockRate,
      remoteMos: this.#remoteMos,
      reportsSent: this.#reportsSent,
      reportsReceived: this.#reportsReceived,
    };
  }

  /**
   * §6.3.1: from a half to one and a half. Two members do not become more, so that nothing is
   * reconsidered, and nothing has to make up for that.
   */
  #drawInterval(): Millis {
    return this.#options.interval * (0.5 + randomUint32(this.#options.random) / TWO_32);
  }

  #reports(reception: Reception | undefined, now: Millis): readonly RtcpPacket[] {
    const { ssrc, cname, interval } = this.#options;
    const reports = reception === undefined ? [] : [this.#reportBlock(reception, now)];
    // §6.4: a sender report while we have sent within the last two intervals
    const isSender = now - this.#lastSentAt < 2 * interval;
    const elapsed = Math.round((now - this.#lastSentAt) * this.#clockRate / 1000);
    const report: RtcpPacket = isSender
      ? {
        type: "senderReport",
        ssrc,
        ntp: this.#ntp(now),
        rtpTimestamp: advanceTimestamp(this.#lastTimestamp, elapsed),
        packets: this.#packets >>> 0,
        octets: this.#octets >>> 0,
        reports,
      }
      : { type: "receiverReport", ssrc, reports };
    return [report, { type: "sourceDescription", ssrc, cname }];
  }

  #reportBlock(reception: Reception, now: Millis): ReportBlock {
    const { ssrc, fractionLost, cumulativeLost, highestSequence, jitter } = reception;
    const hasReport = this.#senderReport !== 0 && ssrc === this.#peer;
    return {
      ssrc,
      fractionLost,
      cumulativeLost,
      highestSequence,
      jitter,
      lastSenderReport: hasReport ? this.#senderReport : 0,
      delaySinceLast: hasReport ? shortInterval(now - this.#senderReportAt) : 0,
    };
  }

  #extended(reception: Reception | undefined, now: Millis): readonly RtcpPacket[] {
    const { ssrc, extendedReports } = this.#options;
    const voip = reception?.voip;
    if (!extendedReports) return [];
    const delays = this.#reference === 0 ? [] : [{
      ssrc: this.#peer,
      lastReference: this.#reference,
      delaySinceLast: shortInterval(now - this.#referenceAt),
    }];
    // Who only receives learns the round trip by its reference time
    const isSender = now - this.#lastSentAt < 2 * this.#options.interval;
    const referenceTime = isSender ? undefined : this.#ntp(now);
    if (voip === undefined && delays.length === 0 && referenceTime === undefined) return [];
    return [{
      type: "extendedReport",
      ssrc,
      delays,
      ...(referenceTime && { referenceTime }),
      ...(voip && { voip }),
    }];
  }

  #take(packet: RtcpPacket, now: Millis): void {
    switch (packet.type) {
      case "senderReport":
        this.#peer = packet.ssrc;
        this.#senderReport = middleOf(packet.ntp);
        this.#senderReportAt = now;
        return this.#takeReports(packet.reports, now);
      case "receiverReport":
        this.#peer = packet.ssrc;
        return this.#takeReports(packet.reports, now);
      case "extendedReport": {
        const { referenceTime, delays, voip } = packet;
        if (referenceTime !== undefined) {
          this.#reference = middleOf(referenceTime);
          this.#referenceAt = now;
        }
        for (const { ssrc, lastReference, delaySinceLast } of delays) {
          if (ssrc === this.#options.ssrc) this.#measure(lastReference, delaySinceLast, now);
        }
        if (voip?.ssrc === this.#options.ssrc && voip.mosConversational <= 50) {
          this.#remoteMos = voip.mosConversational / 10;
        }
      }
    }
  }

  #takeReports(reports: readonly ReportBlock[], now: Millis): void {
    for (const report of reports) {
      if (report.ssrc !== this.#options.ssrc) continue;
      this.#remote = report;
      this.#measure(report.lastSenderReport, report.delaySinceLast, now);
    }
  }

  /** §6.4.1: the round trip is the time since we sent, less the time that the peer had it. */
  #measure(sentAt: number, held: number, now: Millis): void {
    if (sentAt === 0) return;
    const units = (middleOf(this.#ntp(now)) - sentAt - held) >>> 0;
    // A little below zero: clocks are not finer than that
    const roundTrip = units > 0xffff_0000 ? 0 : units * 1000 / 65_536;
    if (roundTrip > ROUND_TRIP_MS_MAX) return;
    this.#roundTrip = roundTrip;
    this.#roundTripMax = Math.max(this.#roundTripMax ?? 0, roundTrip);
  }

  #remoteLossOf({ cumulativeLost }: ReportBlock): number {
    if (this.#packets === 0) return 0;
    return Math.min(1, Math.max(0, cumulativeLost) / this.#packets);
  }

  #ntp(now: Millis): NtpTime {
    const milliseconds = this.#options.wallClock + now;
    const seconds = Math.floor(milliseconds / 1000);
    const fraction = Math.floor((milliseconds / 1000 - seconds) * TWO_32);
    return { seconds: (seconds + NTP_EPOCH) >>> 0, fraction: fraction >>> 0 };
  }
}

/** The middle 32 bits of an NTP time: units of 1/65536 s. §4 */
function middleOf({ seconds, fraction }: NtpTime): number {
  return (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
}

/** A duration in units of 1/65536 s. */
function shortInterval(duration: Millis): number {
  return Math.round(Math.max(0, duration) * 65.536) >>> 0;
}
