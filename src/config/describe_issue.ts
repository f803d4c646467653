/**
 * Puts what the schema finds wrong into words that name the fix.
 *
 * @module
 */

import type { z } from "zod";
import type { IssuePath, LocatedIssue } from "./issue.ts";
import { shorten } from "./schema_values.ts";
import { mayHoldSecret } from "./secrets.ts";
import { didYouMean, suggestByBeginning } from "./suggestion.ts";

type SchemaIssue = z.core.$ZodIssue;

/** Gives the keys that are known at a place of the configuration. */
export type KnownKeys = (path: IssuePath) => readonly string[];

/** Most keys that are listed when none is near to an unknown one. */
const LISTED_KEYS_MAX = 12;

/** Puts one finding into words; an unknown key each gives one issue. */
export function describeIssue(
  issue: SchemaIssue,
  knownKeys: KnownKeys,
  outer: IssuePath = [],
): readonly LocatedIssue[] {
  const path = [...outer, ...issue.path as IssuePath];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey(key, path, knownKeys(path)));
  }
  if (issue.code === "invalid_union") {
    const branch = intendedBranch(issue.errors);
    return branch === undefined
      ? [{ path, message: wrongType(expectedByBranches(issue.errors), issue.input, path) }]
      : branch.flatMap((inner) => describeIssue(inner, knownKeys, path));
  }
  return [{ path, message: describeValue(issue, path) }];
}

function unknownKey(key: string, path: IssuePath, known: readonly string[]): LocatedIssue {
  const named = mayHoldSecret([...path, key]) && !didYouMean(key, known)
    ? ""
    : ` "${shorten(key)}"`;
  const hint = didYouMean(key, known) || meantKey(key, known);
  return { path: [...path, key], atKey: true, message: `Unknown key${named}${hint}` };
}

/** A key that is not misspelt, but another word. */
function meantKey(key: string, known: readonly string[]): string {
  const suggestion = suggestByBeginning(key, known);
  if (suggestion !== undefined) return `, did you mean "${suggestion}"?`;
  return known.length > 0 && known.length <= LISTED_KEYS_MAX
    ? `, known here are ${known.join(", ")}`
    : "";
}

/**
 * The form that was meant is the one whose outermost type fits; a value of no such type fits none.
 */
function intendedBranch(
  branches: readonly (readonly SchemaIssue[])[],
): readonly SchemaIssue[] | undefined {
  return branches.find((issues) => issues.length > 0 && !issues.some(isWrongAtRoot));
}

function isWrongAtRoot(issue: SchemaIssue): boolean {
  if (issue.path.length > 0) return false;
  return issue.code === "invalid_type" || issue.code === "invalid_value" ||
    (issue.code === "invalid_union" && intendedBranch(issue.errors) === undefined);
}

function expectedByBranches(branches: readonly (readonly SchemaIssue[])[]): string {
  const words = new Set<string>();
  for (const issue of branches.flat()) {
    if (issue.path.length > 0) continue;
    if (issue.code === "invalid_type") words.add(typeWord(issue.expected));
    if (issue.code === "invalid_value") issue.values.forEach((value) => words.add(String(value)));
    if (issue.code === "invalid_union") words.add(expectedByBranches(issue.errors));
  }
  // Text keys take numbers too, which is no help to say.
  if (words.has("text")) words.delete("a number");
  return joinWords([...words]);
}

function describeValue(issue: SchemaIssue, path: IssuePath): string {
  switch (issue.code) {
    case "invalid_type":
      return wrongType(typeWord(issue.expected), issue.input, path);
    case "invalid_value":
      return wrongValue(issue.values.map(String), issue.input, path);
    case "too_small":
      return issue.origin === "array"
        ? "The list is empty, write at least one entry"
        : `${String(issue.input)} is too small, the least is ${issue.minimum}`;
    case "too_big":
      return issue.origin === "array"
        ? `The list is too long, the most is ${issue.maximum} entries`
        : `${String(issue.input)} is too large, the most is ${issue.maximum}`;
    default:
      return issue.message;
  }
}

function wrongType(expected: string, input: unknown, path: IssuePath): string {
  const last = path.at(-1);
  if (input === undefined && typeof last === "string") return `The key "${last}" is missing`;
  if (mayHoldSecret(path)) return `Expected ${expected}, got ${kindWord(input)}`;
  const hint = expected === "a list" && typeof input === "string" && isPlain(input)
    ? `, write [${input}]`
    : "";
  return `Expected ${expected}, got ${valueWord(input)}${hint}`;
}

/** Whether a text may stand in a list as it is. */
function isPlain(text: string): boolean {
  return /^[\w.:/, -]{1,40}$/.test(text);
}

function wrongValue(values: readonly string[], input: unknown, path: IssuePath): string {
  if (values.length === 1 || typeof input !== "string") {
    return wrongType(joinWords(values), input, path);
  }
  const hint = didYouMean(input, values) || `, use ${joinWords(values)}`;
  return `Unknown value "${shorten(input)}"${hint}`;
}

function typeWord(expected: string): string {
  switch (expected) {
    case "string":
      return "text";
    case "number":
      return "a number";
    case "int":
      return "a whole number";
    case "boolean":
      return "true or false";
    case "array":
      return "a list";
    case "object":
    case "record":
      return "a mapping";
    default:
      return expected;
  }
}

/** Says what kind of value it is, and nothing of what it holds. */
function kindWord(input: unknown): string {
  if (typeof input === "string") return "text";
  return typeof input === "object" || input === undefined ? valueWord(input) : `a ${typeof input}`;
}

function valueWord(input: unknown): string {
  if (input === undefined || input === null) return "nothing";
  if (Array.isArray(input)) return "a list";
  if (typeof input === "object") return "a mapping";
  if (typeof input === "string") return `the text "${shorten(input)}"`;
  return String(input);
}

function joinWords(words: readonly string[]): string {
  if (words.length <= 1) return words.join("");
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
