/**
 * The routes of one gateway: who takes which call, how many each of them has, and the programs that
 * wait for calls.
 *
 * @module
 */

import { ExecPools } from "../handler/exec/exec_pools.ts";
import type { CallFacts } from "../route/call_facts.ts";
import type { Route } from "../route/route.ts";
import { Router } from "../route/router.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { MadeCall } from "./call_factory.ts";
import { findHandOver, type HandOver } from "./hand_over.ts";
import type { GatewayObserver } from "./observer.ts";
import { RouteSlots } from "./route_slots.ts";

/** What routes need of the world around them. */
export interface RoutingOptions {
  readonly runtime: Runtime;
  /** Our own environment, which programs inherit. */
  readonly environment: Readonly<Record<string, string>>;
  readonly observer: GatewayObserver;
  readonly routes: readonly Route[];
}

/** The routes of the moment, and what lasts longer than they do. */
export class Routing {
  readonly slots = new RouteSlots((name) => this.routeByName(name));
  readonly pools: ExecPools;
  readonly #observer: GatewayObserver;
  #routes: readonly Route[];
  #router: Router;
  #isClosed = false;

  constructor({ runtime, environment, observer, routes }: RoutingOptions) {
    this.#observer = observer;
    this.#routes = routes;
    this.#router = new Router(routes);
    this.pools = new ExecPools({
      runtime,
      environment,
      log: (level, message, route) => observer.log?.(level, message, { route, from: "pool" }),
    });
  }

  get router(): Router {
    return this.#router;
  }

  routeByName(name: string): Route | undefined {
    return this.#routes.find((route) => route.name === name);
  }

  /** The routes for calls that come; programs are started for them. */
  replace(routes: readonly Route[]): void {
    this.#routes = routes;
    this.#router = new Router(routes);
    if (!this.#isClosed) this.pools.replace(routes);
  }

  /** A call of a caller begins. */
  entered({ id, route }: CallFacts, { counted, note }: MadeCall): void {
    this.slots.enter(id, counted);
    if (note === "") return;
    this.#observer.log?.("warning", `${note}; on_error takes the call`, { call: id, route });
  }

  /** A call of ours begins. */
  placed({ id, route }: CallFacts): void {
    this.slots.enter(id, this.routeByName(route));
  }

  /** The route that a live call is to be handed to. */
  findHandOver(id: string, name: string): HandOver {
    const { slots } = this;
    return findHandOver(id, name, { slots, routeByName: (wanted) => this.routeByName(wanted) });
  }

  /** No calls are to come. Those that there are go on. */
  close(): void {
    this.#isClosed = true;
    this.pools.close();
  }
}
