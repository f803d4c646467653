import { describe, expect, test } from "bun:test";
import { configFrom } from "../../src/config/load.ts";
import { Counters } from "../../src/gateway/counters.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import { IdleMemory } from "../../src/gateway/idle_memory.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { callRoom } from "../support/caller.ts";
import { until } from "../support/gateway.ts";

describe("memory that nobody uses", () => {
  test("is given back when nothing is left of some hundred calls, once", () => {
    let freed = 0;
    const counters = new Counters();
    const memory = new IdleMemory({ freeMemory: () => freed++ }, counters);
    memory.reached();
    counters.add("calls_received", 499);
    memory.reached();
    expect(freed).toBe(0);
    counters.add("calls_received");
    memory.reached();
    memory.reached();
    expect(freed).toBe(1);
    counters.add("calls_received", 500);
    memory.reached();
    expect(freed).toBe(2);
  });

  test("is given back by the runtime without harm", () => {
    createRuntime().freeMemory();
  });

  test("is looked for once the last transaction has ended", async () => {
    let freed = 0;
    const gateway = new Gateway({
      runtime: { ...createRuntime(), freeMemory: () => void freed++ },
      config: configFrom({
        sip: { listen: ["udp://127.0.0.1:0"], t1: "10ms" },
        rtp: { ports: "29900-29999" },
        routes: [{ echo: true }],
      }),
      environment: {},
    });
    await gateway.start();
    gateway.counters.add("calls_received", 1000);
    const address = gateway.listeners[0]?.replace("udp://", "") ?? "";
    await callRoom(address, "one", { duration: 300 });
    expect(freed).toBe(0);
    await until(() => freed === 1, 5000, () => JSON.stringify(gateway.held));
    expect(gateway.held["transactions"]).toBe(0);
    await gateway.stop();
  });
});
