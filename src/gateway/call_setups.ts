/**
 * Calls that a source has begun and not acknowledged yet: whoever only sends INVITEs fills no gateway with them.
 *
 * @module
 */

import type { SessionId } from "../sip/user_agent/output.ts";
import { SourceKeys } from "./source_key.ts";

/** The calls that are being set up, by the source that they come from. */
export class CallSetups {
  readonly #max: number;
  readonly #keys = new SourceKeys();
  readonly #sources = new Map<SessionId, string>();
  readonly #counts = new Map<string, number>();

  /** @param max Of one source. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether the source of an address has as many as it may. */
  isFull(address: string): boolean {
    return (this.#counts.get(this.#keys.of(address)) ?? 0) >= this.#max;
  }

  /** A call of an address was let in. */
  begin(session: SessionId, address: string): void {
    const source = this.#keys.of(address);
    this.#sources.set(session, source);
    this.#counts.set(source, (this.#counts.get(source) ?? 0) + 1);
  }

  /** Its ACK came, or it is over. The second time changes nothing. */
  end(session: SessionId): void {
    const source = this.#sources.get(session);
    if (source === undefined) return;
    this.#sources.delete(session);
    const count = (this.#counts.get(source) ?? 0) - 1;
    if (count > 0) this.#counts.set(source, count);
    else this.#counts.delete(source);
  }
}
