import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DIVERSIONS_MAX } from "../../src/route/diversion.ts";
import { callFacts } from "./facts.ts";

function diversion(...headers: readonly (readonly [string, string])[]) {
  return callFacts({}, { headers }).diversion;
}

function users(...headers: readonly (readonly [string, string])[]) {
  return diversion(...headers).map(({ user, reason }) => `${user} ${reason}`);
}

describe("RFC 5806 Diversion", () => {
  test("lists who sent the call on, the last one first", () => {
    const found = diversion(
      ["Diversion", '"Bob" <sip:bob@example.com>;reason=no-answer;counter=1'],
      ["DIVERSION", "<tel:+4930>;reason=Unconditional, <sip:x@y>;privacy=full"],
    );
    expect(found).toEqual([
      { uri: "sip:bob@example.com", user: "bob", reason: "no-answer" },
      { uri: "tel:+4930", user: "+4930", reason: "unconditional" },
      { uri: "sip:x@y", user: "x", reason: "unknown" },
    ]);
  });

  test("takes commas in names and quotes around reasons for what they are", () => {
    const value = '"Bob, \\"B\\"" <sip:bob@a>;reason="user-busy", <sip:c,d@e>';
    expect(users(["Diversion", value])).toEqual(["bob user-busy", "c,d unknown"]);
  });

  test("values that cannot be read are left out", () => {
    expect(users(["Diversion", "nonsense, <sip:bob@a>;reason=deflection, <sip:"]))
      .toEqual(["bob deflection"]);
  });

  test("comes before History-Info", () => {
    expect(users(
      ["History-Info", "<sip:ann@a?Reason=SIP%3Bcause%3D302>;index=1, <sip:b@a>;index=2"],
      ["Diversion", "<sip:bob@a>"],
    )).toEqual(["bob unknown"]);
  });

  test("is limited in number", () => {
    const many = new Array(500).fill("<sip:bob@a>").join();
    expect(diversion(["Diversion", many])).toHaveLength(DIVERSIONS_MAX);
    expect(diversion(...new Array(500).fill(["Diversion", "<sip:b@a>"])))
      .toHaveLength(DIVERSIONS_MAX);
  });
});

describe("RFC 7044 History-Info without Diversion", () => {
  test("a Reason in the URI says why the call went on from there", () => {
    expect(diversion([
      "History-Info",
      "<sip:bob@example.com?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%22>;index=1;foo=bar, " +
      "<sip:office@192.0.2.3>;index=1.1;rc=1",
    ])).toEqual([{ uri: "sip:bob@example.com", user: "bob", reason: "unconditional" }]);
  });

  test("a cause parameter says why the call came here, RFC 4458: who is before sent it on", () => {
    expect(users(
      ["History-Info", "<sip:bob@a>;index=1"],
      ["History-Info", "<sip:carol@a;cause=486>;index=1.1"],
      ["History-Info", "<sip:voicemail@a;cause=408>;index=1.1.1"],
    )).toEqual(["carol no-answer", "bob user-busy"]);
  });

  test("mp and rc name the one that sent the call on", () => {
    expect(users(
      ["History-Info", "<sip:bob@a>;index=1, <sip:proxy@a>;index=1.1;rc=1"],
      ["History-Info", "<sip:voicemail@a;cause=503>;index=1.2;mp=1"],
    )).toEqual(["bob unavailable"]);
  });

  test("every cause that RFC 7544 maps has its reason, and others are unknown", () => {
    const causes = { 302: "unconditional", 404: "unknown", 408: "no-answer", 480: "deflection" };
    const others = { 486: "user-busy", 487: "deflection", 503: "unavailable", 999: "unknown" };
    for (const [cause, reason] of Object.entries({ ...causes, ...others })) {
      const value = `<sip:bob@a>;index=1,<sip:c@a;cause=${cause}>;index=2`;
      expect(users(["History-Info", value])).toEqual([`bob ${reason}`]);
    }
  });

  test("entries without cause are no diversions", () => {
    expect(diversion(["History-Info", "<sip:bob@a>;index=1, <sip:c@b>;index=1.1"])).toEqual([]);
    expect(diversion(["History-Info", "<sip:c@a;cause=302>;index=1"])).toEqual([]);
    expect(diversion(["History-Info", "<sip:c@a;cause=302>;index=1;mp=1"])).toEqual([]);
    expect(diversion(["History-Info", "<sip:a;cause=302@b>;index=1, <sip:c@a>;index=2"]))
      .toEqual([]);
  });

  test("broken escapes and reasons are unknown", () => {
    for (const reason of ["%ZZ", "Q.850%3Bcause%3D16", "SIP", ""]) {
      const value = `<sip:bob@a?Reason=${reason}>;index=1`;
      expect(users(["History-Info", value])).toEqual(["bob unknown"]);
    }
  });
});

test("nothing in these headers makes a call impossible", () => {
  const parts = fc.constantFrom(
    ...'< > " \\ , ; = ? & % sip: tel: bob@a cause=302 ;cause=408 Reason= SIP%3Bcause%3D302'.split(
      " ",
    ),
    ...[" ", ";index=1", ";index=1.1", ";mp=1", ";reason=no-answer", "é"],
  );
  const value = fc.array(parts, { maxLength: 40 }).map((found) => found.join(""));
  fc.assert(fc.property(value, value, value, (one, two, three) => {
    const facts = callFacts({
      "Diversion": one,
      "History-Info": two,
      "P-Asserted-Identity": three,
    });
    for (const { uri, reason } of facts.diversion) {
      expect([typeof uri, reason === ""]).toEqual(["string", false]);
    }
  }));
});
