/**
 * What one call's audio is counted in.
 *
 * The names of the fields are part of the product's contract: they travel to handlers and call
 * records as they are.
 *
 * @module
 */

/** What came from the peer, and what its handler heard of it. */
export interface ReceiveStatistics {
  readonly packets_received: number;
  /** Expected less received, RFC 3550 §A.3; a packet that comes late is not lost. */
  readonly packets_lost: number;
  /**
   * Came after their time had been filled, or so far ahead of the clock that there was no room for
   * them.
   */
  readonly packets_late: number;
  readonly packets_duplicate: number;
  /**
   * From an address that is not the caller's, of a payload type that was not agreed, or not RTP.
   */
  readonly packets_refused: number;
  /** Milliseconds of audio made up for lost packets. */
  readonly concealed_ms: number;
  /** Milliseconds of lost audio that a later packet carried too (in-band FEC). */
  readonly recovered_ms: number;
  /** Milliseconds of silence filled in for the caller's own silence, hold, or a missing stream. */
  readonly silence_ms: number;
  /** Milliseconds by which audio was made longer or shorter, to stay with the clock. */
  readonly stretched_ms: number;
  /**
   * How much faster than ours the peer's clock runs, in parts per million; 0 until it can be told.
   */
  readonly drift_ppm: number;
  /** Interarrival jitter, RFC 3550 §6.4.1. */
  readonly jitter_ms: number;
}

/** What the handler said, and what the peer got of it. */
export interface SendStatistics {
  readonly packets_sent: number;
  /** Milliseconds of the handler's audio that went out. */
  readonly played_ms: number;
  /**
   * Milliseconds of the handler's audio that were not sent: cleared, over the bound, or due during
   * hold.
   */
  readonly dropped_ms: number;
  /** Milliseconds of the handler's own silence that were left out to make up for delay. */
  readonly skipped_ms: number;
  /** Times that the handler's audio ran dry in the middle of speech. */
  readonly underruns: number;
  /** Frames that left over one frame time after they were due. */
  readonly late_frames: number;
  /** Half of the frames left this late or less; rounded up to half a millisecond. */
  readonly late_ms_p50: number;
  /** The same of 99 in a hundred. Above 64 ms the steps are coarse. */
  readonly late_ms_p99: number;
  /** Largest lateness of a frame that left. */
  readonly late_ms_max: number;
  /** Length of the queue of the handler's audio now. */
  readonly queue_ms: number;
  /** Longest that it has been. */
  readonly queue_ms_max: number;
  /** Frames of silence that were sent to keep the stream alive; they are among the packets. */
  readonly keep_alive_packets: number;
}

/** How the call sounds, as far as reports and counts tell; `null`: not known. */
export interface QualityStatistics {
  /** From us to the peer and back, by the last report. RFC 3550 §6.4.1. */
  readonly round_trip_ms: number | null;
  readonly round_trip_ms_max: number | null;
  /** Share of our packets that the peer lost. */
  readonly remote_loss_pct: number | null;
  /** Jitter of our packets where the peer receives them. */
  readonly remote_jitter_ms: number | null;
  /** Mean opinion score of what we receive, 1 to 4.41, by the E-model of ITU-T G.107. */
  readonly mos: number | null;
  /** The same of what the peer receives, as it reports. RFC 3611. */
  readonly remote_mos: number | null;
  readonly rtcp_sent: number;
  readonly rtcp_received: number;
}

/** Audio of one call, counted. Every underrun, late frame and skip is here. */
export type MediaStatistics = ReceiveStatistics & SendStatistics & QualityStatistics;

/**
 * Joins the parts, field by field: to spread them would cost more than to count, at the end of every
 * call.
 */
export function joinStatistics(
  received: ReceiveStatistics,
  sent: SendStatistics,
  quality: QualityStatistics,
): MediaStatistics {
  return {
    packets_received: received.packets_received,
    packets_lost: received.packets_lost,
    packets_late: received.packets_late,
    packets_duplicate: received.packets_duplicate,
    packets_refused: received.packets_refused,
    concealed_ms: received.concealed_ms,
    recovered_ms: received.recovered_ms,
    silence_ms: received.silence_ms,
    stretched_ms: received.stretched_ms,
    drift_ppm: received.drift_ppm,
    jitter_ms: received.jitter_ms,
    packets_sent: sent.packets_sent,
    played_ms: sent.played_ms,
    dropped_ms: sent.dropped_ms,
    skipped_ms: sent.skipped_ms,
    underruns: sent.underruns,
    late_frames: sent.late_frames,
    late_ms_p50: sent.late_ms_p50,
    late_ms_p99: sent.late_ms_p99,
    late_ms_max: sent.late_ms_max,
    queue_ms: sent.queue_ms,
    queue_ms_max: sent.queue_ms_max,
    keep_alive_packets: sent.keep_alive_packets,
    round_trip_ms: quality.round_trip_ms,
    round_trip_ms_max: quality.round_trip_ms_max,
    remote_loss_pct: quality.remote_loss_pct,
    remote_jitter_ms: quality.remote_jitter_ms,
    mos: quality.mos,
    remote_mos: quality.remote_mos,
    rtcp_sent: quality.rtcp_sent,
    rtcp_received: quality.rtcp_received,
  };
}
