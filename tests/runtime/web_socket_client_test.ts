import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SeededRandom } from "../../src/base/random.ts";
import type { TcpEvents, TcpSocket, WebSocketOptions } from "../../src/runtime/client_ports.ts";
import { HttpHeadReader } from "../../src/runtime/http_head.ts";
import { connectWebSocket } from "../../src/runtime/web_socket_client.ts";
import {
  CLOSE_CODE,
  encodeFrame,
  OPCODE,
  WebSocketDecoder,
} from "../../src/runtime/web_socket_frames.ts";
import { answerUpgrade } from "../../src/runtime/web_socket_handshake.ts";
import { readTarget } from "../../src/runtime/web_socket_target.ts";
import { MaskedFrameWriter } from "../../src/runtime/web_socket_writer.ts";
import { bytes } from "./stream_pair.ts";

const OPTIONS: WebSocketOptions = {
  url: "ws://bot.example.test/media",
  headers: {},
  timeout: 60_000,
  messageMax: 100_000,
};

/** A TCP connection whose far end is the test. */
class Wire implements TcpSocket {
  readonly queuedBytes = 0;
  readonly written: Uint8Array[] = [];
  isDestroyed = false;
  events: TcpEvents | undefined;

  write(data: Uint8Array): void {
    this.written.push(data.slice());
  }

  pause(): void {}

  resume(): void {}

  close(): void {}

  destroy(): void {
    this.isDestroyed = true;
  }

  /** Says yes to the handshake. */
  get answer(): Uint8Array {
    const read = new HttpHeadReader("request").receive(this.written[0] as Uint8Array);
    if (read === undefined) throw new Error("Not complete");
    return answerUpgrade(read.head, undefined).bytes;
  }
}

/** A client that says what it heard, and its wire. */
function open(options: Partial<WebSocketOptions> = {}) {
  const wire = new Wire();
  const heard: string[] = [];
  const client = connectWebSocket({ ...OPTIONS, ...options }, {
    opened: () => void heard.push("opened"),
    text: (text) => void heard.push(`text ${text}`),
    binary: (data) => void heard.push(`binary ${data.join()}`),
    pong: () => void heard.push("pong"),
    drained: () => void heard.push("drained"),
    failed: (why) => void heard.push(`failed ${why}`),
    closed: (code, reason) => void heard.push(`closed ${code} ${reason}`),
  }, {
    random: new SeededRandom(1),
    connectTcp: (_to, _options, events) => {
      wire.events = events;
      return wire;
    },
  });
  wire.events?.opened({ address: "192.0.2.1", port: 80 });
  return { wire, heard, client };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

describe("RFC 6455 a client of ours", () => {
  const message = fc.oneof(
    fc.record({
      opcode: fc.constant(OPCODE.text),
      data: fc.string({ unit: "grapheme" }).map(bytes),
    }),
    fc.record({ opcode: fc.constant(OPCODE.binary), data: fc.uint8Array({ maxLength: 400 }) }),
    fc.record({ opcode: fc.constant(OPCODE.pong), data: fc.uint8Array({ maxLength: 125 }) }),
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });

  test("hears the same, however the bytes of the server are cut", () => {
    fc.assert(fc.property(fc.array(message, { maxLength: 8 }), sizes, (messages, cuts) => {
      const { wire, heard, client } = open();
      const close = encodeFrame(OPCODE.close, new Uint8Array([3, 232, 98, 121, 101]));
      const frames = messages.map(({ opcode, data }) => encodeFrame(opcode, data));
      const all = concat([wire.answer, ...frames, close]);
      for (let at = 0, index = 0; at < all.length; index++) {
        const size = cuts[index % cuts.length] as number;
        wire.events?.data(all.slice(at, at + size));
        at += size;
      }
      wire.events?.closed(undefined);
      client.destroy();
      const expected = messages.map(({ opcode, data }) =>
        opcode === OPCODE.text
          ? `text ${new TextDecoder("utf-8", { ignoreBOM: true }).decode(data)}`
          : opcode === OPCODE.binary
          ? `binary ${data.join()}`
          : "pong"
      );
      expect(heard).toEqual(["opened", ...expected, "closed 1000 bye"]);
    }));
  });

  test("is told nothing more once it was ended, or has failed", () => {
    const { wire, heard, client } = open();
    const hello = encodeFrame(OPCODE.text, bytes("hello"));
    wire.events?.data(concat([wire.answer, hello]));
    client.destroy();
    wire.events?.data(hello);
    wire.events?.drained();
    wire.events?.closed("it closed the connection");
    client.sendText("x");
    client.close(1000, "");
    expect(heard).toEqual(["opened", "text hello"]);
    expect([wire.isDestroyed, wire.written.length]).toEqual([true, 1]);
    const failed = open();
    failed.wire.events?.data(bytes("HTTP/1.1 404 Not Found\r\n\r\n"));
    failed.wire.events?.closed(undefined);
    failed.client.close(1000, "");
    expect(failed.heard).toEqual(["failed it answered 404 Not Found"]);
  });

  test("sends masked frames that a server reads, of every length", () => {
    const decoder = new WebSocketDecoder({ masked: true, messageBytesMax: 1 << 20 });
    const writer = new MaskedFrameWriter(new SeededRandom(2));
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(125, 126, 65_535, 65_536, 70_001).map((length) =>
        new Uint8Array(length).map((_, index) => index * 3)
      ),
      fc.string({ unit: "grapheme", maxLength: 300 }),
    );
    fc.assert(fc.property(content, (sent) => {
      const frame = typeof sent === "string"
        ? writer.text(sent)
        : writer.bytes(OPCODE.binary, sent);
      const got: unknown[] = [];
      decoder.receive(frame, (type, data) => got.push(type, data.slice()) > 0);
      expect(got).toEqual(typeof sent === "string" ? ["text", bytes(sent)] : ["binary", sent]);
    }));
  });

  test("takes another mask for each frame (§5.3)", () => {
    const writer = new MaskedFrameWriter(new SeededRandom(3));
    const keys = Array.from({ length: 20 }, () => writer.text("x").slice(2, 6).join());
    expect(new Set(keys).size).toBe(20);
  });

  test("hears of a close frame whose bytes come after half a message (§5.5)", () => {
    const { wire, heard, client } = open();
    wire.events?.data(wire.answer);
    wire.events?.data(new Uint8Array([0x01, 0x02, 0x68, 0x69]));
    wire.events?.data(encodeFrame(OPCODE.close, new Uint8Array(0)));
    wire.events?.closed(undefined);
    client.destroy();
    expect(heard).toEqual(["opened", `closed ${CLOSE_CODE.none} `]);
  });
});

describe("RFC 6455 §3 what a URL and headers become", () => {
  function target(url: string, headers: Readonly<Record<string, string>> = {}) {
    return readTarget({ url, headers });
  }

  test("host, port, path and credentials", () => {
    expect(target("wss://us%3Aer:p%40ss@bot.example.test/a%20b?c=d&e")).toEqual({
      address: { host: "bot.example.test", port: 443 },
      isSecure: true,
      host: "bot.example.test",
      path: "/a%20b?c=d&e",
      headers: { Authorization: `Basic ${btoa("us:er:p@ss")}` },
      subprotocol: undefined,
    });
    expect(target("ws://[2001:db8::1]:8080")).toMatchObject({
      address: { host: "2001:db8::1", port: 8080 },
      host: "[2001:db8::1]:8080",
      path: "/",
    });
    expect(target("ws://100%25@a.test/")).toMatchObject({
      headers: { Authorization: `Basic ${btoa("100%:")}` },
    });
  });

  test("headers of the operator go before our own", () => {
    const headers = {
      "authorization": "Bearer x",
      "Host": "b.test",
      "Sec-WebSocket-Protocol": "p",
    };
    expect(target("ws://u:p@a.test/", headers)).toMatchObject({
      host: "b.test",
      subprotocol: "p",
      headers: { authorization: "Bearer x" },
    });
  });

  test("what cannot be sent is refused", () => {
    for (const value of ["a\r\nX-B: c", "a\nb", "\u0000", "\u0085"]) {
      expect(target("ws://a.test/", { "X-A": value })).toBe('the header "X-A" cannot be sent');
    }
    expect(target("ws://a.test/", { "X A": "b" })).toBe('the header "X A" cannot be sent');
    for (const name of ["Upgrade", "connection", "Sec-WebSocket-Key", "Content-Length"]) {
      expect(target("ws://a.test/", { [name]: "x" })).toBe(`the header "${name}" is none to set`);
    }
    for (const url of ["http://a.test/", "//a.test", "", "ws://"]) {
      expect(target(url)).toBe("the URL is none of ws:// or wss://");
    }
  });
});
