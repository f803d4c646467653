import { describe, expect, test } from "bun:test";
import { MediaClock, type TimedSession } from "../../src/gateway/media_clock.ts";
import type { Runtime } from "../../src/runtime/ports.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";

/** A clock whose only timer is fired by hand. */
class VirtualTimer {
  now = 0;
  at: number | undefined;
  armed = 0;
  #callback: () => void = () => {};

  get runtime(): Runtime {
    return {
      ...createRuntime(),
      now: () => this.now,
      setTimer: (callback, delay) => {
        this.at = this.now + delay;
        this.armed++;
        this.#callback = callback;
        return {
          cancel: () => {
            this.at = undefined;
          },
        };
      },
    };
  }

  fire(): void {
    this.now = this.at ?? this.now;
    this.at = undefined;
    this.#callback();
  }
}

/** A session that is due each `interval`, and remembers when it was called. */
class Ticker implements TimedSession {
  readonly calls: number[] = [];
  onTimeout = () => {};
  deadline: number;
  readonly #interval: number;

  constructor(first: number, interval: number) {
    this.deadline = first;
    this.#interval = interval;
  }

  timeout(now: number): void {
    this.calls.push(now);
    this.deadline += this.#interval;
    this.onTimeout();
  }
}

describe("media clock", () => {
  test("calls each session when it is due, with one timer for all", () => {
    const timer = new VirtualTimer();
    const clock = new MediaClock(timer.runtime);
    const tickers = [new Ticker(5, 20), new Ticker(12, 20), new Ticker(30, 30)];
    for (const ticker of tickers) clock.add(ticker, 0);
    while ((timer.at ?? Infinity) <= 65) timer.fire();
    expect(tickers.map(({ calls }) => calls)).toEqual([[5, 25, 45, 65], [12, 32, 52], [30, 60]]);
  });

  test("runs what is due when a packet wakes it, without the timer", () => {
    const timer = new VirtualTimer();
    const clock = new MediaClock(timer.runtime);
    const other = new Ticker(10, 20);
    clock.add(other, 0);
    const slot = clock.add(new Ticker(500, 20), 0);
    clock.touched(slot, 11);
    expect(other.calls).toEqual([11]);
  });

  test("hears of a deadline that moved forward, and arms the timer anew", () => {
    const timer = new VirtualTimer();
    const clock = new MediaClock(timer.runtime);
    const ticker = new Ticker(1000, 20);
    const slot = clock.add(ticker, 0);
    ticker.deadline = 40;
    timer.now = 10;
    clock.touched(slot, 10);
    expect(timer.at).toBe(40);
  });

  test("survives sessions that remove themselves or each other, and adds during a run", () => {
    const timer = new VirtualTimer();
    const clock = new MediaClock(timer.runtime);
    const first = new Ticker(10, 20);
    const second = new Ticker(10, 20);
    const third = new Ticker(15, 20);
    const slots = [first, second].map((ticker) => clock.add(ticker, 0));
    first.onTimeout = () => {
      for (const slot of slots) clock.remove(slot);
      clock.add(third, 10);
    };
    timer.fire();
    expect([first.calls, second.calls, third.calls]).toEqual([[10], [], []]);
    timer.fire();
    expect(third.calls).toEqual([15]);
    expect(clock.size).toBe(1);
  });

  test("lets packets come first for as long as it was busy itself", () => {
    const timer = new VirtualTimer();
    const clock = new MediaClock(timer.runtime);
    const slow = new Ticker(10, 20);
    slow.onTimeout = () => {
      timer.now += 30;
    };
    const slot = clock.add(slow, 0);
    timer.fire();
    expect(slow.calls).toEqual([10]);
    // Due again since 30, but the sockets have not been read
    for (const now of [41, 55, 69]) clock.touched(slot, now);
    expect(slow.calls).toEqual([10]);
    expect(timer.at).toBe(70);
    timer.fire();
    expect(slow.calls).toEqual([10, 70]);
  });

  test("goes on soon when the process was stopped in the midst of it", () => {
    const timer = new VirtualTimer();
    const clock = new MediaClock(timer.runtime);
    const stopped = new Ticker(10, 20);
    stopped.onTimeout = () => {
      timer.now += stopped.calls.length === 1 ? 10_000 : 0;
    };
    clock.add(stopped, 0);
    timer.fire();
    expect(timer.at).toBe(10_110);
  });

  test("holds no timer when nobody is left", () => {
    const timer = new VirtualTimer();
    const clock = new MediaClock(timer.runtime);
    const slots = Array.from({ length: 200 }, (_, index) => clock.add(new Ticker(index, 20), 0));
    for (const slot of slots) clock.remove(slot);
    expect([clock.size, timer.at]).toEqual([0, undefined]);
  });
});
