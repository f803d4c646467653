import { afterEach, describe, expect, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import type { WebhookResult } from "../../../src/handler/http/webhook_request.ts";
import type { WebhookSpec } from "../../../src/route/route.ts";
import { ask, Asking, Guard, reasonOf } from "./asking.ts";
import { bytes, json } from "./web_server.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

let asking = new Asking();

afterEach(async () => {
  await asking.close();
  asking = new Asking();
});

describe("a request of a webhook", () => {
  test("says what it is told to, and its answer comes back", async () => {
    const server = await asking.serve(() =>
      new Response("[]", { status: 201, headers: { "content-type": "Application/JSON;charset=x" } })
    );
    const requests = asking.make(server.url(), { spec: { headers: { "X-Key": "k" } } });
    const result = await ask(requests, { body: bytes("[1]"), headers: { "X-Call": "c" } });
    expect(result).toEqual({
      type: "answered",
      status: 201,
      contentType: "application/json",
      body: bytes("[]"),
      url: server.url(),
    });
    const [asked] = server.asked;
    expect([asked?.method, asked?.path]).toEqual(["POST", "/voice"]);
    expect(new TextDecoder().decode(asked?.body)).toBe("[1]");
    expect(["content-type", "x-key", "x-call"].map((name) => asked?.headers.get(name)))
      .toEqual(["application/json", "k", "c"]);
  });

  test("goes to another URL, relative to the response that it stood in, by another method", async () => {
    const server = await asking.serve(() => json());
    const requests = asking.make(server.url("/a/voice"));
    await ask(requests, { url: "next?x=1", method: "GET" });
    await ask(requests, { url: "next", base: server.url("/b/voice") });
    expect(server.asked.map(({ method, path, body }) => [method, path, body.length])).toEqual([
      ["GET", "/a/next?x=1", 0],
      ["POST", "/b/next", 2],
    ]);
    expect(server.asked[0]?.headers.has("content-type")).toBe(false);
  });

  test("is signed by Standard Webhooks, and keeps its id when it is tried again", async () => {
    const server = await asking.serve((_, number) =>
      number < 3 ? json("", { status: 500 }) : json()
    );
    const requests = asking.make(server.url(), { spec: { secrets: [SECRET] } });
    expect((await ask(requests, { body: bytes('{"a":"ü"}') })).type).toBe("answered");
    const webhook = new Webhook(SECRET);
    for (const { headers, body } of server.asked) {
      const signed = Object.fromEntries(headers);
      expect(webhook.verify(new TextDecoder().decode(body), signed)).toEqual({ a: "ü" });
    }
    const ids = server.asked.map(({ headers }) => headers.get("webhook-id"));
    expect([ids.length, new Set(ids).size]).toEqual([3, 1]);
    await ask(requests);
    expect(server.asked[3]?.headers.get("webhook-id")).not.toBe(ids[0] ?? "");
  });

  test("is signed in another way by whoever knows the URL that it goes to", async () => {
    const server = await asking.serve(({ path }) =>
      path === "/voice"
        ? new Response(null, { status: 307, headers: { location: "/b?c" } })
        : json()
    );
    const sign = (url: string, body: Uint8Array) => ({ "X-Signature": `${url} ${body.length}` });
    await ask(asking.make(server.url()), { sign });
    expect(server.asked.map(({ headers }) => headers.get("x-signature")))
      .toEqual([`${server.url()} 2`, `${server.url("/b?c")} 2`]);
  });
});

describe("the line of requests", () => {
  test("is one at a time, in their order", async () => {
    let now = 0;
    let most = 0;
    const server = await asking.serve(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      return json();
    });
    const requests = asking.make(server.url());
    await Promise.all([1, 2, 3, 4].map((number) => ask(requests, { url: `/${number}` })));
    expect(server.asked.map(({ path }) => path)).toEqual(["/1", "/2", "/3", "/4"]);
    expect(most).toBe(1);
  });

  test("goes on without what was aborted", async () => {
    const server = await asking.serve(({ path }) => path === "/1" ? new Promise(() => {}) : json());
    const guard = new Guard();
    const requests = asking.make(server.url(), { guard });
    const told: WebhookResult[] = [];
    const post = { body: bytes(""), contentType: "text/plain" };
    const first = requests.post({ ...post, url: "/1" }, (result) => told.push(result));
    const second = requests.post({ ...post, url: "/2" }, (result) => told.push(result));
    const third = ask(requests, { url: "/3" });
    while (server.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    second.abort();
    first.abort();
    expect((await third).type).toBe("answered");
    expect(told).toEqual([]);
    expect(server.asked.map(({ path }) => path)).toEqual(["/1", "/3"]);
    expect(guard.told.filter((line) => !line.startsWith("refuse")))
      .toEqual(["abandoned", "succeeded"]);
  });

  test("ends a wait for another try with an abort", async () => {
    const server = await asking.serve(() => json("", { status: 500 }));
    const requests = asking.make(server.url());
    const told: WebhookResult[] = [];
    const post = { body: bytes(""), contentType: "text/plain" };
    const posted = requests.post(post, (result) => told.push(result));
    while (asking.lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    posted.abort();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([server.asked.length, told.length]).toEqual([1, 0]);
  });

  test("is not endless: the oldest notification gives way", async () => {
    const server = await asking.serve(() => new Promise(() => {}));
    const requests = asking.make(server.url());
    const told: string[] = [];
    const post = (name: string, notification: boolean) =>
      requests.post(
        { name, notification, body: bytes(""), contentType: "text/plain" },
        (result) => told.push(`${name}: ${result.type === "failed" ? result.reason : "answered"}`),
      );
    const posted = [post("call.incoming", false)];
    while (server.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    posted.push(post("call.gathered", false));
    for (let number = 1; number <= 101; number++) posted.push(post(`dtmf ${number}`, true));
    expect(told).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(told.map((line) => line.split(":")[0])).toEqual(["dtmf 1", "dtmf 2"]);
    expect(told[0]).toContain("more than 100 requests of this call wait");
    for (const each of posted) each.abort();
  });

  test("asks before each request whether the server is left alone", async () => {
    const server = await asking.serve((_, number) =>
      json("", { status: number === 1 ? 500 : 200 })
    );
    const guard = new Guard();
    const requests = asking.make(server.url(), { guard });
    await ask(requests);
    const key = `http://127.0.0.1:${server.port}`;
    expect(guard.told).toEqual([`refuse ${key}`, "failed", `refuse ${key}`, "succeeded"]);
    guard.refusal = "it has failed 5 times in a row";
    expect(await reasonOf(ask(requests)))
      .toBe(`${server.url()} is not asked: it has failed 5 times in a row`);
    expect(server.asked).toHaveLength(2);
  });
});

describe("secrets", () => {
  test("stand in no reason and no line of the log", async () => {
    const secret = "s3cr3t";
    const own: Partial<WebhookSpec> = {
      headers: { Authorization: `Bearer ${secret}`, "X-Bad": `${secret}\nx` },
      secrets: [`whsec_${btoa(secret)}`],
      auth_token: secret,
      retries: 1,
    };
    const query = `/voice?token=${secret}#${secret}`;
    const answers: readonly (() => Response | Promise<Response>)[] = [
      () => json("", { status: 500 }),
      () => json("", { status: 404 }),
      () => new Response("<html>", { headers: { "content-type": "text/html" } }),
      () =>
        new Response(null, { status: 302, headers: { location: `ftp://${secret}@x/?${secret}` } }),
      () =>
        new Response(null, { status: 302, headers: { location: `http://${secret}@127.0.0.1:9/` } }),
      () => new Promise(() => {}),
    ];
    const reasons: string[] = [];
    for (const answer of answers) {
      const server = await asking.serve(answer);
      const url = `http://${secret}:${secret}@127.0.0.1:${server.port}${query}`;
      const { "X-Bad": _, ...headers } = own.headers ?? {};
      reasons.push(
        await reasonOf(ask(asking.make(url, { spec: { ...own, headers, timeout: 150 } }))),
      );
      expect(server.asked.length).toBeGreaterThan(0);
    }
    const url = `http://${secret}:${secret}@127.0.0.1:9${query}`;
    reasons.push(await reasonOf(ask(asking.make(url, { spec: own }))));
    reasons.push(await reasonOf(ask(asking.make(url), { url: `http://${secret}:x` })));
    const sign = () => ({ "X-Signature": secret });
    reasons.push(
      await reasonOf(ask(asking.make(`http://127.0.0.1:9${query}`, { spec: own }), { sign })),
    );
    expect(reasons.filter((reason) => reason.startsWith("answered"))).toEqual([]);
    expect(asking.lines.length).toBeGreaterThan(3);
    expect([...reasons, ...asking.lines].filter((text) => text.includes(secret))).toEqual([]);
    expect([...reasons, ...asking.lines].filter((text) => text.includes(btoa(secret)))).toEqual([]);
  });
});
