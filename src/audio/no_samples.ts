/**
 * Room for sound that there is not yet.
 *
 * Most of what a call may need for its sound is made with the first of it, so that an answer need
 * not wait for memory.
 *
 * @module
 */

/** What rooms for samples begin with: one that all share. */
export const NO_SAMPLES = new Int16Array(0);
