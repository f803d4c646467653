/**
 * Makes the handlers within a webhook's call.
 *
 * @module
 */

import type { ExecSpec, WebhookSpec, WebsocketSpec } from "../../route/route.ts";
import type { HandlerContext } from "../create_handler.ts";
import { ExecHandler } from "../exec/exec_handler.ts";
import type { Handler, HandlerHost } from "../handler.ts";
import { addressPolicy } from "../http/target_url.ts";
import { WebsocketHandler } from "../websocket/websocket_handler.ts";

/** What an action can make of a handler; nothing in it is left to be filled in. */
export type InnerSpec = ExecSpec | StreamSpec;

/** `streamSid`: what somebody was told that the stream is called. */
export type StreamSpec = WebsocketSpec & { readonly streamSid?: string };

/** Makes a handler. A server that the response named may be asked where `http.targets` says. */
export function makeInner(
  spec: InnerSpec,
  { webhook, context }: { readonly webhook: WebhookSpec; readonly context: HandlerContext },
  host: HandlerHost,
): Handler {
  const { environment, http, runtime, targets } = context;
  if (spec.type === "exec") return new ExecHandler({ spec, runtime, environment, host, targets });
  const refuseAddress = addressPolicy({ http, configured: webhook.url, url: spec.url });
  // Who asks for the call by its sid asks the webhook, which has it longer
  const { twilioCalls: _, ...rest } = context;
  const { streamSid } = spec;
  return new WebsocketHandler({ spec, streamSid, context: rest, host, refuseAddress });
}
