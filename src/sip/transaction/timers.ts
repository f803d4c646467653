/**
 * The timers of the transactions: T1, T2, T4, and the lettered ones that follow from them.
 * RFC 3261 §17 and table 4 (appendix A), with timers L and M of RFC 6026 §7.
 *
 * Timer C is a proxy's, and not here.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";

/** The three times that all others follow from. RFC 3261 §17.1.1.1. */
export interface SipTimers {
  /** The estimated round trip. */
  readonly t1: Millis;
  /** The longest interval between two retransmissions, INVITE requests excepted. */
  readonly t2: Millis;
  /** How long the network keeps a message. */
  readonly t4: Millis;
}

/** The values of RFC 3261 table 4. */
export const DEFAULT_TIMERS: SipTimers = { t1: 500, t2: 4000, t4: 5000 };

/** How many T1 a transaction tries, or waits for what may still come. */
const TRIES_T1 = 64;

/**
 * The durations of the lettered timers over one kind of transport.
 * `undefined`: the timer is off. Zero: the state that it ends is passed through at once.
 */
export interface TransactionTimers {
  /** First interval of INVITE retransmission; doubles without limit. §17.1.1.2 */
  readonly a: Millis | undefined;
  /** INVITE client gives up. §17.1.1.2 */
  readonly b: Millis;
  /** INVITE client absorbs repeated finals. §17.1.1.2 */
  readonly d: Millis;
  /** First interval of request retransmission; doubles up to T2. §17.1.2.2 */
  readonly e: Millis | undefined;
  /** Non-INVITE client gives up. §17.1.2.2 */
  readonly f: Millis;
  /** First interval of response retransmission; doubles up to T2. §17.2.1 */
  readonly g: Millis | undefined;
  /** INVITE server waits for the ACK. §17.2.1 */
  readonly h: Millis;
  /** INVITE server absorbs repeated ACKs. §17.2.1 */
  readonly i: Millis;
  /** Non-INVITE server absorbs repeated requests. §17.2.2 */
  readonly j: Millis;
  /** Non-INVITE client absorbs repeated responses. §17.1.2.2 */
  readonly k: Millis;
  /** INVITE server absorbs INVITEs repeated after its 2xx. RFC 6026 §7.1 */
  readonly l: Millis;
  /** INVITE client takes further 2xx. RFC 6026 §7.2 */
  readonly m: Millis;
  /** Limit of the intervals of timers E and G. */
  readonly t2: Millis;
  /** INVITE client waits for a final after its CANCEL. §9.1 */
  readonly cancelled: Millis;
}

/**
 * Works out the lettered timers.
 *
 * @throws {RangeError} When a time is not above zero: retransmissions would have no end.
 */
export function transactionTimers(timers: SipTimers, reliable: boolean): TransactionTimers {
  const { t1, t2, t4 } = timers;
  if (!(t1 > 0 && t2 > 0 && t4 > 0)) throw new RangeError("T1, T2 and T4 must be above zero");
  const tries = TRIES_T1 * t1;
  return {
    a: reliable ? undefined : t1,
    b: tries,
    d: reliable ? 0 : tries,
    e: reliable ? undefined : Math.min(t1, t2),
    f: tries,
    g: reliable ? undefined : Math.min(t1, t2),
    h: tries,
    i: reliable ? 0 : t4,
    j: reliable ? 0 : tries,
    k: reliable ? 0 : t4,
    l: tries,
    m: tries,
    t2,
    cancelled: tries,
  };
}
