import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import { uuidV7 } from "../../src/base/uuid.ts";

describe("RFC 9562 §5.7 UUIDv7", () => {
  test("has version 7, variant 10 and the time in front", () => {
    const uuid = uuidV7(new SeededRandom(1), 0x017f22e279b0);
    expect(uuid).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("sorts by time", () => {
    const random = new SeededRandom(2);
    const times = [1, 1000, 1_700_000_000_000, 1_700_000_000_001, 2 ** 45];
    const uuids = times.map((time) => uuidV7(random, time));
    expect(uuids.toSorted()).toEqual(uuids);
  });
});
