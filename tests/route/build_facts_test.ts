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

  test("what a caller does not say is empty", () => {
    expect(callFacts()).toMatchObject({
      asserted_identity: null,
      diversion: [],
      auth_user: "",
      registration: "",
      reason: "",
    });
  });

  test("what the gateway knows of the caller is taken as it is", () => {
    const facts = callFacts({}, { transport: "wss", authUser: "pbx", registration: "office" });
    expect(facts).toMatchObject({ transport: "wss", auth_user: "pbx", registration: "office" });
  });

  test("the first Reason header is given as sent, RFC 3326", () => {
    const headers: [string, string][] = [["reason", " SIP;cause=302 "], [
      "Reason",
      "Q.850;cause=1",
    ]];
    expect(callFacts({}, { headers }).reason).toBe("SIP;cause=302");
  });

  test("headers that can be read only once are enough", () => {
    const headers = new Map([["X-A", "b"], ["Diversion", "<sip:bob@a>"], ["Reason", "r"]])
      .entries();
    const facts = callFacts({}, { headers });
    expect(facts).toMatchObject({ x_headers: { "X-A": "b" }, reason: "r" });
    expect(facts.diversion).toHaveLength(1);
  });

  test("the chosen route and its groups are added", () => {
    const facts = withRoute(callFacts(), { route: { name: "support" }, match: { queue: "a" } });
    expect(facts.route).toBe("support");
    expect(facts.match).toEqual({ queue: "a" });
  });
});

describe("RFC 3325 §9.1 P-Asserted-Identity", () => {
  function identity(...lines: readonly string[]) {
    const headers = lines.map((line): [string, string] => ["p-asserted-identity", line]);
    return callFacts({}, { headers }).asserted_identity;
  }

  test("is taken apart as From is", () => {
    expect(identity('"Müller, A." <sip:+4930@carrier.example;user=phone>')).toEqual({
      uri: "sip:+4930@carrier.example;user=phone",
      user: "+4930",
      host: "carrier.example",
      display_name: "Müller, A.",
    });
  });

  test("of two values, in one line or two, the first that is sip, sips or tel is taken", () => {
    expect(identity("<tel:+4930>, <sip:ann@carrier.example>")?.uri).toBe("tel:+4930");
    expect(identity("<sips:ann@a>", "<tel:+4930>")?.uri).toBe("sips:ann@a");
    expect(identity("<mailto:ann@a>", "<tel:+4930>")?.uri).toBe("tel:+4930");
  });

  test("without brackets is read too", () => {
    expect(identity("sip:ann@a")?.user).toBe("ann");
  });

  test("that cannot be read is absent, and the next value is tried", () => {
    for (const line of ["", "nonsense", "<sip:ann@a", '"Ann <sip:ann@a>', "<>", ",,,"]) {
      expect(identity(line)).toBeNull();
    }
    expect(identity("nonsense, <sip:ann@a>")?.user).toBe("ann");
  });

  test("is limited like every value", () => {
    expect(identity(`<sip:${"a".repeat(5000)}@b>`)?.uri).toHaveLength(FACT_LENGTH_MAX);
    expect(identity(`${"<x:y>,".repeat(5000)}<sip:ann@a>`)).toBeNull();
  });
});
