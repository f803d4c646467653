import { describe, expect, test } from "bun:test";
import {
  didYouMean,
  editDistance,
  suggest,
  suggestByBeginning,
} from "../../src/config/suggestion.ts";

describe("suggestions", () => {
  test("count letters to add, leave out, change or swap", () => {
    expect(editDistance("handlr", "handler")).toBe(1);
    expect(editDistance("exce", "exec")).toBe(1);
    expect(editDistance("", "abc")).toBe(3);
    expect(editDistance("kitten", "sitting")).toBe(3);
  });

  test("are the nearest word within two letters, without regard to case", () => {
    expect(suggest("hanlder", ["header", "handler"])).toBe("handler");
    expect(suggest("pcmu", ["PCMA", "PCMU"])).toBe("PCMU");
    expect(suggest("webhook", ["exec", "echo"])).toBeUndefined();
  });

  test("by the beginning are of words that are shorter or longer", () => {
    expect(suggestByBeginning("Barge", ["rate", "barge_in"])).toBe("barge_in");
    expect(suggestByBeginning("recording", ["rate", "record"])).toBe("record");
    expect(suggestByBeginning("on", ["on_error"])).toBeUndefined();
    expect(suggestByBeginning("recent", ["record"])).toBeUndefined();
  });

  test("are not given for words that share too little", () => {
    expect(suggest("to", ["id"])).toBeUndefined();
    expect(suggest("abcd", ["abxy"])).toBeUndefined();
    expect(suggest("a".repeat(1000), ["a".repeat(1000)])).toBeUndefined();
    expect(didYouMean("xyz", ["exec"])).toBe("");
  });
});
