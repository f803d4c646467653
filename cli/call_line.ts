/**
 * One line of text for a call that is over.
 *
 * @module
 */

import type { CallRecord } from "../src/call/call_record.ts";

/** Who called whom, how long, how it ended, and what the audio was like. */
export function callLine(record: CallRecord): string {
  const { call, statistics } = record;
  const parts = [
    `${nameOf(call.from)} → ${call.user === "" ? call.request_uri : call.user}`,
    `route ${call.route} (${record.handler})`,
    record.setup_ms === undefined ? `SIP ${record.sip_status}` : seconds(record.duration_ms),
    isPlain(record.detail) ? record.cause : `${record.cause}: ${record.detail}`,
  ];
  if (record.codec !== "") {
    parts.push(
      `${record.codec} in ${statistics.packets_received} lost ${statistics.packets_lost}` +
        ` jitter ${statistics.jitter_ms.toFixed(1)} ms`,
      `out ${statistics.packets_sent} late ${statistics.late_frames}` +
        ` underruns ${statistics.underruns}`,
    );
  }
  return parts.join(" · ");
}

function nameOf(party: { readonly user: string; readonly uri: string }): string {
  return party.user === "" ? party.uri : party.user;
}

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(1)} s`;
}

/** A detail that says no more than the cause does: none, or that the peer hung up as one does. Q.850 16 */
function isPlain(detail: string): boolean {
  return detail === "" || detail.endsWith("(Q.850 16)");
}
