/**
 * All keys that say what becomes of a call.
 *
 * @module
 */

import type { HandlerSpec } from "../../route/route.ts";
import { audiosocketSchema } from "./audiosocket.ts";
import { echoSchema, playSchema } from "./builtin.ts";
import { execSchema } from "./exec.ts";
import { redirectSchema, rejectSchema } from "./reply.ts";
import { webhookSchema } from "./webhook.ts";
import { websocketSchema } from "./websocket.ts";

/** The kinds of handlers, in the order of documents; a route has exactly one. */
export const HANDLER_KEYS = [
  "exec",
  "webhook",
  "websocket",
  "audiosocket",
  "echo",
  "play",
  "reject",
  "redirect",
] as const;

/** One of {@linkcode HANDLER_KEYS}. */
export type HandlerKey = (typeof HANDLER_KEYS)[number];

/** Each of them as it is written. */
export const handlerShape = {
  exec: execSchema.optional(),
  webhook: webhookSchema.optional(),
  websocket: websocketSchema.optional(),
  audiosocket: audiosocketSchema.optional(),
  echo: echoSchema.optional(),
  play: playSchema.optional(),
  reject: rejectSchema.optional(),
  redirect: redirectSchema.optional(),
};

/** The handler of an entry, or of an `on_error` in place; `undefined` when it has none. */
export function handlerOf(
  entry: { readonly [key in HandlerKey]?: HandlerSpec | undefined },
): HandlerSpec | undefined {
  for (const key of HANDLER_KEYS) {
    if (entry[key] !== undefined) return entry[key];
  }
  return undefined;
}

/** Whether a handler hears events and gives commands. */
export function speaksVoicegw(handler: HandlerSpec): boolean {
  switch (handler.type) {
    case "exec":
      return true;
    case "webhook":
    case "websocket":
      return handler.protocol === "voicegw";
    default:
      return false;
  }
}

/** Whether a handler always says itself when to answer. */
export function answersItself(handler: HandlerSpec): boolean {
  return handler.type === "webhook";
}
