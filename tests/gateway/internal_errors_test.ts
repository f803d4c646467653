import { describe, expect, test } from "bun:test";
import { configFrom } from "../../src/config/load.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import type { Runtime, UdpOptions } from "../../src/runtime/ports.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { callRoom } from "../support/caller.ts";
import { until } from "../support/gateway.ts";

function config(route: object) {
  return configFrom({
    sip: { listen: ["udp://127.0.0.1:0"] },
    rtp: { ports: "28000-28399" },
    routes: [route],
  });
}

function portOf(gateway: Gateway): string {
  return gateway.listeners[0]?.replace("udp://", "") ?? "";
}

describe("errors that are not a call's fault", () => {
  test("of whoever watches end no call, and are counted", async () => {
    const fail = () => {
      throw new Error("The watcher is broken");
    };
    const gateway = new Gateway({
      runtime: createRuntime(),
      config: config({ exec: ["cat"] }),
      environment: process.env as Record<string, string>,
      observer: { log: fail, message: fail, callAnswered: fail, callEnded: fail },
    });
    await gateway.start();
    const result = await callRoom(portOf(gateway), "any");
    expect(result).toMatchObject({ answered: true, endedBy: "caller" });
    await until(() => gateway.held.calls === 0 && gateway.held.handlers === 0, 5000, () => "held");
    expect(gateway.counters.get("internal_errors")).toBeGreaterThan(3);
    await gateway.stop();
  });

  test("in the media of a call end that call by a BYE, and no other", async () => {
    const real = createRuntime();
    let broken = 0;
    // The first call's RTP socket cannot send: what it throws is a bug as far as the call can tell
    const runtime: Runtime = {
      ...real,
      bindUdp: async (options: UdpOptions) => {
        const socket = await real.bindUdp(options);
        const isFirstRtp = options.largeBuffers !== true && options.port % 2 === 0 &&
          broken++ === 0;
        if (!isFirstRtp) return socket;
        return {
          local: socket.local,
          close: () => socket.close(),
          send: () => {
            throw new TypeError("broken on purpose");
          },
        };
      },
    };
    const causes: string[] = [];
    const gateway = new Gateway({
      runtime,
      config: config({ echo: true }),
      environment: {},
      observer: { callEnded: (record) => causes.push(record.cause) },
    });
    await gateway.start();
    const first = await callRoom(portOf(gateway), "any");
    const second = await callRoom(portOf(gateway), "any");
    expect([first.endedBy, second.endedBy]).toEqual(["callee", "caller"]);
    expect(causes).toEqual(["internal_error", "caller_hangup"]);
    expect(gateway.held).toMatchObject({ calls: 0, handlers: 0, ports: 0, admitted: 0 });
    await gateway.stop();
  });
});
