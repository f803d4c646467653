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
  /** Of each of those its name and, in the next lines, why. */
  readonly problems: readonly string[];
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

/** Why a test failed is told with so many characters: what was expected and what came. */
const PROBLEM_CHARACTERS_MAX = 4000;

/** Reads a report. Text between the tags is escaped by the grammar; that of failures is kept. */
export function readJunitReport(xml: string): JunitReport {
  const suites: string[] = [];
  const report = {
    passed: 0,
    failed: new Array<string>(),
    problems: new Array<string>(),
    skipped: new Array<string>(),
  };
  let outcome: "passed" | "failed" | "skipped" = "passed";
  let testcase = "";
  let problem = "";
  const finish = () => {
    if (outcome === "passed") return void report.passed++;
    const name = [...suites, testcase].join(" > ");
    report[outcome].push(name);
    if (outcome === "failed") report.problems.push(`${name}\n${problem}`);
  };
  for (const match of xml.matchAll(TAG)) {
    const [whole, closing, tag, attributes = "", empty] = match;
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
      const start = match.index + whole.length;
      const text = unescape(xml.slice(start, xml.indexOf("<", start)));
      problem = text.slice(0, PROBLEM_CHARACTERS_MAX).trimEnd();
    }
  }
  return report;
}

function nameOf(attributes: string): string {
  return unescape(/\sname="([^"]*)"/.exec(attributes)?.[1] ?? "");
}

function unescape(text: string): string {
  return text.replaceAll(
    /&(?:#(\d+)|#x([0-9a-f]+)|[a-z]+);/gi,
    (entity: string, decimal: string | undefined, hex: string | undefined) => {
      const code = decimal ?? (hex === undefined ? undefined : `0x${hex}`);
      return code === undefined ? ENTITIES[entity] ?? entity : String.fromCodePoint(Number(code));
    },
  );
}
