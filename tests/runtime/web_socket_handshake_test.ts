import { describe, expect, test } from "bun:test";
import { type HttpHead, HttpHeadReader } from "../../src/runtime/http_head.ts";
import {
  answerUpgrade,
  formatUpgrade,
  isUpgraded,
} from "../../src/runtime/web_socket_handshake.ts";
import { bytes, upgradeRequest } from "./stream_pair.ts";

const ASKED = {
  host: "pbx.example.test",
  path: "/ws",
  key: "dGhlIHNhbXBsZSBub25jZQ==",
  subprotocol: "sip",
};

function headOf(kind: "request" | "response", text: string): HttpHead {
  const read = new HttpHeadReader(kind).receive(bytes(text));
  if (read === undefined) throw new Error("Not complete");
  return read.head;
}

/** The first line of an answer, and its header fields. */
function answered(request: string, subprotocol: string | undefined = "sip"): string[] {
  const answer = answerUpgrade(headOf("request", request), subprotocol);
  const lines = new TextDecoder().decode(answer.bytes).split("\r\n");
  expect(answer.accepted).toBe(lines[0] === "HTTP/1.1 101 Switching Protocols");
  return lines;
}

describe("RFC 6455 §4.2.2 server's handshake", () => {
  test("answers the example of §1.3 with its Sec-WebSocket-Accept, and RFC 7118's subprotocol", () => {
    expect(answered(upgradeRequest())).toEqual([
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
      "Sec-WebSocket-Protocol: sip",
      "",
      "",
    ]);
  });

  test("takes tokens in any case, among others", () => {
    const lines = answered(upgradeRequest({
      "Upgrade": "WebSocket",
      "Connection": "keep-alive , UPGRADE",
      "Sec-WebSocket-Protocol": "mqtt, sip",
      "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    }));
    expect(lines[0]).toBe("HTTP/1.1 101 Switching Protocols");
    expect(lines.filter((line) => /extensions/i.test(line))).toEqual([]);
  });

  test("names no subprotocol when none is asked for", () => {
    const lines = answered(upgradeRequest(), undefined).concat();
    expect(lines.some((line) => line.startsWith("Sec-WebSocket-Accept: "))).toBe(true);
  });

  test("refuses what offers no subprotocol, or another one, with 400", () => {
    for (const offer of ["", "mqtt", "SIP", "sips"]) {
      const lines = answered(upgradeRequest({ "Sec-WebSocket-Protocol": offer }));
      expect(lines[0]).toBe("HTTP/1.1 400 Bad Request");
      expect(lines).toContain("Connection: close");
    }
  });

  test("refuses a key that is none with 400", () => {
    for (const key of ["", "c2hvcnQ=", "dGhlIHNhbXBsZSBub25jZQ== x"]) {
      expect(answered(upgradeRequest({ "Sec-WebSocket-Key": key }))[0]).toBe(
        "HTTP/1.1 400 Bad Request",
      );
    }
  });

  test("answers what is no upgrade, or of another version, with 426", () => {
    const requests = [
      "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
      upgradeRequest({ "Upgrade": "h2c" }),
      upgradeRequest({ "Connection": "close" }),
      upgradeRequest({ "Sec-WebSocket-Version": "8" }),
      upgradeRequest().replace("GET", "POST"),
      upgradeRequest().replace("HTTP/1.1", "HTTP/1.0"),
    ];
    for (const request of requests) {
      const lines = answered(request);
      expect(lines[0]).toBe("HTTP/1.1 426 Upgrade Required");
      expect(lines).toContain("Upgrade: websocket");
      expect(lines).toContain("Sec-WebSocket-Version: 13");
      expect(lines).toContain("Connection: Upgrade, close");
    }
  });
});

describe("RFC 6455 §4.1 client's handshake", () => {
  const ANSWER = new TextDecoder().decode(
    answerUpgrade(headOf("request", upgradeRequest()), "sip").bytes,
  );

  test("asks so that our own server understands it", () => {
    const request = headOf("request", new TextDecoder().decode(formatUpgrade(ASKED)));
    expect(request.start).toEqual(["GET", "/ws", "HTTP/1.1"]);
    expect(request.headers.get("host")).toBe("pbx.example.test");
    expect(answerUpgrade(request, "sip").accepted).toBe(true);
  });

  test("takes the answer that belongs to its key", () => {
    expect(isUpgraded(headOf("response", ANSWER), ASKED)).toBe(true);
    const other = { ...ASKED, key: "AAAAAAAAAAAAAAAAAAAAAA==" };
    expect(isUpgraded(headOf("response", ANSWER), other)).toBe(false);
  });

  test("takes no other status, subprotocol or extension than it asked for", () => {
    const answers = [
      ANSWER.replace("101", "200"),
      ANSWER.replace("Upgrade: websocket\r\n", ""),
      ANSWER.replace("Connection: Upgrade\r\n", ""),
      ANSWER.replace("Protocol: sip", "Protocol: mqtt"),
      ANSWER.replace("Sec-WebSocket-Protocol: sip\r\n", ""),
      ANSWER.replace("Connection:", "Sec-WebSocket-Extensions: permessage-deflate\r\nConnection:"),
    ];
    for (const answer of answers) {
      expect(isUpgraded(headOf("response", answer), ASKED)).toBe(false);
    }
    const { subprotocol: _, ...asked } = ASKED;
    const own = { ...asked, subprotocol: undefined };
    expect(isUpgraded(headOf("response", ANSWER), own)).toBe(false);
  });
});
