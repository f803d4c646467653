/**
 * Asks name servers where requests go, and remembers what they said and who did not answer. RFC
 * 3263 §4.
 *
 * What is asked, and what follows from the answers, is left to `sip/transport/locate.ts`.
 *
 * @module
 */

import type { SocketAddress } from "../../base/socket_address.ts";
import type { Millis } from "../../base/units.ts";
import type { Runtime } from "../../runtime/ports.ts";
import type { NextHop } from "../../sip/message/next_hop.ts";
import type { SipTransport } from "../../sip/transport/flow.ts";
import {
  type Destination,
  type LocateOptions,
  type LocateQuery,
  Location,
} from "../../sip/transport/locate.ts";
import { destinationKey } from "./flow_name.ts";
import type { SignallingCounters } from "./options.ts";

/** What a locator works with. */
export interface LocatorOptions {
  readonly runtime: Runtime;
  readonly counters: SignallingCounters;
  /** As they are now. */
  readonly abilities: () => Abilities;
}

/** What our sockets can do. */
export type Abilities = Pick<LocateOptions, "available" | "preferred" | "reaches">;

/** What is remembered until an instant. */
interface Remembered<T> {
  readonly value: T;
  readonly since: Millis;
  until: Millis;
}

/** How long answers of name servers are good for; their own lifetimes are not known here. */
const ANSWER_LIFETIME: Millis = 30_000;

/** A look-up that failed is soon made again. */
const FAILURE_LIFETIME: Millis = 2000;

/**
 * How long requests to a name go where the first went: as long as a transaction may last, 64·T1.
 * §4.3
 */
const CHOICE_LIFETIME: Millis = 32_000;

/** The longest that a choice lives on by being used. */
const CHOICE_LIFETIME_MAX: Millis = 300_000;

/** How long a destination that did not answer is tried last. */
const AVOIDED_FOR: Millis = 30_000;

const REMEMBERED_MAX = 1024;

/** Finds destinations. */
export class Locator {
  readonly #options: LocatorOptions;
  readonly #answers = new Map<string, Remembered<Promise<readonly unknown[]>>>();
  readonly #choices = new Map<string, Remembered<Promise<readonly Destination[]>>>();
  /** Destinations that did not answer, and until when that counts. */
  readonly #avoided = new Map<string, Millis>();

  constructor(options: LocatorOptions) {
    this.#options = options;
  }

  /** Where a hop leads, in the order to be tried; empty when nowhere. Draws lots anew each time. */
  async locate(hop: NextHop): Promise<readonly Destination[]> {
    const { runtime, counters, abilities } = this.#options;
    const location = new Location({ ...abilities(), hop, random: runtime.random });
    while (location.queries.length > 0) {
      await Promise.all([...location.queries].map((query) => this.#ask(location, query)));
    }
    const { destinations } = location;
    if (destinations.length === 0) counters.add("names_not_found");
    return this.#avoidedLast(destinations);
  }

  /**
   * The destination of a message for a name within a dialog, the same for all that are sent in a
   * row.
   *
   * @param to Port 0: the name's SRV records are looked up. RFC 3263 §4.2
   */
  async choose(transport: SipTransport, to: SocketAddress): Promise<Destination | undefined> {
    const now = this.#options.runtime.now();
    const key = destinationKey(transport, to);
    let choice = this.#choices.get(key);
    if (choice === undefined || choice.until <= now) {
      const port = to.port === 0 ? undefined : to.port;
      const secure = false;
      const value = this.locate({ host: to.address, port, transport, secure });
      choice = { value, since: now, until: now };
      remember(this.#choices, key, choice);
    }
    choice.until = Math.min(now + CHOICE_LIFETIME, choice.since + CHOICE_LIFETIME_MAX);
    const destinations = await choice.value;
    if (destinations.length === 0) choice.until = choice.since + FAILURE_LIFETIME;
    return this.#avoidedLast(destinations)[0];
  }

  /**
   * A destination did not answer, or said that it cannot: for a while it is tried after all others.
   */
  avoid(transport: SipTransport, to: SocketAddress): void {
    const key = destinationKey(transport, to);
    remember(this.#avoided, key, this.#options.runtime.now() + AVOIDED_FOR);
  }

  /** A destination answers. */
  trust(transport: SipTransport, to: SocketAddress): void {
    this.#avoided.delete(destinationKey(transport, to));
  }

  /** Tells whether a destination did not answer a short while ago. */
  isAvoided(transport: SipTransport, to: SocketAddress): boolean {
    if (this.#avoided.size === 0) return false;
    const until = this.#avoided.get(destinationKey(transport, to));
    return until !== undefined && until > this.#options.runtime.now();
  }

  #avoidedLast(destinations: readonly Destination[]): readonly Destination[] {
    if (this.#avoided.size === 0) return destinations;
    const avoided = destinations.filter((each) => this.isAvoided(each.transport, each));
    if (avoided.length === 0) return destinations;
    return [...destinations.filter((each) => !avoided.includes(each)), ...avoided];
  }

  async #ask(location: Location, { type, name }: LocateQuery): Promise<void> {
    const { runtime } = this.#options;
    switch (type) {
      case "naptr":
        return location.receiveNaptr(name, await this.#look(type, name, runtime.resolveNaptr));
      case "srv":
        return location.receiveSrv(name, await this.#look(type, name, runtime.resolveSrv));
      case "host":
        return location.receiveHost(name, await this.#look(type, name, runtime.resolveHost));
    }
  }

  /** Asks once for all who want to know. A look-up that fails finds nothing. */
  async #look<T>(
    type: LocateQuery["type"],
    name: string,
    resolve: (name: string) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const { runtime } = this.#options;
    const key = `${type} ${name}`;
    const now = runtime.now();
    const known = this.#answers.get(key);
    if (known !== undefined && known.until > now) return await known.value as readonly T[];
    const asked: Remembered<Promise<readonly T[]>> = {
      since: now,
      until: now + ANSWER_LIFETIME,
      value: resolve.call(runtime, name).catch(() => {
        // The name server may be back soon, and the name may be known to another kind of look-up
        asked.until = runtime.now() + FAILURE_LIFETIME;
        return [];
      }),
    };
    remember(this.#answers, key, asked);
    return await asked.value;
  }
}

/** Bounded: what was remembered first is forgotten first. */
function remember<T>(memory: Map<string, T>, key: string, value: T): void {
  memory.delete(key);
  memory.set(key, value);
  if (memory.size <= REMEMBERED_MAX) return;
  for (const oldest of memory.keys()) return void memory.delete(oldest);
}
