/**
 * One key of a rule's `when`, compiled: which fact or header it looks at, and what it wants there.
 *
 * Header names compare case-insensitively; an empty header counts as absent. `from`, `to`
 * and `asserted_identity` look at the user part of the URI, or at the whole URI when the pattern
 * names more than a user: when it holds `@` or `:`.
 *
 * @module
 */

import type { IpRange } from "../base/socket_address.ts";
import { isInRanges, parseIpRange, PRIVATE_RANGES } from "../base/socket_address.ts";
import type { CallFacts } from "./call_facts.ts";
import { TRANSPORTS } from "./call_facts.ts";
import type { Pattern } from "./pattern.ts";
import { matchPattern, parsePattern, patternGroups } from "./pattern.ts";

/** Keys that look at a fact of the call; every other key is the name of a header. */
export const FACT_KEYS = [
  "from",
  "to",
  "asserted_identity",
  "request_uri",
  "user",
  "source",
  "transport",
  "method",
  "auth_user",
  "registration",
] as const;

/** One of {@linkcode FACT_KEYS}. */
export type FactKey = (typeof FACT_KEYS)[number];

/** What one entry of a condition wants. */
export type Wanted =
  | { readonly type: "presence"; readonly present: boolean }
  | { readonly type: "range"; readonly ranges: readonly IpRange[] }
  | {
    readonly type: "pattern";
    readonly pattern: Pattern;
    /** Compare with the whole URI instead of its user part. */
    readonly whole: boolean;
  };

/** One key of a rule's `when`. */
export interface Condition {
  /** As the operator wrote it. */
  readonly key: string;
  /** The fact that it looks at; absent for a header. */
  readonly fact?: FactKey;
  /** Any of them is enough. */
  readonly anyOf: readonly Wanted[];
  /** What the operator wrote, for people to read. */
  readonly expected: string;
  /** Names of the groups that its regular expressions can supply. */
  readonly groups: readonly string[];
}

/**
 * What came of compiling a condition. `reason` names the fix; `index` is the entry of a list that
 * is wrong.
 */
export type CompiledCondition =
  | { readonly ok: true; readonly condition: Condition; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly reason: string; readonly index?: number };

/** Gives the first value of a header by its name, in any case. */
export type HeaderLookup = (name: string) => string | undefined;

/** What came of testing a condition on a call. */
export interface ConditionResult {
  readonly ok: boolean;
  /** What the call has there; `undefined` when nothing. */
  readonly actual: string | undefined;
  readonly groups?: Readonly<Record<string, string>>;
}

/** Entries of one condition's list at most. */
export const ANY_OF_MAX = 256;

/** A header name is a token, RFC 3261 §25.1. */
const HEADER_NAME = /^[-!%*_+`'~.A-Za-z0-9]{1,128}$/;

/**
 * Compiles one key of `when`.
 *
 * @param value Text, a number (taken as text), `true` (present), `false` (absent), or a list of
 * these.
 */
export function compileCondition(key: string, value: unknown): CompiledCondition {
  const lower = key.toLowerCase();
  const fact = FACT_KEYS.find((known) => known === lower);
  if (fact === undefined && !HEADER_NAME.test(key)) {
    return { ok: false, reason: `"${key}" is not the name of a header` };
  }
  const entries = Array.isArray(value) ? value as readonly unknown[] : [value];
  if (entries.length === 0) return { ok: false, reason: "The list is empty, nothing can match it" };
  if (entries.length > ANY_OF_MAX) {
    return { ok: false, reason: `Shorten the list to ${ANY_OF_MAX} entries` };
  }
  const anyOf: Wanted[] = [];
  const warnings: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const compiled = compileWanted(fact, entry);
    if (!compiled.ok) {
      return { ok: false, reason: compiled.reason, ...(Array.isArray(value) ? { index } : {}) };
    }
    anyOf.push(compiled.wanted);
    if (compiled.warning !== undefined) warnings.push(compiled.warning);
  }
  const groups = [...new Set(anyOf.flatMap(wantedGroups))];
  const expected = entries.map(describeEntry).join(" or ");
  const condition = { key, anyOf, expected, groups, ...(fact === undefined ? {} : { fact }) };
  return { ok: true, condition, warnings };
}

/** Tests a condition on a call. */
export function testCondition(
  condition: Condition,
  facts: CallFacts,
  headers: HeaderLookup,
): ConditionResult {
  const { part, whole } = lookUp(condition, facts, headers);
  for (const wanted of condition.anyOf) {
    const useWhole = wanted.type === "pattern" && wanted.whole;
    const actual = useWhole ? whole : part;
    if (wanted.type === "presence") {
      if (wanted.present === (actual !== undefined)) return { ok: true, actual };
    } else if (actual !== undefined) {
      if (wanted.type === "range") {
        if (isInRanges(actual, wanted.ranges)) return { ok: true, actual };
      } else {
        const { matched, groups } = matchPattern(wanted.pattern, actual);
        if (matched) return { ok: true, actual, ...(groups === undefined ? {} : { groups }) };
      }
    }
  }
  const first = condition.anyOf[0];
  return { ok: false, actual: first?.type === "pattern" && first.whole ? whole : part };
}

type CompiledWanted =
  | { readonly ok: true; readonly wanted: Wanted; readonly warning?: string }
  | { readonly ok: false; readonly reason: string };

function compileWanted(fact: FactKey | undefined, entry: unknown): CompiledWanted {
  if (typeof entry === "boolean") {
    return { ok: true, wanted: { type: "presence", present: entry } };
  }
  if (typeof entry !== "string" && typeof entry !== "number") {
    return { ok: false, reason: "Write text, true (present), false (absent), or a list of these" };
  }
  const text = String(entry);
  if (text === "") {
    return { ok: false, reason: "The text is empty, write false for a header that is absent" };
  }
  if (fact === "source") return compileRange(text);
  const caseless = fact === "transport" && !text.startsWith("/");
  const parsed = parsePattern(caseless ? text.toLowerCase() : text);
  if (!parsed.ok) return parsed;
  if (fact === "transport" && !isTransport(parsed.pattern)) {
    return { ok: false, reason: `Unknown transport "${text}", use ${TRANSPORTS.join(", ")}` };
  }
  const whole = isParty(fact) && namesWholeUri(parsed.pattern);
  const wanted: Wanted = { type: "pattern", pattern: parsed.pattern, whole };
  return parsed.warning === undefined
    ? { ok: true, wanted }
    : { ok: true, wanted, warning: parsed.warning };
}

function isParty(fact: FactKey | undefined): fact is "from" | "to" | "asserted_identity" {
  return fact === "from" || fact === "to" || fact === "asserted_identity";
}

/** Globs and regular expressions may name what they like. */
function isTransport(pattern: Pattern): boolean {
  return pattern.type !== "text" || TRANSPORTS.some((known) => known === pattern.text);
}

function compileRange(text: string): CompiledWanted {
  if (text === "private") return { ok: true, wanted: { type: "range", ranges: PRIVATE_RANGES } };
  const range = parseIpRange(text);
  if (range !== undefined) return { ok: true, wanted: { type: "range", ranges: [range] } };
  return {
    ok: false,
    reason:
      `"${text}" is not an address or a range, write such as 10.0.0.0/8, 192.0.2.7 or private`,
  };
}

/** In a regular expression, the `:` of `(?:` says nothing about URIs. */
function namesWholeUri(pattern: Pattern): boolean {
  const text = pattern.type === "regex"
    ? pattern.expression.source.replaceAll("(?:", "(")
    : pattern.source;
  return /[@:]/.test(text);
}

function wantedGroups(wanted: Wanted): readonly string[] {
  return wanted.type === "pattern" ? patternGroups(wanted.pattern) : [];
}

function describeEntry(entry: unknown): string {
  if (entry === true) return "present";
  if (entry === false) return "absent";
  return typeof entry === "string" && entry.startsWith("/") ? entry : `"${String(entry)}"`;
}

interface LookedUp {
  readonly part: string | undefined;
  readonly whole: string | undefined;
}

function lookUp(condition: Condition, facts: CallFacts, headers: HeaderLookup): LookedUp {
  const { fact } = condition;
  if (isParty(fact)) {
    const party = facts[fact];
    return { part: presentOnly(party?.user), whole: presentOnly(party?.uri) };
  }
  const value = presentOnly(
    fact === undefined
      ? headers(condition.key)
      : fact === "source"
      ? addressOf(facts.source)
      : facts[fact],
  );
  return { part: value, whole: value };
}

function presentOnly(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return trimmed === "" ? undefined : trimmed;
}

/** The address of `address:port`, whose IPv6 form is in brackets. */
function addressOf(source: string): string {
  const end = source.lastIndexOf(":");
  const address = end < 0 || source.indexOf(":") !== end && !source.startsWith("[")
    ? source
    : source.slice(0, source.startsWith("[") ? source.lastIndexOf("]") + 1 : end);
  return address.startsWith("[") ? address.slice(1, -1) : address;
}
