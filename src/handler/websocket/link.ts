/**
 * One connection to a WebSocket server: from its beginning to its end, with pings, and a bound of
 * what waits for a server that does not read.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { WebsocketSpec } from "../../route/route.ts";
import type { WebSocketClient } from "../../runtime/client_ports.ts";
import type { Runtime, Timer } from "../../runtime/ports.ts";
import { tlsOptions } from "../http/webhook_try.ts";
import type { Wire } from "./media_protocol.ts";

/** One message of a server: half a minute of sound at any rate. */
export const MESSAGE_BYTES_MAX = 4 << 20;

/** Events are never dropped; a server that leaves more than this unread is given up. */
export const QUEUED_BYTES_MAX = 1 << 20;

/** Close codes of a server that is done. RFC 6455 §7.4.1 */
const NORMAL = 1000;
const DONE: ReadonlySet<number> = new Set([NORMAL, 1001, 1005]);

/** Never sent: there was no close frame. */
const LOST = 1006;

/** Who hears of a connection. Nothing comes after `failed`, `completed` or `lost`. */
export interface LinkEvents {
  opened(): void;
  text(text: string): void;
  /** `data` is valid only during the call. */
  binary(data: Uint8Array): void;
  /** Everything that was sent has left. */
  drained(): void;
  /** There is no connection; `why` has the server as "it". `status`: of its answer. */
  failed(why: string, status: number | undefined): void;
  /** The server, or {@linkcode Link.close}, has ended it as it should be ended. */
  completed(): void;
  /** It is gone, and should not be; `why` has the server as "it". */
  lost(why: string): void;
}

/** What a connection is made of. */
export interface LinkOptions {
  readonly runtime: Pick<Runtime, "connectWebSocket" | "setTimer">;
  /** With its placeholders filled in. */
  readonly spec: WebsocketSpec;
  readonly subprotocol: string | undefined;
  /** Addresses that the URL may not lead to. */
  readonly refuseAddress?: ((address: string) => string | undefined) | undefined;
  readonly events: LinkEvents;
}

/** One connection. */
export class Link implements Wire {
  readonly #events: LinkEvents;
  readonly #runtime: LinkOptions["runtime"];
  readonly #pingEvery: Millis;
  readonly #client: WebSocketClient;
  /** Something came since the last ping. */
  #isHeard = true;
  #isPaused = false;
  #isOver = false;
  #timer: Timer | undefined;

  /** Begins to connect. */
  constructor({ runtime, spec, subprotocol, refuseAddress, events }: LinkOptions) {
    this.#events = events;
    this.#runtime = runtime;
    this.#pingEvery = spec.ping;
    this.#client = runtime.connectWebSocket({
      url: spec.url,
      headers: spec.headers,
      subprotocol,
      timeout: spec.timeout,
      tls: tlsOptions(spec.tls, true),
      messageMax: MESSAGE_BYTES_MAX,
      ...(refuseAddress === undefined ? {} : { refuseAddress }),
    }, {
      opened: () => {
        this.#awaitPing();
        events.opened();
      },
      text: (text) => {
        this.#isHeard = true;
        events.text(text);
      },
      binary: (data) => {
        this.#isHeard = true;
        events.binary(data);
      },
      pong: () => {
        this.#isHeard = true;
      },
      drained: () => events.drained(),
      failed: (why, status) => {
        this.#isOver = true;
        events.failed(why, status);
      },
      closed: (code, reason) => this.#closed(code, reason),
    });
  }

  /** Whether what was sent has not left yet. */
  get isBusy(): boolean {
    return this.#client.queuedBytes > 0;
  }

  sendText(text: string): void {
    if (this.#isOver) return;
    this.#client.sendText(text);
    if (this.#client.queuedBytes > QUEUED_BYTES_MAX) this.#lose("it reads too slowly");
  }

  sendBinary(data: Uint8Array): void {
    if (!this.#isOver) this.#client.sendBinary(data);
  }

  /** Stops or goes on reading. */
  pause(): void {
    this.#isPaused = true;
    this.#client.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // Its answer to a ping may be among what was not read
    this.#isHeard = true;
    this.#client.resume();
  }

  /** Says goodbye; one of the last events follows, within two seconds. */
  close(): void {
    this.#timer?.cancel();
    this.#client.close(NORMAL, "");
  }

  /** Ends it at once; nothing more is told. */
  destroy(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#client.destroy();
  }

  #awaitPing(): void {
    if (this.#pingEvery > 0) {
      this.#timer = this.#runtime.setTimer(() => this.#ping(), this.#pingEvery);
    }
  }

  #ping(): void {
    if (!this.#isHeard && !this.#isPaused) {
      return this.#lose(`it did not answer a ping within ${this.#pingEvery / 1000} s`);
    }
    this.#isHeard = false;
    this.#client.ping();
    this.#awaitPing();
  }

  #closed(code: number, reason: string): void {
    this.#isOver = true;
    this.#timer?.cancel();
    if (DONE.has(code)) return this.#events.completed();
    this.#events.lost(code === LOST ? lostReason(reason) : endReason(code, reason));
  }

  #lose(why: string): void {
    this.destroy();
    this.#events.lost(why);
  }
}

function lostReason(reason: string): string {
  return reason === "" ? "the connection was lost" : reason;
}

function endReason(code: number, reason: string): string {
  return `the connection ended with ${code}${reason === "" ? "" : ` ${JSON.stringify(reason)}`}`;
}
