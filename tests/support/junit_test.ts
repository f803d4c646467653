/**
 * The counts at the end of a test run come from here: they must not flatter.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { readJunitReport } from "./junit.ts";

describe("JUnit report", () => {
  test("reads nested blocks as Bun writes them", () => {
    const report = readJunitReport(`<?xml version="1.0" encoding="UTF-8"?>
      <testsuites name="bun test" tests="4" failures="1">
        <testsuite name="tests/a_test.ts" tests="4">
          <testsuite name="A &lt;b&gt; &amp; &quot;c&quot;" tests="3">
            <testcase name="fails" classname="A" time="0.1" file="tests/a_test.ts">
              <failure type="AssertionError" message="&lt;skipped /&gt;">&lt;testcase&gt;</failure>
            </testcase>
            <testcase name="waits" classname="A"><skipped /></testcase>
            <testcase name="passes" classname="A" />
          </testsuite>
          <testcase name="outside" />
        </testsuite>
      </testsuites>`);
    expect(report).toEqual({
      passed: 2,
      failed: ['tests/a_test.ts > A <b> & "c" > fails'],
      problems: ['tests/a_test.ts > A <b> & "c" > fails\n<testcase>'],
      skipped: ['tests/a_test.ts > A <b> & "c" > waits'],
    });
  });

  test("reads a report as Deno writes it", () => {
    const report = readJunitReport(`<testsuites name="deno test" tests="3">
        <testsuite name="./shim.ts" tests="3" disabled="1" errors="0" failures="1">
            <testcase name="a &gt; fails" classname="./shim.ts" time="0.013" line="69" col="8">
                <failure message="Uncaught Error: expect(received)

    Expected: 2">Error</failure>
            </testcase>
            <testcase name="a &gt; waits" time="0.000"><skipped/></testcase>
            <testcase name="a &gt; passes" time="0.000">
            </testcase>
        </testsuite>
    </testsuites>`);
    expect(report).toEqual({
      passed: 1,
      failed: ["./shim.ts > a > fails"],
      problems: ["./shim.ts > a > fails\nError"],
      skipped: ["./shim.ts > a > waits"],
    });
  });

  test("reads numeric character references", () => {
    const { skipped } = readJunitReport(
      `<testsuite name="x"><testcase name="T1&#47;T2 &#x2192;"><skipped/></testcase></testsuite>`,
    );
    expect(skipped).toEqual(["x > T1/T2 →"]);
  });

  test("finds nothing in nothing", () => {
    expect(readJunitReport("")).toEqual({ passed: 0, failed: [], problems: [], skipped: [] });
  });
});
