/**
 * Fills in the placeholders of a handler for one call, each place with its own protection.
 *
 * argv is a list and stays one: a value can neither add nor split an argument, and nothing is seen
 * by a shell. A value that would turn an argument into an option (a leading `-` where the operator
 * wrote none) is refused, except behind an argument `--`.
 *
 * @module
 */

import type { CallFacts } from "./call_facts.ts";
import type {
  ExecSpec,
  HandlerSpec,
  RedirectSpec,
  RejectSpec,
  WebhookSpec,
  WebsocketSpec,
} from "./route.ts";
import type { TemplateUse } from "./template.ts";
import { expandTemplate } from "./template.ts";

/** What came of filling in a handler. `reason` is for a person. */
export type ExpandedHandler =
  | { readonly ok: true; readonly handler: HandlerSpec }
  | { readonly ok: false; readonly reason: string };

/** Fills in the placeholders of a handler with the facts of a call. */
export function expandHandler(handler: HandlerSpec, facts: CallFacts): ExpandedHandler {
  switch (handler.type) {
    case "exec":
      return expandExec(handler, facts);
    case "play": {
      const file = expandTemplate(handler.file, facts, "file");
      return file.ok ? { ok: true, handler: { ...handler, file: file.value } } : file;
    }
    case "reject":
      return expandReject(handler, facts);
    case "redirect":
      return expandRedirect(handler, facts);
    case "webhook":
    case "websocket":
      return expandServer(handler, facts);
    case "audiosocket":
    case "echo":
      return { ok: true, handler };
  }
}

function expandExec(handler: ExecSpec, facts: CallFacts): ExpandedHandler {
  const command: string[] = [];
  let optionsEnded = false;
  for (const [index, argument] of handler.command.entries()) {
    // The operator alone says which program runs.
    const expanded = index === 0
      ? { ok: true as const, value: argument }
      : expandTemplate(argument, facts);
    if (!expanded.ok) return expanded;
    const { value } = expanded;
    if (value.startsWith("-") && !argument.startsWith("-") && index > 0 && !optionsEnded) {
      return {
        ok: false,
        reason: `Argument ${index} "${argument}" would become an option, since the value begins` +
          ` with "-": write it as --name=${argument} or behind an argument "--"`,
      };
    }
    optionsEnded ||= argument === "--";
    command.push(value);
  }
  const env = expandValues(handler.env, facts, "text");
  return env.ok ? { ok: true, handler: { ...handler, command, env: env.values } } : env;
}

function expandServer(handler: WebhookSpec | WebsocketSpec, facts: CallFacts): ExpandedHandler {
  const url = expandTemplate(handler.url, facts, "uri");
  if (!url.ok) return { ok: false, reason: url.reason };
  const headers = expandValues(handler.headers, facts, "text");
  if (!headers.ok) return headers;
  return { ok: true, handler: { ...handler, url: url.value, headers: headers.values } };
}

function expandReject(handler: RejectSpec, facts: CallFacts): ExpandedHandler {
  const headers = expandValues(handler.headers, facts, "text");
  return headers.ok ? { ok: true, handler: { ...handler, headers: headers.values } } : headers;
}

function expandRedirect(handler: RedirectSpec, facts: CallFacts): ExpandedHandler {
  const to: string[] = [];
  for (const target of handler.to) {
    const expanded = expandTemplate(target, facts, "uri");
    if (!expanded.ok) return expanded;
    to.push(expanded.value);
  }
  return { ok: true, handler: { ...handler, to } };
}

type ExpandedValues =
  | { readonly ok: true; readonly values: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly reason: string };

/** Names are the operator's and stay as they are. */
function expandValues(
  templates: Readonly<Record<string, string>>,
  facts: CallFacts,
  use: TemplateUse,
): ExpandedValues {
  const values: [string, string][] = [];
  for (const [name, template] of Object.entries(templates)) {
    const expanded = expandTemplate(template, facts, use);
    if (!expanded.ok) return expanded;
    values.push([name, expanded.value]);
  }
  return { ok: true, values: Object.fromEntries(values) };
}
