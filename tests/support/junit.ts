/**
 * Reads the JUnit reports of `bun test` and `deno test`: how many tests passed, and which did not.
 *
 * @module
 */

/** What a report says. */
export interface JunitReport {
  readonly passed: number;
  /** Names of the tests that failed: `file > block > test`, as far as the report tells. */
  readonly failed: readonly string[];
  /** Names of the tests that were skipped. */
  readonly skipped: readonly string[];
}

const TAG = /<(\/?)(testsuite|testcase|skipped|failure|error)\b((?:\s+[\w-]+="[^"]*")*)\s*(\/?)>/g;

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

/** Reads a report. Text between the tags is escaped by the grammar, and passed over. */
export function readJunitReport(xml: string): JunitReport {
  const suites: string[] = [];
  const report = { passed: 0, failed: new Array<string>(), skipped: new Array<string>() };
  let outcome: "passed" | "failed" | "skipped" = "passed";
  let testcase = "";
  const finish = () => {
    if (outcome === "passed") report.passed++;
    else report[outcome].push([...suites, testcase].join(" > "));
  };
  for (const [, closing, tag, attributes = "", empty] of xml.matchAll(TAG)) {
    if (tag === "testsuite") {
      if (closing === "/") suites.pop();
      else if (empty !== "/") suites.push(nameOf(attributes));
    } else if (tag === "testcase") {
      if (closing !== "/") {
        testcase = nameOf(attributes);
        outcome = "passed";
      }
      if (closing === "/" || empty === "/") finish();
    } else if (closing !== "/") {
      outcome = tag === "skipped" ? "skipped" : "failed";
    }
  }
  return report;
}

function nameOf(attributes: string): string {
  const name = /\sname="([^"]*)"/.exec(attributes)?.[1] ?? "";
  return name.replaceAll(
    /&(?:#(\d+)|#x([0-9a-f]+)|[a-z]+);/gi,
    (entity: string, decimal: string | undefined, hex: string | undefined) => {
      const code = decimal ?? (hex === undefined ? undefined : `0x${hex}`);
      return code === undefined ? ENTITIES[entity] ?? entity : String.fromCodePoint(Number(code));
    },
  );
}
