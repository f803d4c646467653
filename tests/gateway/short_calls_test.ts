import { describe, expect, test } from "bun:test";
import { callRoom } from "../support/caller.ts";
import { startGateway, until } from "../support/gateway.ts";
import { childrenOf, openDescriptors } from "../support/processes.ts";

const CALLS = 300;
const CALLS_A_SECOND = 50;
const TIMEOUT_MS = 30_000;

describe(`${CALLS} short calls at ${CALLS_A_SECOND} a second`, () => {
  test("end as they should, and leave nothing behind", async () => {
    const server = await startGateway({
      // 64·T1 is 1.3 s: what lingers by design is soon gone
      sip: { t1: "20ms" },
      routes: [
        { when: { "X-Room-ID": "exec" }, exec: ["cat"] },
        { when: { "X-Room-ID": "busy" }, reject: 486 },
        { echo: true },
      ],
    });
    const place = (index: number) => {
      const room = index % 10 === 9 ? "busy" : index % 3 === 0 ? "exec" : "echo";
      const duration = 300 + (index * 37) % 200;
      return callRoom(server.udp, room, { duration });
    };
    await place(0);
    await server.idle();
    const descriptors = openDescriptors();
    const children = childrenOf().length;
    const start = performance.now();
    const results = await Promise.all(
      Array.from({ length: CALLS }, async (_, index) => {
        const at = start + index * 1000 / CALLS_A_SECOND;
        await Bun.sleep(Math.max(0, at - performance.now()));
        return await place(index);
      }),
    );
    await server.idle();
    const statuses = results.map(({ statusCode }) => statusCode);
    expect(statuses.filter((status) => status === 486)).toHaveLength(CALLS / 10);
    expect(statuses.filter((status) => status === 200)).toHaveLength(CALLS * 9 / 10);
    const odd = results.filter(({ answered, firstAudioMs }) =>
      answered && firstAudioMs === undefined
    );
    expect(odd).toHaveLength(0);
    expect(server.records).toHaveLength(1 + CALLS * 9 / 10);
    expect(new Set(server.records.map(({ cause }) => cause as string)))
      .toEqual(new Set(["caller_hangup"]));
    const { counters } = server.gateway;
    expect(counters.get("internal_errors")).toBe(0);
    await until(
      () => server.gateway.held["transactions"] === 0,
      5000,
      () => `${server.gateway.held["transactions"]} transactions after 64·T1`,
    );
    await until(
      () => openDescriptors() <= descriptors && childrenOf().length <= children,
      3000,
      () => `${openDescriptors()} descriptors, before ${descriptors}; children ${childrenOf()}`,
    );
    await server.stop();
  }, TIMEOUT_MS);
});
