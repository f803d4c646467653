/**
 * Connections to web servers that are kept for the next request, over `node:http`.
 *
 * @module
 */

import http from "node:http";
import type net from "node:net";
import { setTimeout as startTimer } from "node:timers";
import type { Millis } from "../base/units.ts";

/** Servers commonly close what is idle for five seconds. */
const IDLE: Millis = 4_000;

/** Idle connections to one server. */
const IDLE_MAX = 32;

/** Calls back, later, with a connection or with why there is none. */
export type OpenConnection = (done: (error: Error | null, socket?: net.Socket) => void) => void;

/** What a request of ours says beside what `node:http` knows. */
export interface AgentRequestOptions extends http.RequestOptions {
  /** Which connections are alike: server, and how TLS is spoken with it. */
  readonly connectionKey: string;
  readonly openConnection: OpenConnection;
}

type Created = Parameters<http.Agent["createConnection"]>[1];

/** Keeps connections for a while. They do not keep the program alive. */
export class KeepAliveAgent extends http.Agent {
  readonly #timers = new WeakMap<object, NodeJS.Timeout>();

  constructor() {
    super({ keepAlive: true, maxFreeSockets: IDLE_MAX });
  }

  /** The addresses of the idle connections to a server. */
  idleAddresses(connectionKey: string): readonly string[] {
    return (this.freeSockets[connectionKey] ?? []).map((socket) => socket.remoteAddress ?? "");
  }

  override getName(options?: object): string {
    return (options as AgentRequestOptions).connectionKey;
  }

  override createConnection(options: object, done?: Created): undefined {
    const { openConnection } = options as AgentRequestOptions;
    openConnection((error, socket) => done?.(error, socket as net.Socket));
    return undefined;
  }

  override keepSocketAlive(socket: net.Socket): boolean {
    const isKept: unknown = super.keepSocketAlive(socket);
    this.#timers.set(socket, startTimer(() => socket.destroy(), IDLE).unref());
    return isKept !== false;
  }

  override reuseSocket(socket: net.Socket, request: http.ClientRequest): void {
    clearTimeout(this.#timers.get(socket));
    super.reuseSocket(socket, request);
  }
}
