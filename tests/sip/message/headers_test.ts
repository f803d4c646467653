import { describe, expect, test } from "bun:test";
import { SipHeaders } from "../../../src/sip/message/headers.ts";
import { refusalOf } from "./fixtures.ts";

function sample(): SipHeaders {
  return new SipHeaders([
    ["Via", "SIP/2.0/UDP a;branch=1"],
    ["Route", "<sip:p1;lr>, <sip:p2;lr>"],
    ["x-room-id", "  blue "],
    ["ROUTE", "<sip:p3;lr>"],
  ]);
}

describe("RFC 3261 §7.3.1 header lines", () => {
  test("are found whatever the case, trimmed", () => {
    expect(sample().get("X-Room-ID")).toBe("blue");
    expect(sample().getAll("route")).toEqual(["<sip:p1;lr>, <sip:p2;lr>", "<sip:p3;lr>"]);
    expect(sample().has("VIA")).toBe(true);
    expect(sample().get("Contact")).toBeUndefined();
    expect(sample().getAll("Contact")).toEqual([]);
  });

  test("keep their names and order", () => {
    expect([...sample().entries()].map(([name]) => name)).toEqual([
      "Via",
      "Route",
      "x-room-id",
      "ROUTE",
    ]);
  });

  test("tell which words a list has, in any case", () => {
    const headers = new SipHeaders([
      ["Supported", "Replaces ,\tTIMER,, 100rel"],
      ["k", "path"],
      ["Require", ""],
    ]);
    for (const word of ["replaces", "timer", "100rel", "path"]) {
      expect(headers.lists("Supported", word)).toBe(true);
    }
    for (const word of ["time", "timers", "rel"]) {
      expect(headers.lists("supported", word)).toBe(false);
    }
    expect(headers.lists("Require", "timer")).toBe(false);
    expect(headers.lists("Allow", "update")).toBe(false);
  });

  test("split at commas outside quotes, angle brackets and comments", () => {
    const headers = new SipHeaders([
      ["Contact", '"a, b" <sip:c,d@e>;x="f\\",g", <sip:h@i>'],
      ["Contact", "sip:j@k"],
      ["User-Agent", "one (a, (b, c\\)), d), two"],
      ["Accept", ",, a ,,b,"],
      ["Subject", ""],
    ]);
    expect(headers.values("Contact")).toEqual([
      '"a, b" <sip:c,d@e>;x="f\\",g"',
      "<sip:h@i>",
      "sip:j@k",
    ]);
    expect(headers.values("User-Agent")).toEqual(["one (a, (b, c\\)), d)", "two"]);
    expect(headers.values("Accept")).toEqual(["a", "b"]);
    expect(headers.values("Subject")).toEqual([]);
    expect(headers.has("Subject")).toBe(true);
  });

  test("do not split behind a quote, bracket or comment that stays open", () => {
    for (const open of ['"', "<", "("]) {
      const headers = new SipHeaders([["Allow", `a, ${open}b, c`]]);
      expect(headers.values("Allow")).toEqual(["a", `${open}b, c`]);
    }
  });
});

describe("RFC 3261 §7.3.3 compact forms", () => {
  test.each([
    ["i", "Call-ID"],
    ["m", "Contact"],
    ["e", "Content-Encoding"],
    ["l", "Content-Length"],
    ["c", "Content-Type"],
    ["f", "From"],
    ["s", "Subject"],
    ["k", "Supported"],
    ["t", "To"],
    ["v", "Via"],
    ["o", "Event"],
    ["u", "Allow-Events"],
    ["r", "Refer-To"],
    ["x", "Session-Expires"],
    ["b", "Referred-By"],
    ["j", "Reject-Contact"],
    ["d", "Request-Disposition"],
    ["a", "Accept-Contact"],
    ["y", "Identity"],
  ])("%s equals %s", (compact, long) => {
    expect(new SipHeaders([[compact, "1"]]).get(long)).toBe("1");
    expect(new SipHeaders([[long.toLowerCase(), "1"]]).get(compact.toUpperCase())).toBe("1");
  });

  test("stay as written", () => {
    expect([...new SipHeaders([["i", "1"]]).entries()]).toEqual([["i", "1"]]);
  });
});

describe("changes of headers", () => {
  test("append adds at the end, prepend at the top", () => {
    const headers = sample().append("B", "2").prepend("A", "1");
    const names = [...headers.entries()].map(([name]) => name);
    expect(names.at(0)).toBe("A");
    expect(names.at(-1)).toBe("B");
  });

  test("set replaces all at the place of the first", () => {
    const headers = sample().set("Route", "<sip:new>");
    expect([...headers.entries()]).toEqual([
      ["Via", "SIP/2.0/UDP a;branch=1"],
      ["Route", "<sip:new>"],
      ["x-room-id", "blue"],
    ]);
    expect(sample().set("New", "1").get("New")).toBe("1");
  });

  test("replaceFirst leaves the other lines", () => {
    expect(sample().replaceFirst("Route", "<sip:new>").routes).toEqual([
      "<sip:new>",
      "<sip:p3;lr>",
    ]);
    expect(sample().replaceFirst("New", "1").get("New")).toBe("1");
  });

  test("delete removes all lines of a name", () => {
    const headers = sample().delete("route");
    expect(headers.has("Route")).toBe(false);
    expect(headers.has("Via")).toBe(true);
  });

  test("of a clone do not reach the original", () => {
    const original = sample();
    expect(original.via.branch).toBe("1");
    const copy = original.clone().set("Via", "SIP/2.0/UDP b;branch=2");
    expect(copy.via.branch).toBe("2");
    expect(original.via.branch).toBe("1");
    original.append("X", "1");
    expect(copy.has("X")).toBe(false);
  });

  test.each(["a\r\nB: c", "a\nb", "a\rb", "a\0b", "\r\n"])("refuse the value %j", (value) => {
    const headers = sample();
    expect(() => headers.append("X", value)).toThrow(TypeError);
    expect(() => headers.prepend("X", value)).toThrow(TypeError);
    expect(() => headers.set("Via", value)).toThrow(TypeError);
    expect(() => headers.replaceFirst("Via", value)).toThrow(TypeError);
    expect(() => new SipHeaders([["X", value]])).toThrow(TypeError);
    expect([...headers.entries()]).toEqual([...sample().entries()]);
  });

  test.each(["", "a b", "a:", "a\r\n", "ä"])("refuse the name %j", (name) => {
    expect(() => sample().append(name, "x")).toThrow(TypeError);
    expect(() => sample().get(name)).toThrow(TypeError);
  });

  test("take NUL in a quoted-pair, as RFC 3261 §25.1 has it", () => {
    expect(sample().set("To", '"\\\0" <sip:a@b>').to.displayName).toBe("\0");
  });
});

describe("typed views", () => {
  test("read what every layer asks for", () => {
    const headers = new SipHeaders([
      ["v", "SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b"],
      ["Via", "SIP/2.0/TLS c"],
      ["f", "<sip:a@b>;tag=1"],
      ["t", "sip:c@d"],
      ["CSeq", "7 BYE"],
      ["i", "x@y"],
      ["m", "<sip:e@f>, <sip:g@h>"],
      ["Max-Forwards", "0070"],
      ["l", "12"],
      ["Record-Route", "<sip:p1;lr>,<sip:p2;lr>"],
      ["Record-Route", "<sip:p3;lr>"],
      ["Route", "<sip:p4;lr>"],
    ]);
    expect(headers.via.transport).toBe("UDP");
    expect(headers.vias().map((via) => via.host)).toEqual(["a", "b", "c"]);
    expect(headers.from.tag).toBe("1");
    expect(headers.to.uri).toBe("sip:c@d");
    expect(headers.cseq).toEqual({ sequence: 7, method: "BYE" });
    expect(headers.callId).toBe("x@y");
    expect(headers.contact?.uri).toBe("sip:e@f");
    expect(headers.maxForwards).toBe(70);
    expect(headers.contentLength).toBe(12);
    expect(headers.recordRoutes).toEqual(["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]);
    expect(headers.routes).toEqual(["<sip:p4;lr>"]);
  });

  test("are undefined for optional headers that are absent, and for a Contact of *", () => {
    const headers = new SipHeaders();
    expect(headers.contact).toBeUndefined();
    expect(headers.maxForwards).toBeUndefined();
    expect(headers.contentLength).toBeUndefined();
    expect(new SipHeaders([["Contact", "*"]]).contact).toBeUndefined();
  });

  test("throw for mandatory headers that are absent", () => {
    const headers = new SipHeaders();
    for (const key of ["via", "from", "to", "cseq", "callId"] as const) {
      expect(refusalOf(() => headers[key]).message).toContain("is missing");
    }
  });

  test.each(
    [
      ["Max-Forwards", "256", "maxForwards"],
      ["Max-Forwards", "x", "maxForwards"],
      ["Max-Forwards", "", "maxForwards"],
      ["Content-Length", "-1", "contentLength"],
      ["Content-Length", "1, 1", "contentLength"],
      ["Content-Length", "4294967296", "contentLength"],
      ["Call-ID", "a b", "callId"],
      ["Call-ID", "", "callId"],
      ["Call-ID", "ä", "callId"],
      ["Contact", "nobody", "contact"],
    ] as const,
  )("throw for %s: %s", (name, value, view) => {
    const headers = new SipHeaders([[name, value]]);
    expect(refusalOf(() => headers[view]).statusCode).toBe(400);
  });

  test("are parsed once, and again after a change", () => {
    const headers = new SipHeaders([["To", "<sip:a@b>"]]);
    expect(headers.to).toBe(headers.to);
    expect(headers.set("To", "<sip:a@b>;tag=1").to.tag).toBe("1");
    expect(headers.delete("To").append("t", "<sip:a@b>;tag=2").to.tag).toBe("2");
    expect(headers.prepend("To", "<sip:a@b>;tag=3").to.tag).toBe("3");
  });
});
