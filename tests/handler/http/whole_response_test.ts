import { afterEach, describe, expect, test } from "bun:test";
import zlib from "node:zlib";
import {
  fetchWhole,
  mediaTypeOf,
  type WholeResponse,
} from "../../../src/handler/http/whole_response.ts";
import { json, runtime, WebServer } from "./web_server.ts";

const LIMITS = { timeout: 300, bytesMax: 1024 };

let server: WebServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

function fetched(url: string, limits: Parameters<typeof fetchWhole>[2] = LIMITS) {
  return new Promise<WholeResponse>((resolve) => {
    fetchWhole(runtime, { method: "GET", url, headers: {} }, limits, resolve);
  });
}

describe("a response as a whole", () => {
  test("has its status, headers and body", async () => {
    server = await WebServer.start(() => json("[1]", { status: 404 }));
    const response = await fetched(server.url());
    expect(response.ok && [response.status, mediaTypeOf(response.headers)])
      .toEqual([404, "application/json"]);
    expect(response.ok && new TextDecoder().decode(response.body)).toBe("[1]");
  });

  test("is put together of its pieces", async () => {
    server = await WebServer.start(() => {
      let left = 5;
      const body = new ReadableStream({
        async pull(controller) {
          if (left-- === 0) return controller.close();
          await new Promise((resolve) => setTimeout(resolve, 2));
          controller.enqueue(new Uint8Array(100).fill(left));
        },
      });
      return new Response(body);
    });
    const response = await fetched(server.url());
    expect(response.ok && [...new Set(response.body)]).toEqual([4, 3, 2, 1, 0]);
    expect(response.ok && response.body.length).toBe(500);
  });

  test("is not larger than it may be, whether its length is told, hidden or squeezed", async () => {
    const bomb = zlib.gzipSync(new Uint8Array(1 << 20));
    server = await WebServer.start(({ path }) => {
      if (path === "/told") return new Response(new Uint8Array(1025));
      if (path === "/fits") return new Response(new Uint8Array(1024));
      if (path === "/bomb") return new Response(bomb, { headers: { "content-encoding": "gzip" } });
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(300)),
      });
      return new Response(body);
    });
    for (const path of ["/told", "/hidden", "/bomb"]) {
      expect(await fetched(server.url(path))).toEqual({
        ok: false,
        fault: "size",
        reason: "its response is larger than 1 KiB",
      });
    }
    expect((await fetched(server.url("/fits"))).ok).toBe(true);
  });

  test("may be larger when it is of another type", async () => {
    server = await WebServer.start(() =>
      new Response(new Uint8Array(2000), { headers: { "content-type": "Audio/WAV; x=y" } })
    );
    const bytesMax = (type: string) => type === "audio/wav" ? 4096 : 16;
    expect((await fetched(server.url(), { timeout: 300, bytesMax })).ok).toBe(true);
  });

  test("is complete in time, or none", async () => {
    server = await WebServer.start(({ path }) => {
      if (path === "/silent") return new Promise(() => {});
      const body = new ReadableStream({
        async pull(controller) {
          controller.enqueue(new Uint8Array(1));
          await new Promise((resolve) => setTimeout(resolve, 10));
        },
      });
      return new Response(body);
    });
    const limits = { timeout: 60, bytesMax: 1024 };
    expect(await fetched(server.url("/silent"), limits))
      .toEqual({ ok: false, fault: "network", reason: "it did not answer in time" });
    expect(await fetched(server.url("/dripping"), limits))
      .toEqual({ ok: false, fault: "network", reason: "its response was not complete in time" });
  });

  test("is none without a server", async () => {
    server = await WebServer.start(() => json());
    const url = server.url();
    await server.close();
    expect(await fetched(url))
      .toEqual({ ok: false, fault: "network", reason: "nothing listens there" });
  });

  test("does not come after an abort", async () => {
    server = await WebServer.start(() => json());
    const told: WholeResponse[] = [];
    const asked = { method: "GET", url: server.url(), headers: {} } as const;
    fetchWhole(runtime, asked, LIMITS, (response) => told.push(response)).abort();
    await fetched(server.url());
    expect(told).toEqual([]);
    expect(server.asked).toHaveLength(1);
  });
});
