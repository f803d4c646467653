/**
 * Finds the route that a live call is handed to: by its name, with room on it.
 *
 * @module
 */

import type { HandlerRoute } from "../call/handler_chain.ts";
import { handlerChain } from "../call/screening.ts";
import type { Route } from "../route/route.ts";
import type { RouteSlots } from "./route_slots.ts";

/** What came of looking for a route. */
export type HandOver =
  | {
    readonly ok: true;
    readonly route: HandlerRoute;
    /** Whose place the call takes; `undefined`: that of a handler in place. */
    readonly counted: Route | undefined;
    /** Why another route's handler begins, for the log; empty when none does. */
    readonly note: string;
  }
  | { readonly ok: false; readonly reason: string };

/** What a call that looks for a route needs. */
export interface HandOverContext {
  readonly slots: RouteSlots;
  /** Of the configuration of the moment. */
  readonly routeByName: (name: string) => Route | undefined;
}

/**
 * Finds the route of that name, and room on it or along its `on_error`.
 *
 * @param id The call's.
 * @param name As the handler gave it.
 */
export function findHandOver(id: string, name: string, context: HandOverContext): HandOver {
  const { slots, routeByName } = context;
  const wanted = routeByName(name);
  if (wanted === undefined) return { ok: false, reason: `There is no route "${name}"` };
  const room = slots.find(wanted, id);
  if (!room.ok) return room;
  const { route, handler, reason } = room;
  const { answer, barge_in: bargeIn } = wanted;
  const handlers = route === undefined ? [handler] : handlerChain(route, routeByName);
  return {
    ok: true,
    route: { name, handlers, answer, bargeIn },
    counted: route,
    note: reason === "" ? "" : `, with a handler of on_error: ${reason}`,
  };
}
