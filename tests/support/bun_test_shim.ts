/**
 * `bun:test` for Deno, as far as the pure tests use it: the import map of `deno.json` puts it in
 * place. Built on `Deno.test` and on the matchers that Bun's are modelled on.
 *
 * Names of nested `describe` blocks are joined; hooks run in Bun's order. Time-outs of single tests
 * are not kept, since pure tests wait for nothing.
 *
 * @module
 */

import { expect } from "expect";

export { expect };

type Body = () => unknown;
// Rows of a table have whatever shape the test gives them, as in Bun's own declaration.
// deno-lint-ignore no-explicit-any
type RowBody = (...row: any[]) => unknown;

declare const Deno: {
  test(definition: { name: string; ignore: boolean; fn: () => Promise<void> }): void;
};

/** A `describe` block, or the file around all of them. */
interface Suite {
  readonly name: string;
  readonly parent: Suite | undefined;
  readonly skipped: boolean;
  readonly beforeAll: Body[];
  readonly beforeEach: Body[];
  readonly afterEach: Body[];
  readonly afterAll: Body[];
  /** Tests of this block and those inside it that will run and have not ended. */
  testsLeft: number;
  started: boolean;
}

let current: Suite = newSuite("", undefined, false);

function newSuite(name: string, parent: Suite | undefined, skipped: boolean): Suite {
  return {
    name,
    parent,
    skipped: skipped || parent?.skipped === true,
    beforeAll: [],
    beforeEach: [],
    afterEach: [],
    afterAll: [],
    testsLeft: 0,
    started: false,
  };
}

function describeIn(name: string, body: Body, skipped: boolean): void {
  const outer = current;
  current = newSuite(name, outer, skipped);
  try {
    body();
  } finally {
    current = outer;
  }
}

function declareTest(name: string, body: Body, skipped: boolean): void {
  const path = lineage(current);
  const ignore = skipped || current.skipped;
  if (!ignore) { for (const suite of path) suite.testsLeft++; }
  const names = [...path.map((suite) => suite.name), name].filter((part) => part !== "");
  Deno.test({ name: names.join(" > "), ignore, fn: () => runTest(path, body) });
}

/** The blocks around a place, the outermost first. */
function lineage(suite: Suite): readonly Suite[] {
  return suite.parent === undefined ? [suite] : [...lineage(suite.parent), suite];
}

async function runTest(path: readonly Suite[], body: Body): Promise<void> {
  const inward = [...path].reverse();
  try {
    for (const suite of path) {
      if (suite.started) continue;
      suite.started = true;
      for (const hook of suite.beforeAll) await hook();
    }
    try {
      for (const suite of path) for (const hook of suite.beforeEach) await hook();
      await body();
    } finally {
      for (const suite of inward) for (const hook of suite.afterEach) await hook();
    }
  } finally {
    for (const suite of inward) {
      suite.testsLeft--;
      if (suite.testsLeft === 0) { for (const hook of suite.afterAll) await hook(); }
    }
  }
}

type Declare = (name: string, body: Body, skipped: boolean) => void;

function eachOf(declare: Declare) {
  return (rows: readonly unknown[]) => (name: string, body: RowBody): void => {
    rows.forEach((row, index) => {
      const values: readonly unknown[] = Array.isArray(row) ? row : [row];
      declare(titleOf(name, values, index), () => body(...values), false);
    });
  };
}

/** Fills `%s`, `%i`, `%d`, `%f`, `%p`, `%j`, `%o`, `%#`, `%%` and `$key` in the name of a row. */
function titleOf(name: string, values: readonly unknown[], index: number): string {
  let used = 0;
  const filled = name.replaceAll(/%([sidfpjo#%])/g, (whole, kind: string) => {
    if (kind === "%") return "%";
    if (kind === "#") return String(index);
    if (used >= values.length) return whole;
    const value = values[used++];
    return "pjo".includes(kind) ? JSON.stringify(value) ?? String(value) : String(value);
  });
  const [first] = values;
  if (typeof first !== "object" || first === null) return filled;
  return filled.replaceAll(/\$(\w+)/g, (whole, key: string) => {
    const value: unknown = Reflect.get(first, key);
    return value === undefined ? whole : String(value);
  });
}

function withVariants(declare: Declare) {
  const plain = (name: string, body: Body, _options?: unknown) => declare(name, body, false);
  const skip = (name: string, body: Body, _options?: unknown) => declare(name, body, true);
  return Object.assign(plain, {
    skip,
    skipIf: (condition: unknown) => condition ? skip : plain,
    if: (condition: unknown) => condition ? plain : skip,
    each: eachOf(declare),
  });
}

/** Groups tests; blocks nest. */
export const describe = withVariants(describeIn);

/** Declares a test. */
export const test = withVariants(declareTest);

/** The same as {@linkcode test}. */
export const it = test;

/** Runs before the first test of the block. */
export function beforeAll(hook: Body): void {
  current.beforeAll.push(hook);
}

/** Runs before every test of the block, after the hooks of the blocks around it. */
export function beforeEach(hook: Body): void {
  current.beforeEach.push(hook);
}

/** Runs after every test of the block, before the hooks of the blocks around it. */
export function afterEach(hook: Body): void {
  current.afterEach.push(hook);
}

/** Runs after the last test of the block. */
export function afterAll(hook: Body): void {
  current.afterAll.push(hook);
}
