/**
 * Calls that a source has begun and not acknowledged yet: whoever only sends INVITEs fills no gateway with them.
 *
 * @module
 */

import type { SessionId } from "../sip/user_agent/output.ts";

/** The calls that are being set up, by the address that they come from. */
export class CallSetups {
  readonly #max: number;
  readonly #addresses = new Map<SessionId, string>();
  readonly #counts = new Map<string, number>();

  /** @param max Of one address. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether an address has as many as it may. */
  isFull(address: string): boolean {
    return (this.#counts.get(address) ?? 0) >= this.#max;
  }

  /** A call of an address was let in. */
  begin(session: SessionId, address: string): void {
    this.#addresses.set(session, address);
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
  }

  /** Its ACK came, or it is over. The second time changes nothing. */
  end(session: SessionId): void {
    const address = this.#addresses.get(session);
    if (address === undefined) return;
    this.#addresses.delete(session);
    const count = (this.#counts.get(address) ?? 0) - 1;
    if (count > 0) this.#counts.set(address, count);
    else this.#counts.delete(address);
  }
}
