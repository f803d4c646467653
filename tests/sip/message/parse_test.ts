import { describe, expect, test } from "bun:test";
import { SIP_LIMITS } from "../../../src/sip/message/limits.ts";
import { isKeepAlive, parseMessage } from "../../../src/sip/message/parse.ts";
import {
  bytesOf,
  INVITE,
  INVITE_LINES,
  inviteAnd,
  inviteWith,
  OK,
  OK_LINES,
  parse,
  parseRequest,
  parseResponse,
  refusalOf,
  SDP,
  textOf,
  wire,
} from "./fixtures.ts";

function statusOf(text: string): number {
  return refusalOf(() => parse(text)).statusCode;
}

describe("RFC 3261 §7.1 requests", () => {
  test("have method, Request-URI, headers and body", () => {
    const request = parseRequest(INVITE);
    expect(request.method).toBe("INVITE");
    expect(request.requestUri).toBe("sip:100@gw.example.com");
    expect(request.headers.via.branch).toBe("z9hG4bK776asdhds");
    expect(request.headers.from.displayName).toBe("Alice");
    expect(request.headers.get("x-room-id")).toBe("blue");
    expect(textOf(request.body)).toBe(SDP);
  });

  test("take an unknown method and an unknown scheme", () => {
    const text = INVITE.replace("INVITE sip:100@gw.example.com", "FOO news:comp.sip")
      .replace("314159 INVITE", "314159 FOO");
    expect(parseRequest(text).method).toBe("FOO");
    expect(parseRequest(text).requestUri).toBe("news:comp.sip");
  });

  test("take the version in any case, and nothing but 2.0", () => {
    expect(parseRequest(INVITE.replace("SIP/2.0\r\n", "sip/2.0\r\n")).method).toBe("INVITE");
    expect(statusOf(INVITE.replace("SIP/2.0\r\n", "SIP/3.0\r\n"))).toBe(505);
    expect(statusOf(INVITE.replace("SIP/2.0\r\n", "SIP/2.00\r\n"))).toBe(505);
    expect(statusOf(INVITE.replace("SIP/2.0\r\n", "HTTP/1.1\r\n"))).toBe(400);
  });

  test.each([
    "INVITE",
    "INVITE ",
    "INVITE sip:a@b",
    " sip:a@b SIP/2.0",
    "INV<ITE sip:a@b SIP/2.0",
    "INVITE  sip:a@b SIP/2.0",
    "INVITE\tsip:a@b\tSIP/2.0",
    "INVITE sip:a@b SIP/2.0 ",
    "INVITE a@b SIP/2.0",
    "INVITE sip: SIP/2.0",
    "INVITE sip:a%zz@b SIP/2.0",
    "INVITE sip:ä@b SIP/2.0",
    "INVITE sip:a@b?X=y SIP/2.0",
  ])("refuse the start line %j", (line) => {
    expect(statusOf(wire([line, ...INVITE_LINES.slice(1)], SDP))).toBe(400);
  });
});

describe("RFC 3261 §7.2 responses", () => {
  test("have status code and reason phrase", () => {
    const response = parseResponse(OK);
    expect(response.statusCode).toBe(200);
    expect(response.reasonPhrase).toBe("OK");
    expect(response.headers.to.tag).toBe("a6c85cf");
  });

  test("may lack the reason phrase, and its space", () => {
    for (const line of ["SIP/2.0 183 ", "SIP/2.0 183"]) {
      const response = parseResponse(wire([line, ...OK_LINES.slice(1)]));
      expect([response.statusCode, response.reasonPhrase]).toEqual([183, ""]);
    }
  });

  test.each(["SIP/2.0", "SIP/2.0 ", "SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 2000 OK"])(
    "refuse the start line %j, without anybody to answer",
    (line) => {
      const refusal = refusalOf(() => parse(wire([line, ...OK_LINES.slice(1)])));
      expect(refusal.statusCode).toBe(400);
      expect(refusal.request).toBeUndefined();
    },
  );

  test("of another version are refused", () => {
    expect(statusOf(OK.replace("SIP/2.0 200", "SIP/3.0 200"))).toBe(505);
  });
});

describe("RFC 3261 §7.3.1 header syntax", () => {
  test("takes white space before the colon and none behind it", () => {
    expect(parseRequest(inviteAnd("X-A \t :b")).headers.get("X-A")).toBe("b");
  });

  test("unfolds, and keeps the spaces inside a line", () => {
    const text = inviteAnd("X-A:\r\n  one  two \r\n\t three\r\n ");
    expect(parseRequest(text).headers.get("X-A")).toBe("one  two three");
  });

  test("keeps UTF-8, and U+FEFF at the start of a value", () => {
    expect(parseRequest(inviteAnd("X-A: \uFEFF大停電")).headers.get("X-A")).toBe("\uFEFF大停電");
  });

  test.each([
    "no colon",
    ": no name",
    "a b: space in name",
    "ä: not ASCII",
    "X: lf\nalone",
    "X: cr\ralone",
    "X: nul\0",
  ])("refuses the line %j", (line) => {
    expect(statusOf(inviteAnd(line))).toBe(400);
  });

  test("refuses a continuation of the start line", () => {
    expect(statusOf(INVITE.replace("\r\nVia", "\r\n Via"))).toBe(400);
  });

  test("refuses LF alone as line ends, and a message without an empty line", () => {
    expect(statusOf(INVITE.replaceAll("\r\n", "\n"))).toBe(400);
    expect(statusOf(INVITE_LINES.join("\r\n"))).toBe(400);
    expect(statusOf("")).toBe(400);
  });

  test("refuses what is not UTF-8, and answers it", () => {
    const bytes = bytesOf(INVITE);
    bytes[INVITE.indexOf("Alice")] = 0xe9;
    const refusal = refusalOf(() => parseMessage(bytes));
    expect(refusal.statusCode).toBe(400);
    expect(refusal.request?.headers.callId).toBe("a84b4c76e66710@192.0.2.5");
  });

  test("§7.5: ignores line breaks before the start line", () => {
    expect(parseRequest(`\r\n\r\n${INVITE}`).method).toBe("INVITE");
  });
});

describe("RFC 3261 §8.1.1 mandatory headers", () => {
  test.each(["Via", "From", "To", "Call-ID", "CSeq"])("%s must be there", (name) => {
    const refusal = refusalOf(() => parse(inviteWith(name, undefined)));
    expect(refusal.statusCode).toBe(400);
    expect(refusal.message).toContain(`"${name}"`);
    expect(refusal.request).toBeUndefined();
  });

  test("Max-Forwards and Content-Length may be missing", () => {
    expect(parseRequest(inviteWith("Max-Forwards", undefined)).headers.maxForwards).toBeUndefined();
    expect(textOf(parse(inviteWith("Content-Length", undefined)).body)).toBe(SDP);
  });

  test.each([
    ["Via", "SIP/2.0/UDP"],
    ["From", '"Alice <sip:alice@example.com>;tag=1'],
    ["To", "100@gw.example.com"],
    ["Call-ID", "a b"],
    ["CSeq", "INVITE 314159"],
    ["CSeq", "2147483648 INVITE"],
    ["Max-Forwards", "256"],
    ["Content-Length", "-1"],
    ["Content-Length", "1e1"],
  ])("%s: %s is refused", (name, value) => {
    expect(statusOf(inviteWith(name, `${name}: ${value}`))).toBe(400);
  });

  test("Expires must be a number below 2**32", () => {
    expect(parse(inviteAnd("Expires: 4294967295")).headers.get("Expires")).toBe("4294967295");
    expect(statusOf(inviteAnd("Expires: 4294967296"))).toBe(400);
    expect(statusOf(inviteAnd("Expires: soon"))).toBe(400);
  });

  test.each(["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type"])(
    "%s must not come twice, whatever its form",
    (name) => {
      const line = INVITE_LINES.find((one) => one.startsWith(`${name}:`)) as string;
      expect(statusOf(inviteAnd(line))).toBe(400);
      expect(statusOf(inviteAnd(line.toLowerCase()))).toBe(400);
    },
  );

  test("§8.1.1.5: CSeq must have the request's method", () => {
    expect(statusOf(inviteWith("CSeq", "CSeq: 314159 BYE"))).toBe(400);
    expect(statusOf(inviteWith("CSeq", "CSeq: 314159 invite"))).toBe(400);
    expect(parseResponse(OK.replace("314159 INVITE", "314159 BYE")).headers.cseq.method)
      .toBe("BYE");
  });
});

describe("RFC 3261 §18.3 bodies", () => {
  const withLength = (length: number) => inviteWith("Content-Length", `Content-Length: ${length}`);

  test("end where Content-Length says, and do not change with the input", () => {
    const bytes = bytesOf(withLength(3));
    const message = parseMessage(bytes);
    expect(textOf(message.body)).toBe("v=0");
    bytes.fill(0);
    expect(textOf(message.body)).toBe("v=0");
  });

  test("shorter than Content-Length are refused", () => {
    const refusal = refusalOf(() => parse(withLength(SDP.length + 1)));
    expect(refusal.statusCode).toBe(400);
    expect(refusal.request?.method).toBe("INVITE");
  });

  test("§20.14: must have a Content-Length on a stream", () => {
    const text = inviteWith("Content-Length", undefined);
    expect(refusalOf(() => parse(text, { transport: "stream" })).statusCode).toBe(400);
  });
});

describe("limits of a message", () => {
  const status = (text: string, limits: Partial<typeof SIP_LIMITS>) =>
    refusalOf(() => parse(text, { limits: { ...SIP_LIMITS, ...limits } })).statusCode;

  test("each have their status code", () => {
    expect(status(INVITE, { messageBytesMax: INVITE.length - 1 })).toBe(513);
    expect(status(INVITE, { bodyBytesMax: SDP.length - 1 })).toBe(413);
    expect(status(INVITE, { requestUriBytesMax: "sip:100@gw.example.com".length - 1 })).toBe(414);
    expect(status(INVITE, { headersMax: INVITE_LINES.length - 2 })).toBe(513);
    expect(status(INVITE, { headerBytesMax: 62 })).toBe(513);
  });

  test("are inclusive", () => {
    const limits = {
      messageBytesMax: INVITE.length,
      bodyBytesMax: SDP.length,
      requestUriBytesMax: "sip:100@gw.example.com".length,
      headersMax: INVITE_LINES.length - 1,
      headerBytesMax: Math.max(...INVITE_LINES.slice(1).map((line) => line.length + 2)),
    };
    expect(parse(INVITE, { limits }).type).toBe("request");
  });

  test("hold for folded lines as a whole", () => {
    const line = `X: ${"a\r\n ".repeat(SIP_LIMITS.headerBytesMax / 4)}b`;
    expect(statusOf(inviteAnd(line))).toBe(513);
  });
});

describe("what a refusal says", () => {
  test("is where the fault lies, in bytes", () => {
    const at = (text: string, part: string) => bytesOf(text.slice(0, text.indexOf(part))).length;
    const cseq = inviteWith("CSeq", "CSeq:  x INVITE").replace('"Alice"', '"Älice"');
    expect(refusalOf(() => parse(cseq)).offset).toBe(at(cseq, "x INVITE"));
    const uri = INVITE.replace("sip:100@", "sip:1%zz@");
    expect(refusalOf(() => parse(uri)).offset).toBe(at(uri, "%zz"));
    const line = inviteAnd("no colon");
    expect(refusalOf(() => parse(line)).offset).toBe(at(line, "no colon"));
  });

  test("is how to answer the request", () => {
    const text = inviteAnd("no colon");
    const { request } = refusalOf(() => parse(text));
    expect(request?.method).toBe("INVITE");
    expect(request?.headers.via.branch).toBe("z9hG4bK776asdhds");
    expect(request?.headers.cseq.sequence).toBe(314159);
    expect(request?.headers.get("X-Room-ID")).toBe("blue");
    expect(request?.body.length).toBe(0);
  });

  test("leaves out what an answer must not repeat twice", () => {
    const { request } = refusalOf(() => parse(inviteAnd("t: <sip:other@gw.example.com>")));
    expect(request?.headers.getAll("To")).toEqual(["<sip:100@gw.example.com>"]);
  });

  test("mends a topmost Via so that the answer finds its way", () => {
    const line = "Via: SIP/2.0/UDP 192.0.2.15;;branch=z9;x=;,;,SIP/2.0/TCP b";
    const { request } = refusalOf(() => parse(inviteWith("Via", line)));
    expect(request?.headers.getAll("Via")).toEqual([
      "SIP/2.0/UDP 192.0.2.15;branch=z9, SIP/2.0/TCP b",
    ]);
  });

  test("gives up where nothing says whom to answer", () => {
    const { request } = refusalOf(() => parse(inviteWith("Via", "Via: nonsense")));
    expect(request).toBeUndefined();
  });
});

describe("RFC 5626 §3.5.1 keep-alives over datagrams", () => {
  test("are told from messages", () => {
    for (const text of ["", "\r\n", "\r\n\r\n", "\0", "\0\0\0\0"]) {
      expect(isKeepAlive(bytesOf(text))).toBe(true);
    }
    for (const text of ["x", INVITE, "\r\n".repeat(100)]) {
      expect(isKeepAlive(bytesOf(text))).toBe(false);
    }
  });
});
