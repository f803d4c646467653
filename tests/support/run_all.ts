/**
 * Runs every test there is: all of them under Bun, then those of the pure folders under Deno.
 *
 * The last line counts the tests that passed, failed and were skipped. Every step is bounded in
 * time.
 *
 * @module
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { installPeers } from "./install_peers.ts";
import { type JunitReport, readJunitReport } from "./junit.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const BUN_TIMEOUT_MS = 540_000;
const DENO_TIMEOUT_MS = 180_000;
/** For tests that set none themselves; build machines can be slow. */
const TEST_TIMEOUT_MS = 20_000;

/** The pure folders of `src/README.md` that have tests. */
function pureTestFolders(): readonly string[] {
  const table = readFileSync(`${ROOT}src/README.md`, "utf8");
  const rows = table.matchAll(/^\| `src\/([\w/]+)` +\| pure +\|/gm);
  return [...rows].map(([, folder]) => `tests/${folder}`)
    .filter((folder) => existsSync(`${ROOT}${folder}`))
    .filter((folder) => [...new Bun.Glob(`${folder}/**/*_test.ts`).scanSync(ROOT)].length > 0);
}

/** Runs one test runner, its output in view, and reads the report that it leaves. */
async function run(
  name: string,
  command: readonly string[],
  options: { readonly report: string; readonly timeoutMs: number },
): Promise<JunitReport> {
  console.log(`\n== ${name}`);
  const child = Bun.spawn([...command], {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
    timeout: options.timeoutMs,
    killSignal: "SIGKILL",
  });
  const exitCode = await child.exited;
  const xml = existsSync(options.report) ? readFileSync(options.report, "utf8") : "";
  const report = readJunitReport(xml);
  const silent = exitCode !== 0 ? report.failed.length === 0 : report.passed === 0;
  if (!silent) return report;
  // A file that does not load, a crash or the time limit: the report knows nothing of it.
  const reason = child.signalCode === null ? `exit status ${exitCode}` : child.signalCode;
  return { ...report, failed: [`${name} did not finish: ${reason}`] };
}

function list(title: string, names: readonly string[]): void {
  if (names.length === 0) return;
  console.log(`\n${title}:`);
  for (const name of names) console.log(`  ${name}`);
}

installPeers();
const folder = mkdtempSync(`${tmpdir()}/voicegw-tests-`);
const reports: JunitReport[] = [];
try {
  const bunReport = `${folder}/bun.xml`;
  reports.push(
    await run("bun test", [
      process.execPath,
      "test",
      `--timeout=${TEST_TIMEOUT_MS}`,
      "--reporter=junit",
      `--reporter-outfile=${bunReport}`,
    ], { report: bunReport, timeoutMs: BUN_TIMEOUT_MS }),
  );
  // The package fetches its program on the first start; started directly, the time limit ends it.
  Bun.spawnSync([process.execPath, `${ROOT}node_modules/deno/bin.cjs`, "--version"]);
  const denoReport = `${folder}/deno.xml`;
  reports.push(
    await run("deno test", [
      `${ROOT}node_modules/deno/deno`,
      "test",
      "-A",
      "--no-check",
      `--junit-path=${denoReport}`,
      ...pureTestFolders(),
    ], { report: denoReport, timeoutMs: DENO_TIMEOUT_MS }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const failed = reports.flatMap((report) => report.failed);
const skipped = reports.flatMap((report) => report.skipped);
const passed = reports.reduce((sum, report) => sum + report.passed, 0);
list("Skipped", skipped);
list("Failed", failed);
console.log(`\n${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
process.exitCode = failed.length === 0 ? 0 : 1;
