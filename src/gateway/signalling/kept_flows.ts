/**
 * Ways to peers that have to stay open, since requests come back on them: those of registrations
 * behind a NAT. RFC 5626 §4.4.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { Runtime, Timer } from "../../runtime/ports.ts";
import type { Flow, Hop, SipTransport } from "../../sip/transport/flow.ts";
import { PING } from "./connection.ts";
import { destinationKey } from "./flow_name.ts";

/** What flows are kept with. */
export interface KeptFlowsOptions {
  readonly runtime: Runtime;
  /** Between two datagrams that say nothing; 0 sends none. */
  readonly interval: Millis;
  /** Sends a datagram. */
  readonly ping: (flow: Flow, to: SocketAddress, bytes: Uint8Array) => void;
  /** Connections to a place are kept, or no more; they have pings of their own. */
  readonly keep: (transport: SipTransport, to: SocketAddress, kept: boolean) => void;
}

interface Kept {
  readonly hop: Hop;
  /** How many times it was kept and not released. */
  holders: number;
}

/** Flows that are kept at the same time; more are not. */
const KEPT_MAX = 4096;

/** Keeps flows open, each as long as somebody wants it. */
export class KeptFlows {
  readonly #options: KeptFlowsOptions;
  readonly #kept = new Map<string, Kept>();
  #timer: Timer | undefined;

  constructor(options: KeptFlowsOptions) {
    this.#options = options;
  }

  keep(hop: Hop): void {
    const key = keyOf(hop);
    const known = this.#kept.get(key);
    if (known !== undefined) return void known.holders++;
    if (this.#kept.size >= KEPT_MAX) return;
    this.#kept.set(key, { hop, holders: 1 });
    const { flow, to } = hop;
    if (flow.transport === "udp") this.#arm();
    else this.#options.keep(flow.transport, to, true);
  }

  release(hop: Hop): void {
    const key = keyOf(hop);
    const known = this.#kept.get(key);
    if (known === undefined || --known.holders > 0) return;
    this.#kept.delete(key);
    const { flow, to } = hop;
    if (flow.transport !== "udp") this.#options.keep(flow.transport, to, false);
  }

  close(): void {
    this.#timer?.cancel();
    this.#kept.clear();
  }

  #arm(): void {
    const { runtime, interval } = this.#options;
    if (interval === 0) return;
    this.#timer ??= runtime.setTimer(() => this.#timeout(), interval);
  }

  #timeout(): void {
    this.#timer = undefined;
    let anyDatagrams = false;
    for (const { hop } of this.#kept.values()) {
      if (hop.flow.transport !== "udp") continue;
      anyDatagrams = true;
      this.#options.ping(hop.flow, hop.to, PING);
    }
    if (anyDatagrams) this.#arm();
  }
}

function keyOf({ flow, to }: Hop): string {
  return `${flow.listener} ${destinationKey(flow.transport, to)}`;
}
