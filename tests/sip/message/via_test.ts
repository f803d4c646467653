import { describe, expect, test } from "bun:test";
import { SipHeaders } from "../../../src/sip/message/headers.ts";
import {
  parseFirstVia,
  parseVia,
  serializeVia,
  type Source,
  stampTopVia,
} from "../../../src/sip/message/via.ts";
import { PARAMETERS_MAX } from "../../../src/sip/message/parameters.ts";
import { refusalOf } from "./fixtures.ts";

describe("RFC 3261 §20.42 Via", () => {
  test("reads transport, sent-by and parameters", () => {
    const via = parseVia("SIP/2.0/UDP erlang.example.com:5060;branch=z9hG4bK87asdks7;ttl=1;x");
    expect({ ...via, parameters: [...via.parameters] }).toEqual({
      transport: "UDP",
      host: "erlang.example.com",
      port: 5060,
      branch: "z9hG4bK87asdks7",
      received: undefined,
      rport: undefined,
      parameters: [["branch", "z9hG4bK87asdks7"], ["ttl", "1"], ["x", undefined]],
    });
  });

  test("takes white space around every delimiter", () => {
    const via = parseVia("SIP /  2.0 /\tudp first.example.com : 4000 ; ttl = 16 ; branch = a");
    expect(via.transport).toBe("UDP");
    expect(via.host).toBe("first.example.com");
    expect(via.port).toBe(4000);
    expect(via.branch).toBe("a");
  });

  test("reads IPv6 addresses without their brackets", () => {
    const via = parseVia("SIP/2.0/TCP [2001:db8::9:1]:5061;received=[2001:db8::9:255];branch=a");
    expect(via.host).toBe("2001:db8::9:1");
    expect(via.port).toBe(5061);
    expect(via.received).toBe("2001:db8::9:255");
    expect(parseVia("SIP/2.0/UDP [::1];received=::2").received).toBe("::2");
  });

  test("RFC 3581 §3: reads rport without and with a value", () => {
    expect(parseVia("SIP/2.0/UDP a").rport).toBeUndefined();
    expect(parseVia("SIP/2.0/UDP a;rport").rport).toBe(true);
    expect(parseVia("SIP/2.0/UDP a;rport=9988").rport).toBe(9988);
  });

  test("takes another version and transport", () => {
    expect(parseVia("SIP/7.0/UNKNOWN t4.example.com").transport).toBe("UNKNOWN");
  });

  test.each([
    "",
    "SIP/2.0",
    "SIP/2.0/UDP",
    "SIP/2.0/UDP ",
    "SIP/2.0 UDP a",
    "/2.0/UDP a",
    "SIP/2.0/UDP ;branch=a",
    "SIP/2.0/UDP a:",
    "SIP/2.0/UDP a:x",
    "SIP/2.0/UDP a:65536",
    "SIP/2.0/UDP a b",
    "SIP/2.0/UDP [::1",
    "SIP/2.0/UDP [192.0.2.1]",
    "SIP/2.0/UDP [fe80::1%25eth0]",
    "SIP/2.0/UDP a;;branch=b",
    "SIP/2.0/UDP a;branch=",
    "SIP/2.0/UDP a;branch=b;branch=c",
    "SIP/2.0/UDP a;rport=x",
    "SIP/2.0/UDP a;rport=99999",
    "SIP/2.0/UDP a, SIP/2.0/UDP b",
  ])("refuses %j", (text) => {
    expect(refusalOf(() => parseVia(text)).statusCode).toBe(400);
  });

  test("reads so many parameters and no more", () => {
    const parameters = Array.from({ length: PARAMETERS_MAX }, (_, at) => `;p${at}`).join("");
    expect(parseVia(`SIP/2.0/UDP a${parameters}`).parameters.size).toBe(PARAMETERS_MAX);
    expect(refusalOf(() => parseVia(`SIP/2.0/UDP a${parameters};x`)).statusCode).toBe(400);
  });

  test("is written as it was read", () => {
    const text = "SIP/2.0/TCP [2001:db8::1]:5061;rport;branch=z9;received=192.0.2.1;x=y";
    expect(serializeVia(parseVia(text))).toBe(text);
  });

  test("is written with the fields, whatever the parameters say", () => {
    const via = parseVia("SIP/2.0/UDP a;rport;branch=z9");
    const filled = serializeVia({ ...via, rport: 5070, received: "192.0.2.7" });
    expect(filled).toBe("SIP/2.0/UDP a;rport=5070;branch=z9;received=192.0.2.7");
    const emptied = serializeVia({ ...via, rport: undefined, branch: "other" });
    expect(emptied).toBe("SIP/2.0/UDP a;branch=other");
  });
});

describe("RFC 3261 §18.2.1, RFC 3581 §4 the topmost Via is told its source", () => {
  const source = { received: "192.0.2.7", rport: 5070 };

  function stamped(line: string, told: Source = source): string | undefined {
    const headers = new SipHeaders([["Via", line]]);
    stampTopVia(headers, told);
    expect(headers.via).toMatchObject(told);
    expect(parseFirstVia(headers.get("Via") ?? "")).toMatchObject(told);
    return headers.get("Via");
  }

  test.each([
    ["SIP/2.0/UDP a;rport;branch=1", "SIP/2.0/UDP a;rport=5070;branch=1;received=192.0.2.7"],
    ["SIP/2.0/UDP a;branch=1;rport", "SIP/2.0/UDP a;branch=1;rport=5070;received=192.0.2.7"],
    ["SIP/2.0/UDP a:9;branch=1;RPort", "SIP/2.0/UDP a:9;branch=1;rport=5070;received=192.0.2.7"],
    ["SIP/2.0/UDP a;rport ;x=1", "SIP/2.0/UDP a;rport=5070;x=1;received=192.0.2.7"],
    ["SIP/2.0/UDP a;rport=1;x", "SIP/2.0/UDP a;rport=5070;x;received=192.0.2.7"],
    ["SIP/2.0/UDP a;rports;rport", "SIP/2.0/UDP a;rports;rport=5070;received=192.0.2.7"],
    ['SIP/2.0/UDP a;x=";rport";rport', 'SIP/2.0/UDP a;x=";rport";rport=5070;received=192.0.2.7'],
    ["SIP/2.0/UDP a;received=b;rport", "SIP/2.0/UDP a;received=192.0.2.7;rport=5070"],
    [
      "SIP/2.0/UDP a;rport,SIP/2.0/UDP b",
      "SIP/2.0/UDP a;rport=5070;received=192.0.2.7,SIP/2.0/UDP b",
    ],
  ])("%j becomes %j", (line, expected) => {
    expect(stamped(line)).toBe(expected);
  });

  test("of the port only where it was asked for, of whichever Via", () => {
    const unasked = { ...source, rport: undefined };
    expect(stamped("SIP/2.0/UDP a;branch=1", unasked))
      .toBe("SIP/2.0/UDP a;branch=1;received=192.0.2.7");
    expect(stamped("SIP/2.0/UDP a,SIP/2.0/UDP b;rport", unasked))
      .toBe("SIP/2.0/UDP a;received=192.0.2.7,SIP/2.0/UDP b;rport");
  });

  test("alone, where several lines are there", () => {
    const headers = new SipHeaders([["Via", "SIP/2.0/UDP a;rport"], ["v", "SIP/2.0/UDP b;rport"]]);
    stampTopVia(headers, source);
    expect(headers.getAll("Via")).toEqual([
      "SIP/2.0/UDP a;rport=5070;received=192.0.2.7",
      "SIP/2.0/UDP b;rport",
    ]);
  });

  test("alone, where several share a line, quoted commas included", () => {
    const headers = new SipHeaders([
      ["Via", 'SIP/2.0/UDP a;branch=1;x="p,q" , SIP/2.0/TCP b,SIP/2.0/TLS c'],
    ]);
    stampTopVia(headers, { ...source, rport: undefined });
    expect(headers.vias().map((via) => `${via.host} ${via.received}`)).toEqual([
      "a 192.0.2.7",
      "b undefined",
      "c undefined",
    ]);
  });

  test("and there must be one", () => {
    expect(refusalOf(() => stampTopVia(new SipHeaders(), source)).statusCode).toBe(400);
  });
});
