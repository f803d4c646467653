/**
 * Names for the units that numbers carry through the layers.
 *
 * They are aliases, not brands: a name in a signature says what a bare `number` cannot.
 *
 * @module
 */

/** Milliseconds. As an instant: since an arbitrary origin, monotonic, fractions allowed. */
export type Millis = number;

/** A count of audio samples, in the rate that the context names. */
export type Samples = number;

/** A sampling rate or RTP clock rate. */
export type Hertz = number;

/** An RTP timestamp: unsigned 32 bits, wrapping. RFC 3550 §5.1. */
export type RtpTimestamp = number;
