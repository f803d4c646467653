import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import { TimerTable } from "../../src/base/timer_table.ts";

describe("timer table", () => {
  test("has no deadline while it is empty", () => {
    const table = new TimerTable<string>();
    expect(table.deadline).toBeUndefined();
    expect(table.popDue(Infinity)).toBeUndefined();
    expect(table.size).toBe(0);
  });

  test("gives out keys by deadline, and not before it", () => {
    const table = new TimerTable<string>();
    table.set("c", 30);
    table.set("a", 10);
    table.set("b", 20);
    expect(table.deadline).toBe(10);
    expect(table.popDue(9.999)).toBeUndefined();
    expect(table.popDue(20)).toBe("a");
    expect(table.popDue(20)).toBe("b");
    expect(table.popDue(20)).toBeUndefined();
    expect(table.deadline).toBe(30);
    expect(table.size).toBe(1);
  });

  test("gives out equal deadlines in the order in which they were set", () => {
    const table = new TimerTable<number>();
    for (let key = 0; key < 20; key++) table.set(key, 5);
    table.set(3, 7);
    table.set(3, 5);
    const out: number[] = [];
    for (let key = table.popDue(5); key !== undefined; key = table.popDue(5)) out.push(key);
    expect(out).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 3]);
  });

  test("moves a key that is set again, earlier and later", () => {
    const table = new TimerTable<string>();
    table.set("a", 10);
    table.set("b", 20);
    table.set("a", 30);
    expect(table.deadline).toBe(20);
    table.set("a", 5);
    expect(table.deadline).toBe(5);
    expect(table.size).toBe(2);
  });

  test("forgets a deleted key, and does not mind one that it never had", () => {
    const table = new TimerTable<string>();
    table.set("a", 10);
    table.set("b", 20);
    table.delete("a");
    table.delete("nobody");
    expect(table.deadline).toBe(20);
    expect(table.popDue(100)).toBe("b");
    expect(table.size).toBe(0);
  });

  test("refuses a deadline that is no number, and stays as it was", () => {
    const table = new TimerTable<string>();
    table.set("a", 10);
    expect(() => table.set("a", NaN)).toThrow(RangeError);
    expect(table.deadline).toBe(10);
  });

  test("agrees with a sorted list over random histories", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const table = new TimerTable<number>();
      const model = new Map<number, number>();
      for (let step = 0; step < 500; step++) {
        const key = random.nextUint32() % 40;
        const deadline = random.nextUint32() % 1000;
        const choice = random.nextUint32() % 4;
        if (choice < 2) {
          table.set(key, deadline);
          model.set(key, deadline);
        } else if (choice === 2) {
          table.delete(key);
          model.delete(key);
        } else {
          const due = [...model].filter(([, at]) => at <= deadline).map(([, at]) => at);
          const popped = table.popDue(deadline);
          if (due.length === 0) {
            expect(popped).toBeUndefined();
          } else {
            expect(model.get(popped as number)).toBe(Math.min(...due));
            model.delete(popped as number);
          }
        }
        const earliest = model.size === 0 ? undefined : Math.min(...model.values());
        expect([seed, step, table.size, table.deadline]).toEqual([
          seed,
          step,
          model.size,
          earliest,
        ]);
      }
    }
  });
});
