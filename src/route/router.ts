/**
 * Chooses the route of a call: the first one whose conditions all hold.
 *
 * It also says why the others do not, for `voicegw route` and for people who wonder.
 *
 * @module
 */

import type { CallFacts } from "./call_facts.ts";
import type { HeaderLookup } from "./condition.ts";
import { testCondition } from "./condition.ts";
import type { Route } from "./route.ts";

/** The chosen route. */
export interface RouteMatch {
  readonly route: Route;
  /** Named groups of the regular expressions that matched. */
  readonly match: Record<string, string>;
}

/** What one condition made of a call. */
export interface ExplainedCondition {
  /** The header or fact, as the operator wrote it. */
  readonly key: string;
  /** What the rule wants, for people to read. */
  readonly expected: string;
  /** What the call has; `undefined` when nothing. */
  readonly actual: string | undefined;
  readonly ok: boolean;
}

/** What one route made of a call. */
export interface ExplainedRoute {
  readonly route: Route;
  readonly matched: boolean;
  /** One for each condition, in the order of the file; empty when the route takes every call. */
  readonly reasons: readonly ExplainedCondition[];
}

/** The routing table. It never changes; a new configuration makes a new one. */
export class Router {
  readonly #routes: readonly Route[];
  readonly #byName: ReadonlyMap<string, Route>;

  constructor(routes: readonly Route[]) {
    this.#routes = routes;
    this.#byName = new Map(routes.map((route) => [route.name, route]));
  }

  /** Finds a route by its name, as `on_error` gives it. */
  find(name: string): Route | undefined {
    return this.#byName.get(name);
  }

  /** Chooses the first route whose conditions all hold; `undefined` when there is none. */
  match(facts: CallFacts, headers: HeaderLookup): RouteMatch | undefined {
    for (const route of this.#routes) {
      const match = matchRoute(route, facts, headers);
      if (match !== undefined) return { route, match };
    }
    return undefined;
  }

  /**
   * Tries every route, in order, and every condition of each. The first that matched is the chosen
   * one.
   */
  explain(facts: CallFacts, headers: HeaderLookup): readonly ExplainedRoute[] {
    return this.#routes.map((route) => {
      const reasons = route.when.map((condition) => {
        const { ok, actual } = testCondition(condition, facts, headers);
        return { key: condition.key, expected: condition.expected, actual, ok };
      });
      return { route, matched: reasons.every((reason) => reason.ok), reasons };
    });
  }
}

/** A group that two conditions name takes the value of the later one. */
function matchRoute(
  route: Route,
  facts: CallFacts,
  headers: HeaderLookup,
): Record<string, string> | undefined {
  const groups: [string, string][] = [];
  for (const condition of route.when) {
    const result = testCondition(condition, facts, headers);
    if (!result.ok) return undefined;
    if (result.groups !== undefined) groups.push(...Object.entries(result.groups));
  }
  return Object.fromEntries(groups);
}
