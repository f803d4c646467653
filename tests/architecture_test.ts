/**
 * The rules of the tree, checked on the text of every file: who may import whom, what a pure
 * folder may not call, and how long things may be. Who may import whom stands in `src/README.md`
 * alone.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

/** One row of the table in `src/README.md`. */
interface Folder {
  readonly path: string;
  readonly pure: boolean;
  /** Folders below `src`, files below `src` without `.ts`, packages, `node:`, `Bun`, `Deno`. */
  readonly mayImport: readonly string[];
}

interface SourceFile {
  readonly path: string;
  readonly lines: readonly string[];
  /** Comments blanked. */
  readonly statements: string;
  /** Comments, strings and regular expressions blanked. */
  readonly code: string;
}

const FOLDERS = readTable(readFileSync(join(ROOT, "src/README.md"), "utf8"));
const FILES = ["src", "cli", "mod.ts"].flatMap(filesUnder).map(readSource);
const SRC_FILES = FILES.filter((file) => file.path.startsWith("src/"));

describe("the table of src/README.md", () => {
  test("has a row for every folder that holds source", () => {
    const homeless = [...SRC_FILES, ...FILES.filter((file) => file.path.startsWith("cli/"))]
      .filter((file) => folderOf(file.path) === undefined).map((file) => file.path);
    expect(homeless).toEqual([]);
    expect(FOLDERS.length).toBeGreaterThan(10);
    expect(SRC_FILES.length).toBeGreaterThan(10);
  });

  test("allows every import that there is", () => {
    const forbidden = FILES.flatMap((file) =>
      importsOf(file).filter((target) => !mayImport(file.path, target))
        .map((target) => `${file.path} imports ${target}`)
    );
    expect(forbidden).toEqual([]);
  });

  test("is not disobeyed unseen: a forbidden edge is found", () => {
    expect(mayImport("src/sdp/parse.ts", "src/sip/message/uri.ts")).toBe(false);
    expect(mayImport("src/route/router.ts", "src/config/schema.ts")).toBe(false);
    expect(mayImport("src/handler/echo.ts", "src/runtime/bun_runtime.ts")).toBe(false);
    expect(mayImport("src/handler/echo.ts", "src/runtime/ports.ts")).toBe(true);
    expect(mayImport("src/base/units.ts", "node:fs")).toBe(false);
    expect(mayImport("src/config/load.ts", "yaml")).toBe(true);
  });
});

describe("pure folders", () => {
  const IMPURE = new RegExp(
    "\\b(?:" + [
      ...["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "await\\b"],
      ...["Date\\.now", "new Date\\(\\)", "performance\\.now", "Math\\.random", "crypto\\."],
      ...["process\\.", "Bun\\.", "Deno\\.", "console\\.", "fetch\\("],
    ].join("|") + ")",
    "g",
  );

  test("call neither clock, timer, randomness, network nor log, and never wait", () => {
    const impure = SRC_FILES.filter((file) => folderOf(file.path)?.pure)
      .flatMap((file) => findAll(file, IMPURE));
    expect(impure).toEqual([]);
  });

  test("are not impure unseen: a call is found, a comment or string is not", () => {
    const source = "// Date.now()\nconst a = 'await';\nconst b = /fetch(x)/;\nMath.random();\n";
    expect(findAll(scan("x.ts", source), IMPURE)).toEqual(["x.ts:4: Math.random"]);
  });
});

describe("every source file", () => {
  test(`has at most ${FILE_LINES_MAX} lines`, () => {
    const long = FILES.filter((file) => file.lines.length > FILE_LINES_MAX)
      .map((file) => `${file.path}: ${file.lines.length}`);
    expect(long).toEqual([]);
  });

  test(`has functions of at most ${FUNCTION_LINES_MAX} lines`, () => {
    expect(FILES.flatMap(longFunctions)).toEqual([]);
    const long = `class A {\n  b(): void {\n${"    c;\n".repeat(FUNCTION_LINES_MAX)}  }\n}\n`;
    expect(longFunctions(scan("x.ts", long))).toEqual([`x.ts:2: ${FUNCTION_LINES_MAX + 2} lines`]);
  });

  test("opens with what it is", () => {
    const silent = FILES.filter((file) => !/^(#!.*\n)?\/\*\*[\s\S]*?@module/.test(textOf(file)))
      .map((file) => file.path);
    expect(silent).toEqual([]);
  });

  test("names a runtime only below src/runtime", () => {
    const found = SRC_FILES.filter((file) => !file.path.startsWith("src/runtime/"))
      .flatMap((file) => findAll(file, /\b(?:Bun|Deno)\./g));
    expect(found).toEqual([]);
  });

  test("has no unfinished business, any, enum or default export", () => {
    const unfinished = new RegExp(
      `\\b(?:${["TO", "FIX"].map((word) => `${word}DO`).join("|")})\\b`,
    );
    const marked = FILES.filter((file) => unfinished.test(textOf(file))).map((file) => file.path);
    expect(marked).toEqual([]);
    const pattern = /(?::\s*|<|\bas\s+|\|\s*)any\b|\bexport\s+default\b|^\s*(?:export\s+)?enum\s/gm;
    expect(FILES.flatMap((file) => findAll(file, pattern))).toEqual([]);
  });
});

describe("src/RFCS.md", () => {
  const text = readFileSync(join(ROOT, "src/RFCS.md"), "utf8");

  test("names only files that exist", () => {
    const named = [...text.matchAll(/`((?:src|tests)\/[\w/]+\.ts)`/g)].map((match) => match[1]);
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((path) => !existsSync(join(ROOT, path ?? "")))).toEqual([]);
  });

  test("lists every deviation in the source, by its section and file", () => {
    const deviations = FILES.flatMap((file) =>
      [...textOf(file).matchAll(/DEVIATION (§[\d.]+):/g)].map((match) => ({
        path: file.path,
        section: match[1] as string,
      }))
    );
    const unlisted = deviations.filter(({ path, section }) =>
      !text.split("\n").some((row) =>
        row.includes(section) && row.includes("DEVIATION") && row.includes(path)
      )
    );
    expect(deviations.length).toBeGreaterThan(3);
    expect(unlisted).toEqual([]);
  });
});

function filesUnder(path: string): readonly string[] {
  const absolute = join(ROOT, path);
  if (path.endsWith(".ts")) return existsSync(absolute) ? [path] : [];
  return readdirSync(absolute, { withFileTypes: true }).flatMap((entry) => {
    const inner = `${path}/${entry.name}`;
    if (entry.isDirectory()) return filesUnder(inner);
    return entry.name.endsWith(".ts") ? [inner] : [];
  });
}

function readSource(path: string): SourceFile {
  return scan(path, readFileSync(join(ROOT, path), "utf8"));
}

function readTable(readme: string): readonly Folder[] {
  const rows = readme.matchAll(/^\| `([\w/]+)` +\| (pure|impure) +\|[^|]*\|([^|]*)\|$/gm);
  return [...rows].map(([, path = "", kind, allowed = ""]) => ({
    path,
    pure: kind === "pure",
    mayImport: allowed.split(",").map((entry) => entry.trim()).filter((entry) =>
      entry !== "nothing"
    ),
  }));
}

/** The row with the longest path that a file lies under. */
function folderOf(path: string): Folder | undefined {
  return FOLDERS.filter((folder) => path.startsWith(`${folder.path}/`))
    .sort((a, b) => b.path.length - a.path.length)[0];
}

/** Targets as paths from the root, or as names of packages. `import type` counts. */
function importsOf(file: SourceFile): readonly string[] {
  const specifiers = [
    ...file.statements.matchAll(/^\s*(?:import|export)\s[^;"'`]*?\bfrom\s+["']([^"']+)["']/gm),
    ...file.statements.matchAll(/^\s*import\s+["']([^"']+)["']/gm),
    ...file.statements.matchAll(/\bimport\(\s*["']([^"']+)["']/g),
  ].map((match) => match[1] as string);
  return specifiers.map((specifier) =>
    specifier.startsWith(".") ? normalize(join(dirname(file.path), specifier)) : specifier
  );
}

function mayImport(from: string, target: string): boolean {
  const folder = folderOf(from);
  if (folder === undefined) return !from.startsWith("src/") && !from.startsWith("cli/");
  if (target === "package.json") return folder.path === "cli";
  if (folderOf(target)?.path === folder.path) return true;
  return folder.mayImport.some((entry) => {
    if (entry.endsWith(":")) return target.startsWith(entry);
    if (target === entry || target.startsWith(`${entry}/`)) return true;
    return target === `src/${entry}.ts` || folderOf(target)?.path === `src/${entry}`;
  });
}

function textOf(file: SourceFile): string {
  return file.lines.join("\n");
}

function findAll(file: SourceFile, pattern: RegExp): readonly string[] {
  return [...file.code.matchAll(pattern)].map((match) => {
    const line = file.code.slice(0, match.index).split("\n").length;
    return `${file.path}:${line}: ${match[0].trim()}`;
  });
}

/** Relies on the formatter: a body ends at the first closing brace in the column of its header. */
function longFunctions(file: SourceFile): readonly string[] {
  const found: string[] = [];
  const lines = file.code.split("\n");
  let inClass = false;
  for (const [index, line] of lines.entries()) {
    if (/^(?:export\s+)?(?:abstract\s+)?class\s/.test(line)) inClass = true;
    else if (line === "}") inClass = false;
    const header = /^(\s*)(?:export\s+)?(?:async\s+)?function\b/.exec(line) ??
      (inClass
        ? /^( {2})(?:(?:static|async|get|set|override)\s+)*[#\w]+(?:<[^>]*>)?\(/.exec(line)
        : null);
    if (header === null || line.endsWith("}") || line.endsWith(";")) continue;
    const end = lines.findIndex((later, at) => at > index && later.startsWith(`${header[1]}}`));
    const length = end - index + 1;
    if (length > FUNCTION_LINES_MAX) found.push(`${file.path}:${index + 1}: ${length} lines`);
  }
  return found;
}

/** Blanks what is not code, keeping every line in its place. */
function scan(path: string, source: string): SourceFile {
  let statements = "";
  let code = "";
  const braces: string[] = [];
  let index = 0;
  const take = (length: number, keep: { statements: boolean; code: boolean }) => {
    const piece = source.slice(index, index + length);
    const blank = piece.replace(/[^\n]/g, " ");
    statements += keep.statements ? piece : blank;
    code += keep.code ? piece : blank;
    index += length;
  };
  while (index < source.length) {
    const rest = source.slice(index, index + 2);
    const unit = source[index] as string;
    if (rest === "//") {
      take(endOf(/\n|$/g, source, index) - index, { statements: false, code: false });
    } else if (rest === "/*") {
      take(source.indexOf("*/", index) + 2 - index, { statements: false, code: false });
    } else if (unit === '"' || unit === "'") {
      take(matchLength(/(["'])(?:\\[\s\S]|(?!\1)[^\\])*\1/y, source, index), {
        statements: true,
        code: false,
      });
    } else if (unit === "/" && /(?:[=(,:[!&|?{};>+]|\breturn|^)\s*$/.test(code.slice(-40))) {
      take(matchLength(/\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/\w*/y, source, index), {
        statements: false,
        code: false,
      });
    } else if (unit === "`" || (unit === "}" && braces.at(-1) === "`")) {
      if (unit === "}") braces.pop();
      const length = matchLength(/[`}](?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y, source, index);
      if (source.slice(index, index + length).endsWith("${")) braces.push("`");
      take(length, { statements: false, code: false });
    } else {
      if (unit === "{") braces.push("{");
      else if (unit === "}") braces.pop();
      take(1, { statements: true, code: true });
    }
  }
  return { path, lines: source.replace(/\n$/, "").split("\n"), statements, code };
}

function endOf(pattern: RegExp, source: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(source)?.index ?? source.length;
}

/** At least 1, so that a misread piece cannot stop the scan. */
function matchLength(pattern: RegExp, source: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(source)?.[0].length ?? 1;
}
