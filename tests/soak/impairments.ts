/**
 * Makes calls over links with every combination of impairments, and prints a line for each.
 *
 * ```
 * bun tests/soak/impairments.ts [--seed 1] [--only "G722 at 16000"] [--every 1]
 * ```
 *
 * It ends with 0 when all is within its bounds. All 3,000 rows take a quarter of an hour, and no real
 * time passes in them.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";
import { ImpairedCalls } from "../support/impaired_call.ts";
import { problemsOf } from "../support/impairment_bounds.ts";
import { allRows, lineOf, nameOf, senderOf } from "../support/impairment_rows.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    every: { type: "string", default: "1" },
  },
});

const libraries = await loadAudioLibraries({ opus: true, voiceDetector: false });
const rows = allRows(Number(values.seed))
  .filter((row) => nameOf(row).includes(values.only))
  .filter((_, at) => at % Number(values.every) === 0)
  .sort((a, b) => senderOf(a) < senderOf(b) ? -1 : senderOf(a) > senderOf(b) ? 1 : 0);

let sender = "";
let calls = new ImpairedCalls(libraries);
let failed = 0;
for (const row of rows) {
  // What only other rows need is let go
  if (senderOf(row) !== sender) calls = new ImpairedCalls(libraries);
  sender = senderOf(row);
  const figures = calls.make(row);
  const problems = problemsOf(row, figures);
  if (problems.length > 0) failed++;
  console.log(
    [lineOf(row, figures), ...problems.map((problem) => `FAILED: ${problem}`)].join(" | "),
  );
}
console.log(`${rows.length} rows, ${failed} out of bounds`);
process.exit(failed === 0 ? 0 : 1);
