/**
 * All registrations of a gateway: they make calls come to us that are for somebody's number elsewhere.
 *
 * What each does is left to `outbound_registration.ts`; which calls come through one of them is told here.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Registration as RegistrationEntry } from "../config/schema_peers.ts";
import type { SipRequest } from "../sip/message/message.ts";
import { uriParts } from "../sip/message/uri.ts";
import type { Flow } from "../sip/transport/flow.ts";
import {
  OutboundRegistration,
  type RegistrationContext,
  type RegistrationStatus,
} from "./outbound_registration.ts";

export type { RegistrationStatus } from "./outbound_registration.ts";

/** The registrations of one gateway. */
export class Registrations {
  readonly #context: RegistrationContext;
  readonly #active = new Map<string, OutboundRegistration>();
  /** Those that take their binding back. */
  readonly #leaving = new Set<OutboundRegistration>();
  readonly #waiting: (() => void)[] = [];
  /** Addresses of registrars; `undefined` when they are to be gathered anew. */
  #addresses: ReadonlySet<string> | undefined;

  constructor(context: RegistrationContext) {
    this.#context = context;
  }

  /** REGISTERs that wait for their answer: 0 when nothing is on its way. */
  get asking(): number {
    let count = 0;
    for (const registration of this.#all()) if (registration.isAsking) count++;
    return count;
  }

  /**
   * Begins, or goes on with, what the configuration says: entries that are as they were stay registered, those that are
   * gone or differ are taken back.
   *
   * @param entries Their names differ; URIs are checked by the configuration.
   * @throws {SipParseError} A URI cannot be read.
   */
  replace(entries: readonly RegistrationEntry[]): void {
    const wanted = new Map(entries.map((entry) => [entry.name, entry]));
    for (const [name, registration] of this.#active) {
      if (!isSame(registration.entry, wanted.get(name))) this.#leave(name, registration);
    }
    for (const [name, entry] of wanted) {
      if (this.#active.has(name)) continue;
      const registration: OutboundRegistration = new OutboundRegistration(
        entry,
        this.#context,
        {
          moved: () => {
            this.#addresses = undefined;
          },
          stopped: () => this.#gone(registration),
        },
      );
      this.#active.set(name, registration);
      registration.start();
    }
  }

  /** Takes every binding back; resolves when all registrars have answered, or said nothing for 64·T1. */
  stop(): Promise<void> {
    for (const [name, registration] of this.#active) this.#leave(name, registration);
    if (this.#leaving.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Does nothing any more, and waits for nobody. */
  close(): void {
    for (const registration of this.#all()) registration.close();
    this.#active.clear();
    this.#leaving.clear();
    this.#addresses = undefined;
    this.#drained();
  }

  /**
   * Whether an address may speak to us although nobody has allowed it by name: a registrar that we are registered at, or
   * whose answer we wait for. Asked for every message of a source that is not allowed otherwise.
   */
  allows(address: string): boolean {
    this.#addresses ??= this.#gather();
    return this.#addresses.has(address);
  }

  /**
   * The registration that a request came through: its Request-URI is our Contact there. One whose user anybody can
   * guess counts from its registrar alone.
   *
   * @returns Its name, or `undefined`.
   */
  registrationOf(
    { request, flow }: { readonly request: SipRequest; readonly flow: Flow },
  ): string | undefined {
    if (this.#active.size === 0) return undefined;
    const { user } = uriParts(request.requestUri);
    const { address } = flow.remote;
    for (const [name, registration] of this.#active) {
      if (registration.contactUser !== user) continue;
      const isSecret = registration.entry.contact_user === undefined;
      if (isSecret || registration.address === address) return name;
    }
    return undefined;
  }

  /** What was sent over a flow may be lost: whoever is registered over it registers anew. */
  flowFailed(flow: Flow, now: Millis): void {
    for (const registration of this.#active.values()) registration.flowFailed(flow, now);
  }

  /** How all of them stand, in the order of the configuration. */
  status(): readonly RegistrationStatus[] {
    const now = this.#context.runtime.now();
    return [...this.#active.values()].map((registration) => registration.status(now));
  }

  #leave(name: string, registration: OutboundRegistration): void {
    this.#active.delete(name);
    this.#leaving.add(registration);
    registration.stop();
  }

  #gone(registration: OutboundRegistration): void {
    this.#leaving.delete(registration);
    this.#addresses = undefined;
    if (this.#leaving.size === 0) this.#drained();
  }

  #drained(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #gather(): ReadonlySet<string> {
    const addresses = new Set<string>();
    for (const { address } of this.#all()) if (address !== undefined) addresses.add(address);
    return addresses;
  }

  *#all(): Iterable<OutboundRegistration> {
    yield* this.#active.values();
    yield* this.#leaving;
  }
}

function isSame(a: RegistrationEntry, b: RegistrationEntry | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
