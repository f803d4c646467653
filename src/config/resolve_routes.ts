/**
 * What holds between routes: names, references of `on_error`, and the groups that placeholders
 * take.
 *
 * Every entry is checked as far as it can be read, also while others are wrong, so that all faults
 * show at once.
 *
 * @module
 */

import type { HandlerSpec, Route } from "../route/route.ts";
import { parseTemplate, templateGroups } from "../route/template.ts";
import type { IssuePath, LocatedIssue } from "./issue.ts";
import {
  answersItself,
  HANDLER_KEYS,
  handlerOf,
  speaksVoicegw,
} from "./schema_handlers/handler_keys.ts";
import type { RouteEntry } from "./schema_route.ts";
import { routeSchema } from "./schema_route.ts";
import { didYouMean } from "./suggestion.ts";

/** The routes that could be made, and what is wrong. The routes are complete when nothing is. */
export interface ResolvedRoutes {
  readonly routes: readonly Route[];
  readonly issues: readonly LocatedIssue[];
}

/** Gives the line that an entry begins in, if there is a file. */
export type LineOf = (path: IssuePath) => number | undefined;

/** Keys whose texts take no placeholders. */
const PLAIN_KEYS: ReadonlySet<string> = new Set(
  ("cwd reason stop_after limits secret auth_token account_sid status_callback recordings tls " +
    "timeout ping reconnect").split(" "),
);

/** One entry on its way to a route. */
interface Draft {
  readonly index: number;
  readonly name: string;
  readonly raw: Readonly<Record<string, unknown>>;
  /** Absent when the schema refuses the entry. */
  readonly entry: RouteEntry | undefined;
}

/** Makes routes from the entries of `routes` as they stand in the file. */
export function resolveRoutes(entries: readonly unknown[], lineOf: LineOf): ResolvedRoutes {
  const drafts = entries.flatMap((raw, index) => isMapping(raw) ? [makeDraft(raw, index)] : []);
  const issues = [
    ...checkNames(drafts),
    ...drafts.flatMap(checkHandlerCount),
    ...drafts.flatMap(checkAnswer),
    ...checkReferences(drafts),
    ...checkCycles(drafts),
    ...checkGroups(drafts),
  ];
  const routes = drafts.flatMap((draft) => makeRoute(draft, lineOf(["routes", draft.index])) ?? []);
  return { routes, issues };
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function makeDraft(raw: Readonly<Record<string, unknown>>, index: number): Draft {
  const parsed = routeSchema.safeParse(raw);
  const name = typeof raw.name === "string" ? raw.name : `route-${index + 1}`;
  return { index, name, raw, entry: parsed.success ? parsed.data : undefined };
}

function makeRoute(draft: Draft, line: number | undefined): Route | undefined {
  const { entry, index, name } = draft;
  const handler = entry === undefined ? undefined : handlerOf(entry);
  if (entry === undefined || handler === undefined) return undefined;
  const onError = typeof entry.on_error === "object" ? handlerOf(entry.on_error) : entry.on_error;
  return {
    name,
    index,
    when: entry.when ?? [],
    handler,
    answer: entry.answer,
    rate: entry.rate,
    barge_in: entry.barge_in,
    dtmf: entry.dtmf,
    dead_air: entry.dead_air,
    ...(entry.record === undefined ? {} : { record: entry.record }),
    ...(line === undefined ? {} : { line }),
    ...(onError === undefined ? {} : { on_error: onError }),
    ...(entry.max_duration === undefined ? {} : { max_duration: entry.max_duration }),
    ...(entry.max_calls === undefined ? {} : { max_calls: entry.max_calls }),
  };
}

function checkNames(drafts: readonly Draft[]): LocatedIssue[] {
  const issues: LocatedIssue[] = [];
  const taken = new Map<string, number>();
  for (const { index, name, raw } of drafts) {
    const other = taken.get(name);
    if (other === undefined) {
      taken.set(name, index);
      continue;
    }
    const path = raw.name === undefined ? ["routes", other, "name"] : ["routes", index, "name"];
    const position = (raw.name === undefined ? index : other) + 1;
    issues.push({ path, message: `The name "${name}" is taken by route ${position}` });
  }
  return issues;
}

function checkHandlerCount({ index, raw }: Draft): LocatedIssue[] {
  const path = ["routes", index];
  const issues = countHandlers(raw, path, "A route");
  const inPlace = raw.on_error;
  if (!isMapping(inPlace)) return issues;
  return [...issues, ...countHandlers(inPlace, [...path, "on_error"], "A handler in on_error")];
}

function countHandlers(
  raw: Readonly<Record<string, unknown>>,
  path: IssuePath,
  what: string,
): LocatedIssue[] {
  const keys = HANDLER_KEYS.filter((key) => raw[key] !== undefined);
  const [first, second] = keys;
  if (second !== undefined) {
    const message = `${what} has exactly one handler, remove "${first}" or "${second}"`;
    return [{ path: [...path, second], atKey: true, message }];
  }
  // A misspelt handler is reported as an unknown key already.
  const hasUnknown = Object.keys(raw).some((key) => !Object.hasOwn(routeSchema.shape, key));
  if (first !== undefined || hasUnknown) return [];
  return [{ path, message: `${what} needs a handler, add one of ${HANDLER_KEYS.join(", ")}` }];
}

/** Who answers: what was written has to be what the handler does. */
function checkAnswer({ index, raw, entry }: Draft): LocatedIssue[] {
  const handler = entry === undefined ? undefined : handlerOf(entry);
  const path = ["routes", index, "answer"];
  if (handler === undefined || raw.answer === undefined) return [];
  if (entry?.answer === "auto") {
    if (!answersItself(handler)) return [];
    const message = `A ${handler.type} says itself when to answer, remove answer: auto`;
    return [{ path, message }];
  }
  if (answersItself(handler) || speaksVoicegw(handler)) return [];
  const what = handler.type === "websocket" ? "A websocket of Twilio's" : `"${handler.type}"`;
  const message = `${what} gives no commands and would never answer, remove answer: manual ` +
    "or use exec, webhook or websocket";
  return [{ path, message }];
}

function checkReferences(drafts: readonly Draft[]): LocatedIssue[] {
  const names = drafts.map((draft) => draft.name);
  const known = new Set(names);
  const issues: LocatedIssue[] = [];
  for (const { index, raw } of drafts) {
    const target = raw.on_error;
    if (typeof target !== "string" || known.has(target)) continue;
    const hint = didYouMean(target, names) || ", give the name of another route";
    issues.push({
      path: ["routes", index, "on_error"],
      message: `No route is named "${target.slice(0, 64)}"${hint}`,
    });
  }
  return issues;
}

/** Each circle is reported once, at the first of its routes. */
function checkCycles(drafts: readonly Draft[]): LocatedIssue[] {
  const byName = new Map(drafts.map((draft) => [draft.name, draft]));
  const settled = new Set<Draft>();
  const issues: LocatedIssue[] = [];
  for (const start of drafts) {
    const trail: Draft[] = [];
    let current: Draft | undefined = start;
    while (current !== undefined && !settled.has(current) && !trail.includes(current)) {
      trail.push(current);
      current = nextDraft(current, byName);
    }
    if (current !== undefined && trail.includes(current)) {
      const circle = trail.slice(trail.indexOf(current));
      const first = circle.reduce((least, draft) => draft.index < least.index ? draft : least);
      const names = [...circle, current].map((draft) => draft.name).join(" → ");
      issues.push({
        path: ["routes", first.index, "on_error"],
        message: `on_error goes round in a circle: ${names}`,
      });
    }
    for (const draft of trail) settled.add(draft);
  }
  return issues;
}

function nextDraft(draft: Draft, byName: ReadonlyMap<string, Draft>): Draft | undefined {
  const target = draft.raw.on_error;
  return typeof target === "string" ? byName.get(target) : undefined;
}

/**
 * A route can be reached by its own conditions and by the `on_error` of others, with their groups.
 */
function checkGroups(drafts: readonly Draft[]): LocatedIssue[] {
  const byName = new Map(drafts.map((draft) => [draft.name, draft]));
  const groups = new Map(drafts.map((draft) => [draft, ownGroups(draft)]));
  for (const draft of drafts) {
    const seen = new Set([draft]);
    let target = nextDraft(draft, byName);
    while (target !== undefined && !seen.has(target)) {
      seen.add(target);
      for (const group of ownGroups(draft)) groups.get(target)?.add(group);
      target = nextDraft(target, byName);
    }
  }
  return drafts.flatMap((draft) => {
    if (draft.entry === undefined) return [];
    const known = groups.get(draft) ?? new Set();
    return [...HANDLER_KEYS, "on_error", "record", "dead_air"].flatMap((key) =>
      key === "on_error" && typeof draft.raw[key] === "string"
        ? []
        : unknownGroups(draft.raw[key], ["routes", draft.index, key], known)
    );
  });
}

function ownGroups(draft: Draft): Set<string> {
  return new Set((draft.entry?.when ?? []).flatMap((condition) => condition.groups));
}

/** Walks the texts of a handler as written. */
function unknownGroups(
  value: unknown,
  path: IssuePath,
  known: ReadonlySet<string>,
): LocatedIssue[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => unknownGroups(item, [...path, index], known));
  }
  if (isMapping(value)) {
    return Object.entries(value).flatMap(([key, item]) =>
      PLAIN_KEYS.has(key) ? [] : unknownGroups(item, [...path, key], known)
    );
  }
  const parsed = typeof value === "string" ? parseTemplate(value) : undefined;
  if (parsed === undefined || !parsed.ok) return [];
  return templateGroups(parsed.template).filter((group) => !known.has(group)).map((group) => ({
    path,
    message: `No condition of this route has a group "${group}"` +
      (didYouMean(group, known) || `, write one such as /^(?<${group}>\\w+)$/`),
  }));
}

/** The handlers of a route: its own, and the one in place for errors. */
export function handlersOf(route: Route): readonly HandlerSpec[] {
  return typeof route.on_error === "object" ? [route.handler, route.on_error] : [route.handler];
}
