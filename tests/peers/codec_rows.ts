/**
 * The codecs that phones call us with, and what is to be heard of them.
 *
 * @module
 */

import { expect } from "bun:test";
import type { CallRecord } from "../../src/call/call_record.ts";
import type { BaresipCodec } from "./baresip.ts";
import { correlations, sweep, widebandShare } from "./sound.ts";

/** One codec. */
export interface CodecRow {
  readonly codec: BaresipCodec;
  /** Whether it carries what is above 4 kHz. */
  readonly isWideband: boolean;
  /** How alike each half second is, there and back. */
  readonly correlationMin: number;
}

/** Every codec. What Opus leaves of a tone of 6 kHz has its pitch and loudness, but not its phase. */
export const CODEC_ROWS: readonly CodecRow[] = [
  { codec: "PCMU", isWideband: false, correlationMin: 0.99 },
  { codec: "PCMA", isWideband: false, correlationMin: 0.99 },
  { codec: "G722", isWideband: true, correlationMin: 0.99 },
  { codec: "opus", isWideband: true, correlationMin: 0.9 },
  { codec: "L16/16000", isWideband: true, correlationMin: 0.99 },
  { codec: "L16/44100", isWideband: true, correlationMin: 0.98 },
];

/** All of them, as the gateway of these tests has them. */
export const ALL_CODECS = ["PCMU", "PCMA", "G722", "opus", "L16"];

/** Of the handler that gets all that wideband codecs carry. */
export const WIDEBAND_RATE = 16_000;

/** How long phones talk. */
export const SOUND_MS = 2000;

const PTIME_MS = 20;
/** Packets that are on their way when a call ends, and those that start-up costs. */
const PACKETS_TOLERANCE = 10;
/** A share of power that is not there: noise. */
const SHARE_NONE = 0.02;
/** By that much the share above 4 kHz may change on the way. */
const SHARE_TOLERANCE = 0.15;
const MOS_MIN = 4;

/** Short pieces, of which one is spoilt where a phone stretches what it plays. */
const SHORT_PIECE_MS = 100;
const SHORT_CORRELATION_MIN = 0.9;
const SHORT_PIECES_SHARE = 0.7;

/** From high to low: a wideband one begins far above 4 kHz, and there it is loudest. */
export function soundOf({ isWideband }: CodecRow, rate: number): Int16Array {
  return sweep(SOUND_MS, { rate, from: isWideband ? 6800 : 3000, to: 300 });
}

/** What went out, and what came back. */
interface Compared {
  readonly sent: Int16Array;
  readonly heard: Int16Array;
  /** Samples a second of both. */
  readonly rate: number;
}

/** A sound came back as a codec lets it. */
export function expectEcho(
  { isWideband, correlationMin }: CodecRow,
  { sent, heard, rate }: Compared,
): void {
  const found = correlations(sent, heard, { rate });
  expect(found.length).toBeGreaterThanOrEqual(3);
  for (const correlation of found) expect(Math.abs(correlation)).toBeGreaterThan(correlationMin);
  expectBand(isWideband, { sent, heard, rate });
}

/** The same of a phone that stretches what it plays when its clock wants that. */
export function expectStretchedEcho(
  { isWideband }: CodecRow,
  { sent, heard, rate }: Compared,
): void {
  const found = correlations(sent, heard, { rate, pieceMs: SHORT_PIECE_MS });
  const alike = found.filter((correlation) => Math.abs(correlation) > SHORT_CORRELATION_MIN);
  expect(alike.length).toBeGreaterThanOrEqual(SHORT_PIECES_SHARE * found.length);
  expectBand(isWideband, { sent, heard, rate });
}

function expectBand(isWideband: boolean, { sent, heard, rate }: Compared): void {
  const [before, after] = [widebandShare(sent, rate), widebandShare(heard, rate)];
  if (!isWideband) return expect(after).toBeLessThan(SHARE_NONE);
  expect(before).toBeGreaterThan(0.5);
  expect(Math.abs(after - before)).toBeLessThan(SHARE_TOLERANCE);
}

/** Nothing of a call was lost, of either side, and its record says so. */
export function expectWhole(record: CallRecord | undefined, { codec }: CodecRow): void {
  expect(record).toMatchObject({ cause: "caller_hangup", sip_status: 200, codec });
  const { statistics } = record as CallRecord;
  expect(statistics).toMatchObject({ packets_lost: 0, concealed_ms: 0, dropped_ms: 0 });
  expect(statistics.mos).toBeGreaterThan(MOS_MIN);
  const packets = SOUND_MS / PTIME_MS;
  expect(statistics.packets_received).toBeGreaterThan(packets - PACKETS_TOLERANCE);
  expect(statistics.rtcp_sent).toBeGreaterThan(0);
}
