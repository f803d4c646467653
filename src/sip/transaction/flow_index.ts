/**
 * Finds what depends on a flow, so that a lost connection costs no walk over all transactions.
 *
 * @module
 */

import type { Flow } from "../transport/flow.ts";

/** Something that is lost with its flow. */
export interface Carried {
  readonly flow: Flow;
}

/** Sets of items by their flows. Flows are compared by what they stand for, not by identity. */
export class FlowIndex<T extends Carried> {
  readonly #sets = new Map<number, Set<T>>();

  /** Notes that `item` depends on its flow. */
  add(item: T): void {
    const name = roughName(item.flow);
    const set = this.#sets.get(name);
    if (set === undefined) this.#sets.set(name, new Set([item]));
    else set.add(item);
  }

  /** Forgets that `item` depends on its flow. */
  delete(item: T): void {
    const name = roughName(item.flow);
    const set = this.#sets.get(name);
    if (set === undefined) return;
    set.delete(item);
    if (set.size === 0) this.#sets.delete(name);
  }

  /** What depends on `flow` now, in the order in which it was noted: a copy. */
  of(flow: Flow): T[] {
    const items = this.#sets.get(roughName(flow)) ?? [];
    return [...items].filter((item) => isSameFlow(item.flow, flow));
  }
}

/** A number that is quick to find, and seldom that of two flows. */
function roughName({ connection, remote: { address, port } }: Flow): number {
  if (connection !== undefined) return connection;
  let name = port;
  for (let at = 0; at < address.length; at++) {
    name = (Math.imul(name, 31) + address.charCodeAt(at)) | 0;
  }
  return name;
}

/** A connection names itself; a datagram's flow is the listener and the peer's address. */
function isSameFlow(one: Flow, other: Flow): boolean {
  if (one.transport !== other.transport || one.connection !== other.connection) return false;
  return one.connection !== undefined ||
    (one.listener === other.listener && one.remote.port === other.remote.port &&
      one.remote.address === other.remote.address);
}
