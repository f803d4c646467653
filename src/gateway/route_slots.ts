/**
 * Which calls each route has, and whether it takes one more: `max_calls`.
 *
 * @module
 */

import type { HandlerSpec, Route } from "../route/route.ts";

/** Where a call finds room. */
export type RouteRoom =
  | {
    readonly ok: true;
    /** The route whose handler is the first; `undefined`: one that stands in place. */
    readonly route: Route | undefined;
    readonly handler: HandlerSpec;
    /** Why the call does not begin with the route that it was meant for; empty when it does. */
    readonly reason: string;
  }
  | { readonly ok: false; readonly reason: string };

/** The calls of each route of one gateway. */
export class RouteSlots {
  readonly #routeByName: (name: string) => Route | undefined;
  /** Names of routes by the ids of their calls. */
  readonly #routes = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** @param routeByName Of the configuration of the moment. */
  constructor(routeByName: (name: string) => Route | undefined) {
    this.#routeByName = routeByName;
  }

  /** How many calls a route has now. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /**
   * Looks for room: on the route itself, else along its `on_error`.
   *
   * @param id The call's, if it is on a route already: it takes no place from itself.
   */
  find(wanted: Route, id = ""): RouteRoom {
    let reason = "";
    let route: Route | undefined = wanted;
    const seen: Route[] = [];
    while (route !== undefined && !seen.includes(route)) {
      seen.push(route);
      const full = this.refuse(route, id);
      if (full === undefined) return { ok: true, route, handler: route.handler, reason };
      reason = reason === "" ? full : `${reason}; ${full}`;
      const next: Route["on_error"] = route.on_error;
      if (typeof next === "object") return { ok: true, route: undefined, handler: next, reason };
      route = next === undefined ? undefined : this.#routeByName(next);
    }
    return { ok: false, reason };
  }

  /** Says why a route takes no more calls; `undefined`: it does. `id` as in `find`. */
  refuse({ name, max_calls: callsMax }: Route, id = ""): string | undefined {
    if (callsMax === undefined) return undefined;
    const others = this.count(name) - (this.#routes.get(id) === name ? 1 : 0);
    return others < callsMax
      ? undefined
      : `max_calls of route "${name}": ${others} ${others === 1 ? "call is" : "calls are"} up`;
  }

  /** A call is on that route from now on, and no more on the one before. `undefined`: on none. */
  enter(id: string, route: Route | undefined): void {
    this.leave(id);
    if (route === undefined) return;
    this.#routes.set(id, route.name);
    this.#counts.set(route.name, this.count(route.name) + 1);
  }

  /** A call is over. Nothing happens when it was on no route. */
  leave(id: string): void {
    const name = this.#routes.get(id);
    if (name === undefined) return;
    this.#routes.delete(id);
    const left = this.count(name) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }
}
