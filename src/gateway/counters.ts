/**
 * What the gateway counts instead of throwing or logging it each time.
 *
 * @module
 */

/** Names of everything that is counted. */
export type CounterName =
  | "messages_received"
  | "messages_sent"
  | "messages_malformed"
  | "messages_ignored"
  | "messages_unsent"
  | "sources_refused"
  | "sources_blocked"
  | "scanners_dropped"
  | "requests_limited"
  | "connections_refused"
  | "connections_opened"
  | "connections_failed"
  | "connections_silent"
  | "connections_dead"
  | "connections_idle"
  | "handshakes_failed"
  | "names_not_found"
  | "calls_received"
  | "calls_answered"
  | "calls_refused"
  | "calls_failed"
  | "calls_ended"
  | "handler_audio_dropped_bytes"
  | "handler_messages_refused"
  | "rtcp_packets_received"
  | "recordings_failed"
  | "recordings_lost_ms"
  | "internal_errors";

/** Counters that only grow. */
export class Counters {
  readonly #values = new Map<CounterName, number>();

  add(name: CounterName, amount = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + amount);
  }

  get(name: CounterName): number {
    return this.#values.get(name) ?? 0;
  }

  /** Every counter that has counted something. */
  snapshot(): Readonly<Partial<Record<CounterName, number>>> {
    return Object.fromEntries(this.#values);
  }
}
