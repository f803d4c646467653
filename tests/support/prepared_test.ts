import { describe, expect, test } from "bun:test";
import { Prepared } from "./prepared.ts";

describe("what several tests look at", () => {
  test("is made once, and undone from its last step to its first", async () => {
    const did: string[] = [];
    const prepared = new Prepared((held) => {
      did.push("make");
      held(() => void did.push("first"));
      held(() => void did.push("last"));
      return Promise.resolve(7);
    });
    expect(await prepared.get()).toBe(7);
    expect(await prepared.get()).toBe(7);
    await prepared.release();
    expect(did).toEqual(["make", "last", "first"]);
    await prepared.release();
    expect(did).toHaveLength(3);
  });

  test("is released and made anew when it could not be made", async () => {
    const did: string[] = [];
    const prepared = new Prepared((held) => {
      held(() => void did.push("released"));
      did.push("make");
      if (did.length === 1) throw new Error("not today");
      return Promise.resolve(7);
    });
    await expect(prepared.get()).rejects.toThrow("not today");
    expect(await prepared.get()).toBe(7);
    expect(did).toEqual(["make", "released", "make"]);
  });
});
