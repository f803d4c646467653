/**
 * RTCP beside the audio of one session: whose reports are taken, where ours go, and what they say
 * of the audio.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Hertz, Millis, RtpTimestamp } from "../base/units.ts";
import { type Reception, type RtcpQuality, RtcpSession } from "../rtp/rtcp_session.ts";
import type { ReceptionFigures } from "../rtp/rtp_stats.ts";
import type { Protection } from "./protection.ts";
import { type ReceivedQuality, voipMetrics } from "./quality_report.ts";

/** What our reports are made of. */
export interface RtcpSetUp {
  /** Mean time between two of them. */
  readonly interval: Millis;
  /** Our canonical name, which tells nobody who we are. */
  readonly cname: string;
  /** Wall clock at the instant 0 of `now`, since 1970. */
  readonly wallClock: Millis;
}

/** What was agreed on about RTCP. */
export interface RtcpAgreement {
  /** Reports come and go on the port of RTP. RFC 5761 */
  readonly mux: boolean;
  /** Both sides understand RFC 3611. */
  readonly extendedReports: boolean;
  /** Where the SDP wants reports. */
  readonly remote: SocketAddress | undefined;
}

/** What of the session goes into a report. */
export interface ReportSource {
  /** `undefined` before the peer's first packet. Figures count from one report to the next. */
  takeReception(): (ReceptionFigures & { readonly ssrc: number }) | undefined;
  quality(): ReceivedQuality;
}

/** Where the audio goes, and where it comes from. */
export interface RtpWay {
  /** Where our RTP goes; `undefined`: nowhere. */
  readonly target: SocketAddress | undefined;
  /** Where the SDP wants our RTP. */
  readonly remote: SocketAddress | undefined;
  /** Who may be heard: the source of the peer's RTP, or before that, whoever it may be. */
  readonly addresses: readonly string[];
}

/** A report that goes out. */
export interface OutgoingReport {
  readonly bytes: Uint8Array;
  readonly to: SocketAddress;
  /** It leaves from the port of RTP. */
  readonly mux: boolean;
}

/** The reports of one session. */
export class RtcpExchange {
  readonly #session: RtcpSession;
  readonly #source: ReportSource;
  #agreement: RtcpAgreement;
  #isHeard = false;

  constructor(
    options: RtcpSetUp & RtcpAgreement & {
      readonly ssrc: number;
      readonly clockRate: Hertz;
      readonly random: RandomSource;
    },
    source: ReportSource,
    now: Millis,
  ) {
    this.#agreement = options;
    this.#source = source;
    this.#session = new RtcpSession(options, now);
  }

  /** A re-INVITE changed what is agreed on. */
  agree(agreement: RtcpAgreement, clockRate: Hertz): void {
    this.#agreement = agreement;
    this.#session.agree({ clockRate, extendedReports: agreement.extendedReports });
  }

  get deadline(): Millis {
    return this.#session.deadline;
  }

  get quality(): RtcpQuality {
    return this.#session.quality();
  }

  /** An RTP packet of ours goes out. Hot path. */
  sent(timestamp: RtpTimestamp, payloadBytes: number, now: Millis): void {
    this.#isHeard = true;
    this.#session.sent(timestamp, payloadBytes, now);
  }

  /**
   * Takes what came on either port.
   *
   * @returns Whether it was a report of the peer.
   */
  receive(
    packet: Uint8Array,
    from: { readonly address: string; readonly way: RtpWay },
    protection: Protection | undefined,
    now: Millis,
  ): boolean {
    const { address, way } = from;
    const isPeer = way.addresses.includes(address) || address === this.#agreement.remote?.address;
    if (!isPeer) return false;
    const length = protection === undefined ? packet.length : protection.unprotectRtcp(packet);
    if (length < 0) return false;
    return this.#session.receive(packet.subarray(0, length), now) !== undefined;
  }

  /** Makes the report that is due, when there is somebody to send it to. */
  report(way: RtpWay, protection: Protection | undefined, now: Millis): OutgoingReport | undefined {
    const bytes = this.#session.report(this.#reception(), now);
    this.#isHeard = true;
    return this.#outgoing(bytes, way, protection);
  }

  /** Our stream ends. §6.6: who was never heard leaves without a word. */
  goodbye(
    way: RtpWay,
    protection: Protection | undefined,
    now: Millis,
  ): OutgoingReport | undefined {
    if (!this.#isHeard) return undefined;
    return this.#outgoing(this.#session.goodbye(this.#reception(), now), way, protection);
  }

  #reception(): Reception | undefined {
    const figures = this.#source.takeReception();
    if (figures === undefined || !this.#agreement.extendedReports) return figures;
    const voip = voipMetrics(figures.ssrc, this.#source.quality(), this.#session.quality());
    return { ...figures, voip };
  }

  #outgoing(
    bytes: Uint8Array,
    way: RtpWay,
    protection: Protection | undefined,
  ): OutgoingReport | undefined {
    const to = this.#targetOf(way);
    if (to === undefined) return undefined;
    const packet = protection === undefined ? bytes : protection.protectRtcp(bytes);
    return packet && { bytes: packet, to, mux: this.#agreement.mux };
  }

  /** Behind NAT the SDP's address is as wrong for RTCP as for RTP: RFC 3550 §11 has the next port. */
  #targetOf({ target, remote }: RtpWay): SocketAddress | undefined {
    if (target === undefined) return undefined;
    const { mux, remote: stated } = this.#agreement;
    if (mux) return target;
    const isAsStated = target.address === remote?.address && target.port === remote.port;
    if (isAsStated) return stated;
    return target.port < 65_535 ? { address: target.address, port: target.port + 1 } : undefined;
  }
}
