/**
 * Reads a configuration: from the text of a file, or from a value of the program. It holds, or
 * every fault is named.
 *
 * @module
 */

import { describeIssue } from "./describe_issue.ts";
import type { Environment } from "./environment.ts";
import type { ConfigIssue, IssuePath, LocatedIssue } from "./issue.ts";
import { ConfigError, formatPath, oneLine } from "./issue.ts";
import type { LineOf } from "./resolve_routes.ts";
import { resolveRoutes } from "./resolve_routes.ts";
import type { Config } from "./schema.ts";
import { fileSchema, jsonSchema } from "./schema.ts";
import { checkSip } from "./check_sip.ts";
import { findMissingTlsFiles, locateTlsFiles } from "./tls_files.ts";
import { findWarnings } from "./warnings.ts";
import type { YamlReading } from "./yaml_reader.ts";
import { readYaml } from "./yaml_reader.ts";

export type { ConfigIssue } from "./issue.ts";
export { ConfigError, formatIssue } from "./issue.ts";

/** Where a text comes from, and what its variables stand for. */
export interface LoadOptions {
  /** Named in messages. */
  readonly file: string;
  readonly env: Environment;
  /** Whether a file is there, by its path from where the program runs; absent: not looked for. */
  readonly exists?: (path: string) => boolean;
}

/** What came of loading. */
export type LoadResult =
  | {
    readonly ok: true;
    readonly config: Config;
    /** Allowed, but hardly meant. */
    readonly warnings: readonly ConfigIssue[];
  }
  | {
    readonly ok: false;
    /** In the order of the file; at least one. */
    readonly errors: readonly ConfigIssue[];
  };

/** Most issues that are reported of one file. */
export const ISSUES_MAX = 100;

/** Sections that may be empty, as when all of their lines are comments. */
const SECTIONS: readonly string[] =
  "sip rtp limits registrations trunks speech http breaker api log".split(" ");

/**
 * Reads the text of a configuration file. Files that it names beside itself are given by their
 * paths from where the program runs. Never throws.
 */
export function loadConfig(text: string, options: LoadOptions): LoadResult {
  const reading = readYaml(text, options.env);
  const locate = (issues: readonly LocatedIssue[]) => locateAll(issues, reading, options.file);
  if (reading.broken) return { ok: false, errors: locate(reading.issues) };
  const checked = check(reading.value, (path) => reading.position(path).line);
  // What a missing variable leaves behind is no fault of its own.
  const faults = "issues" in checked
    ? checked.issues.filter((issue) => !isUnder(issue.path, reading.issues))
    : [];
  const errors = [...reading.issues, ...faults];
  if (errors.length > 0 || "issues" in checked) return { ok: false, errors: locate(errors) };
  const config = locateTlsFiles(checked.config, options.file);
  const missing = findMissingTlsFiles(config, options.exists ?? (() => true));
  if (missing.length > 0) return { ok: false, errors: locate(missing) };
  return { ok: true, config, warnings: locate(checked.warnings) };
}

/**
 * Reads a configuration from a plain value with the keys of the file. Environment variables are
 * not filled in.
 *
 * @throws {ConfigError} With every fault.
 */
export function configFrom(value: unknown): Config {
  const checked = check(value, () => undefined);
  if ("config" in checked) return checked.config;
  throw new ConfigError(checked.issues.map((issue) => ({
    file: "",
    line: 0,
    column: 0,
    path: oneLine(formatPath(issue.path)),
    message: oneLine(issue.message),
  })));
}

type Checked =
  | { readonly config: Config; readonly warnings: readonly LocatedIssue[] }
  | { readonly issues: readonly LocatedIssue[] };

function check(given: unknown, lineOf: LineOf): Checked {
  const value = withoutEmptySections(given);
  if (value === undefined || value === null) return { issues: [{ path: [], message: EMPTY }] };
  const parsed = fileSchema.safeParse(value, { reportInput: true });
  const entries = routeEntries(value);
  const { routes, issues: routeIssues } = resolveRoutes(entries, lineOf);
  const knownKeys = (path: IssuePath) => knownKeysAt(schemaOfFile(), path);
  const issues = parsed.success ? [...routeIssues, ...checkSip(parsed.data)] : [
    ...parsed.error.issues.flatMap((issue) => describeIssue(issue, knownKeys)),
    ...routeIssues,
  ];
  if (!parsed.success || issues.length > 0) return { issues };
  const config: Config = { ...parsed.data, routes };
  return { config, warnings: findWarnings(config, entries) };
}

const EMPTY =
  "The configuration is empty, write at least a route such as routes: [{ exec: [cat] }]";

function withoutEmptySections(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([key, section]) => section !== null || !SECTIONS.includes(key)),
  );
}

function routeEntries(value: unknown): readonly unknown[] {
  const routes = (value as { readonly routes?: unknown }).routes;
  return Array.isArray(routes) ? routes : [];
}

function isUnder(path: IssuePath, issues: readonly LocatedIssue[]): boolean {
  return issues.some((issue) =>
    issue.path.length > 0 && issue.path.every((segment, index) => path[index] === segment)
  );
}

function locateAll(
  issues: readonly LocatedIssue[],
  reading: YamlReading,
  file: string,
): readonly ConfigIssue[] {
  const located = issues.map((issue): ConfigIssue => ({
    file,
    ...reading.position(issue.path, issue.atKey),
    path: reading.broken ? "" : oneLine(formatPath(issue.path)),
    message: oneLine(issue.message),
  }));
  located.sort((a, b) => a.line - b.line || a.column - b.column);
  return located.slice(0, ISSUES_MAX);
}

/** Made once, when the first key is unknown. */
let schema: SchemaNode | undefined;

function schemaOfFile(): SchemaNode {
  schema ??= jsonSchema();
  return schema;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  /** Of mappings whose keys are the operator's. */
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** Keys that the schema knows at a place, of every form that a value there can have. */
function knownKeysAt(root: SchemaNode, path: IssuePath): readonly string[] {
  let nodes: readonly SchemaNode[] = [root];
  for (const segment of path) {
    nodes = withForms(nodes).flatMap((node) => {
      if (typeof segment === "number") return node.items ?? [];
      const { properties, additionalProperties } = node;
      if (properties && Object.hasOwn(properties, segment)) return properties[segment] ?? [];
      return typeof additionalProperties === "object" ? additionalProperties : [];
    });
  }
  return [...new Set(withForms(nodes).flatMap((node) => Object.keys(node.properties ?? {})))];
}

function withForms(nodes: readonly SchemaNode[]): readonly SchemaNode[] {
  return nodes.flatMap((node) => node.anyOf === undefined ? node : withForms(node.anyOf));
}
