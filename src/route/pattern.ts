/**
 * The texts that rules compare with: exact text, globs and regular expressions, each compiled once.
 *
 * What a text is compared with, and what lists and `true` mean, is left to `condition.ts`.
 *
 * @module
 */

/** A compiled text. `source` is what the operator wrote. */
export type Pattern =
  | { readonly type: "text"; readonly source: string; readonly text: string }
  | { readonly type: "glob"; readonly source: string; readonly tokens: readonly number[] }
  | { readonly type: "regex"; readonly source: string; readonly expression: RegExp };

/** What came of reading a pattern. `reason` names the fix. */
export type ParsedPattern =
  | { readonly ok: true; readonly pattern: Pattern; readonly warning?: string }
  | { readonly ok: false; readonly reason: string };

/** What came of comparing a value with a pattern. */
export interface PatternMatch {
  readonly matched: boolean;
  /** Named groups of a regular expression that took part in the match. */
  readonly groups?: Readonly<Record<string, string>>;
}

/**
 * Longest value, in UTF-16 units, that a glob or a regular expression is tried on; a longer one
 * does not match. It bounds polynomial backtracking. Exponential backtracking it cannot bound:
 * {@linkcode parsePattern} warns of the usual form of it.
 */
export const MATCHED_LENGTH_MAX = 1024;

const ANY_RUN = -1;
const ANY_ONE = -2;
const NO_MATCH: PatternMatch = { matched: false };
const MATCH: PatternMatch = { matched: true };

/**
 * Reads `text`, `gl*b?` or `/regex/flags`. A backslash takes the meaning from `*`, `?`, `\` and a
 * leading `/`.
 *
 * A text that begins with `/` is always a regular expression. It is searched for, not anchored.
 */
export function parsePattern(text: string): ParsedPattern {
  if (text.length > MATCHED_LENGTH_MAX) {
    return { ok: false, reason: `Shorten the pattern to ${MATCHED_LENGTH_MAX} characters` };
  }
  return text.startsWith("/") ? parseRegex(text) : { ok: true, pattern: parseGlob(text) };
}

/** Compares a value with a pattern. Text and globs cover the whole value, case-sensitively. */
export function matchPattern(pattern: Pattern, value: string): PatternMatch {
  if (pattern.type === "text") return pattern.text === value ? MATCH : NO_MATCH;
  if (value.length > MATCHED_LENGTH_MAX) return NO_MATCH;
  if (pattern.type === "glob") return matchGlob(pattern.tokens, value) ? MATCH : NO_MATCH;
  const found = pattern.expression.exec(value);
  if (found === null) return NO_MATCH;
  return found.groups === undefined ? MATCH : { matched: true, groups: takenGroups(found.groups) };
}

/** Names of the groups that a pattern can supply. */
export function patternGroups(pattern: Pattern): readonly string[] {
  if (pattern.type !== "regex") return [];
  // An alternative that is empty always matches, and then every group is listed.
  const { source, flags } = pattern.expression;
  return Object.keys(new RegExp(`${source}|`, flags).exec("")?.groups ?? {});
}

/**
 * Groups that did not take part are left out. `fromEntries` keeps a group named `__proto__`
 * harmless.
 */
function takenGroups(groups: Record<string, string | undefined>): Record<string, string> {
  const taken: [string, string][] = [];
  for (const [name, value] of Object.entries(groups)) {
    if (value !== undefined) taken.push([name, value]);
  }
  return Object.fromEntries(taken);
}

function parseRegex(text: string): ParsedPattern {
  const end = text.lastIndexOf("/");
  if (end === 0) {
    return {
      ok: false,
      reason:
        `A regular expression ends with "/", write "${text}/", or "\\${text}" for the text itself`,
    };
  }
  const source = text.slice(1, end);
  const flags = text.slice(end + 1);
  if (!/^[imsuv]*$/.test(flags)) {
    return {
      ok: false,
      reason: `Unknown flags "${flags}" after the regular expression, use i, m, s, u or v` +
        `, or write "\\${text}" for the text itself`,
    };
  }
  if (source === "") return { ok: false, reason: "The regular expression is empty" };
  let expression: RegExp;
  try {
    expression = new RegExp(source, flags);
  } catch (error) {
    return { ok: false, reason: (error as Error).message };
  }
  const pattern: Pattern = { type: "regex", source: text, expression };
  if (!NESTED_REPEAT.test(source)) return { ok: true, pattern };
  return {
    ok: true,
    pattern,
    warning: `The regular expression ${text} repeats a repetition: a hostile value can make it` +
      " run very long",
  };
}

/** A group that holds a repetition and is repeated itself: `(a+)+`, `(\d*)*`, `(?:x+){2,}`. */
const NESTED_REPEAT = /\((?:[^()\\]|\\.)*[+*](?:[^()\\]|\\.)*\)(?:[+*]|\{\d+,\d*\})/;

function parseGlob(source: string): Pattern {
  const tokens: number[] = [];
  let text = "";
  let wild = false;
  for (let index = 0; index < source.length; index++) {
    let unit = source[index] as string;
    const escaped = unit === "\\" && "*?\\/".includes(source[index + 1] ?? " ");
    if (escaped) unit = source[++index] as string;
    if (!escaped && (unit === "*" || unit === "?")) {
      wild = true;
      tokens.push(unit === "*" ? ANY_RUN : ANY_ONE);
    } else {
      text += unit;
      tokens.push(unit.charCodeAt(0));
    }
  }
  return wild ? { type: "glob", source, tokens } : { type: "text", source, text };
}

/** Greedy with one point to return to: at most `tokens × value` steps, no recursion. */
function matchGlob(tokens: readonly number[], value: string): boolean {
  let token = 0;
  let unit = 0;
  let runToken = -1;
  let runUnit = 0;
  while (unit < value.length) {
    const wanted = tokens[token];
    if (wanted === ANY_RUN) {
      runToken = token++;
      runUnit = unit;
    } else if (wanted === ANY_ONE || wanted === value.charCodeAt(unit)) {
      token++;
      unit++;
    } else if (runToken >= 0) {
      token = runToken + 1;
      unit = ++runUnit;
    } else {
      return false;
    }
  }
  while (tokens[token] === ANY_RUN) token++;
  return token === tokens.length;
}
