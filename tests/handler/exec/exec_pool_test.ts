import { afterEach, describe, expect, test } from "bun:test";
import { createHandler } from "../../../src/handler/create_handler.ts";
import { ExecPools } from "../../../src/handler/exec/exec_pools.ts";
import { AUDIO_DEFAULTS, type ExecSpec, type Route } from "../../../src/route/route.ts";
import { FACTS } from "../../support/call_facts.ts";
import { until } from "../../support/gateway.ts";
import { processesWith, untilNoneWith } from "../../support/processes.ts";
import { END, RecordingHost, START } from "../recording_host.ts";
import { environment, openPipes, runtime } from "./exec_fixture.ts";
import { type VirtualChild, VirtualChildren } from "./virtual_children.ts";

const MARKER = "VOICEGW_TEST_POOL=here";
const open: ExecPools[] = [];

afterEach(async () => {
  for (const pools of open.splice(0)) {
    pools.close();
    await until(() => pools.leaving === 0, 3000, () => `${pools.leaving} programs are left`);
  }
});

function pooled(script: string, given: Partial<ExecSpec> = {}): ExecSpec {
  const command = ["sh", "-c", script.replaceAll("{", "{{")];
  return { type: "exec", command, env: {}, stop_after: 100, pool: 1, ...given };
}

function route(handler: ExecSpec, name = "bot"): Route {
  return { name, index: 0, when: [], handler, answer: "auto", ...AUDIO_DEFAULTS };
}

/** Real programs that wait. */
async function started(
  spec: ExecSpec,
): Promise<{ readonly pools: ExecPools; readonly logs: string[] }> {
  const logs: string[] = [];
  const pools = new ExecPools({
    runtime,
    environment: { ...environment(), VOICEGW_TEST_POOL: "here" },
    log: (_level, message, name) => logs.push(`${name}: ${message}`),
  });
  open.push(pools);
  pools.replace([route(spec)]);
  await until(() => pools.waiting === spec.pool, 3000, () => `${pools.waiting} programs wait`);
  return { pools, logs };
}

function handlerOf(spec: ExecSpec, pools: ExecPools) {
  const host = new RecordingHost();
  host.keep = true;
  const context = { runtime, facts: FACTS, environment: environment(), rate: 8000, pools };
  return { host, handler: createHandler(spec, context, host) };
}

/** Says its process id as audio once it knows its call. */
const TELLS_CALL = 'read -r start <&3; echo "$$ $start" >&2; cat';

describe("exec pool", () => {
  test("gives a call a program that waits, and starts another in its place", async () => {
    const spec = pooled(TELLS_CALL, { pool: 2 });
    const { pools } = await started(spec);
    const { handler, host } = handlerOf(spec, pools);
    handler.start(START);
    expect(host.of("started")).toHaveLength(1);
    expect(pools.waiting).toBe(1);
    await host.until(() => host.logged.length === 1);
    expect(host.logged[0]).toContain(`"id":"${FACTS.id}"`);
    handler.receiveAudio(new Uint8Array(320).fill(7));
    await host.until(() => host.audioBytes === 320);
    await until(() => pools.waiting === 2, 3000, () => `${pools.waiting} programs wait`);
    handler.stop(END);
    await host.untilEnded();
  });

  test("keeps what it writes before the call for its caller, and drops its commands", async () => {
    const script = `printf 'abcd'; echo '{"command":"hangup"}' >&3; ${TELLS_CALL}`;
    const spec = pooled(script);
    const { pools } = await started(spec);
    await Bun.sleep(50);
    const { handler, host } = handlerOf(spec, pools);
    handler.start(START);
    await host.until(() => host.audioBytes === 4 && host.logged.length === 1);
    expect(host.of("command", "refused")).toEqual([]);
    handler.stop(END);
    await host.untilEnded();
  });

  test("starts programs without a word of any call, also when none waits", async () => {
    const spec = pooled('read -r start <&3; env | sort >&2; echo "${#start}" >&2; exit 0');
    const { pools } = await started(spec);
    const [first, second] = [handlerOf(spec, pools), handlerOf(spec, pools)];
    for (const { handler, host } of [first, second]) {
      handler.start(START);
      expect(await host.untilEnded()).toEqual({ type: "completed" });
      const names = host.logged.map((line) => /^(?:VOICEGW|SIP_X)_[A-Z_]+/.exec(line)?.[0] ?? "");
      const ours = names.filter((name) => name !== "" && name !== "VOICEGW_TEST_POOL");
      expect(ours).toEqual(["VOICEGW_CONTROL_FD", "VOICEGW_POOL"]);
      expect(Number(host.logged.at(-1))).toBeGreaterThan(100);
    }
  });

  test("takes the escapes out of its argv, and no placeholders", async () => {
    const spec = pooled("exec cat", { command: ["sh", "-c", "echo '{{a}' >&2; exec cat"] });
    const { logs } = await started(spec);
    await until(() => logs.length === 1, 3000, () => `${logs.length} lines`);
    expect(logs).toEqual(["bot: {a}"]);

    const told: string[] = [];
    const log = (_level: string, message: string) => told.push(message);
    const pools = new ExecPools({ runtime, environment: environment(), log });
    open.push(pools);
    pools.replace([route(pooled("cat", { command: ["cat", "{room_id}"] }))]);
    expect(told).toEqual([expect.stringContaining("no placeholders")]);
    expect([pools.waiting, pools.leaving]).toEqual([0, 0]);
  });

  test("ends with its route, grandchildren too, and the programs of other routes stay", async () => {
    const pipes = openPipes();
    const spec = pooled("sleep 60 & cat", { pool: 3 });
    const { pools } = await started(spec);
    await until(() => processesWith(MARKER).length === 9, 3000, () => `${processesWith(MARKER)}`);
    const same = pooled("sleep 60 & cat", { pool: 2 });
    pools.replace([route(same)]);
    expect(pools.waiting).toBe(2);
    expect(pools.take(spec)).toBeUndefined();
    pools.close();
    expect(pools.waiting).toBe(0);
    await until(() => pools.leaving === 0, 3000, () => `${pools.leaving} programs are left`);
    await untilNoneWith(MARKER, 3000);
    expect(openPipes()).toBe(pipes);
  });

  test("kills a program that stays", async () => {
    const { pools } = await started(pooled("trap '' TERM; while :; do sleep 1; done"));
    await Bun.sleep(50);
    pools.close();
    pools.kill();
    await until(() => pools.leaving === 0, 1000, () => `${pools.leaving} programs are left`);
    await untilNoneWith(MARKER);
  });
});

describe("exec pool, programs that die before they got a call", () => {
  function virtual(spec: ExecSpec) {
    const world = new VirtualChildren();
    const logs: string[] = [];
    const log = (_level: string, message: string) => logs.push(`${world.now}: ${message}`);
    const pools = new ExecPools({ runtime: world.runtime, environment: {}, log });
    return { world, logs, pools, begin: () => pools.replace([route(spec)]) };
  }

  test("are started again after pauses that double, logged once for each", () => {
    const { world, logs, pools, begin } = virtual(pooled("bot", { pool: 3 }));
    world.onStart = (child) => child.exit(1);
    begin();
    world.run(120_000);
    const times = logs.map((line) => Number(line.split(":")[0]));
    expect(times).toEqual([
      ...[0, 100, 300, 700, 1500, 3100, 6300, 12_700, 25_500, 51_100, 81_100, 111_100],
    ]);
    expect(logs[0]).toBe(
      "0: A program of the pool died, the next try is in 0.1 s: " +
        'exec "sh": exited with status 1',
    );
    expect(logs.at(-1)).toContain("in 30 s");
    expect(world.children).toHaveLength(3 * times.length);
    expect([pools.waiting, pools.leaving]).toEqual([0, 0]);
  });

  test("are no reason for a start when a call finds none", () => {
    const spec = pooled("bot", { pool: 2 });
    const { world, pools, begin } = virtual(spec);
    begin();
    world.run(1);
    world.children[0]?.exit(1);
    // One has died, and the other is taken: both are replaced after the pause
    expect(pools.take(spec)?.child).toBe(world.children[1] as VirtualChild);
    expect(pools.take(spec)).toBeUndefined();
    world.run(98);
    expect(world.children).toHaveLength(2);
    world.run(2);
    expect(world.children).toHaveLength(4);
    expect(pools.waiting).toBe(2);
  });

  test("are news again when they have lived", () => {
    const { world, logs, begin } = virtual(pooled("bot"));
    begin();
    for (let round = 0; round < 3; round++) {
      world.run(20_000);
      world.children.at(-1)?.exit(0);
    }
    expect(logs.map((line) => /in ([\d.]+) s/.exec(line)?.[1])).toEqual(["0.1", "0.1", "0.1"]);
    expect(logs[0]).toContain("ended before it got a call, let it wait for the start event");
  });

  test("are not started again after the end", () => {
    const { world, pools, begin } = virtual(pooled("bot", { pool: 2 }));
    begin();
    world.run(1);
    world.children[0]?.exit(1);
    pools.close();
    expect(world.children[1]?.done).toEqual(["SIGTERM"]);
    world.run(60_000);
    expect(world.children).toHaveLength(2);
    // A process that the system cannot end is given up
    expect(world.children[1]?.done).toContain("SIGKILL");
    expect(pools.leaving).toBe(0);
  });

  test("which cannot be started say so, with the fix", () => {
    const { world, logs, pools, begin } = virtual(pooled("bot"));
    world.onStart = (child) => child.options.events.started({ code: "ENOENT", message: "m" });
    begin();
    world.run(350);
    expect(logs).toHaveLength(3);
    expect(logs[0]).toContain("not found, install it or give its full path");
    pools.close();
    expect(pools.leaving).toBe(0);
  });
});
