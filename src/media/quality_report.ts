/**
 * How a session sounds, in the figures of records and of extended reports.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import { estimateQuality } from "../rtp/e_model.ts";
import type { LossFigures } from "../rtp/loss_pattern.ts";
import { UNKNOWN_METRIC, type VoipMetrics } from "../rtp/rtcp_extended.ts";
import type { RtcpQuality } from "../rtp/rtcp_session.ts";
import type { QualityStatistics } from "./statistics.ts";

/** What is known of the direction from the peer. */
export interface ReceivedQuality {
  /** Encoding name. */
  readonly codec: string;
  readonly packetsReceived: number;
  readonly packetsLost: number;
  /** Came, but too late to be heard. */
  readonly packetsLate: number;
  readonly loss: LossFigures;
  /** Length of a packet. */
  readonly packetMs: Millis;
  /** How long a missing packet is waited for: now, and at most. */
  readonly windowMs: Millis;
  readonly windowMsMax: Millis;
}

/** Largest that a field of 16 bits holds. */
const UINT16_MAX = 0xffff;

/** The figures of a record. */
export function qualityStatistics(
  received: ReceivedQuality,
  rtcp: RtcpQuality | undefined,
): QualityStatistics {
  const isHeard = received.packetsReceived > 0;
  return {
    round_trip_ms: tenths(rtcp?.roundTripMs),
    round_trip_ms_max: tenths(rtcp?.roundTripMsMax),
    remote_loss_pct: rtcp?.remoteLoss === undefined ? null : hundredths(rtcp.remoteLoss * 100),
    remote_jitter_ms: tenths(rtcp?.remoteJitterMs),
    mos: isHeard ? hundredths(estimate(received, rtcp).mos) : null,
    remote_mos: rtcp?.remoteMos ?? null,
    rtcp_sent: rtcp?.reportsSent ?? 0,
    rtcp_received: rtcp?.reportsReceived ?? 0,
  };
}

/** The block of an extended report. RFC 3611 §4.7 */
export function voipMetrics(
  ssrc: number,
  received: ReceivedQuality,
  rtcp: RtcpQuality,
): VoipMetrics {
  const { loss, packetsReceived, packetsLost, packetsLate } = received;
  const expected = Math.max(1, packetsReceived + packetsLost);
  const { r, mos } = estimate(received, rtcp);
  const isHeard = packetsReceived > 0;
  const listening = estimateQuality({ ...inputsOf(received), oneWayDelay: 0 }).mos;
  return {
    ssrc,
    lossRate: of256(packetsLost / expected),
    discardRate: of256(packetsLate / expected),
    burstDensity: of256(loss.burstDensity),
    gapDensity: of256(loss.gapDensity),
    burstDuration: short(loss.burstMs),
    gapDuration: short(loss.gapMs),
    roundTripDelay: short(rtcp.roundTripMs ?? 0),
    endSystemDelay: short(received.packetMs),
    rFactor: isHeard ? Math.round(r) : UNKNOWN_METRIC,
    mosListening: isHeard ? Math.round(listening * 10) : UNKNOWN_METRIC,
    mosConversational: isHeard ? Math.round(mos * 10) : UNKNOWN_METRIC,
    bufferNominal: short(received.windowMs),
    bufferMax: short(received.windowMsMax),
  };
}

/** Delay is half of the round trip, and a packet's length. */
function estimate(received: ReceivedQuality, rtcp: RtcpQuality | undefined) {
  const oneWayDelay = (rtcp?.roundTripMs ?? 0) / 2 + received.packetMs;
  return estimateQuality({ ...inputsOf(received), oneWayDelay });
}

function inputsOf({ codec, packetsReceived, packetsLost, packetsLate, loss }: ReceivedQuality) {
  const expected = Math.max(1, packetsReceived + packetsLost);
  return { codec, lossShare: (packetsLost + packetsLate) / expected, burstRatio: loss.burstRatio };
}

function of256(share: number): number {
  return Math.min(255, Math.floor(Math.max(0, share) * 256));
}

function short(value: number): number {
  return Math.min(UINT16_MAX, Math.round(value));
}

function tenths(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 10) / 10;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
