import { describe, expect, test } from "bun:test";
import { createHandler } from "../../../src/handler/create_handler.ts";
import type { TargetGuard } from "../../../src/handler/target_guard.ts";
import type { ExecSpec } from "../../../src/route/route.ts";
import { FACTS } from "../../support/call_facts.ts";
import { END, RecordingHost, START } from "../recording_host.ts";
import { VirtualChildren } from "./virtual_children.ts";

const TARGET = "exec:bot --room={room_id}";

/** One program of one call, and what the guard is told of it. */
function callOf(world: VirtualChildren, refused?: string) {
  const told: string[] = [];
  const guard: TargetGuard = {
    refuse: (target) => {
      told.push(`refuse ${target}`);
      return refused;
    },
    succeeded: (target) => told.push(`${world.now} succeeded ${target}`),
    failed: (target) => told.push(`${world.now} failed ${target}`),
    abandoned: (target) => told.push(`${world.now} abandoned ${target}`),
  };
  const command = ["bot", "--room={room_id}"];
  const spec: ExecSpec = { type: "exec", command, env: {}, stop_after: 100 };
  const host = new RecordingHost();
  const { runtime } = world;
  const context = { runtime, facts: FACTS, environment: {}, rate: 8000, targets: guard };
  const handler = createHandler(spec, context, host);
  handler.start(START);
  return { handler, host, told };
}

describe("exec handler, programs that fail at once", () => {
  test("are told of by the name that all calls of the route share", () => {
    const world = new VirtualChildren();
    const { told } = callOf(world);
    expect(world.children[0]?.options.command).toEqual(["bot", "--room=support-7"]);
    world.run(999);
    world.children[0]?.exit(1);
    expect(told).toEqual([`refuse ${TARGET}`, `999 failed ${TARGET}`]);
  });

  test("which cannot be started are failures too", () => {
    const world = new VirtualChildren();
    world.onStart = (child) => child.options.events.started({ code: "ENOENT", message: "m" });
    const { told } = callOf(world);
    world.run(10);
    expect(told.at(-1)).toBe(`0 failed ${TARGET}`);
  });

  test("are no failures after a second, or with status 0, or when the call was over", () => {
    const late = new VirtualChildren();
    const lasting = callOf(late);
    late.run(1000);
    late.children[0]?.exit(1);
    expect(lasting.told.slice(1)).toEqual([`1000 succeeded ${TARGET}`]);

    const done = new VirtualChildren();
    const short = callOf(done);
    done.run(10);
    done.children[0]?.exit(0);
    expect(short.told.slice(1)).toEqual([`10 succeeded ${TARGET}`]);

    const over = new VirtualChildren();
    const stopped = callOf(over);
    over.run(10);
    stopped.handler.stop(END);
    over.children[0]?.exit(1);
    expect(stopped.told.slice(1)).toEqual([`10 abandoned ${TARGET}`]);
  });

  test("are not started while they are left alone", () => {
    const world = new VirtualChildren();
    const { host, told } = callOf(world, "exec:bot has failed 5 times in a row");
    expect(host.end).toEqual({
      type: "failed",
      reason: "exec:bot has failed 5 times in a row",
    });
    world.run(5000);
    expect(world.children).toEqual([]);
    expect(told).toHaveLength(1);
  });
});
