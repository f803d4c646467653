import { describe, expect, test } from "bun:test";
import { type PortPair, PortPool } from "../../src/gateway/port_pool.ts";
import { BindError, type Runtime, type UdpOptions } from "../../src/runtime/ports.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";

const ADDRESS = "127.0.0.1";
const ignore = () => {};

/** A pool on a machine whose clock and sockets are ours. */
class Machine {
  now = 0;
  /** Open sockets by port. */
  readonly open = new Map<number, UdpOptions>();
  /** Descriptors that there are. */
  descriptors = Infinity;
  readonly pool: PortPool;
  #timers: { readonly at: number; readonly callback: () => void }[] = [];

  constructor(last = 40_099) {
    this.pool = new PortPool({ ...createRuntime(), ...this.#ports() }, { first: 40_000, last });
  }

  take(address = ADDRESS): PortPair | Promise<PortPair | undefined> {
    return this.pool.take(address, ignore, ignore);
  }

  /** Takes a pair and gives it back. */
  async call(): Promise<number> {
    const pair = await this.take();
    pair?.close();
    return pair?.rtp.local.port ?? 0;
  }

  wait(length: number): void {
    const until = this.now + length;
    for (;;) {
      const due = this.#timers.toSorted((one, other) => one.at - other.at)[0];
      if (due === undefined || due.at > until) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.now = due.at;
      due.callback();
    }
    this.now = until;
  }

  #ports(): Pick<Runtime, "now" | "setTimer" | "bindUdp"> {
    return {
      now: () => this.now,
      setTimer: (callback, delay) => {
        const timer = { at: this.now + delay, callback };
        this.#timers.push(timer);
        return { cancel: () => this.#timers = this.#timers.filter((one) => one !== timer) };
      },
      bindUdp: (options) => {
        const { address, port } = options;
        if (this.open.size >= this.descriptors) {
          return Promise.reject(new BindError("EMFILE", "no descriptors"));
        }
        this.open.set(port, options);
        const close = () => void this.open.delete(port);
        return Promise.resolve({ local: { address, port }, send: () => true, close });
      },
    };
  }
}

describe("pairs whose call is over", () => {
  test("are given out again, at once, when they have rested for half a second", async () => {
    const machine = new Machine();
    const port = await machine.call();
    expect(machine.pool.taken).toBe(0);
    machine.wait(499);
    const other = await machine.take();
    expect(other?.rtp.local.port).not.toBe(port);
    machine.wait(1);
    const heard: number[] = [];
    const again = machine.pool.take(ADDRESS, (data) => heard.push(data.length), ignore);
    if (again instanceof Promise) throw new Error("it was bound anew");
    expect(again.rtp.local.port).toBe(port);
    expect(machine.pool.taken).toBe(2);
    machine.open.get(port)?.receive(new Uint8Array(7), 9, ADDRESS);
    expect(heard).toEqual([7]);
  });

  test("tell nobody what comes while they rest, and are not given out as long as it comes", async () => {
    const machine = new Machine();
    const heard: number[] = [];
    const pair = await machine.pool.take(ADDRESS, (data) => heard.push(data.length), ignore);
    const port = pair?.rtp.local.port ?? 0;
    pair?.close();
    machine.wait(400);
    machine.open.get(port + 1)?.receive(new Uint8Array(7), 9, ADDRESS);
    machine.wait(200);
    const other = await machine.take();
    expect(other?.rtp.local.port).not.toBe(port);
    // It is closed: somebody knows it who should not
    expect(machine.open.has(port)).toBe(false);
    expect(heard).toEqual([]);
  });

  test("are closed when no call wants them for two seconds", async () => {
    const machine = new Machine();
    await machine.call();
    machine.wait(300);
    await machine.call();
    expect(machine.open.size).toBe(4);
    machine.wait(1700);
    expect(machine.open.size).toBe(2);
    machine.wait(500);
    expect(machine.open.size).toBe(0);
  });

  test("serve their own address alone", async () => {
    const machine = new Machine();
    const port = await machine.call();
    machine.wait(600);
    const other = await machine.take("127.0.0.2");
    expect(other?.rtp.local.port).not.toBe(port);
    expect((await machine.take())?.rtp.local.port).toBe(port);
  });

  test("are closed for a call that finds no other pair", async () => {
    const machine = new Machine(40_003);
    const first = await machine.call();
    const second = await machine.call();
    expect(await machine.call()).toBe(first);
    expect(machine.open.has(second)).toBe(false);
  });

  test("are closed for a call that finds no descriptors", async () => {
    const machine = new Machine();
    for (let call = 0; call < 4; call++) await machine.call();
    machine.descriptors = 8;
    const pair = await machine.take();
    expect(pair).toBeDefined();
    expect(machine.open.size).toBe(2);
  });

  test("are at most 512", async () => {
    const machine = new Machine(42_000);
    for (let call = 0; call < 600; call++) await machine.call();
    expect(machine.open.size).toBe(1024);
  });

  test("do not rest once the pool is closed", async () => {
    const machine = new Machine();
    const pair = await machine.take();
    await machine.call();
    machine.pool.close();
    expect(machine.open.size).toBe(2);
    pair?.close();
    pair?.close();
    expect(machine.open.size).toBe(0);
    expect(machine.pool.taken).toBe(0);
  });
});
