import { describe, expect, test } from "bun:test";
import { PortPool } from "../../src/gateway/port_pool.ts";
import type { Runtime } from "../../src/runtime/ports.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";

const ignore = () => {};

/** The real runtime, whose random start is always the first pair. */
function runtimeFromFirst(): Runtime {
  return { ...createRuntime(), random: { fill: (buffer) => void buffer.fill(0) } };
}

describe("RFC 3550 §11 port pairs", () => {
  test("are even and odd neighbours, in sequence, with wrap-around", async () => {
    const pool = new PortPool(runtimeFromFirst(), { first: 20_101, last: 20_107 });
    expect(pool.capacity).toBe(3);
    const ports: number[] = [];
    for (let round = 0; round < 4; round++) {
      const pair = await pool.take("127.0.0.1", ignore, ignore);
      ports.push(pair?.rtp.local.port ?? 0);
      expect(pair?.rtcp.local.port).toBe((pair?.rtp.local.port ?? 0) + 1);
      pair?.close();
    }
    expect(ports).toEqual([20_102, 20_104, 20_106, 20_102]);
  });

  test("begin at a random pair, so that a restart does not meet packets of before", async () => {
    const starts = new Set<number>();
    for (let round = 0; round < 12; round++) {
      const pool = new PortPool(createRuntime(), { first: 20_200, last: 20_999 });
      const pair = await pool.take("127.0.0.1", ignore, ignore);
      starts.add(pair?.rtp.local.port ?? 0);
      pair?.close();
    }
    expect(starts.size).toBeGreaterThan(6);
  });

  test("that somebody else holds are skipped, also when only the odd one is taken", async () => {
    const runtime = runtimeFromFirst();
    const other = await runtime.bindUdp({ address: "127.0.0.1", port: 20_121, receive: ignore });
    const pool = new PortPool(runtime, { first: 20_120, last: 20_123 });
    const pair = await pool.take("127.0.0.1", ignore, ignore);
    expect(pair?.rtp.local.port).toBe(20_122);
    pair?.close();
    other.close();
  });

  test("run out, and are there again after a close", async () => {
    const pool = new PortPool(runtimeFromFirst(), { first: 20_140, last: 20_141 });
    const pair = await pool.take("127.0.0.1", ignore, ignore);
    expect(await pool.take("127.0.0.1", ignore, ignore)).toBeUndefined();
    pair?.close();
    pair?.close();
    expect(pool.taken).toBe(0);
    const again = await pool.take("127.0.0.1", ignore, ignore);
    expect(again?.rtp.local.port).toBe(20_140);
    again?.close();
  });

  test("of an address that is not ours are refused with the reason", async () => {
    const pool = new PortPool(runtimeFromFirst(), { first: 20_160, last: 20_199 });
    await expect(pool.take("192.0.2.1", ignore, ignore)).rejects.toThrow("Cannot bind");
    expect(pool.taken).toBe(0);
  });
});
