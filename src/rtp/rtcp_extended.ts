/**
 * Extended reports: how a call sounds, and the round trip of one who only receives. RFC 3611.
 *
 * @module
 */

import type { NtpTime } from "./rtcp.ts";

/** Block types. §4 */
const REFERENCE_TIME = 4;
const DELAYS = 5;
const VOIP_METRICS = 7;

/** Length of the VoIP metrics block behind its header. §4.7 */
const VOIP_METRICS_BYTES = 32;

/** Stands for a figure of 8 bits that is not known. §4.7.5 */
export const UNKNOWN_METRIC = 127;

/** How long ago the reference time of a source came. §4.5 */
export interface DelayBlock {
  readonly ssrc: number;
  /** Middle 32 bits of its last reference time; 0: there was none. */
  readonly lastReference: number;
  /** Since it came, in 1/65536 s. */
  readonly delaySinceLast: number;
}

/** How a received stream sounds. Shares are of 256. §4.7 */
export interface VoipMetrics {
  readonly ssrc: number;
  readonly lossRate: number;
  /** Came too late, or too early, to be heard. */
  readonly discardRate: number;
  readonly burstDensity: number;
  readonly gapDensity: number;
  /** Milliseconds. */
  readonly burstDuration: number;
  /** Milliseconds. */
  readonly gapDuration: number;
  /** Milliseconds; 0: not known. */
  readonly roundTripDelay: number;
  /** Milliseconds: what we add ourselves. */
  readonly endSystemDelay: number;
  /** 0 to 100, or {@linkcode UNKNOWN_METRIC}. */
  readonly rFactor: number;
  /** Ten times the MOS of listening, or {@linkcode UNKNOWN_METRIC}. */
  readonly mosListening: number;
  /** Ten times the MOS of conversation, or {@linkcode UNKNOWN_METRIC}. */
  readonly mosConversational: number;
  /** Milliseconds of the jitter buffer: now, and at most. */
  readonly bufferNominal: number;
  readonly bufferMax: number;
}

/** An extended report with the blocks that we know. §2 */
export interface ExtendedReport {
  readonly type: "extendedReport";
  readonly ssrc: number;
  /** When it was sent, by the sender's clock. §4.4 */
  readonly referenceTime?: NtpTime;
  readonly delays: readonly DelayBlock[];
  readonly voip?: VoipMetrics;
}

/** §4.7.6: standard concealment; a buffer that adapts, at a rate that is not told. */
const RECEIVER_CONFIGURATION = 0b11_11_0000;
/** §4.7.2: so many packets in order end a burst. */
export const GAP_PACKETS_MIN = 16;

/**
 * Reads the blocks behind the header of an extended report.
 *
 * @returns `undefined` when a length lies.
 */
export function parseExtendedReport(
  view: DataView,
  start: number,
  end: number,
): ExtendedReport | undefined {
  if (start + 4 > end) return undefined;
  const ssrc = view.getUint32(start);
  let referenceTime: NtpTime | undefined;
  let voip: VoipMetrics | undefined;
  const delays: DelayBlock[] = [];
  let at = start + 4;
  while (at < end) {
    if (at + 4 > end) return undefined;
    const type = view.getUint8(at);
    const next = at + 4 + 4 * view.getUint16(at + 2);
    if (next > end) return undefined;
    const content = at + 4;
    if (type === REFERENCE_TIME && next - content >= 8) {
      referenceTime = { seconds: view.getUint32(content), fraction: view.getUint32(content + 4) };
    } else if (type === DELAYS) {
      for (let block = content; block + 12 <= next; block += 12) {
        delays.push({
          ssrc: view.getUint32(block),
          lastReference: view.getUint32(block + 4),
          delaySinceLast: view.getUint32(block + 8),
        });
      }
    } else if (type === VOIP_METRICS && next - content >= VOIP_METRICS_BYTES) {
      voip = parseVoipMetrics(view, content);
    }
    at = next;
  }
  return {
    type: "extendedReport",
    ssrc,
    delays,
    ...(referenceTime && { referenceTime }),
    ...(voip && { voip }),
  };
}

/** Writes what lies behind the header; returns where it ends. */
export function writeExtendedReport(view: DataView, start: number, report: ExtendedReport): number {
  const { referenceTime, delays, voip } = report;
  view.setUint32(start, report.ssrc);
  let at = start + 4;
  if (referenceTime !== undefined) {
    at = writeBlockHeader(view, at, REFERENCE_TIME, 8);
    view.setUint32(at, referenceTime.seconds);
    view.setUint32(at + 4, referenceTime.fraction);
    at += 8;
  }
  if (delays.length > 0) {
    at = writeBlockHeader(view, at, DELAYS, delays.length * 12);
    for (const { ssrc, lastReference, delaySinceLast } of delays) {
      view.setUint32(at, ssrc);
      view.setUint32(at + 4, lastReference);
      view.setUint32(at + 8, delaySinceLast);
      at += 12;
    }
  }
  if (voip === undefined) return at;
  at = writeBlockHeader(view, at, VOIP_METRICS, VOIP_METRICS_BYTES);
  writeVoipMetrics(view, at, voip);
  return at + VOIP_METRICS_BYTES;
}

function writeBlockHeader(view: DataView, at: number, type: number, bytes: number): number {
  view.setUint8(at, type);
  view.setUint8(at + 1, 0);
  view.setUint16(at + 2, bytes / 4);
  return at + 4;
}

function parseVoipMetrics(view: DataView, at: number): VoipMetrics {
  return {
    ssrc: view.getUint32(at),
    lossRate: view.getUint8(at + 4),
    discardRate: view.getUint8(at + 5),
    burstDensity: view.getUint8(at + 6),
    gapDensity: view.getUint8(at + 7),
    burstDuration: view.getUint16(at + 8),
    gapDuration: view.getUint16(at + 10),
    roundTripDelay: view.getUint16(at + 12),
    endSystemDelay: view.getUint16(at + 14),
    rFactor: view.getUint8(at + 20),
    mosListening: view.getUint8(at + 22),
    mosConversational: view.getUint8(at + 23),
    bufferNominal: view.getUint16(at + 26),
    bufferMax: view.getUint16(at + 28),
  };
}

function writeVoipMetrics(view: DataView, at: number, metrics: VoipMetrics): void {
  view.setUint32(at, metrics.ssrc);
  view.setUint8(at + 4, metrics.lossRate);
  view.setUint8(at + 5, metrics.discardRate);
  view.setUint8(at + 6, metrics.burstDensity);
  view.setUint8(at + 7, metrics.gapDensity);
  view.setUint16(at + 8, metrics.burstDuration);
  view.setUint16(at + 10, metrics.gapDuration);
  view.setUint16(at + 12, metrics.roundTripDelay);
  view.setUint16(at + 14, metrics.endSystemDelay);
  // Levels and echo are not measured. §4.7.4
  view.setUint8(at + 16, UNKNOWN_METRIC);
  view.setUint8(at + 17, UNKNOWN_METRIC);
  view.setUint8(at + 18, UNKNOWN_METRIC);
  view.setUint8(at + 19, GAP_PACKETS_MIN);
  view.setUint8(at + 20, metrics.rFactor);
  // There is no other network whose quality is known. §4.7.5
  view.setUint8(at + 21, UNKNOWN_METRIC);
  view.setUint8(at + 22, metrics.mosListening);
  view.setUint8(at + 23, metrics.mosConversational);
  view.setUint8(at + 24, RECEIVER_CONFIGURATION);
  view.setUint8(at + 25, 0);
  view.setUint16(at + 26, metrics.bufferNominal);
  view.setUint16(at + 28, metrics.bufferMax);
  view.setUint16(at + 30, metrics.bufferMax);
}
