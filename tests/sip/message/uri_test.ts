import { describe, expect, test } from "bun:test";
import {
  parseSipUri,
  sameSipUri,
  serializeSipUri,
  uriParts,
  uriScheme,
} from "../../../src/sip/message/uri.ts";
import { refusalOf } from "./fixtures.ts";

describe("RFC 3261 §19.1.1 SIP and SIPS URIs", () => {
  test("reads every component", () => {
    const uri = parseSipUri("sips:alice:pa$s@atlanta.com:5061;transport=tcp;lr?subject=x&to=b");
    expect(uri).toEqual({
      scheme: "sips",
      user: "alice",
      password: "pa$s",
      host: "atlanta.com",
      port: 5061,
      parameters: new Map([["transport", "tcp"], ["lr", undefined]]),
      headers: "subject=x&to=b",
    });
  });

  test("reads the shortest", () => {
    const uri = parseSipUri("SIP:h");
    expect([uri.scheme, uri.user, uri.host, uri.port]).toEqual(["sip", undefined, "h", undefined]);
  });

  test("reads IPv6 addresses without their brackets", () => {
    const uri = parseSipUri("sip:alice@[2001:db8::10]:5070;lr");
    expect(uri.host).toBe("2001:db8::10");
    expect(uri.port).toBe(5070);
    expect(serializeSipUri(uri)).toBe("sip:alice@[2001:db8::10]:5070;lr");
  });

  test("takes semicolons and question marks in the user", () => {
    const uri = parseSipUri("sip:user;par=u%40example.net?x@example.com");
    expect(uri.user).toBe("user;par=u@example.net?x");
    expect(uri.parameters.size).toBe(0);
    expect(uri.headers).toBeUndefined();
  });

  test("takes # in the user and _ in the host, which are common", () => {
    const uri = parseSipUri("sip:*72#@my_pbx");
    expect(uri.user).toBe("*72#");
    expect(serializeSipUri(uri)).toBe("sip:*72%23@my_pbx");
  });

  test.each([
    "",
    "sip:",
    "sip:@h",
    "sip:a@",
    "sip:a b@h",
    "sip:a@h h",
    "sip:a@h; lr",
    "sip:a@h;",
    "sip:a@h;;lr",
    "sip:a@h;=x",
    "sip:a@h;x=",
    "sip:a@h;lr;LR",
    "sip:a@h?",
    "sip:a@h?a<b",
    "sip:a@h:",
    "sip:a@h:x",
    "sip:a@h:65536",
    "sip:a@h:-1",
    "sip:a@b@c",
    "sip:a@[::1",
    "sip:a@[nonsense]",
    "sip:a%zz@h",
    "sip:a%4@h",
    "sip:a@h;x=%",
    "sip:a<@h",
    "sip:ä@h",
    "sip:a@hä",
    "tel:+1",
    "<sip:a@h>",
    " sip:a@h",
  ])("refuses %j", (text) => {
    expect(refusalOf(() => parseSipUri(text)).statusCode).toBe(400);
  });
});

describe("RFC 3261 §19.1.2 escapes", () => {
  test("are read in user, password and parameters", () => {
    const uri = parseSipUri("sip:%61l%20ice:%70w@h;%6C%72;n%61me=v%61lue%25%34%31");
    expect(uri.user).toBe("al ice");
    expect(uri.password).toBe("pw");
    expect([...uri.parameters]).toEqual([["lr", undefined], ["name", "value%41"]]);
  });

  test("of NUL are a character like others", () => {
    const uri = parseSipUri("sip:null-%00-null@h");
    expect(uri.user).toBe("null-\0-null");
    expect(serializeSipUri(uri)).toBe("sip:null-%00-null@h");
  });

  test("of UTF-8 are characters, and of other bytes come back as they were", () => {
    expect(parseSipUri("sip:J%C3%BCrgen@h").user).toBe("Jürgen");
    for (const text of ["sip:J%C3%BCrgen@h", "sip:caf%E9%80@h", "sip:%F0%9F%93%9E@h"]) {
      expect(serializeSipUri(parseSipUri(text))).toBe(text);
    }
  });

  test("are written where a character would delimit", () => {
    const uri = { ...parseSipUri("sip:a@h"), user: "sips:user@example.com" };
    expect(serializeSipUri(uri)).toBe("sip:sips%3Auser%40example.com@h");
    const parameters = new Map([["x", "a;b=c?d"]]);
    expect(serializeSipUri({ ...uri, user: "a", parameters })).toBe("sip:a@h;x=a%3Bb%3Dc%3Fd");
  });
});

describe("RFC 3261 §19.1.4 equivalence", () => {
  const same = (a: string, b: string) => sameSipUri(parseSipUri(a), parseSipUri(b));

  test.each([
    ["sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"],
    ["sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"],
    [
      "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
      "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ],
    [
      "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
      "sip:alice@atlanta.com?priority=urgent&Subject=project%20x",
    ],
    ["sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"],
  ])("%s equals %s", (a, b) => {
    expect(same(a, b)).toBe(true);
    expect(same(b, a)).toBe(true);
  });

  test.each([
    ["SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"],
    ["sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"],
    ["sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"],
    ["sip:bob@biloxi.com", "sips:bob@biloxi.com"],
    ["sip:bob@biloxi.com", "sip:bob:pw@biloxi.com"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com;user=phone"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com;maddr=192.0.2.4"],
  ])("%s differs from %s", (a, b) => {
    expect(same(a, b)).toBe(false);
    expect(same(b, a)).toBe(false);
  });
});

describe("what is asked of any URI", () => {
  test("its scheme is in lower case, and empty for none", () => {
    expect(uriScheme("SIPS:a@b")).toBe("sips");
    expect(uriScheme("soap.beep://192.0.2.103:3002")).toBe("soap.beep");
    expect(uriScheme("alice@example.com")).toBe("");
    expect(uriScheme("1a:b")).toBe("");
    expect(uriScheme("<sip:a@b>")).toBe("");
    expect(uriScheme("")).toBe("");
  });

  test("its parts are what can be made out", () => {
    expect(uriParts("sip:%61lice:pw@example.com:5070;lr")).toEqual({
      user: "alice",
      host: "example.com",
    });
    expect(uriParts("sip:example.com")).toEqual({ user: "", host: "example.com" });
    expect(uriParts("tel:+1-201-555-0123;phone-context=x")).toEqual({
      user: "+1-201-555-0123",
      host: "",
    });
    expect(uriParts("http://www.example.com")).toEqual({ user: "", host: "" });
  });

  test("its parts are guessed when it is malformed", () => {
    expect(uriParts("sip:a%zz@example.com;;lr")).toEqual({ user: "a%zz", host: "example.com" });
    expect(uriParts("sip:")).toEqual({ user: "", host: "" });
    expect(uriParts("nonsense")).toEqual({ user: "", host: "" });
  });
});
