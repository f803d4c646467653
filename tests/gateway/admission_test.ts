import { describe, expect, test } from "bun:test";
import { Admission } from "../../src/gateway/admission.ts";

describe("admission", () => {
  test("lets as many calls in at once as the limit says", () => {
    const admission = new Admission({ calls: 2, calls_per_second: 100 }, 0);
    expect(admission.enter(0)).toBeUndefined();
    expect(admission.enter(0)).toBeUndefined();
    expect(admission.enter(0)).toContain("limits.calls: 2");
    admission.leave();
    expect(admission.enter(0)).toBeUndefined();
  });

  test("lets as many calls in a second as the limit says, and no burst after a rest", () => {
    const admission = new Admission({ calls: 1000, calls_per_second: 10 }, 0);
    const letIn = (now: number) => {
      let count = 0;
      while (count < 100 && admission.enter(now) === undefined) count++;
      return count;
    };
    expect(letIn(0)).toBe(10);
    expect(letIn(500)).toBe(5);
    expect(letIn(60_000)).toBe(10);
  });

  test("lets nobody in while draining", () => {
    const admission = new Admission({ calls: 2, calls_per_second: 100 }, 0);
    admission.draining = true;
    expect(admission.enter(0)).toContain("draining");
  });
});
