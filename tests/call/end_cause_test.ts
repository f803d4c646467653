import { describe, expect, test } from "bun:test";
import { peerReason } from "../../src/call/end_cause.ts";
import { createRequest } from "../../src/sip/message/build.ts";
import { confirmedCall, makeCall, only } from "./fixtures.ts";

function reasonOf(...values: readonly string[]): string {
  const headers = values.map((value) => ["Reason", value] as const);
  return peerReason(createRequest({ method: "BYE", requestUri: "sip:a@b", headers }));
}

describe("RFC 3326 Reason of the peer", () => {
  test("is its text with protocol and cause", () => {
    expect(reasonOf('SIP;cause=200;text="Call completed elsewhere"')).toBe(
      "Call completed elsewhere (SIP 200)",
    );
    expect(reasonOf("Q.850 ;cause=16")).toBe("Q.850 16");
    expect(reasonOf('Q.850;cause=17;text="Busy", SIP;cause=486')).toBe("Busy (Q.850 17); SIP 486");
    expect(reasonOf("X.1;foo", "preemption ;cause=1")).toBe("X.1; preemption 1");
  });

  test("is empty where there is none, or none that can be read", () => {
    expect(reasonOf()).toBe("");
    expect(reasonOf('SIP;cause=200;cause=201;text="a"')).toBe("");
  });

  test("has a bound", () => {
    expect(reasonOf(`SIP;cause=200;text="${"x".repeat(5000)}"`).length).toBe(256);
  });

  test("stands in the record of a call that the caller ended", () => {
    const bye = only(confirmedCall().bye(100, "Busy (Q.850 17)"), "ended").end;
    expect(bye).toMatchObject({ cause: "caller_hangup", detail: "Busy (Q.850 17)" });
    const cancel = only(makeCall().cancelled(100, "SIP 200"), "ended").end;
    expect(cancel).toMatchObject({ cause: "caller_cancel", detail: "SIP 200", sipStatus: 487 });
  });
});

describe("RFC 4028 §10 a session that nobody refreshed", () => {
  test("is ended by a BYE that says so", () => {
    const outputs = confirmedCall().sessionExpired(1_800_000);
    expect(only(outputs, "bye").headers).toEqual([
      ["Reason", 'Q.850;cause=102;text="Session expired"'],
    ]);
    expect(only(outputs, "ended").end.cause).toBe("session_expired");
  });
});
