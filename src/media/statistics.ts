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
  /** Milliseconds of silence filled in for the caller's own silence, hold, or a missing stream. */
  readonly silence_ms: number;
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
  /** Largest lateness of a frame that left. */
  readonly late_ms_max: number;
  /** Longest that the queue of the handler's audio has been. */
  readonly queue_ms_max: number;
}

/** Audio of one call, counted. Every underrun, late frame and skip is here. */
export type MediaStatistics = ReceiveStatistics & SendStatistics;
