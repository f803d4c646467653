/**
 * Connects to a server: its name is looked up by us, every address is asked about, and the
 * connection goes to just that address.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { ConnectOptions } from "./client_ports.ts";
import { describeFailure, TOO_SLOW } from "./handshake_failure.ts";

/** Finds the addresses of a name. Rejects with an `Error` whose cause has a code. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

/** What is connected to. */
export interface DialOptions {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly connect: ConnectOptions;
  readonly resolveHost: ResolveHost;
}

/** What can be given up. */
export interface Attempt {
  destroy(): void;
}

/** What came of an attempt at one address. One of the two, once, or `failed` after `opened`. */
export interface AttemptEvents<Socket> {
  opened(socket: Socket): void;
  /** @param error What the system or TLS told, if it told anything. */
  failed(error?: unknown): void;
}

/** Begins to connect to an address. May throw. */
export type OpenSocket<Socket> = (address: string, events: AttemptEvents<Socket>) => Attempt;

/** Who hears of what comes of it. One of the two, once, never from inside the constructor. */
export interface DialEvents<Socket> {
  /** It is connected, and through with TLS. */
  opened(socket: Socket): void;
  /** `why` is for a person, with the server as "it". */
  failed(why: string): void;
}

/** The next address has its turn when the one before has not answered. RFC 8305 §5 */
const NEXT_ATTEMPT: Millis = 250;

/** Addresses of one name that are tried. */
const ADDRESSES_MAX = 8;

const NO_SUCH_NAME: readonly unknown[] = [
  "ENOTFOUND",
  "ENODATA",
  "DNS_ENOTFOUND",
  "DNS_ENODATA",
];

/** One attempt to get a connection, over all addresses that a server has. */
export class Dial<Socket> {
  readonly #options: DialOptions;
  readonly #events: DialEvents<Socket>;
  readonly #open: OpenSocket<Socket>;
  readonly #deadline: ReturnType<typeof setTimeout>;
  readonly #attempts = new Set<Attempt>();
  /** Still to be tried, in the order of the system. */
  #addresses: readonly string[] = [];
  #nextAttempt: ReturnType<typeof setTimeout> | undefined;
  /** Why the last attempt came to nothing. */
  #why = "it has no address";
  #isOver = false;

  /** Begins. */
  constructor(options: DialOptions, open: OpenSocket<Socket>, events: DialEvents<Socket>) {
    this.#options = options;
    this.#open = open;
    this.#events = events;
    this.#deadline = setTimeout(() => this.#fail(TOO_SLOW), options.connect.timeout);
    void this.#lookUp();
  }

  /** Ends it; nothing more is told. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#nextAttempt);
    for (const attempt of this.#attempts) attempt.destroy();
    this.#attempts.clear();
  }

  async #lookUp(): Promise<void> {
    const { host, resolveHost } = this.#options;
    try {
      const found = await resolveHost(host);
      if (this.#isOver) return;
      this.#addresses = found.filter((address) => this.#isAllowed(address)).slice(0, ADDRESSES_MAX);
    } catch (error) {
      return this.#fail(whyNotFound(error));
    }
    this.#tryNext();
  }

  #isAllowed(address: string): boolean {
    const refusal = this.#options.connect.refuseAddress?.(address);
    if (refusal !== undefined) this.#why = refusal;
    return refusal === undefined;
  }

  #tryNext(): void {
    clearTimeout(this.#nextAttempt);
    const [address, ...others] = this.#addresses;
    this.#addresses = others;
    if (address !== undefined) this.#try(address);
    else if (this.#attempts.size === 0) this.#fail(this.#why);
  }

  #try(address: string): void {
    let attempt: Attempt | undefined;
    let isOver = false;
    const fail = (error?: unknown): void => {
      if (isOver) return;
      isOver = true;
      if (attempt !== undefined) this.#attempts.delete(attempt);
      this.#why = describeFailure(error);
      if (!this.#isOver) this.#tryNext();
    };
    try {
      attempt = this.#open(address, {
        opened: (socket) => {
          isOver = true;
          if (attempt !== undefined) this.#attempts.delete(attempt);
          if (this.#isOver) return attempt?.destroy();
          this.cancel();
          this.#events.opened(socket);
        },
        failed: fail,
      });
      this.#attempts.add(attempt);
    } catch (error) {
      // Such as a port that is none, or a certificate of ours that cannot be used
      return fail(error);
    }
    if (this.#addresses.length === 0) return;
    this.#nextAttempt = setTimeout(() => this.#tryNext(), NEXT_ATTEMPT);
  }

  #fail(why: string): void {
    if (this.#isOver) return;
    this.cancel();
    this.#events.failed(why);
  }
}

function whyNotFound(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: unknown }; message?: unknown };
  if (NO_SUCH_NAME.includes(cause?.code)) return "it has no address";
  return String(message ?? error);
}
