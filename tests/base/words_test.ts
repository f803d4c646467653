import { describe, expect, test } from "bun:test";
import { findWord, isSameWord } from "../../src/base/words.ts";

describe("words where they stand in a text", () => {
  test("are found letter by letter, and as a whole", () => {
    const words = ["tag", "rport"];
    expect(findWord(";tag=1", 1, 4, words)).toBe("tag");
    expect(findWord(";rport", 1, 6, words)).toBe("rport");
    for (const other of ["Tag", "ta", "tags", ""]) {
      expect(findWord(other, 0, other.length, words)).toBeUndefined();
    }
  });

  test("are the same without regard to the case of ASCII", () => {
    expect(isSameWord(" TimeR,", 1, 6, "timer")).toBe(true);
    expect(isSameWord("pcmu", 0, 4, "PCMU")).toBe(true);
    expect(isSameWord("a[", 0, 2, "A{")).toBe(false);
    expect(isSameWord("É", 0, 1, "é")).toBe(false);
    expect(isSameWord("time", 0, 4, "timer")).toBe(false);
  });
});
