import { beforeEach, describe, expect, test } from "bun:test";
import { Waits } from "../../../src/handler/webhook/waits.ts";

let told: boolean[] = [];
let turns: (() => void)[] = [];
let waits: Waits;

/** The event loop has gone round. */
function turn(): void {
  for (const each of turns.splice(0)) each();
}

beforeEach(() => {
  told = [];
  turns = [];
  waits = new Waits({
    runtime: { setImmediate: (callback) => void turns.push(callback) },
    waiting: (isWaiting) => void told.push(isWaiting),
  });
});

describe("the waits of one call", () => {
  test("are told of as one", () => {
    waits.set("answer", true);
    waits.set("sound", true);
    waits.set("answer", false);
    turn();
    expect(told).toEqual([true]);
    waits.set("sound", false);
    turn();
    expect(told).toEqual([true, false]);
  });

  test("go on where one leads to the next at once", () => {
    waits.set("answer", true);
    waits.set("answer", false);
    waits.set("answer", true);
    turn();
    expect(told).toEqual([true]);
    waits.set("answer", false);
    waits.set("sound", true);
    waits.set("sound", false);
    turn();
    expect(told).toEqual([true, false]);
  });

  test("are over with the call, and nothing is told after", () => {
    waits.set("stream", true);
    waits.set("stream", false);
    waits.stop();
    expect(told).toEqual([true, false]);
    turn();
    expect(told).toEqual([true, false]);
  });

  test("that never were need not end", () => {
    waits.set("sound", false);
    waits.stop();
    turn();
    expect(told).toEqual([]);
  });
});
