import { describe, expect, test } from "bun:test";
import {
  FACT_LENGTH_MAX,
  findXHeader,
  withRoute,
  X_HEADERS_MAX,
} from "../../src/route/build_facts.ts";
import { callFacts } from "./facts.ts";

describe("facts of a call", () => {
  test("ids come from X-headers", () => {
    const facts = callFacts({ "x-room-id": "r1", "X-SESSION-ID": "s1" });
    expect(facts.room_id).toBe("r1");
    expect(facts.session_id).toBe("s1");
    expect(facts.participant_id).toBe("s1");
  });

  test("ids fall back on the Call-ID, and the participant on the caller's URI", () => {
    const facts = callFacts();
    expect(facts.room_id).toBe("a84b4c76e66710@pc33");
    expect(facts.session_id).toBe("a84b4c76e66710@pc33");
    expect(facts.participant_id).toBe("sip:alice@example.com");
  });

  test("an empty header counts as absent", () => {
    const facts = callFacts({ "X-Room-ID": "", "X-Session-ID": "  " });
    expect(facts.room_id).toBe("a84b4c76e66710@pc33");
    expect(facts.participant_id).toBe("sip:alice@example.com");
    expect(facts.x_headers).toEqual({});
  });

  test("X-headers keep their case as sent, and the first value wins", () => {
    const headers: [string, string][] = [
      ["Via", "SIP/2.0/UDP x"],
      ["X-tenant-ID", "acme"],
      ["X-TENANT-id", "evil"],
    ];
    const facts = callFacts({}, { headers });
    expect(facts.x_headers).toEqual({ "X-tenant-ID": "acme" });
    expect(findXHeader(facts, "x-Tenant-Id")).toBe("acme");
    expect(findXHeader(facts, "X-Other")).toBeUndefined();
  });

  test("parties and the Request-URI are taken apart", () => {
    const facts = callFacts();
    expect(facts.from).toEqual({
      uri: "sip:alice@example.com",
      user: "alice",
      host: "example.com",
      display_name: "Alice",
    });
    expect(facts.to.display_name).toBe("");
    expect(facts.user).toBe("+15551234");
  });

  test("values and their number are limited", () => {
    const many = Array.from({ length: 500 }, (_, index): [string, string] => [`X-${index}`, "v"]);
    expect(Object.keys(callFacts({}, { headers: many }).x_headers)).toHaveLength(X_HEADERS_MAX);
    const long = callFacts({ "X-Room-ID": "r".repeat(9999) }, { sipCallId: "c".repeat(9999) });
    expect(long.room_id).toHaveLength(FACT_LENGTH_MAX);
    expect(long.sip_call_id).toHaveLength(FACT_LENGTH_MAX);
  });

  test("the chosen route and its groups are added", () => {
    const facts = withRoute(callFacts(), { route: { name: "support" }, match: { queue: "a" } });
    expect(facts.route).toBe("support");
    expect(facts.match).toEqual({ queue: "a" });
  });
});
