import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type RunningCommand, startServe } from "../support/command.ts";

const ROUTES = "sip: { listen: ['udp://127.0.0.1:0'] }\nrtp: { ports: 31200-31219 }\n" +
  "routes: [{ echo: true }]\n";
/** What the start has left behind may be collected within this time, and on a busy machine later. */
const SETTLE_MS = 1000;
const LATE_MAX = 1;
/** In which Bun by itself collects three or four times. */
const IDLE_MS = 4000;
const TIMEOUT_MS = 20_000;

const open: RunningCommand[] = [];
let folder: string | undefined;

afterEach(async () => {
  for (const server of open.splice(0)) {
    server.signal("SIGTERM");
    await server.exited;
  }
  if (folder !== undefined) rmSync(folder, { recursive: true });
  folder = undefined;
});

/** How often garbage is collected while nothing happens. */
async function idleCollections(env: Readonly<Record<string, string>>): Promise<number> {
  folder = mkdtempSync(`${tmpdir()}/voicegw-engine-`);
  writeFileSync(`${folder}/routes.yaml`, ROUTES);
  const { server } = await startServe(`${folder}/routes.yaml`, {
    env: { PATH: process.env["PATH"] ?? "", BUN_JSC_logGC: "1", ...env },
  });
  open.push(server);
  await Bun.sleep(SETTLE_MS);
  const collections = () => server.stderr().match(/: START /g)?.length ?? 0;
  const before = collections();
  expect(before).toBeGreaterThan(0);
  await Bun.sleep(IDLE_MS);
  return collections() - before;
}

// The engine's settings are known of this version and system alone
const isTuned = Bun.version.startsWith("1.4.") && process.platform === "linux";

describe.skipIf(!isTuned)("the engine that serve runs on", () => {
  test("does not collect garbage while nothing happens", async () => {
    expect(await idleCollections({})).toBeLessThanOrEqual(LATE_MAX);
  }, { retry: 2, timeout: TIMEOUT_MS });

  test("does as its user says", async () => {
    expect(await idleCollections({ BUN_GC_TIMER_DISABLE: "0" })).toBeGreaterThan(LATE_MAX);
  }, { retry: 2, timeout: TIMEOUT_MS });
});
