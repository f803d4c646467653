/**
 * Routes in words, for the routing table and for explanations.
 *
 * @module
 */

import { answersItself } from "../src/config/schema_handlers/handler_keys.ts";
import type { HandlerSpec, Route, WebhookSpec, WebsocketSpec } from "../src/route/route.ts";

/**
 * Says in one line what becomes of a call. argv is shown as a JSON list, since that is what the
 * program gets. Of a URL nothing is shown that may be a password.
 *
 * @param written The same before its placeholders were filled in.
 */
export function describeHandler(handler: HandlerSpec, written: HandlerSpec = handler): string {
  switch (handler.type) {
    case "exec": {
      const { command, pool } = handler;
      return `exec ${JSON.stringify(command)}${pool === undefined ? "" : `, ${pool} ahead`}`;
    }
    case "webhook":
    case "websocket":
      return `${handler.type} ${describeUrl(handler.url, "url" in written ? written.url : "")}${
        describeProtocol(handler)
      }`;
    case "audiosocket":
      return `audiosocket ${handler.url}`;
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

/** As {@linkcode describeHandler}, with who answers and how many calls there may be. */
export function describeRouteHandler({ handler, answer, max_calls: callsMax }: Route): string {
  const isOwn = answer === "manual" || answersItself(handler);
  const most = callsMax === undefined
    ? ""
    : `, at most ${callsMax} ${callsMax === 1 ? "call" : "calls"}`;
  return `${describeHandler(handler)}${isOwn ? ", answers itself" : ""}${most}`;
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

function describeProtocol(handler: WebhookSpec | WebsocketSpec): string {
  const protocol = handler.protocol === "twilio" ? " as Twilio does" : "";
  if (handler.type === "websocket" || handler.audio === "none") return protocol;
  return `${protocol}, ${handler.audio === "stream" ? "with all audio" : "with utterances"}`;
}

/** The named values of a handler that one call fills in: its own, and nothing that may be secret. */
export function describeValues(handler: HandlerSpec, written: HandlerSpec): readonly string[] {
  const shown: string[] = [];
  for (const key of ["env", "parameters", "headers"] as const) {
    const values = valuesOf(handler, key);
    const templates = valuesOf(written, key);
    const isPlain = handler.type === "exec" || handler.type === "reject";
    for (const [name, value] of Object.entries(values)) {
      const isOfCall = isPlain || isPlaceholder(templates[name] ?? "");
      shown.push(`${name} = ${isOfCall ? JSON.stringify(value) : "…"}`);
    }
  }
  return shown;
}

function valuesOf(
  handler: HandlerSpec,
  key: "env" | "parameters" | "headers",
): Readonly<Record<string, string>> {
  return (handler as { readonly [name in typeof key]?: Readonly<Record<string, string>> })[key] ??
    {};
}

/** Without user, password, and values of the query that are the same for every call. */
function describeUrl(url: string, written: string): string {
  const [, scheme = "", server = "", path = "", query = ""] = URL_PARTS.exec(url) ?? [];
  const templates = (URL_PARTS.exec(written)?.[4] ?? "").split("&");
  const parameters = query.split("&").map((each, index) => {
    const end = each.indexOf("=");
    const template = templates[index] ?? "";
    if (isPlaceholder(template.slice(template.indexOf("=") + 1))) return each;
    // What has no name may be a secret as a whole
    return end < 0 ? "…" : `${each.slice(0, end)}=…`;
  });
  return `${scheme}${server}${path}${query === "" ? "" : `?${parameters.join("&")}`}`;
}

const URL_PARTS = /^([a-z]+:\/\/)(?:[^@/?#]*@)?([^/?#]*)([^?#]*)\??([^#]*)/i;

function isPlaceholder(template: string): boolean {
  return /^\{[^{}]+\}$/.test(template);
}
