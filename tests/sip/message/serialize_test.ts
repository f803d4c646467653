import { describe, expect, test } from "bun:test";
import { createRequest } from "../../../src/sip/message/build.ts";
import { SipHeaders } from "../../../src/sip/message/headers.ts";
import { describeMessage, serializeMessage } from "../../../src/sip/message/serialize.ts";
import { bytesOf, INVITE, OK, parse, parseResponse, textOf } from "./fixtures.ts";

describe("RFC 3261 §7 messages on the wire", () => {
  test("a request and a response come out as they went in", () => {
    expect(textOf(serializeMessage(parse(INVITE)))).toBe(INVITE);
    expect(textOf(serializeMessage(parse(OK)))).toBe(OK);
  });

  test("§7.3.1: folded lines come out as one", () => {
    const folded = INVITE.replace("X-Room-ID: blue", "X-Room-ID: blue\r\n \t green\r\n\tred");
    expect(textOf(serializeMessage(parse(folded)))).toContain("\r\nX-Room-ID: blue green red\r\n");
  });

  test("§20.14: Content-Length is put right where it stands, and comes once", () => {
    const headers = new SipHeaders([["l", "99"], ["A", "b"], ["Content-Length", "7"]]);
    const request = { ...createRequest({ method: "INFO", requestUri: "sip:a", headers: [] }) };
    const text = textOf(serializeMessage({ ...request, headers, body: bytesOf("äö") }));
    expect(text).toBe("INFO sip:a SIP/2.0\r\nl: 4\r\nA: b\r\n\r\näö");
  });

  test("§20.14: Content-Length is added where it is missing", () => {
    const request = createRequest({ method: "INFO", requestUri: "sip:a", headers: [["A", "b"]] });
    expect(textOf(serializeMessage(request))).toBe(
      "INFO sip:a SIP/2.0\r\nA: b\r\nContent-Length: 0\r\n\r\n",
    );
  });

  test("an empty reason phrase keeps its space", () => {
    const text = textOf(serializeMessage({ ...parseResponse(OK), reasonPhrase: "" }));
    expect(text.startsWith("SIP/2.0 200 \r\n")).toBe(true);
  });

  test("a start line with a line break or NUL is refused", () => {
    const response = parseResponse(OK);
    for (const reasonPhrase of ["a\r\nX: y", "a\nb", "a\0"]) {
      expect(() => serializeMessage({ ...response, reasonPhrase })).toThrow(TypeError);
    }
  });
});

describe("one line about a message", () => {
  test("names method and URI, or status and method", () => {
    expect(describeMessage(parse(INVITE))).toBe("INVITE sip:100@gw.example.com");
    expect(describeMessage(parse(OK))).toBe("200 OK (INVITE)");
    expect(describeMessage({ ...parseResponse(OK), reasonPhrase: "" })).toBe("200 OK (INVITE)");
  });

  test("is printable and short whatever came", () => {
    const response = { ...parseResponse(OK), reasonPhrase: `\x1b[31m${"x".repeat(500)}` };
    const line = describeMessage(response);
    expect(line).not.toContain("\x1b");
    expect(line.length).toBeLessThan(101);
    expect(describeMessage({ ...response, headers: new SipHeaders() }).length).toBeLessThan(101);
  });
});
