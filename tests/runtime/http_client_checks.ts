/**
 * What requests to web servers must do: bodies both ways, connections, addresses.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Runtime } from "../../src/runtime/ports.ts";
import { type Check, holds, same, until, wait } from "./check.ts";
import { RawServer, response, Told } from "./http_line.ts";

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/** One request after the other; what came of each. */
async function ask(runtime: Runtime, urls: readonly string[]): Promise<string[]> {
  const outcomes: string[] = [];
  for (const url of urls) {
    outcomes.push(await new Told(runtime, { url, method: "POST", body: bytes("abc") }).outcome());
    // Connections are put aside a moment later
    await wait(10);
  }
  return outcomes;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The checks, by name. */
export const HTTP_CLIENT_CHECKS: Readonly<Record<string, Check>> = {
  "http: asks as it is told, and hands over what comes": async (runtime) => {
    const server = await RawServer.start(() =>
      "HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nok"
    );
    const told = new Told(runtime, {
      url: `http://me:p%40ss@127.0.0.1:${server.port}/a%20b?c=d#e`,
      method: "POST",
      headers: { "X-Name": "Jürgen", "Content-Length": "999", "Host": "evil" },
      body: bytes("hello"),
    });
    same(await told.outcome(), "200 ok");
    same(told.headers["x-a"], "1, 2");
    const [request] = server.requests;
    const lines = (request?.head ?? "").split("\r\n");
    same(lines[0], "POST /a%20b?c=d HTTP/1.1");
    const fields = lines.slice(1).map((line) => line.toLowerCase());
    same(fields.filter((line) => line.startsWith("host:")), [`host: 127.0.0.1:${server.port}`]);
    same(fields.filter((line) => line.startsWith("content-length:")), ["content-length: 5"]);
    const credentials = Buffer.from("me:p@ss").toString("base64");
    holds(lines.includes(`authorization: Basic ${credentials}`), "credentials go into a header");
    const name = lines.find((line) => line.startsWith("x-name: ")) ?? "";
    same(Buffer.from(name, "latin1").toString("utf8"), "x-name: Jürgen");
    same(request?.body, "hello");
    same(told.untimely, 0);
    server.close();
  },

  "http: bodies go both ways at once, and no frame waits for the next": async (runtime) => {
    const server = await RawServer.start(({ socket }) => {
      socket.removeAllListeners("data");
      socket.on("data", (data) => {
        const text = Buffer.from(data).toString("latin1");
        const frame = /frame \d/.exec(text)?.[0] ?? "";
        if (frame !== "") socket.write(`7\r\n${frame}\r\n`);
        if (text.endsWith("0\r\n\r\n")) socket.write("3\r\nend\r\n0\r\n\r\n");
      });
      return CHUNKED;
    });
    const told = new Told(runtime, { url: server.url(), method: "POST", body: "stream" });
    await until(() => told.status === 200, "the head is here before the body is complete");
    const frame = bytes("frame 0");
    for (let number = 0; number < 5; number++) {
      frame[6] = 48 + number;
      const before = performance.now();
      told.exchange.write(frame);
      await until(() => told.body.endsWith(`frame ${number}`), "the frame came back");
      holds(performance.now() - before < 100, "a frame comes back at once");
    }
    same(told.exchange.queuedBytes, 0);
    same(told.drains, 5);
    told.exchange.end();
    same(await told.outcome(), "200 frame 0frame 1frame 2frame 3frame 4end");
    same(told.untimely, 0);
    server.close();
  },

  "http: a response that ends first ends the exchange": async (runtime) => {
    const server = await RawServer.start(() => `${CHUNKED}2\r\nok\r\n0\r\n\r\n`);
    const told = new Told(runtime, { url: server.url(), method: "POST", body: "stream" });
    same(await told.outcome(), "200 ok");
    told.exchange.write(bytes("more"));
    told.exchange.end();
    await wait(20);
    same([told.untimely, told.exchange.queuedBytes], [0, 0]);
    server.close();
  },

  "http: counts what a server does not read, and tells when it has": async (runtime) => {
    const server = await RawServer.start(({ socket }) => void socket.pause());
    const told = new Told(runtime, { url: server.url(), method: "POST", body: "stream" });
    await until(() => server.requests.length === 1, "the request is there");
    const piece = new Uint8Array(64 * 1024);
    for (let count = 0; count < 100; count++) told.exchange.write(piece);
    await wait(50);
    holds(told.exchange.queuedBytes > 0, "some of it waits");
    same(told.drains, 0);
    server.requests[0]?.socket.resume();
    await until(() => told.drains > 0, "all of it has left");
    same(told.exchange.queuedBytes, 0);
    told.exchange.abort();
    server.close();
  },

  "http: reads no more than it is asked to": async (runtime) => {
    const total = 32 << 20;
    const server = await RawServer.start(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      socket.write(new Uint8Array(total));
      return undefined;
    });
    const told = new Told(runtime, { url: server.url() });
    told.exchange.pause();
    await until(() => told.status === 200, "the head is here");
    await wait(100);
    same(told.bytes, 0);
    holds((server.requests[0]?.socket.writableLength ?? 0) > 0, "the server has to wait");
    told.exchange.resume();
    await until(() => told.bytes > 0, "it goes on");
    told.exchange.pause();
    const before = told.bytes;
    await wait(30);
    same(told.bytes, before);
    told.exchange.resume();
    await told.outcome();
    same(told.bytes, total);
    server.close();
  },

  "http: connections are used again, but not for streams": async (runtime) => {
    const server = await RawServer.start(() => response("ok"));
    same(await ask(runtime, [server.url(), server.url("/2")]), ["200 ok", "200 ok"]);
    same(server.connections, 1);
    const told = new Told(runtime, { url: server.url(), method: "POST", body: "stream" });
    same(await told.outcome(), "200 ok");
    same(server.connections, 2);
    server.close();
  },

  "http: a kept connection that is gone is made anew, once": async (runtime) => {
    let isRude = false;
    const server = await RawServer.start(({ socket }) => {
      if (!isRude) return response("ok");
      isRude = false;
      socket.destroy();
      return undefined;
    });
    same(await ask(runtime, [server.url()]), ["200 ok"]);
    // It is closed just when the next request comes
    isRude = true;
    same(await ask(runtime, [server.url()]), ["200 ok"]);
    same([server.connections, server.requests.length], [2, 3]);
    // Nothing was kept of this one: it is not asked again
    const rude = await RawServer.start(({ socket }) => void socket.destroy());
    same(await ask(runtime, [rude.url()]), ["it closed the connection without a response"]);
    same(rude.requests.length, 1);
    server.close();
    rude.close();
  },

  "http: a half answered request is not sent again": async (runtime) => {
    let requests = 0;
    const server = await RawServer.start(({ socket }) => {
      if (requests++ === 0) return response("ok");
      socket.end("HTTP/1.1 2");
      return undefined;
    });
    const [first, second] = await ask(runtime, [server.url(), server.url()]);
    same(first, "200 ok");
    holds(/closed the connection|no proper HTTP/.test(second ?? ""), `"${second}" says why`);
    // One runtime does it by itself
    const again = runtime.name === "deno" ? 1 : 0;
    same([server.connections, requests], [1 + again, 2 + again]);
    server.close();
  },

  "http: every address is asked about, and no other is connected to": async (runtime) => {
    const server = await RawServer.start(() => response("ok"));
    const asked: string[] = [];
    const url = server.url("/", "http", "localhost");
    const taken = new Told(runtime, {
      url,
      refuseAddress: (address) => {
        asked.push(address);
        return address === "127.0.0.1" ? undefined : "not that one";
      },
    });
    same(await taken.outcome(), "200 ok");
    holds(asked.includes("127.0.0.1"), `${asked} is what localhost is`);
    same(server.requests[0]?.head.includes(`host: localhost:${server.port}`), true);
    await wait(10);
    // Though there is a connection to it already
    const refused = new Told(runtime, { url, refuseAddress: (address) => `${address} is ours` });
    same(/is ours$/.test(await refused.outcome()), true);
    same([server.connections, server.requests.length], [1, 1]);
    server.close();
  },

  "http: the next address has its turn": async (runtime) => {
    const server = await RawServer.start(() => response("ok"));
    // Where it has ::1 too, nothing listens there
    const told = new Told(runtime, { url: server.url("/", "http", "localhost") });
    same(await told.outcome(), "200 ok");
    server.close();
  },

  "http: an aborted exchange tells nothing more": async (runtime) => {
    const server = await RawServer.start(({ head }) =>
      head.startsWith("GET /head") ? `${CHUNKED}2\r\nok\r\n` : undefined
    );
    const atOnce = new Told(runtime, { url: server.url() });
    atOnce.exchange.abort();
    const waiting = new Told(runtime, { url: server.url("/wait") });
    await until(() => server.requests.length === 1, "the request is there");
    waiting.exchange.abort();
    const reading = new Told(runtime, { url: server.url("/head") });
    await until(() => reading.body === "ok", "some of the response is here");
    reading.exchange.abort();
    await wait(30);
    same([atOnce, waiting, reading].map((told) => [told.isOver, told.untimely]), [
      [false, 0],
      [false, 0],
      [false, 0],
    ]);
    same(server.requests.length, 2);
    await until(() => server.requests.every(({ socket }) => socket.destroyed), "nothing is open");
    server.close();
  },
};
