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
  /** The last one. */
  readonly roundTripMs: Millis | undefined;
  readonly roundTripMsMin: Millis | undefined;
  readonly roundTripMsMean: Millis | undefined;
  readonly roundTripMsMax: Millis | undefined;
  /** Share of our packets that the peer lost since the beginning, 0 to 1. */
  readonly remoteLoss: number | undefined;
  /** The same of the time between its last two reports, in steps of 1/256. */
  readonly remoteLossLast: number | undefined;
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

/** A round trip may be that much below zero, for a peer's clock is no finer; in 1/65536 s. */
const CLOCK_GRAIN = 0.02 * 65_536;

/** A stamp of the peer's clock, to be handed back to it. */
interface PeerStamp {
  readonly ssrc: number;
  /** Middle 32 bits of an NTP time, never 0. */
  readonly stamp: number;
  readonly arrival: Millis;
}

/** The RTCP of one session. `sent` is the hot path: plain numbers. */
export class RtcpSession {
  readonly #options: RtcpOptions;
  #clockRate: Hertz;
  #extendedReports: boolean;
  #deadline: Millis;
  #packets = 0;
  #octets = 0;
  #lastTimestamp: RtpTimestamp = 0;
  #lastSentAt: Millis = -Infinity;
  /** Of the peer's last sender report. */
  #senderReport: PeerStamp | undefined;
  /** Of the peer's last reference time. RFC 3611 §4.4 */
  #reference: PeerStamp | undefined;
  readonly #roundTrips = new RoundTrips();
  /** The peer's last report about us, and the share that it had lost by then. */
  #remote: ReportBlock | undefined;
  #remoteLoss = 0;
  #remoteMos: number | undefined;
  #reportsSent = 0;
  #reportsReceived = 0;

  constructor(options: RtcpOptions & { readonly clockRate: Hertz }, now: Millis) {
    this.#options = options;
    this.#clockRate = options.clockRate;
    this.#extendedReports = options.extendedReports;
    // §6.2: the first one comes after half the time
    this.#deadline = now + this.#drawInterval() / 2;
  }

  /** Codec or extensions have changed. */
  agree(agreed: { readonly clockRate: Hertz; readonly extendedReports: boolean }): void {
    this.#clockRate = agreed.clockRate;
    this.#extendedReports = agreed.extendedReports;
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

  /** Takes a compound packet; `undefined` when it is none, or our own that has come back. */
  receive(bytes: Uint8Array, now: Millis): RtcpEvent | undefined {
    const packets = parseRtcp(bytes);
    if (packets === undefined || this.#isOurs(packets)) return undefined;
    this.#reportsReceived++;
    for (const packet of packets) this.#take(packet, now);
    const goodbye = packets.find((packet) => packet.type === "goodbye");
    return goodbye ?? { type: "report" };
  }

  quality(): RtcpQuality {
    const remote = this.#remote;
    return {
      roundTripMs: this.#roundTrips.last,
      roundTripMsMin: this.#roundTrips.least,
      roundTripMsMean: this.#roundTrips.mean,
      roundTripMsMax: this.#roundTrips.most,
      remoteLoss: remote && this.#remoteLoss,
      remoteLossLast: remote && remote.fractionLost / 256,
      remoteJitterMs: remote && remote.jitter * 1000 / this.#clockRate,
      remoteMos: this.#remoteMos,
      reportsSent: this.#reportsSent,
      reportsReceived: this.#reportsReceived,
    };
  }

  /**
   * §6.3.1: from a half to one and a half.
   *
   * DEVIATION §6.3.1: not divided by e - 3/2, which makes up for what §6.3.6 puts off while members
   * come; two of them stay two, and nothing is put off.
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
    const heard = this.#senderReport?.ssrc === ssrc ? this.#senderReport : undefined;
    return {
      ssrc,
      fractionLost,
      cumulativeLost,
      highestSequence,
      jitter,
      lastSenderReport: heard?.stamp ?? 0,
      delaySinceLast: heard === undefined ? 0 : shortInterval(now - heard.arrival),
    };
  }

  #extended(reception: Reception | undefined, now: Millis): readonly RtcpPacket[] {
    const { ssrc } = this.#options;
    const voip = reception?.voip;
    if (!this.#extendedReports) return [];
    const heard = this.#reference;
    const delays = heard === undefined ? [] : [{
      ssrc: heard.ssrc,
      lastReference: heard.stamp,
      delaySinceLast: shortInterval(now - heard.arrival),
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
        this.#senderReport = peerStamp(packet.ssrc, packet.ntp, now);
        return this.#takeReports(packet.reports, now);
      case "receiverReport":
        return this.#takeReports(packet.reports, now);
      case "extendedReport": {
        const { referenceTime, delays, voip } = packet;
        if (referenceTime !== undefined) {
          this.#reference = peerStamp(packet.ssrc, referenceTime, now);
        }
        for (const { ssrc, lastReference, delaySinceLast } of delays) {
          if (ssrc === this.#options.ssrc) this.#measure(lastReference, delaySinceLast, now);
        }
        if (voip?.ssrc !== this.#options.ssrc) return;
        // RFC 3611 §4.7.5: from 1 to 5, or not known
        const { mosConversational: mos } = voip;
        if (mos >= 10 && mos <= 50) this.#remoteMos = mos / 10;
      }
    }
  }

  #takeReports(reports: readonly ReportBlock[], now: Millis): void {
    for (const report of reports) {
      if (report.ssrc !== this.#options.ssrc) continue;
      this.#remote = report;
      this.#remoteLoss = this.#packets === 0
        ? 0
        : Math.min(1, Math.max(0, report.cumulativeLost) / this.#packets);
      this.#measure(report.lastSenderReport, report.delaySinceLast, now);
    }
  }

  /** §6.4.1: the round trip is the time since we sent, less the time that the peer had it. */
  #measure(sentAt: number, held: number, now: Millis): void {
    if (sentAt === 0) return;
    // Wraps every 18 hours; what is left is a little above zero, or a mistake
    const units = (middleOf(this.#ntp(now)) - sentAt - held) | 0;
    if (units < -CLOCK_GRAIN) return;
    const roundTrip = Math.max(0, units) * 1000 / 65_536;
    if (roundTrip <= ROUND_TRIP_MS_MAX) this.#roundTrips.add(roundTrip);
  }

  /** §8.2: a peer that sends everything back, or a loop. */
  #isOurs(packets: readonly RtcpPacket[]): boolean {
    const [first] = packets;
    return first !== undefined && first.type !== "goodbye" && first.ssrc === this.#options.ssrc;
  }

  #ntp(now: Millis): NtpTime {
    const milliseconds = this.#options.wallClock + now;
    const seconds = Math.floor(milliseconds / 1000);
    const fraction = Math.floor((milliseconds / 1000 - seconds) * TWO_32);
    return { seconds: (seconds + NTP_EPOCH) >>> 0, fraction: fraction >>> 0 };
  }
}

/** Round trips so far; each figure is `undefined` before the first. */
class RoundTrips {
  #last: Millis | undefined;
  #least: Millis | undefined;
  #most: Millis | undefined;
  #sum = 0;
  #count = 0;

  add(roundTrip: Millis): void {
    this.#last = roundTrip;
    this.#least = Math.min(this.#least ?? roundTrip, roundTrip);
    this.#most = Math.max(this.#most ?? roundTrip, roundTrip);
    this.#sum += roundTrip;
    this.#count++;
  }

  get last(): Millis | undefined {
    return this.#last;
  }

  get least(): Millis | undefined {
    return this.#least;
  }

  get most(): Millis | undefined {
    return this.#most;
  }

  get mean(): Millis | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count;
  }
}

/** Keeps a stamp of the peer. A clock that stands at 0 has none to hand back. §6.4.1 */
function peerStamp(ssrc: number, ntp: NtpTime, arrival: Millis): PeerStamp | undefined {
  const stamp = middleOf(ntp);
  return stamp === 0 ? undefined : { ssrc, stamp, arrival };
}

/** The middle 32 bits of an NTP time: units of 1/65536 s. §4 */
function middleOf({ seconds, fraction }: NtpTime): number {
  return (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
}

/** A duration in units of 1/65536 s. */
function shortInterval(duration: Millis): number {
  return Math.round(Math.max(0, duration) * 65.536) >>> 0;
}
