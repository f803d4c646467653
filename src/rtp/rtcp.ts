/**
 * RTCP packets as values, and back to bytes: reports, source descriptions, goodbyes. RFC 3550 §6.
 *
 * Extended reports have a file of their own. What the figures mean is left to `rtcp_session.ts`.
 *
 * @module
 */

import { type ExtendedReport, parseExtendedReport, writeExtendedReport } from "./rtcp_extended.ts";

/** Packet types. §12.1, RFC 3611 §2 */
const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const GOODBYE = 203;
const EXTENDED_REPORT = 207;

/** Item of a source description. §6.5.1 */
const CNAME = 1;

/** Largest compound packet that we make; what is parsed is bounded by the datagram. */
export const RTCP_BYTES_MAX = 1200;

/** The count in a packet's header has 5 bits. */
const COUNT_MAX = 31;

/** How one source is received. §6.4.1 */
export interface ReportBlock {
  readonly ssrc: number;
  /** Of 256, since the last report. */
  readonly fractionLost: number;
  /** Since the beginning; negative with duplicates. */
  readonly cumulativeLost: number;
  /** With its cycles. */
  readonly highestSequence: number;
  /** In units of the RTP timestamp. */
  readonly jitter: number;
  /** Middle 32 bits of the last sender report's NTP time; 0: there was none. */
  readonly lastSenderReport: number;
  /** Since that report came, in 1/65536 s. */
  readonly delaySinceLast: number;
}

/** An instant of the wall clock. §4 */
export interface NtpTime {
  /** Since 1900. */
  readonly seconds: number;
  /** Of 2^32. */
  readonly fraction: number;
}

/** One packet of a compound. */
export type RtcpPacket =
  | {
    readonly type: "senderReport";
    readonly ssrc: number;
    readonly ntp: NtpTime;
    readonly rtpTimestamp: number;
    readonly packets: number;
    readonly octets: number;
    readonly reports: readonly ReportBlock[];
  }
  | {
    readonly type: "receiverReport";
    readonly ssrc: number;
    readonly reports: readonly ReportBlock[];
  }
  | { readonly type: "sourceDescription"; readonly ssrc: number; readonly cname: string }
  | { readonly type: "goodbye"; readonly ssrcs: readonly number[]; readonly reason: string }
  | ExtendedReport;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Reads a compound packet; types that are not known are skipped.
 *
 * @returns `undefined` when §A.2 refuses it: another version, a length that does not fit, a first
 * packet that is no report, or padding before the end.
 */
export function parseRtcp(bytes: Uint8Array): readonly RtcpPacket[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets: RtcpPacket[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return undefined;
    const first = view.getUint8(at);
    const type = view.getUint8(at + 1);
    const end = at + 4 * (view.getUint16(at + 2) + 1);
    if (first >>> 6 !== 2 || end > bytes.length) return undefined;
    if (at === 0 && type !== SENDER_REPORT && type !== RECEIVER_REPORT) return undefined;
    const isPadded = (first & 0x20) !== 0;
    // §6.4.1: only the last one of a compound is padded
    if (isPadded && end < bytes.length) return undefined;
    const content = contentEnd(view, at, end, isPadded);
    if (content === undefined) return undefined;
    const parsed = parsePacket(view, { type, count: first & 0x1f, at: at + 4, end: content });
    if (parsed === undefined) return undefined;
    packets.push(...parsed);
    at = end;
  }
  return packets.length === 0 ? undefined : packets;
}

/**
 * Writes a compound packet. Texts are cut to 255 bytes of UTF-8.
 *
 * @throws RangeError beyond {@linkcode RTCP_BYTES_MAX}, or with more than 31 reports or sources in
 * one packet.
 */
export function serializeRtcp(packets: readonly RtcpPacket[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(RTCP_BYTES_MAX);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const packet of packets) {
    const { type, count, end } = writePacket(view, at + 4, packet);
    if (end > bytes.length) throw new RangeError("RTCP packet is too long");
    if (count > COUNT_MAX) throw new RangeError(`RTCP packet has ${count} entries, not up to 31`);
    view.setUint8(at, 0x80 | count);
    view.setUint8(at + 1, type);
    view.setUint16(at + 2, (end - at) / 4 - 1);
    at = end;
  }
  return bytes.slice(0, at);
}

/** Where one packet lies: behind its header, without padding. */
interface Content {
  readonly type: number;
  readonly count: number;
  readonly at: number;
  readonly end: number;
}

/** §6.4.1: the last byte of the padding counts it, itself included. */
function contentEnd(
  view: DataView,
  at: number,
  end: number,
  isPadded: boolean,
): number | undefined {
  if (!isPadded) return end;
  const padding = view.getUint8(end - 1);
  return padding === 0 || padding % 4 !== 0 || end - padding < at + 4 ? undefined : end - padding;
}

/** @returns Nothing for a type that is not known; `undefined` when its counts lie. */
function parsePacket(view: DataView, content: Content): readonly RtcpPacket[] | undefined {
  switch (content.type) {
    case SENDER_REPORT:
      return parseSenderReport(view, content);
    case RECEIVER_REPORT: {
      const { at, end, count } = content;
      if (at + 4 + count * 24 > end) return undefined;
      const ssrc = view.getUint32(at);
      return [{ type: "receiverReport", ssrc, reports: parseReports(view, at + 4, count) }];
    }
    case SOURCE_DESCRIPTION:
      return parseDescriptions(view, content);
    case GOODBYE:
      return parseGoodbye(view, content);
    case EXTENDED_REPORT: {
      const report = parseExtendedReport(view, content.at, content.end);
      return report && [report];
    }
    default:
      return [];
  }
}

function parseSenderReport(view: DataView, content: Content): readonly RtcpPacket[] | undefined {
  const { at, end, count } = content;
  if (at + 24 + count * 24 > end) return undefined;
  return [{
    type: "senderReport",
    ssrc: view.getUint32(at),
    ntp: { seconds: view.getUint32(at + 4), fraction: view.getUint32(at + 8) },
    rtpTimestamp: view.getUint32(at + 12),
    packets: view.getUint32(at + 16),
    octets: view.getUint32(at + 20),
    reports: parseReports(view, at + 24, count),
  }];
}

function parseReports(view: DataView, start: number, count: number): readonly ReportBlock[] {
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * 24;
    return {
      ssrc: view.getUint32(at),
      fractionLost: view.getUint8(at + 4),
      // 24 bits with a sign
      cumulativeLost: view.getInt32(at + 4) << 8 >> 8,
      highestSequence: view.getUint32(at + 8),
      jitter: view.getUint32(at + 12),
      lastSenderReport: view.getUint32(at + 16),
      delaySinceLast: view.getUint32(at + 20),
    };
  });
}

/** §6.5: chunks of a source and its items; each chunk ends with a zero and on a 32-bit boundary. */
function parseDescriptions(view: DataView, content: Content): readonly RtcpPacket[] | undefined {
  const found: RtcpPacket[] = [];
  let { at } = content;
  for (let chunk = 0; chunk < content.count; chunk++) {
    if (at + 4 > content.end) return undefined;
    const ssrc = view.getUint32(at);
    const start = at;
    at += 4;
    while (at < content.end && view.getUint8(at) !== 0) {
      if (at + 2 > content.end) return undefined;
      const length = view.getUint8(at + 1);
      if (at + 2 + length > content.end) return undefined;
      if (view.getUint8(at) === CNAME) {
        found.push({ type: "sourceDescription", ssrc, cname: textAt(view, at + 2, length) });
      }
      at += 2 + length;
    }
    at = start + Math.ceil((at + 1 - start) / 4) * 4;
  }
  return found;
}

function parseGoodbye(view: DataView, content: Content): readonly RtcpPacket[] | undefined {
  const { at, end, count } = content;
  const reasonAt = at + count * 4;
  if (reasonAt > end) return undefined;
  const ssrcs = Array.from({ length: count }, (_, index) => view.getUint32(at + index * 4));
  const length = reasonAt < end ? view.getUint8(reasonAt) : 0;
  if (reasonAt + 1 + length > end && length > 0) return undefined;
  return [{ type: "goodbye", ssrcs, reason: textAt(view, reasonAt + 1, length) }];
}

function textAt(view: DataView, at: number, length: number): string {
  if (length === 0) return "";
  return decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at, length));
}

/** What goes into the header of a packet that was written, and where it ends. */
interface Written {
  readonly type: number;
  readonly count: number;
  readonly end: number;
}

function writePacket(view: DataView, at: number, packet: RtcpPacket): Written {
  switch (packet.type) {
    case "senderReport": {
      view.setUint32(at, packet.ssrc);
      view.setUint32(at + 4, packet.ntp.seconds);
      view.setUint32(at + 8, packet.ntp.fraction);
      view.setUint32(at + 12, packet.rtpTimestamp);
      view.setUint32(at + 16, packet.packets);
      view.setUint32(at + 20, packet.octets);
      const end = writeReports(view, at + 24, packet.reports);
      return { type: SENDER_REPORT, count: packet.reports.length, end };
    }
    case "receiverReport": {
      view.setUint32(at, packet.ssrc);
      const end = writeReports(view, at + 4, packet.reports);
      return { type: RECEIVER_REPORT, count: packet.reports.length, end };
    }
    case "sourceDescription": {
      view.setUint32(at, packet.ssrc);
      view.setUint8(at + 4, CNAME);
      const end = writeText(view, at + 5, packet.cname);
      // At least one zero ends the items
      return { type: SOURCE_DESCRIPTION, count: 1, end: Math.ceil((end + 1) / 4) * 4 };
    }
    case "goodbye": {
      packet.ssrcs.forEach((ssrc, index) => view.setUint32(at + index * 4, ssrc));
      const reasonAt = at + packet.ssrcs.length * 4;
      const end = packet.reason === "" ? reasonAt : writeText(view, reasonAt, packet.reason);
      return { type: GOODBYE, count: packet.ssrcs.length, end: Math.ceil(end / 4) * 4 };
    }
    case "extendedReport":
      return { type: EXTENDED_REPORT, count: 0, end: writeExtendedReport(view, at, packet) };
  }
}

function writeReports(view: DataView, start: number, reports: readonly ReportBlock[]): number {
  let at = start;
  for (const report of reports) {
    view.setUint32(at, report.ssrc);
    view.setUint32(at + 4, report.cumulativeLost & 0xffffff);
    view.setUint8(at + 4, report.fractionLost);
    view.setUint32(at + 8, report.highestSequence);
    view.setUint32(at + 12, report.jitter);
    view.setUint32(at + 16, report.lastSenderReport);
    view.setUint32(at + 20, report.delaySinceLast);
    at += 24;
  }
  return at;
}

/** A text of at most 255 bytes behind its length. */
function writeText(view: DataView, at: number, text: string): number {
  const room = Math.min(255, view.byteLength - at - 1);
  if (room < 0) throw new RangeError("RTCP packet is too long");
  const into = new Uint8Array(view.buffer, view.byteOffset + at + 1, room);
  const { written } = encoder.encodeInto(text, into);
  view.setUint8(at, written);
  return at + 1 + written;
}
