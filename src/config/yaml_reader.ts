/**
 * Reads YAML 1.2 into plain values and remembers where each of them stands.
 *
 * Hostile files are safe: size, depth and the number of values (aliases counted as often as they
 * are used) are limited. What the values mean is left to `schema.ts`.
 *
 * @module
 */

import type { Node } from "yaml";
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar } from "yaml";
import type { Environment } from "./environment.ts";
import { substituteEnvironment } from "./environment.ts";
import type { IssuePath, LocatedIssue } from "./issue.ts";

/** Longest file, in UTF-16 units. */
export const TEXT_LENGTH_MAX = 262_144;

/** Deepest nesting of lists and mappings. */
export const DEPTH_MAX = 16;

/** Most values in a file. */
export const VALUES_MAX = 20_000;

/** A place in the file, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A file as values. */
export interface YamlReading {
  readonly value: unknown;
  /** Faults of the file itself, and of variables in it. */
  readonly issues: readonly LocatedIssue[];
  /** The file could not be read as YAML at all: `value` means nothing. */
  readonly broken: boolean;
  /** Where a value stands, or its key; the nearest outer one when `path` is not in the file. */
  readonly position: (path: IssuePath, atKey?: boolean) => Position;
}

/** Reads a file. Never throws. */
export function readYaml(text: string, env: Environment): YamlReading {
  if (text.length > TEXT_LENGTH_MAX) {
    return broken(`The file is too large, the most is ${TEXT_LENGTH_MAX / 1024} KiB`);
  }
  // The parser recurses: nesting that it cannot follow is refused before.
  if (deepestBracket(text) > 4 * DEPTH_MAX) return broken(TOO_DEEP);
  try {
    return new YamlReader(text, env).read();
  } catch {
    // The parser throws on some broken files, by overrunning the stack among others.
    return broken("The file cannot be read as YAML");
  }
}

const TOO_DEEP = `The file is nested too deeply, the most is ${DEPTH_MAX} levels`;

function broken(message: string, at: Position = { line: 1, column: 1 }): YamlReading {
  return { value: undefined, issues: [{ path: [], message }], broken: true, position: () => at };
}

/** Counts how many flow brackets are open at most, quotes and comments not regarded. */
function deepestBracket(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text[index];
    if (unit === "[" || unit === "{") deepest = Math.max(deepest, ++depth);
    else if (unit === "]" || unit === "}") depth = Math.max(0, depth - 1);
  }
  return deepest;
}

/** Thrown inside this file alone, to leave a walk that went over a limit. */
class LimitReached extends Error {}

class YamlReader {
  readonly #text: string;
  readonly #env: Environment;
  readonly #lines = new LineCounter();
  readonly #document;
  readonly #issues: LocatedIssue[] = [];
  readonly #keyOffsets = new Map<string, number>();
  readonly #valueOffsets = new Map<string, number>();
  #values = 0;

  constructor(text: string, env: Environment) {
    this.#text = text;
    this.#env = env;
    this.#document = parseDocument(text, {
      version: "1.2",
      lineCounter: this.#lines,
      prettyErrors: false,
      // Found by this reader, in linear time and all at once.
      uniqueKeys: false,
      // "silent" would keep a second document to itself.
      logLevel: "error",
    });
  }

  read(): YamlReading {
    const faults = [...this.#document.errors, ...this.#document.warnings];
    if (faults.length > 0) return this.#brokenBy(faults);
    let value: unknown;
    try {
      value = this.#toValue(this.#document.contents, []);
    } catch (error) {
      if (error instanceof LimitReached) return broken(error.message);
      throw error;
    }
    return { value, issues: this.#issues, broken: false, position: this.#position };
  }

  /** The first fault often brings others at its own place, which say nothing more. */
  #brokenBy(found: readonly { message: string; pos: [number, number] }[]): YamlReading {
    if (found.some((fault) => fault.message.includes("call stack"))) return broken(TOO_DEEP);
    const faults = found.filter((fault, index) => fault.pos[0] !== found[index - 1]?.pos[0]);
    const offsets = faults.map((fault) => fault.pos[0]);
    return {
      value: undefined,
      issues: faults.map((fault, index) => ({ path: [index], message: sentence(fault.message) })),
      broken: true,
      position: ([index]) => this.#at(offsets[index as number] ?? 0),
    };
  }

  #toValue(given: unknown, path: IssuePath): unknown {
    this.#values++;
    if (this.#values > VALUES_MAX) {
      throw new LimitReached(`The file holds too many values, the most is ${VALUES_MAX}`);
    }
    if (path.length > DEPTH_MAX) throw new LimitReached(TOO_DEEP);
    const node = this.#resolve(given, path);
    if (node?.range) this.#valueOffsets.set(pathKey(path), node.range[0]);
    if (isMap(node)) return this.#toMapping(node.items, path);
    if (isSeq(node)) return node.items.map((item, index) => this.#toValue(item, [...path, index]));
    return isScalar(node) ? this.#toScalar(node, path) : null;
  }

  /** An alias takes the place of its anchor's value; faults in it are shown where it is used. */
  #resolve(given: unknown, path: IssuePath): Node | undefined {
    if (!isAlias(given)) return given as Node | undefined;
    const node = given.resolve(this.#document);
    // The alias is not quoted: it may be a password without quotes.
    const message = 'Unknown alias, put a text that begins with "*" in quotes';
    if (node === undefined) this.#issues.push({ path, message });
    return node;
  }

  #toMapping(
    items: readonly { readonly key: unknown; readonly value: unknown }[],
    path: IssuePath,
  ): Record<string, unknown> {
    const mapping: Record<string, unknown> = {};
    for (const { key, value } of items) {
      const name = keyText(key);
      const keyPath = [...path, name ?? "?"];
      const offset = isScalar(key) ? key.range?.[0] : undefined;
      if (name === undefined || name === "__proto__") {
        this.#issues.push({ path, message: "Expected a plain word as key" });
      } else if (Object.hasOwn(mapping, name)) {
        this.#valueOffsets.set(pathKey([...path, name, "duplicate"]), offset ?? 0);
        const message = `The key "${name}" stands here twice, remove one`;
        this.#issues.push({ path: [...path, name, "duplicate"], message });
      } else {
        if (offset !== undefined) this.#keyOffsets.set(pathKey(keyPath), offset);
        mapping[name] = this.#toValue(value, keyPath);
      }
    }
    return mapping;
  }

  /** A number in an unusual form (`+1555`, `0049`, `1e3`) is text, since telephone numbers are. */
  #toScalar(node: Scalar, path: IssuePath): unknown {
    const { value } = node;
    if (typeof value === "string") return this.#substitute(value, path);
    if (typeof value !== "number") return value;
    return node.source === undefined || String(value) === node.source ? value : node.source;
  }

  #substitute(text: string, path: IssuePath): unknown {
    if (!text.includes("${")) return text;
    const substituted = substituteEnvironment(text, this.#env);
    if (!substituted.ok) {
      for (const message of substituted.reasons) this.#issues.push({ path, message });
      return text;
    }
    // "${CALLS}" stands for a number when the variable holds one; text keys take numbers back as
    // text.
    const isReference = /^\$\{[^}]*\}$/.test(text);
    const isNumber = isReference && /^(0|[1-9]\d{0,14})$/.test(substituted.text);
    return isNumber ? Number(substituted.text) : substituted.text;
  }

  readonly #position = (path: IssuePath, atKey = false): Position => {
    const exact = (atKey ? this.#keyOffsets : this.#valueOffsets).get(pathKey(path));
    if (exact !== undefined) return this.#at(exact);
    for (let length = path.length; length >= 0; length--) {
      const offset = this.#valueOffsets.get(pathKey(path.slice(0, length)));
      if (offset !== undefined) return this.#at(offset);
    }
    return { line: 1, column: 1 };
  };

  #at(offset: number): Position {
    const { line, col } = this.#lines.linePos(Math.min(offset, this.#text.length));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === "string") return key.value;
  return key.type === Scalar.PLAIN && key.source !== "" ? key.source : undefined;
}

function pathKey(path: IssuePath): string {
  return JSON.stringify(path);
}

/** What the parser quotes of the file is left out: it may be a password without quotes. */
function sentence(message: string): string {
  const line = (message.split("\n", 1)[0] as string).trim().replace(/\.$/, "");
  const [told = "", quoted] = line.split(": ", 2);
  const hint = quoted === undefined ? "" : ", put the text in quotes";
  return told.slice(0, 1).toUpperCase() + told.slice(1) + hint;
}
