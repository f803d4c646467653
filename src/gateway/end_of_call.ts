/**
 * What is told of a call's end: the last event of its handler, and its record.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { CallEnd } from "../call/call.ts";
import type { CallRecord } from "../call/call_record.ts";
import type { EndEvent } from "../call/handler_message.ts";
import type { MediaStatistics } from "../media/statistics.ts";
import type { CallFacts } from "../route/call_facts.ts";

/** What is known when a call is over. */
export interface EndedCall {
  readonly facts: CallFacts;
  readonly end: CallEnd;
  /** Of the INVITE, since 1970. */
  readonly startedAt: Millis;
  /** Name of the codec; empty when there was no audio. */
  readonly codec: string;
  readonly statistics: MediaStatistics;
}

/** The last event of the handler that has the call. */
export function endEventOf({ end, statistics }: EndedCall): EndEvent {
  return {
    event: "end",
    cause: end.cause,
    sip_status: end.sipStatus,
    duration_ms: Math.round(end.durationMs),
    statistics,
  };
}

/** The record, as far as the recording of the call does not matter. */
export function recordOf({ facts, end, startedAt, codec, statistics }: EndedCall): CallRecord {
  return {
    call: facts,
    handler: end.handler,
    started_at: Math.round(startedAt),
    ...(end.setupMs === undefined ? {} : { setup_ms: Math.round(end.setupMs) }),
    duration_ms: Math.round(end.durationMs),
    cause: end.cause,
    detail: end.detail,
    sip_status: end.sipStatus,
    codec,
    statistics,
  };
}
