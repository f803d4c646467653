import { describe, expect, test } from "bun:test";
import { BadLink } from "./bad_link.ts";
import type { BadLinkOptions } from "./bad_link.ts";

function arrivals(options: BadLinkOptions, count = 1000): [number, number][] {
  const link = new BadLink<number>(options);
  for (let index = 0; index < count; index++) link.push(index, index * 20);
  const seen: [number, number][] = [];
  while (link.deadline < Infinity) {
    const at = link.deadline;
    for (const item of link.popDue(at)) seen.push([item, at]);
  }
  return seen;
}

describe("bad link", () => {
  test("a perfect one hands everything through after its delay", () => {
    expect(arrivals({ seed: 1, delay: 30 }, 3)).toEqual([[0, 30], [1, 50], [2, 70]]);
  });

  test("the same seed gives the same luck, another seed another", () => {
    const options = { loss: 0.1, jitter: 50, reordering: 0.1, duplication: 0.1 };
    expect(arrivals({ seed: 5, ...options })).toEqual(arrivals({ seed: 5, ...options }));
    expect(arrivals({ seed: 5, ...options })).not.toEqual(arrivals({ seed: 6, ...options }));
  });

  test("loses and doubles about the share asked for", () => {
    const lost = 1000 - arrivals({ seed: 2, loss: 0.2 }).length;
    expect(lost > 150 && lost < 250).toBe(true);
    const doubled = arrivals({ seed: 2, duplication: 0.2 }).length - 1000;
    expect(doubled > 150 && doubled < 250).toBe(true);
  });

  test("jitter alone keeps the order, reordering does not", () => {
    const inOrder = (options: BadLinkOptions) =>
      arrivals(options).every(([item], place, all) =>
        place === 0 || item >= (all[place - 1] as [number, number])[0]
      );
    expect(inOrder({ seed: 3, jitter: 80 })).toBe(true);
    expect(inOrder({ seed: 3, jitter: 80, reordering: 0.1 })).toBe(false);
  });
});
