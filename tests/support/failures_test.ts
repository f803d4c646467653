import { describe, expect, test } from "bun:test";
import { failuresOf } from "./failures.ts";

describe("what failed tests printed", () => {
  test("is everything since the test before, with the name", () => {
    const log = [
      "tests/a_test.ts:",
      "(pass) a > works [0.20ms]",
      "1 | expect(1).toBe(2)",
      "error: expected 2",
      "(fail) a > does not [1.00ms]",
      "",
      "tests/b_test.ts:",
      "a program talks",
      "(pass) b > talks [0.10ms]",
      "",
      "1 tests failed:",
      "(fail) a > does not [1.00ms]",
      "",
      " 2 pass",
    ].join("\n");
    expect(failuresOf(log)).toEqual([
      "1 | expect(1).toBe(2)\nerror: expected 2\n(fail) a > does not [1.00ms]",
    ]);
  });

  test("keeps the end of what is long, and is nothing where nothing failed", () => {
    const log = [...Array.from({ length: 500 }, (_, index) => `line ${index}`), "(fail) a"];
    expect(failuresOf(log.join("\n"))[0]?.split("\n").at(0)).toBe("line 440");
    expect(failuresOf("line\n(pass) a [1ms]\n")).toEqual([]);
  });
});
