/**
 * Connects to a web server: its name is looked up by us, every address is asked about, and the
 * connection goes to just that address. TLS is for the name all the same. RFC 9110 §4.3.
 *
 * @module
 */

import net from "node:net";
import tls from "node:tls";
import { isIpAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import type { ConnectOptions } from "./client_ports.ts";
import { describeFailure, TOO_SLOW } from "./handshake_failure.ts";
import { clientOptions } from "./tls_material.ts";

/** Finds the addresses of a name. Rejects with an `Error` whose cause has a code. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

/** What is connected to. */
export interface DialOptions {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether TLS is spoken. */
  readonly isSecure: boolean;
  readonly connect: ConnectOptions;
  readonly resolveHost: ResolveHost;
}

/** Who hears of what comes of it. One of the two, once, never from inside the constructor. */
export interface DialEvents {
  /** It is connected, and through with TLS. Nobody listens to its errors. */
  opened(socket: net.Socket): void;
  /** `why` is for a person, with the server as "it". */
  failed(why: string): void;
}

/** The next address has its turn when the one before has not answered. RFC 8305 §5 */
const NEXT_ATTEMPT: Millis = 250;

/** Addresses of one name that are tried. */
const ADDRESSES_MAX = 8;

/** A connection that says nothing is probed after so long. */
const KEEP_ALIVE: Millis = 30_000;

const NO_SUCH_NAME: readonly unknown[] = [
  "ENOTFOUND",
  "ENODATA",
  "DNS_ENOTFOUND",
  "DNS_ENODATA",
];

/** TLS that says nothing of its own. */
const DEFAULT_TLS = { verify: true };

type SecureOptions = NonNullable<ConnectOptions["tls"]>;

/** Looking at certificates takes a millisecond: once for each route is enough. */
const MATERIAL = new WeakMap<object, tls.ConnectionOptions>();

/** One attempt to get a connection, over all addresses that a server has. */
export class Dial {
  readonly #options: DialOptions;
  readonly #events: DialEvents;
  readonly #deadline: ReturnType<typeof setTimeout>;
  readonly #attempts = new Set<net.Socket>();
  #secure: tls.ConnectionOptions | undefined;
  /** Still to be tried, in the order of the system. */
  #addresses: readonly string[] = [];
  #nextAttempt: ReturnType<typeof setTimeout> | undefined;
  /** Why the last attempt came to nothing. */
  #why = "it has no address";
  #isOver = false;

  /** Begins. */
  constructor(options: DialOptions, events: DialEvents) {
    this.#options = options;
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
    for (const socket of this.#attempts) socket.destroy();
    this.#attempts.clear();
  }

  async #lookUp(): Promise<void> {
    const { host, isSecure, connect, resolveHost } = this.#options;
    try {
      const found = await resolveHost(host);
      if (this.#isOver) return;
      if (isSecure) this.#secure = secureOptions(host, connect.tls ?? DEFAULT_TLS);
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
    const socket = this.#open(address);
    if (socket === undefined) return this.#tryNext();
    this.#attempts.add(socket);
    const fail = (error?: unknown): void => {
      if (!this.#attempts.delete(socket)) return;
      this.#why = describeFailure(error);
      socket.destroy();
      if (!this.#isOver) this.#tryNext();
    };
    // What is destroyed may still tell of errors
    socket.on("error", fail);
    socket.once("close", fail);
    socket.once(this.#secure === undefined ? "connect" : "secureConnect", () => {
      if (this.#isOver) return;
      if (this.#secure?.rejectUnauthorized === true) {
        const { authorized, authorizationError } = socket as tls.TLSSocket;
        if (!authorized) return fail(authorizationError);
      }
      this.#attempts.delete(socket);
      socket.off("error", fail);
      socket.off("close", fail);
      this.#opened(socket);
    });
    if (this.#addresses.length === 0) return;
    this.#nextAttempt = setTimeout(() => this.#tryNext(), NEXT_ATTEMPT);
  }

  #open(address: string): net.Socket | undefined {
    const place = { host: address, port: this.#options.port };
    try {
      if (this.#secure !== undefined) return tls.connect({ ...this.#secure, ...place });
      return net.connect({ ...place, allowHalfOpen: false });
    } catch (error) {
      // Such as a port that is none
      this.#why = describeFailure(error);
      return undefined;
    }
  }

  #opened(socket: net.Socket): void {
    this.cancel();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE);
    this.#events.opened(socket);
  }

  #fail(why: string): void {
    if (this.#isOver) return;
    this.cancel();
    this.#events.failed(why);
  }
}

/** @throws {TlsError} */
function secureOptions(serverName: string, own: SecureOptions): tls.ConnectionOptions {
  let material = MATERIAL.get(own);
  if (material === undefined) {
    material = clientOptions({ ...own, serverName });
    MATERIAL.set(own, material);
  }
  return {
    ...material,
    ALPNProtocols: ["http/1.1"],
    // RFC 6066 §3: addresses are no server names
    ...(isIpAddress(serverName) ? {} : { servername: serverName }),
    // The name that counts is not the address that we connect to
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(serverName, certificate),
  };
}

function whyNotFound(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: unknown }; message?: unknown };
  if (NO_SUCH_NAME.includes(cause?.code)) return "it has no address";
  return String(message ?? error);
}
