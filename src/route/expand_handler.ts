/**
 * Fills in the placeholders of a handler for one call, each place with its own protection.
 *
 * argv is a list and stays one: a value can neither add nor split an argument, and nothing is seen
 * by a shell. A value that would turn an argument into an option (a leading `-` where the operator
 * wrote none) is refused, except behind an argument `--`. A URL keeps its server, its path segments
 * and its parameters; a header stays one line.
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
import { type Expanded, expandTemplate } from "./template.ts";
import { expandUrl } from "./url_template.ts";

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
      return expandWebhook(handler, facts);
    case "websocket":
      return expandWebsocket(handler, facts);
    case "audiosocket":
    case "echo":
      return { ok: true, handler };
  }
}

function expandExec(handler: ExecSpec, facts: CallFacts): ExpandedHandler {
  const command = expandCommand(handler.command, facts);
  if (!command.ok) return command;
  const env = expandValues(handler.env, facts);
  if (!env.ok) return env;
  return { ok: true, handler: { ...handler, command: command.value, env: env.value } };
}

function expandWebhook(handler: WebhookSpec, facts: CallFacts): ExpandedHandler {
  const url = expandUrl(handler.url, facts);
  if (!url.ok) return url;
  const callback = expandIfAny(handler.status_callback, (text) => expandUrl(text, facts));
  if (!callback.ok) return callback;
  const headers = expandValues(handler.headers, facts);
  if (!headers.ok) return headers;
  const programs = expandAll(handler.programs, (command) => expandCommand(command, facts));
  if (!programs.ok) return programs;
  return {
    ok: true,
    handler: {
      ...handler,
      url: url.value,
      headers: headers.value,
      programs: programs.value,
      ...(callback.value === undefined ? {} : { status_callback: callback.value }),
    },
  };
}

function expandWebsocket(handler: WebsocketSpec, facts: CallFacts): ExpandedHandler {
  const url = expandUrl(handler.url, facts);
  if (!url.ok) return url;
  const parameters = expandValues(handler.parameters, facts);
  if (!parameters.ok) return parameters;
  const headers = expandValues(handler.headers, facts);
  if (!headers.ok) return headers;
  return {
    ok: true,
    handler: {
      ...handler,
      url: url.value,
      parameters: parameters.value,
      headers: headers.value,
    },
  };
}

function expandReject(handler: RejectSpec, facts: CallFacts): ExpandedHandler {
  const headers = expandValues(handler.headers, facts);
  return headers.ok ? { ok: true, handler: { ...handler, headers: headers.value } } : headers;
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

/** What came of filling in some part of a handler. */
type Filled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

/** argv: every element stays one, and none becomes an option. */
function expandCommand(command: readonly string[], facts: CallFacts): Filled<readonly string[]> {
  const value: string[] = [];
  let optionsEnded = false;
  for (const [index, argument] of command.entries()) {
    // The operator alone says which program runs.
    const expanded: Expanded = index === 0
      ? { ok: true, value: argument }
      : expandTemplate(argument, facts);
    if (!expanded.ok) return expanded;
    const filled = expanded.value;
    if (filled.startsWith("-") && !argument.startsWith("-") && index > 0 && !optionsEnded) {
      return {
        ok: false,
        reason: `Argument ${index} "${argument}" would become an option, since the value begins` +
          ` with "-": write it as --name=${argument} or behind an argument "--"`,
      };
    }
    optionsEnded ||= argument === "--";
    value.push(filled);
  }
  return { ok: true, value };
}

function expandValues(
  templates: Readonly<Record<string, string>>,
  facts: CallFacts,
): Filled<Readonly<Record<string, string>>> {
  return expandAll(templates, (template) => expandTemplate(template, facts));
}

/** Names are the operator's and stay as they are. */
function expandAll<T>(
  templates: Readonly<Record<string, T>>,
  expand: (template: T) => Filled<T>,
): Filled<Readonly<Record<string, T>>> {
  const values: [string, T][] = [];
  for (const [name, template] of Object.entries(templates)) {
    const expanded = expand(template);
    if (!expanded.ok) return expanded;
    values.push([name, expanded.value]);
  }
  return { ok: true, value: Object.fromEntries(values) };
}

function expandIfAny(
  template: string | undefined,
  expand: (template: string) => Expanded,
): Filled<string | undefined> {
  return template === undefined ? { ok: true, value: undefined } : expand(template);
}
