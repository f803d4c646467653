import { afterEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { Counters } from "../../src/gateway/counters.ts";
import { Signalling } from "../../src/gateway/signalling.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { SipMessage } from "../../src/sip/message/message.ts";
import { until } from "../support/gateway.ts";

const OPTIONS = [
  "OPTIONS sip:127.0.0.1 SIP/2.0",
  "Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1",
  "From: <sip:a@127.0.0.1>;tag=1",
  "To: <sip:127.0.0.1>",
  "Call-ID: c1",
  "CSeq: 1 OPTIONS",
  "Content-Length: 0",
  "",
  "",
].join("\r\n");

describe("RFC 3261 §18.3 stream connections", () => {
  let signalling: Signalling | undefined;
  let socket: Socket | undefined;
  const counters = new Counters();
  const received: SipMessage[] = [];

  /** Listens, and connects to itself. */
  async function open(completion: number): Promise<{ text: string; closed: boolean }> {
    received.length = 0;
    const current = new Signalling({
      runtime: createRuntime(),
      listen: [{ transport: "tcp", address: "127.0.0.1", port: 0 }],
      counters,
      limits: { completion },
      events: {
        admits: () => true,
        receive: (message) => void received.push(message),
        malformed: () => {},
        failed: () => {},
      },
    });
    signalling = current;
    await current.open();
    const heard = { text: "", closed: false };
    socket = connect(current.listeners[0]?.local.port ?? 0, "127.0.0.1");
    socket.on("data", (data) => {
      heard.text += data.toString();
    });
    socket.on("close", () => {
      heard.closed = true;
    });
    return heard;
  }

  afterEach(() => {
    socket?.destroy();
    signalling?.close();
  });

  test("are closed when the rest of a message does not come in time", async () => {
    const heard = await open(100);
    socket?.write(OPTIONS.slice(0, 40));
    await until(() => heard.closed, 3000, () => "the connection is open");
    expect(received).toEqual([]);
    expect(signalling?.connections).toBe(0);
    expect(counters.get("messages_malformed")).toBe(1);
  });

  test("stay open between whole messages, and a message may come in parts", async () => {
    const heard = await open(150);
    for (const part of [OPTIONS, OPTIONS.slice(0, 60), OPTIONS.slice(60)]) {
      socket?.write(part);
      await Bun.sleep(60);
    }
    await Bun.sleep(300);
    expect(received).toHaveLength(2);
    expect(heard.closed).toBe(false);
  });

  test("answer a ping with a pong (RFC 5626 §3.5.1)", async () => {
    const heard = await open(1000);
    socket?.write("\r\n\r\n");
    await until(() => heard.text === "\r\n", 3000, () => JSON.stringify(heard.text));
    expect(heard.text).toBe("\r\n");
  });
});
