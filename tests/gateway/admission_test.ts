import { describe, expect, test } from "bun:test";
import { Admission, type AdmissionLimits } from "../../src/gateway/admission.ts";
import { LAG_BEAT } from "../../src/gateway/loop_lag.ts";
import { LateLoop } from "../support/late_loop.ts";

function admissionOf(
  limits: Partial<AdmissionLimits>,
  lag: ConstructorParameters<typeof Admission>[0]["lag"] = new LateLoop().lag,
): Admission {
  return new Admission({ limits: { calls: 10, calls_per_second: 100, lag: 0, ...limits }, lag }, 0);
}

describe("admission", () => {
  test("lets as many calls in at once as the limit says", () => {
    const admission = admissionOf({ calls: 2, calls_per_second: 100 });
    expect(admission.enter(0)).toBeUndefined();
    expect(admission.enter(0)).toBeUndefined();
    expect(admission.enter(0)).toContain("limits.calls: 2");
    admission.leave();
    expect(admission.enter(0)).toBeUndefined();
  });

  test("lets as many calls in a second as the limit says, and no burst after a rest", () => {
    const admission = admissionOf({ calls: 1000, calls_per_second: 10 });
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
    const admission = admissionOf({ calls: 2, calls_per_second: 100 });
    admission.draining = true;
    expect(admission.enter(0)).toContain("draining");
  });
  test("lets nobody in while the event loop is late, and measures it while calls are in", () => {
    const loop = new LateLoop();
    const admission = admissionOf({ lag: 40 }, loop.lag);
    expect(loop.isBeating).toBe(false);
    expect(admission.enter(0)).toBeUndefined();
    expect(loop.isBeating).toBe(true);
    loop.beats(1000 / LAG_BEAT, 60);
    expect(admission.enter(0)).toBe("limits.lag: the process is more than 40 ms late");
    loop.beats(1000 / LAG_BEAT, 10);
    expect(admission.enter(0)).toBeUndefined();
    admission.leave();
    admission.leave();
    expect(loop.isBeating).toBe(false);
  });

  test("lets nobody in while the process has no time left", () => {
    const loop = new LateLoop();
    const admission = admissionOf({ lag: 40 }, loop.lag);
    expect(admission.enter(0)).toBeUndefined();
    loop.busyShare = 1;
    loop.beats(1000 / LAG_BEAT * 2, 0);
    expect(admission.enter(0)).toBe("limits.lag: the process has no time left");
    loop.busyShare = 0.5;
    loop.beats(1000 / LAG_BEAT, 0);
    expect(admission.enter(0)).toBeUndefined();
  });

  test("as late as it likes without a limit", () => {
    const loop = new LateLoop();
    const admission = admissionOf({ lag: 0 }, loop.lag);
    expect(admission.enter(0)).toBeUndefined();
    loop.beats(1000 / LAG_BEAT, 600);
    expect(admission.enter(0)).toBeUndefined();
  });
});
