/**
 * What is wrong with a configuration, in words for the person who wrote it.
 *
 * @module
 */

/** One fault or warning. */
export interface ConfigIssue {
  /** As named on the command line; empty when the configuration is not from a file. */
  readonly file: string;
  /** From 1; 0 when the configuration is not from a file. */
  readonly line: number;
  /** From 1, in UTF-16 units; 0 when the configuration is not from a file. */
  readonly column: number;
  /** Where in the configuration, such as `routes[0].exec`; empty for the whole of it. */
  readonly path: string;
  /** Sentence case, without a full stop, with the fix named. */
  readonly message: string;
}

/** A configuration that does not hold. The operator's fault; exit code 2. */
export class ConfigError extends Error {
  /** All of them, in the order of the file. At least one. */
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[]) {
    super(issues.map(formatIssue).join("\n"));
    this.name = "ConfigError";
    this.issues = issues;
  }
}

/** Writes `routes.yaml:4:5: Unknown key "exce", did you mean "exec"?`. */
export function formatIssue(issue: ConfigIssue): string {
  if (issue.line > 0) return `${issue.file}:${issue.line}:${issue.column}: ${issue.message}`;
  return issue.path === "" ? issue.message : `${issue.path}: ${issue.message}`;
}

// deno-lint-ignore no-control-regex
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Makes one line of a message that quotes a file, harmless to a terminal. */
export function oneLine(message: string): string {
  return message.replace(CONTROL_CHARACTERS, " ");
}

/** Keys and list positions from the root of a configuration. */
export type IssuePath = readonly (string | number)[];

/** Writes `routes[0].exec`. */
export function formatPath(path: IssuePath): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else text += text === "" ? segment : `.${segment}`;
  }
  return text;
}

/** A fault whose place in the file is not looked up yet. */
export interface LocatedIssue {
  readonly path: IssuePath;
  readonly message: string;
  /** The fault is the key itself, not its value. */
  readonly atKey?: boolean;
}
