import { describe, expect, test } from "bun:test";
import { createRequest, createResponse } from "../../../src/sip/message/build.ts";
import {
  bytesOf,
  INVITE,
  inviteAnd,
  inviteWith,
  parse,
  parseRequest,
  refusalOf,
} from "./fixtures.ts";
import { serializeMessage } from "../../../src/sip/message/serialize.ts";

describe("RFC 3261 §8.2.6 responses", () => {
  test("repeat Vias in order, From, To, Call-ID and CSeq, and nothing else", () => {
    const via = "Via: SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b\r\nv: SIP/2.0/UDP c";
    const response = createResponse(parseRequest(inviteWith("Via", via)), 200);
    expect([...response.headers.entries()]).toEqual([
      ["Via", "SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b"],
      ["v", "SIP/2.0/UDP c"],
      ["From", '"Alice" <sip:alice@example.com>;tag=1928301774'],
      ["To", "<sip:100@gw.example.com>"],
      ["Call-ID", "a84b4c76e66710@192.0.2.5"],
      ["CSeq", "314159 INVITE"],
    ]);
    expect(response.reasonPhrase).toBe("OK");
    expect(response.body.length).toBe(0);
  });

  test("put the tag into a To that has none, and leave what is there", () => {
    const response = createResponse(parseRequest(INVITE), 180, { toTag: "a6c85cf" });
    expect(response.headers.get("To")).toBe("<sip:100@gw.example.com>;tag=a6c85cf");
  });

  test("keep the tag of a To that has one", () => {
    const request = parseRequest(inviteWith("To", "To: <sip:100@gw.example.com> ; Tag = x"));
    const response = createResponse(request, 200, { toTag: "a6c85cf" });
    expect(response.headers.get("To")).toBe("<sip:100@gw.example.com> ; Tag = x");
  });

  test("§8.2.6.1: 100 repeats the Timestamp, others do not", () => {
    const request = parseRequest(inviteAnd("Timestamp: 54"));
    expect(createResponse(request, 100).headers.get("Timestamp")).toBe("54");
    expect(createResponse(request, 180).headers.has("Timestamp")).toBe(false);
  });

  test("carry headers, a body and its type", () => {
    const response = createResponse(parseRequest(INVITE), 200, {
      headers: [["Contact", "<sip:gw@192.0.2.10>"], ["Allow", "INVITE"]],
      body: bytesOf("v=0"),
      contentType: "application/sdp",
      reasonPhrase: "Fine",
    });
    expect(response.headers.get("Contact")).toBe("<sip:gw@192.0.2.10>");
    expect(response.headers.get("Content-Type")).toBe("application/sdp");
    expect(response.reasonPhrase).toBe("Fine");
    expect(parse(new TextDecoder().decode(serializeMessage(response))).body.length).toBe(3);
  });

  test("§20.15: keep the Content-Type that is handed in, and refuse a body without", () => {
    const request = parseRequest(INVITE);
    const body = bytesOf("x");
    const response = createResponse(request, 200, { headers: [["c", "a/b"]], body });
    expect(response.headers.getAll("Content-Type")).toEqual(["a/b"]);
    expect(() => createResponse(request, 200, { body })).toThrow(TypeError);
  });

  test("refuse a status code out of range and line breaks", () => {
    const request = parseRequest(INVITE);
    for (const statusCode of [99, 700, 200.5, Number.NaN]) {
      expect(() => createResponse(request, statusCode)).toThrow(RangeError);
    }
    expect(() => createResponse(request, 200, { reasonPhrase: "a\r\nB: c" })).toThrow(TypeError);
    expect(() => createResponse(request, 200, { toTag: "a\r\nB: c" })).toThrow(TypeError);
    expect(() => createResponse(request, 200, { headers: [["A", "\n"]] })).toThrow(TypeError);
  });

  test("answer a request that could not be parsed", () => {
    const broken = inviteWith("To", 'To: "Bob <sip:100@gw.example.com>');
    const { request, statusCode } = refusalOf(() => parse(broken));
    if (request === undefined) throw new Error("It cannot be answered");
    const response = createResponse(request, statusCode, { toTag: "t" });
    expect(response.statusCode).toBe(400);
    expect(response.headers.get("To")).toBe('"Bob <sip:100@gw.example.com>;tag=t');
    expect(response.headers.via.host).toBe("192.0.2.5");
  });

  test("answer a request with NUL in a quoted-pair", () => {
    const request = parseRequest(inviteWith("To", 'To: "\\\0" <sip:100@gw.example.com>'));
    const response = createResponse(request, 200, { toTag: "t" });
    expect(response.headers.to.displayName).toBe("\0");
  });
});

describe("requests that are built", () => {
  test("are made of exactly what is handed in", () => {
    const request = createRequest({
      method: "BYE",
      requestUri: "sip:a@b",
      headers: [["To", "<sip:a@b>"], ["X", "1"]],
    });
    expect([...request.headers.entries()]).toEqual([["To", "<sip:a@b>"], ["X", "1"]]);
    expect(request.method).toBe("BYE");
    expect(request.requestUri).toBe("sip:a@b");
  });

  test("say the type of their body", () => {
    const request = createRequest({
      method: "INFO",
      requestUri: "sip:a@b",
      headers: [],
      body: bytesOf("Signal=1"),
      contentType: "application/dtmf-relay",
    });
    expect(request.headers.get("Content-Type")).toBe("application/dtmf-relay");
  });

  test("are refused with a bad method, URI or header", () => {
    const good = { method: "BYE", requestUri: "sip:a@b", headers: [] };
    expect(() => createRequest({ ...good, method: "B YE" })).toThrow(TypeError);
    expect(() => createRequest({ ...good, method: "" })).toThrow(TypeError);
    expect(() => createRequest({ ...good, requestUri: "sip:a b" })).toThrow(TypeError);
    expect(() => createRequest({ ...good, requestUri: "sip:a\r\nX: y" })).toThrow(TypeError);
    expect(() => createRequest({ ...good, requestUri: "" })).toThrow(TypeError);
    expect(() => createRequest({ ...good, headers: [["A", "b\r\nc"]] })).toThrow(TypeError);
  });
});
