/**
 * Runs every test there is: all of them under Bun, and those of the pure folders under Deno too.
 *
 * Tests with the world mostly wait: those with programs of others, and the rest. The pure ones,
 * which compute, run beside them. What is not in view while it runs is shown at the end, and after
 * it why tests failed. The last line counts the tests that passed, failed and were skipped. Every
 * step is bounded in time.
 *
 * @module
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { installPeers } from "./install_peers.ts";
import { type JunitReport, readJunitReport } from "./junit.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const BUN_TIMEOUT_MS = 540_000;
const DENO_TIMEOUT_MS = 300_000;
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

/** The test files that are not in pure folders: those with programs of others, and the rest. */
function worldTestFiles(): { readonly peers: readonly string[]; readonly own: readonly string[] } {
  const pure = pureTestFolders();
  const files = [...new Bun.Glob("tests/**/*_test.ts").scanSync(ROOT)].sort()
    .filter((file) => !pure.some((folder) => file.startsWith(`${folder}/`)));
  const isPeers = (file: string) => file.startsWith("tests/peers/");
  return { peers: files.filter(isPeers), own: files.filter((file) => !isPeers(file)) };
}

/** How a test runner is started. */
interface RunOptions {
  readonly report: string;
  readonly timeoutMs: number;
  /** Whether its output is in view, or shown when it is over. */
  readonly isInView: boolean;
  /** Whether others, which keep time, come first. */
  readonly isPatient: boolean;
  /** Besides what this process has. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs one test runner, and reads the report that it leaves. */
async function run(
  name: string,
  command: readonly string[],
  options: RunOptions,
): Promise<JunitReport> {
  if (options.isInView) console.log(`\n== ${name}`);
  const log = Bun.file(`${options.report}.log`);
  const output = options.isInView ? "inherit" : log;
  const child = Bun.spawn([...options.isPatient ? patience() : [], ...command], {
    cwd: ROOT,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", output, output],
    timeout: options.timeoutMs,
    killSignal: "SIGKILL",
  });
  const exitCode = await child.exited;
  if (!options.isInView) finished.push(`\n== ${name}\n${await log.text()}`);
  const xml = existsSync(options.report) ? readFileSync(options.report, "utf8") : "";
  const report = readJunitReport(xml);
  const silent = exitCode !== 0 ? report.failed.length === 0 : report.passed === 0;
  if (!silent) return report;
  // A file that does not load, a crash or the time limit: the report knows nothing of it.
  const reason = child.signalCode === null ? `exit status ${exitCode}` : child.signalCode;
  return { ...report, failed: [`${name} did not finish: ${reason}`] };
}

/** What has a command run only while nobody else wants to. */
function patience(): readonly string[] {
  if (Bun.which("chrt") !== null) return ["chrt", "--idle", "0"];
  return Bun.which("nice") === null ? [] : ["nice", "-n", "19"];
}

function list(title: string, names: readonly string[]): void {
  if (names.length === 0) return;
  console.log(`\n${title}:`);
  for (const name of names) console.log(`  ${name}`);
}

function bunTest(
  name: string,
  paths: readonly string[],
  options: Omit<RunOptions, "report" | "timeoutMs">,
): Promise<JunitReport> {
  const report = `${folder}/${name}.xml`;
  return run(`bun test: ${name}`, [
    process.execPath,
    "test",
    `--timeout=${TEST_TIMEOUT_MS}`,
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...paths.map((path) => `./${path}`),
  ], { ...options, report, timeoutMs: BUN_TIMEOUT_MS });
}

function denoTest(paths: readonly string[]): Promise<JunitReport> {
  const report = `${folder}/deno.xml`;
  return run("deno test: pure", [
    `${ROOT}node_modules/deno/deno`,
    "test",
    "-A",
    "--no-check",
    `--junit-path=${report}`,
    ...paths,
  ], { report, timeoutMs: DENO_TIMEOUT_MS, isInView: false, isPatient: true });
}

async function pureTests(): Promise<readonly JunitReport[]> {
  const folders = pureTestFolders();
  return [
    await bunTest("pure", folders, { isInView: false, isPatient: true }),
    await denoTest(folders),
  ];
}

function worldTests(): Promise<readonly JunitReport[]> {
  const { peers, own } = worldTestFiles();
  const ownPorts = { TEST_RTP_PORTS: "11000" };
  return Promise.all([
    bunTest("peers", peers, { isInView: true, isPatient: false }),
    bunTest("world", own, { isInView: false, isPatient: false, env: ownPorts }),
  ]);
}

installPeers();
// The package fetches its program on the first start; started directly, the time limit ends it.
Bun.spawnSync([process.execPath, `${ROOT}node_modules/deno/bin.cjs`, "--version"]);
const folder = mkdtempSync(`${tmpdir()}/voicegw-tests-`);
/** What ran out of view has printed. */
const finished: string[] = [];
const reports: JunitReport[] = [];
try {
  const pure = pureTests();
  reports.push(...await worldTests(), ...await pure);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const output of finished) console.log(output);
const failed = reports.flatMap((report) => report.failed);
const skipped = reports.flatMap((report) => report.skipped);
const passed = reports.reduce((sum, report) => sum + report.passed, 0);
list("Skipped", skipped);
for (const problem of reports.flatMap((report) => report.problems)) console.log(`\n${problem}`);
list("Failed", failed);
console.log(`\n${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
process.exitCode = failed.length === 0 ? 0 : 1;
