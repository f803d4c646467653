/**
 * Finds what depends on a flow, so that a lost connection costs no walk over all transactions.
 *
 * @module
 */

import { formatSocketAddress } from "../../base/socket_address.ts";
import type { Flow } from "../transport/flow.ts";

/** Sets of items by flow. Flows are compared by what they stand for, not by identity. */
export class FlowIndex<T> {
  readonly #sets = new Map<string, Set<T>>();

  /** Notes that `item` depends on `flow`. */
  add(flow: Flow, item: T): void {
    const name = flowName(flow);
    const set = this.#sets.get(name);
    if (set === undefined) this.#sets.set(name, new Set([item]));
    else set.add(item);
  }

  /** Forgets that `item` depends on `flow`. */
  delete(flow: Flow, item: T): void {
    const name = flowName(flow);
    const set = this.#sets.get(name);
    if (set === undefined) return;
    set.delete(item);
    if (set.size === 0) this.#sets.delete(name);
  }

  /** What depends on `flow` now, in the order in which it was noted: a copy. */
  of(flow: Flow): T[] {
    return [...this.#sets.get(flowName(flow)) ?? []];
  }
}

/** A connection names itself; a datagram's flow is the listener and the peer's address. */
function flowName(flow: Flow): string {
  const { transport, connection, listener, remote } = flow;
  return connection === undefined
    ? `${transport} ${listener} ${formatSocketAddress(remote)}`
    : `${transport} ${connection}`;
}
