import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hasToken, HttpHeadError, HttpHeadReader, tokensOf } from "../../src/runtime/http_head.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function text(data: Uint8Array): string {
  return String.fromCharCode(...data);
}

describe("RFC 9112 §2 heads of messages", () => {
  const REQUEST = "GET /a?b HTTP/1.1\r\nHost: x\r\nA:1 \r\na:\t2\r\n\r\n";

  test("are read with what came behind them, in whatever portions", () => {
    for (let size = 1; size < REQUEST.length + 8; size++) {
      const reader = new HttpHeadReader("request");
      const all = `${REQUEST}more...`;
      let rest: string | undefined;
      for (let at = 0; at < all.length && rest === undefined; at += size) {
        const read = reader.receive(bytes(all.slice(at, at + size)));
        if (read === undefined) continue;
        expect(read.head.start).toEqual(["GET", "/a?b", "HTTP/1.1"]);
        expect([...read.head.headers]).toEqual([["host", "x"], ["a", "1, 2"]]);
        rest = text(read.rest) + all.slice(at + size);
      }
      expect(rest).toBe("more...");
    }
  });

  test("a response may have no reason", () => {
    for (const line of ["HTTP/1.1 101", "HTTP/1.1 101 ", "HTTP/1.1 101 Switching Protocols"]) {
      const read = new HttpHeadReader("response").receive(bytes(`${line}\r\n\r\n`));
      expect(read?.head.start[1]).toBe("101");
    }
  });

  test("what cannot be read is refused", () => {
    const heads = [
      "\r\n\r\n",
      "GET / HTTP/2\r\n\r\n",
      "GET  / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: \0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\ny\r\n\r\n",
      `GET / HTTP/1.1\r\n${"A: b\r\n".repeat(65)}\r\n`,
    ];
    for (const head of heads) {
      expect(() => new HttpHeadReader("request").receive(bytes(head))).toThrow(HttpHeadError);
    }
  });

  test("a head that does not end is refused once it is too long", () => {
    const reader = new HttpHeadReader("request");
    expect(reader.receive(bytes(`GET / HTTP/1.1\r\nA: ${"a".repeat(8_000)}`))).toBeUndefined();
    expect(() => reader.receive(bytes("a".repeat(1_000)))).toThrow(HttpHeadError);
    const blanks = bytes(`GET / HTTP/1.1\r\nA: ${" ".repeat(8_100)}\0\r\n\r\n`);
    expect(() => new HttpHeadReader("request").receive(blanks)).toThrow(HttpHeadError);
  });

  test("whatever comes, nothing but the reader's own error is thrown", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (portions) => {
      const reader = new HttpHeadReader("response");
      try {
        for (const portion of portions) if (reader.receive(portion) !== undefined) return;
      } catch (error) {
        expect(error).toBeInstanceOf(HttpHeadError);
      }
    }));
  });
});

describe("RFC 9110 §5.6.1 lists", () => {
  test("have elements between commas, empty ones left out", () => {
    expect(tokensOf(" a,,b , ")).toEqual(["a", "b"]);
    expect(tokensOf(undefined)).toEqual([]);
    expect(hasToken("keep-alive, Upgrade", "upgrade")).toBe(true);
    expect(hasToken("upgrades", "upgrade")).toBe(false);
  });
});
