/**
 * Places short calls against a server of its own at a steady rate, and looks for what they leave
 * behind.
 *
 * ```
 * bun tests/soak/short_calls.ts [--calls 2000] [--rate 40] [--rss 20]
 * ```
 *
 * The server is `bun cli/main.ts serve` in a process of its own, on loopback, with a route for an
 * echo and one for `exec: [cat]`; every other call goes to each. When the calls are over and 64·T1
 * has passed, this must hold:
 *
 * - every call was answered, was heard, and has a record with the cause `caller_hangup`;
 * - the server has no child and no more descriptors than before;
 * - its memory is back within `--rss` MiB of what it was after the first hundred calls.
 *
 * It ends with 0 when all of it holds, and is bounded: the calls at their rate, and a minute.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import type { OutboundCallResult } from "../../src/gateway/outbound_options.ts";
import { callRoom } from "../support/caller.ts";
import { type RunningCommand, startServe } from "../support/command.ts";
import { until } from "../support/gateway.ts";
import { childrenOf, openDescriptors, residentMib } from "../support/processes.ts";

/** Calls before memory is looked at first: code is compiled and buffers have grown by then. */
const WARM_CALLS = 100;
const CALL_MS = 200;
/** 64·T1 of the server, and something to spare. */
const LINGER_MS = 3000;
const SPARE_MS = 60_000;

const CONFIG = `sip:
  listen: ["udp://127.0.0.1:0"]
  t1: 20ms
rtp: { ports: 32000-33999 }
limits: { calls_per_second: 1000 }
routes:
  - when: { X-Room-ID: exec }
    exec: [cat]
  - echo: true
`;

/** What a server holds at one moment. */
interface Holdings {
  readonly descriptors: number;
  readonly children: number;
  readonly residentMib: number;
}

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "2000" },
    rate: { type: "string", default: "40" },
    rss: { type: "string", default: "20" },
  },
});
const calls = positive("calls", values.calls);
const rate = positive("rate", values.rate);
const rss = positive("rss", values.rss);

const folder = mkdtempSync(`${tmpdir()}/voicegw-soak-`);
try {
  writeFileSync(`${folder}/routes.yaml`, CONFIG);
  const { server, at } = await startServe(`${folder}/routes.yaml`, {
    timeoutMs: ((calls + WARM_CALLS) / rate) * 1000 + SPARE_MS,
  });
  const problems = await soak(server, at);
  server.signal("SIGTERM");
  if (await server.exited !== 0) problems.push("the server did not end with 0");
  for (const problem of problems) console.log(`FAILED: ${problem}`);
  console.log(problems.length === 0 ? "Nothing was left behind" : `${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function soak(server: RunningCommand, at: string): Promise<string[]> {
  await placeCalls(at, WARM_CALLS);
  await Bun.sleep(LINGER_MS);
  const before = holdings(server.pid);
  const results = await placeCalls(at, calls);
  await Bun.sleep(LINGER_MS);
  const total = calls + WARM_CALLS;
  await until(() => causes(server).length >= total, 10_000, () => "records are missing")
    .catch(() => {});
  const after = holdings(server.pid);
  console.log(`before ${JSON.stringify(before)}\nafter  ${JSON.stringify(after)}`);
  const problems: string[] = [];
  const expect = (holds: boolean, problem: string) => {
    if (!holds) problems.push(problem);
  };
  const unanswered = results.filter(({ answered }) => !answered).length;
  const unheard = results.filter(({ firstAudioMs }) => firstAudioMs === undefined).length;
  const ended = causes(server);
  const odd = ended.filter((cause) => cause !== "caller_hangup");
  expect(unanswered === 0, `${unanswered} calls were not answered`);
  expect(unheard === 0, `${unheard} calls heard nothing`);
  expect(ended.length === total, `${ended.length} records of ${total} calls`);
  expect(odd.length === 0, `causes other than caller_hangup: ${[...new Set(odd)].join(" ")}`);
  expect(after.children === 0, `${after.children} children`);
  expect(
    after.descriptors <= before.descriptors,
    `${after.descriptors} descriptors, ${before.descriptors} before`,
  );
  const grown = after.residentMib - before.residentMib;
  expect(grown <= rss, `memory grew by ${grown.toFixed(1)} MiB`);
  return problems;
}

/** Places calls at the rate, and resolves when all are over. */
function placeCalls(at: string, count: number): Promise<OutboundCallResult[]> {
  const start = performance.now();
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await Bun.sleep(Math.max(0, start + index * 1000 / rate - performance.now()));
      return await callRoom(at, index % 2 === 0 ? "echo" : "exec", { duration: CALL_MS });
    }),
  );
}

/** Causes of the calls that the server's log has records of. */
function causes(server: RunningCommand): readonly string[] {
  return [...server.stderr().matchAll(/"cause":"(\w+)"/g)].map(([, cause = ""]) => cause);
}

function holdings(pid: number): Holdings {
  return {
    descriptors: openDescriptors(pid),
    children: childrenOf(pid).length,
    residentMib: Math.round(residentMib(pid) * 10) / 10,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  console.log(`--${name} needs a number above 0`);
  process.exit(2);
}
