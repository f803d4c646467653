import { describe, expect, test } from "bun:test";
import { parseSipDate } from "../../../src/sip/message/date.ts";
import type { SipRequest, SipResponse } from "../../../src/sip/message/message.ts";
import { parseFirstNameAddr, parseNameAddr } from "../../../src/sip/message/name_addr.ts";
import { parseMessage } from "../../../src/sip/message/parse.ts";
import type { SipParseError } from "../../../src/sip/message/parse_error.ts";
import { StreamFramer } from "../../../src/sip/message/stream_framer.ts";
import { parseSipUri, uriScheme } from "../../../src/sip/message/uri.ts";
import { bytesOf, refusalOf, textOf } from "./fixtures.ts";
import { vector, VECTOR_NAMES, VECTORS_PRESENT } from "./rfc4475_vectors.ts";

function request(name: string): SipRequest {
  const message = parseMessage(vector(name));
  if (message.type !== "request") throw new Error(`"${name}" is a response`);
  return message;
}

function response(name: string): SipResponse {
  const message = parseMessage(vector(name));
  if (message.type !== "response") throw new Error(`"${name}" is a request`);
  return message;
}

function refusal(name: string): SipParseError {
  return refusalOf(() => parseMessage(vector(name)));
}

/** The refusal of a request that is answered with `statusCode`. */
function answered(name: string, statusCode: number): SipRequest {
  const error = refusal(name);
  expect(error.statusCode).toBe(statusCode);
  if (error.request === undefined) throw new Error(`"${name}" cannot be answered`);
  expect(error.request.headers.via.host).not.toBe("");
  for (const key of ["From", "To", "Call-ID", "CSeq"]) {
    expect(error.request.headers.getAll(key)).toHaveLength(1);
  }
  return error.request;
}

describe.skipIf(!VECTORS_PRESENT)("RFC 4475 §3.1.1 valid messages", () => {
  test("3.1.1.1 wsinv: a short tortuous INVITE", () => {
    const { headers, requestUri, body } = request("wsinv");
    expect(requestUri).toBe("sip:vivekg@chair-dnrc.example.com;unknownparam");
    expect(headers.to.uri).toBe("sip:vivekg@chair-dnrc.example.com");
    expect(headers.to.tag).toBe("1918181833n");
    expect(headers.from.displayName).toBe('J Rosenberg \\"');
    expect(headers.from.tag).toBe("98asjd8");
    expect(headers.maxForwards).toBe(68);
    expect(headers.cseq).toEqual({ sequence: 9, method: "INVITE" });
    expect(headers.vias().map((via) => [via.transport, via.host, via.branch])).toEqual([
      ["UDP", "192.0.2.2", "390skdjuw"],
      ["TCP", "spindle.example.com", "z9hG4bK9ikj8"],
      ["UDP", "192.168.255.111", "z9hG4bK30239"],
    ]);
    expect(headers.get("Subject")).toBe("");
    expect(headers.get("NewFangledHeader")).toBe("newfangled value continued newfangled value");
    expect(headers.get("UnknownHeaderWithUnusualValue")).toBe(";;,,;;,;");
    expect(headers.routes).toEqual([
      "<sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
    ]);
    expect(headers.contact?.displayName).toBe('Quoted string ""');
    expect([...headers.contact?.parameters ?? []]).toEqual([
      ["newparam", "newvalue"],
      ["secondparam", undefined],
      ["q", "0.33"],
    ]);
    expect(body.length).toBe(150);
  });

  test("3.1.1.2 intmeth: a wide range of valid characters", () => {
    const { headers, method, requestUri } = request("intmeth");
    expect(method).toBe("!interesting-Method0123456789_*+`.%indeed'~");
    const uri = parseSipUri(requestUri);
    expect(uri.user).toBe("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
    expect(uri.password).toBe("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
    expect(uri.host).toBe("example.com");
    expect(headers.via.branch).toBe("z9hG4bK-.!%66*_+`'~");
    expect(headers.to.displayName).toBe("BEL:\x07 NUL:\0 DEL:\x7f");
    expect(headers.from.displayName).toBe("token1~` token2'+_ token3*%!.-");
    expect(headers.from.parameters.get("fromparam''~+*_!.-%")).toBe("работающий");
    expect(headers.from.tag).toBe("_token~1'+`*%!-.");
    expect(headers.callId).toBe("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
    expect(headers.cseq.method).toBe(method);
    expect(headers.maxForwards).toBe(255);
    expect(headers.get("extensionHeader-!.%*+_`'~")).toBe("\uFEFF大停電");
  });

  test("3.1.1.3 esc01: valid use of escapes", () => {
    const { headers, requestUri } = request("esc01");
    const uri = parseSipUri(requestUri);
    expect([uri.user, uri.host]).toEqual(["sips:user@example.com", "example.net"]);
    expect(parseSipUri(headers.to.uri).user).toBe("user");
    expect(parseSipUri(headers.from.uri).user).toBe("I have spaces");
    const contact = parseSipUri(headers.contact?.uri ?? "");
    expect(contact.user).toBe("caller");
    expect([...contact.parameters]).toEqual([["lr", undefined], ["name", "value%41"]]);
  });

  test("3.1.1.4 escnull: escaped NUL in URIs", () => {
    const { headers } = request("escnull");
    expect(parseSipUri(headers.to.uri).user).toBe("null-\0-null");
    const users = headers.values("Contact").map((one) => parseSipUri(parseNameAddr(one).uri).user);
    expect(users).toEqual(["\0", "\0\0"]);
  });

  test("3.1.1.5 esc02: % where it is no escape", () => {
    const { headers, method } = request("esc02");
    expect(method).toBe("RE%47IST%45R");
    expect(headers.cseq.method).toBe("RE%47IST%45R");
    expect(headers.to.displayName).toBe("%Z%45");
    expect(headers.via.branch).toBe("z9hG4bK209%fzsnel234");
    expect(headers.getAll("Contact")).toHaveLength(2);
    expect(headers.get("C%6Fntact")).toBe("<sip:alias2@host2.example.com>");
  });

  test("3.1.1.6 lwsdisp: no white space between display name and bracket", () => {
    const { from } = request("lwsdisp").headers;
    expect([from.displayName, from.uri, from.tag]).toEqual([
      "caller",
      "sip:caller@example.com",
      "323",
    ]);
  });

  test("3.1.1.7 longreq: long values", () => {
    const { headers, body } = request("longreq");
    expect(headers.vias()).toHaveLength(34);
    expect(headers.via.host).toBe("sip33.example.com");
    expect(headers.vias().at(-1)?.received).toBe("192.0.2.5");
    expect(headers.to.displayName).toMatch(/^I have a user name of (extreme){10} proportion$/);
    expect(parseSipUri(headers.to.uri).port).toBe(6000);
    expect(headers.from.tag?.length).toBeGreaterThan(100);
    expect(body.length).toBe(150);
  });

  test("3.1.1.8 dblreq: octets behind a datagram's message are dropped", () => {
    const { headers, method, body } = request("dblreq");
    expect(method).toBe("REGISTER");
    expect(headers.callId).toBe("dblreq.0ha0isndaksdj99sdfafnl3lk233412");
    expect(body.length).toBe(0);
  });

  test("3.1.1.8 dblreq: on a stream they are a ping and the next message", () => {
    const outputs = new StreamFramer().receive(vector("dblreq"));
    const kinds = outputs.map((one) => {
      const message = one.type === "message" ? parseMessage(one.bytes) : undefined;
      return message?.type === "request" ? message.method : one.type;
    });
    // One CRLF stands between the two, since the first one ends the REGISTER's headers
    expect(kinds).toEqual(["REGISTER", "INVITE"]);
  });

  test("3.1.1.9 semiuri: parameters in the user part", () => {
    const { headers, requestUri } = request("semiuri");
    const uri = parseSipUri(requestUri);
    expect(uri.user).toBe("user;par=u@example.net");
    expect(uri.parameters.size).toBe(0);
    expect(headers.values("Accept")).toHaveLength(6);
  });

  test("3.1.1.10 transports: varied and unknown transports", () => {
    expect(request("transports").headers.vias().map((via) => via.transport)).toEqual([
      "UDP",
      "SCTP",
      "TLS",
      "UNKNOWN",
      "TCP",
    ]);
  });

  test("3.1.1.11 mpart01: a multipart body with binary parts", () => {
    const { headers, body } = request("mpart01");
    expect(headers.get("Content-Type")).toBe("multipart/mixed;boundary=7a9cbec02ceef655");
    expect(headers.via.rport).toBe(true);
    expect(body.length).toBe(553);
    expect(textOf(body.subarray(-24))).toBe("\r\n--7a9cbec02ceef655--\r\n");
  });

  test("3.1.1.12 unreason: an unusual reason phrase", () => {
    expect(response("unreason").reasonPhrase).toBe(
      "= 2**3 * 5**2 но сто девяносто девять - простое",
    );
  });

  test("3.1.1.13 noreason: an empty reason phrase", () => {
    const { statusCode, reasonPhrase } = response("noreason");
    expect([statusCode, reasonPhrase]).toEqual([100, ""]);
  });
});

describe.skipIf(!VECTORS_PRESENT)("RFC 4475 §3.1.2 invalid messages", () => {
  test("3.1.2.1 badinv01: separators without values get 400", () => {
    const { headers } = answered("badinv01", 400);
    expect(headers.get("Via")).toBe("SIP/2.0/UDP 192.0.2.15");
    expect(refusalOf(() => headers.contact).statusCode).toBe(400);
  });

  test("3.1.2.2 clerr: a Content-Length above the message gets 400", () => {
    answered("clerr", 400);
  });

  test("3.1.2.3 ncl: a negative Content-Length gets 400, and ends a stream", () => {
    answered("ncl", 400);
    expect(refusalOf(() => new StreamFramer().receive(vector("ncl"))).statusCode).toBe(400);
  });

  test("3.1.2.4 scalar02: overlarge scalars get 400", () => {
    expect(refusal("scalar02").message).toContain("CSeq");
    const { headers } = answered("scalar02", 400);
    expect(refusalOf(() => headers.maxForwards).statusCode).toBe(400);
  });

  test("3.1.2.5 scalarlg: a response with an overlarge CSeq is dropped", () => {
    expect(refusal("scalarlg").message).toContain("CSeq");
    expect(refusal("scalarlg").request).toBeUndefined();
  });

  test("3.1.2.6 quotbal: an unterminated quote gets 400", () => {
    expect(answered("quotbal", 400).headers.get("To")).toBe(
      '"Mr. J. User <sip:j.user@example.com>',
    );
  });

  test("3.1.2.7 ltgtruri: a Request-URI in brackets gets 400", () => {
    answered("ltgtruri", 400);
  });

  test("3.1.2.8 lwsruri: white space in the Request-URI gets 400", () => {
    answered("lwsruri", 400);
  });

  test("3.1.2.9 lwsstart: two spaces in the Request-Line get 400", () => {
    answered("lwsstart", 400);
  });

  test("3.1.2.10 trws: spaces at the end of the Request-Line get 400", () => {
    answered("trws", 400);
  });

  test("3.1.2.11 escruri: headers in the Request-URI get 400", () => {
    answered("escruri", 400);
  });

  test("3.1.2.12 baddate: the Date is malformed, the rest may be used", () => {
    const { headers } = request("baddate");
    expect(refusalOf(() => parseSipDate(headers.get("Date") ?? "")).statusCode).toBe(400);
    expect(headers.contact?.uri).toBe("sip:caller@host5.example.net");
  });

  test("3.1.2.13 regbadct: a Contact with ? outside brackets is refused on its use", () => {
    const { headers } = request("regbadct");
    expect(refusalOf(() => headers.contact).statusCode).toBe(400);
  });

  test("3.1.2.14 badaspec: spaces inside the brackets get 400", () => {
    answered("badaspec", 400);
  });

  test("3.1.2.15 baddn: a comma in a display name without quotes gets 400", () => {
    // The file lacks the empty line that the RFC's message has
    const whole = bytesOf(`${textOf(vector("baddn"))}\r\n`);
    const error = refusalOf(() => parseMessage(whole));
    expect(error.statusCode).toBe(400);
    expect(error.offset).toBe(textOf(whole).indexOf(", Alexander"));
    expect(error.request?.headers.get("From")).toBe(
      "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
    );
  });

  test("3.1.2.16 badvers: another version gets 505", () => {
    answered("badvers", 505);
  });

  test("3.1.2.17 mismatch01: another method in CSeq gets 400", () => {
    expect(answered("mismatch01", 400).method).toBe("OPTIONS");
  });

  test("3.1.2.18 mismatch02: an unknown method and another in CSeq gets 501", () => {
    expect(answered("mismatch02", 501).method).toBe("NEWMETHOD");
  });

  test("3.1.2.19 bigcode: an overlarge status code is dropped", () => {
    expect(refusal("bigcode").message).toContain("4294967301");
    expect(refusal("bigcode").request).toBeUndefined();
  });
});

describe.skipIf(!VECTORS_PRESENT)("RFC 4475 §3.2 transaction layer", () => {
  test("3.2.1 badbranch: parses, with nothing behind the magic cookie", () => {
    expect(request("badbranch").headers.via.branch).toBe("z9hG4bK");
  });
});

describe.skipIf(!VECTORS_PRESENT)("RFC 4475 §3.3 application layer", () => {
  test("3.3.1 insuf: missing headers are an error that has no answer", () => {
    const error = refusal("insuf");
    expect(error.statusCode).toBe(400);
    expect(error.message).toContain("is missing");
    expect(error.request).toBeUndefined();
  });

  test("3.3.2 unkscm: parses, for the user agent to answer with 416", () => {
    expect(uriScheme(request("unkscm").requestUri)).toBe("nobodyknowsthisscheme");
  });

  test("3.3.3 novelsc: parses, for the user agent to answer with 416", () => {
    const { requestUri } = request("novelsc");
    expect(requestUri).toBe("soap.beep://192.0.2.103:3002");
    expect(uriScheme(requestUri)).toBe("soap.beep");
  });

  test("3.3.4 unksm2: unknown schemes in headers parse", () => {
    const { headers } = request("unksm2");
    expect(headers.to.uri).toBe("isbn:2983792873");
    expect(headers.from.uri).toBe("http://www.example.com");
    expect(headers.contact?.uri).toBe("name:John_Smith");
  });

  test("3.3.5 bext01: Require and Proxy-Require are lists", () => {
    const { headers } = request("bext01");
    expect(headers.values("Require")).toEqual([
      "nothingSupportsThis",
      "nothingSupportsThisEither",
    ]);
    expect(headers.values("Proxy-Require")).toHaveLength(2);
  });

  test("3.3.6 invut: an unknown body parses", () => {
    const { headers, body } = request("invut");
    expect(headers.get("Content-Type")).toBe("application/unknownformat");
    expect(body.length).toBe(40);
  });

  test("3.3.7 regaut01: an unknown Authorization parses", () => {
    expect(request("regaut01").headers.get("Authorization")).toBe(
      "NoOneKnowsThisScheme opaque-data=here",
    );
  });

  test("3.3.8 multi01: single headers that come twice get 400", () => {
    const { headers } = answered("multi01", 400);
    expect(headers.get("CSeq")).toBe("5 INVITE");
    expect(headers.callId).toBe("multi01.98asdh@192.0.2.1");
    expect(headers.from.tag).toBe("3413415");
    expect(headers.to.uri).toBe("sip:user@example.com");
  });

  test("3.3.9 mcl01: two Content-Lengths get 400, and end a stream", () => {
    answered("mcl01", 400);
    expect(refusalOf(() => new StreamFramer().receive(vector("mcl01"))).statusCode).toBe(400);
  });

  test("3.3.10 bcast: a response with a broadcast Via parses", () => {
    const { headers, statusCode } = response("bcast");
    expect(statusCode).toBe(200);
    expect(headers.vias().map((via) => via.host)).toEqual(["192.0.2.198", "255.255.255.255"]);
  });

  test("3.3.11 zeromf: Max-Forwards of 0 parses", () => {
    expect(request("zeromf").headers.maxForwards).toBe(0);
  });

  test("3.3.12 cparam01: a parameter behind a bare URI is the header's", () => {
    const contact = request("cparam01").headers.contact;
    expect(contact?.uri).toBe("sip:+19725552222@gw1.example.net");
    expect(contact?.parameters.has("unknownparam")).toBe(true);
  });

  test("3.3.13 cparam02: a parameter inside the brackets is the URI's", () => {
    const contact = request("cparam02").headers.contact;
    expect(contact?.parameters.size).toBe(0);
    expect(parseSipUri(contact?.uri ?? "").parameters.has("unknownparam")).toBe(true);
  });

  test("3.3.14 regescrt: headers in a Contact's URI parse", () => {
    const contact = parseFirstNameAddr(request("regescrt").headers.get("Contact") ?? "");
    expect(parseSipUri(contact.uri).headers).toBe("Route=%3Csip:sip.example.com%3E");
  });

  test("3.3.15 sdp01: an unacceptable Accept parses", () => {
    const { headers, body } = request("sdp01");
    expect(headers.values("Accept")).toEqual(["text/nobodyKnowsThis"]);
    expect(body.length).toBe(150);
  });
});

describe.skipIf(!VECTORS_PRESENT)("RFC 4475 §3.4 backward compatibility", () => {
  test("3.4.1 inv2543: RFC 2543 syntax parses", () => {
    const { headers, body } = request("inv2543");
    expect(headers.via.branch).toBeUndefined();
    expect(headers.from.tag).toBeUndefined();
    expect(headers.to.uri).toBe("sip:+16505552222@ss1.example.net");
    expect(headers.to.parameters.get("user")).toBe("phone");
    expect(headers.recordRoutes).toEqual(["<sip:UserB@example.com;maddr=ss1.example.com>"]);
    expect(headers.contentLength).toBeUndefined();
    expect(body.length).toBeGreaterThan(100);
  });
});

test.skipIf(!VECTORS_PRESENT)(
  "all 49 messages of RFC 4475 are there, and one that is not its",
  () => {
    expect(VECTOR_NAMES).toHaveLength(50);
  },
);
