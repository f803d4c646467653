/**
 * Finds in what `bun test` printed the part that tells why tests failed.
 *
 * @module
 */

/** Of one test; a long one keeps its end, where the error stands. */
const LINES_MAX = 60;

const RESULT = /^\((pass|fail|skip|todo)\) /;
/** Stands before a list of names alone, at the end of a long output. */
const SUMMARY = /^\d+ tests? failed:$/;
const FILE = /^\S+_test\.ts:$/;

/** @returns Of every failed test what it printed, ended by the line that names it. */
export function failuresOf(log: string): readonly string[] {
  const failures: string[] = [];
  let lines: string[] = [];
  for (const line of log.split("\n")) {
    if (SUMMARY.test(line)) break;
    const [, result] = RESULT.exec(line) ?? [];
    if (result === "fail") {
      failures.push([...lines.slice(-LINES_MAX), line].join("\n"));
    }
    if (result !== undefined || FILE.test(line)) lines = [];
    else lines.push(line);
  }
  return failures;
}
