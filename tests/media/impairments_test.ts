import { describe, expect, test } from "bun:test";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";
import { type ImpairedCall, ImpairedCalls } from "../support/impaired_call.ts";
import { problemsOf } from "../support/impairment_bounds.ts";
import { lineOf, nameOf, pairwiseRows, perfectRows, senderOf } from "../support/impairment_rows.ts";

const libraries = await loadAudioLibraries({ opus: true, voiceDetector: false });
let sender = "";
let calls = new ImpairedCalls(libraries);

/** Rows of one sender follow each other, so that what it says is encoded once. */
function check(row: ImpairedCall): void {
  if (senderOf(row) !== sender) calls = new ImpairedCalls(libraries);
  sender = senderOf(row);
  const figures = calls.make(row);
  console.log(lineOf(row, figures));
  expect(problemsOf(row, figures)).toEqual([]);
}

describe("a call over a perfect link", () => {
  for (const row of perfectRows()) {
    test(`${nameOf(row)}: what is heard is what was written`, () => check(row));
  }
});

describe("a call over an impaired link", () => {
  for (const row of pairwiseRows()) {
    test(`${nameOf(row)}: within bounds`, () => check(row));
  }
});
