/**
 * What is remembered of a call that is over: one record for each INVITE that got as far as a route.
 *
 * Names of fields are part of the product's contract (they travel as JSON), hence the underscores.
 *
 * @module
 */

import type { MediaStatistics } from "../media/statistics.ts";
import type { CallFacts } from "../route/call_facts.ts";
import type { EndCause } from "./handler_message.ts";

/** One call, from its INVITE to its end. */
export interface CallRecord {
  readonly call: CallFacts;
  /** Kind of the handler that had the call last. */
  readonly handler: string;
  /** Milliseconds since 1970. */
  readonly started_at: number;
  /** From the INVITE to our 200; absent when it was never answered. */
  readonly setup_ms?: number;
  /** From our 200 to the end; 0 when it was never answered. */
  readonly duration_ms: number;
  readonly cause: EndCause;
  /** More about the cause, for a person; empty when there is nothing to add. */
  readonly detail: string;
  /** Final status of the INVITE. */
  readonly sip_status: number;
  /** Name of the codec; empty when there was no audio. */
  readonly codec: string;
  readonly statistics: MediaStatistics;
  /** Absent when nothing was recorded. The file is complete. */
  readonly recording?: RecordingFigures;
}

/** What became of a call's recording. */
export interface RecordingFigures {
  /** As the route's `record` names it, with a number where that name was taken. */
  readonly file: string;
  /** Length of the file. */
  readonly duration_ms: number;
  /** How much of it is silence since the disk was too slow. */
  readonly lost_ms: number;
}

/** The statistics of a call that never had audio. */
export const EMPTY_STATISTICS: MediaStatistics = {
  packets_received: 0,
  packets_lost: 0,
  packets_late: 0,
  packets_duplicate: 0,
  packets_refused: 0,
  concealed_ms: 0,
  recovered_ms: 0,
  silence_ms: 0,
  stretched_ms: 0,
  drift_ppm: 0,
  jitter_ms: 0,
  packets_sent: 0,
  played_ms: 0,
  dropped_ms: 0,
  skipped_ms: 0,
  underruns: 0,
  late_frames: 0,
  late_ms_p50: 0,
  late_ms_p99: 0,
  late_ms_max: 0,
  queue_ms: 0,
  queue_ms_max: 0,
  keep_alive_packets: 0,
  round_trip_ms: null,
  round_trip_ms_max: null,
  remote_loss_pct: null,
  remote_jitter_ms: null,
  mos: null,
  remote_mos: null,
  rtcp_sent: 0,
  rtcp_received: 0,
};
