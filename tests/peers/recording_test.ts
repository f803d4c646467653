import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect } from "bun:test";
import { peerTest } from "../support/peers.ts";
import { killedRecording } from "../support/recording.ts";

describe("sox reads recordings", () => {
  peerTest("of a server that was killed", ["sox"], async () => {
    const folder = mkdtempSync(join(tmpdir(), "voicegw-sox-"));
    try {
      const { path, callMs } = await killedRecording(folder);
      const ran = Bun.spawnSync(["sox", path, "-n", "stat"]);
      const said = ran.stderr.toString();
      expect([ran.exitCode, said]).toEqual([0, expect.not.stringContaining("WARN")]);
      const seconds = Number(/Length \(seconds\):\s+([\d.]+)/.exec(said)?.[1]);
      expect(seconds * 1000).toBeGreaterThan(callMs - 1000);
      const info = Bun.spawnSync(["soxi", path]).stdout.toString();
      expect(info).toMatch(/Channels +: 2\n/);
      expect(info).toMatch(/Sample Rate +: 8000\n/);
      expect(info).toMatch(/Precision +: 16-bit\n/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
