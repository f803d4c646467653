/**
 * Routes in words, for the routing table and for explanations.
 *
 * @module
 */

import type { HandlerSpec, Route } from "../src/route/route.ts";

/**
 * Says in one line what becomes of a call. argv is shown as a JSON list, since that is what the
 * program gets.
 */
export function describeHandler(handler: HandlerSpec): string {
  switch (handler.type) {
    case "exec":
      return `exec ${JSON.stringify(handler.command)}`;
    case "webhook":
    case "websocket":
    case "audiosocket":
      return `${handler.type} ${handler.url}`;
    case "echo":
      return "echo";
    case "play":
      return `play ${JSON.stringify(handler.file)}${describeLoop(handler.loop)}`;
    case "reject":
      return handler.reason === undefined
        ? `reject ${handler.status}`
        : `reject ${handler.status} ${handler.reason}`;
    case "redirect":
      return `redirect ${handler.status} ${handler.to.join(", ")}`;
  }
}

/** As {@linkcode describeHandler}, and that the handler answers itself, where it does. */
export function describeRouteHandler({ handler, answer }: Route): string {
  return `${describeHandler(handler)}${answer === "manual" ? ", answers itself" : ""}`;
}

/** Says in one line what a route does when its handler fails; empty when it ends the call. */
export function describeOnError(route: Route): string {
  const { on_error: onError } = route;
  if (onError === undefined) return "";
  return typeof onError === "string" ? `route ${onError}` : describeHandler(onError);
}

/** The conditions of a route, one text each. */
export function describeConditions(route: Route): readonly string[] {
  if (route.when.length === 0) return ["every call"];
  return route.when.map(({ key, expected }) => `${key}: ${expected}`);
}

function describeLoop(loop: number): string {
  if (loop === 1) return "";
  return loop === Infinity ? " until the caller hangs up" : ` ${loop} times`;
}
