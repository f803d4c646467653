import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { killedRecording, longestSilence, tracksOf } from "../support/recording.ts";

test("a server that is killed leaves recordings that lack the last second at most", async () => {
  const folder = mkdtempSync(join(tmpdir(), "voicegw-killed-"));
  try {
    const { path, callMs } = await killedRecording(folder);
    const { left, right, rate } = tracksOf(path);
    expect(left.length * 1000 / rate).toBeGreaterThan(callMs - 1000);
    for (const track of [left, right]) expect(longestSilence(track, rate)).toBeLessThan(200);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 20_000);
