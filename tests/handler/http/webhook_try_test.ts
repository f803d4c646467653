import { afterEach, describe, expect, test } from "bun:test";
import { ask, Asking, Guard, reasonOf } from "./asking.ts";
import { json } from "./web_server.ts";

let asking = new Asking();

afterEach(async () => {
  await asking.close();
  asking = new Asking();
});

describe("tries of a request", () => {
  test("follow on failures of the server, with longer and longer waits", async () => {
    const server = await asking.serve((_, number) =>
      number < 3 ? json("", { status: 503 }) : json()
    );
    expect((await ask(asking.make(server.url()), { name: "call.incoming" })).type).toBe("answered");
    const [first = 0, second = 0, third = 0] = server.asked.map(({ at }) => at);
    expect(second - first).toBeGreaterThanOrEqual(120);
    expect(third - second).toBeGreaterThanOrEqual(245);
    expect(asking.lines).toHaveLength(2);
    expect(asking.lines[0]).toMatch(
      /^call\.incoming: .*\/voice answered 503: .*; trying again in \d+ ms$/,
    );
  });

  test("end with the last failure", async () => {
    const server = await asking.serve(() => json("", { status: 500 }));
    const requests = asking.make(server.url(), { spec: { retries: 1 } });
    expect(await reasonOf(ask(requests))).toContain("/voice answered 500: it has failed");
    expect(server.asked).toHaveLength(2);
  });

  test("do not follow on what will not change", async () => {
    for (const status of [400, 401, 403, 404, 405, 422]) {
      const server = await asking.serve(() => json("", { status }));
      expect(await reasonOf(ask(asking.make(server.url())))).toContain(
        `/voice answered ${status}: `,
      );
      expect(server.asked).toHaveLength(1);
    }
  });

  test("follow on time-outs, each with all of the time", async () => {
    const server = await asking.serve((_, number) => number === 1 ? new Promise(() => {}) : json());
    const requests = asking.make(server.url(), { spec: { timeout: 100 } });
    expect((await ask(requests)).type).toBe("answered");
    expect(asking.lines[0]).toContain("it did not answer in time");
  });

  test("follow where nothing listens", async () => {
    const server = await asking.serve(() => json());
    const url = server.url();
    await server.close();
    const reason = await reasonOf(ask(asking.make(url, { spec: { retries: 1 } })));
    expect(reason).toBe(`Cannot get an answer from ${url}: nothing listens there`);
    expect(asking.lines).toHaveLength(1);
  });

  test("wait as long as the server asks for, but not longer than for an answer", async () => {
    const busy = (after: string) => (_: unknown, number: number) =>
      number === 1 ? json("", { status: 429, headers: { "retry-after": after } }) : json();
    const server = await asking.serve(busy("1"));
    expect((await ask(asking.make(server.url()))).type).toBe("answered");
    const [first = 0, second = 0] = server.asked.map(({ at }) => at);
    expect(second - first).toBeGreaterThanOrEqual(990);
    const patient = await asking.serve(busy("2"));
    expect(await reasonOf(ask(asking.make(patient.url())))).toContain("asks for fewer requests");
    expect(patient.asked).toHaveLength(1);
  });
});

describe("RFC 9110 §15.4 redirections", () => {
  test("are followed with the same method, but for 303", async () => {
    for (const [status, method] of [[301, "POST"], [302, "POST"], [307, "POST"], [303, "GET"]]) {
      const server = await asking.serve(({ path }) =>
        path === "/voice"
          ? new Response(null, { status: status as number, headers: { location: "/there?x" } })
          : json()
      );
      expect(await ask(asking.make(server.url()))).toMatchObject({ url: server.url("/there?x") });
      expect(server.asked[1]?.method).toBe(method as string);
      expect(server.asked[1]?.body.length).toBe(method === "GET" ? 0 : 2);
    }
  });

  test("are followed three times", async () => {
    const server = await asking.serve(({ path }, number) =>
      number <= Number(path.slice(2)) || number === 1
        ? new Response(null, { status: 302, headers: { location: "/n3" } })
        : json()
    );
    expect((await ask(asking.make(server.url("/n3")))).type).toBe("answered");
    const round = await asking.serve(() =>
      new Response(null, { status: 302, headers: { location: "/voice" } })
    );
    expect(await reasonOf(ask(asking.make(round.url())))).toContain(
      "redirects once more after 3 times",
    );
    expect(round.asked).toHaveLength(4);
  });

  test("lead somewhere", async () => {
    const nowhere = await asking.serve(() => new Response(null, { status: 302 }));
    expect(await reasonOf(ask(asking.make(nowhere.url())))).toContain("does not say where to");
    const away = await asking.serve(() =>
      new Response(null, { status: 302, headers: { location: "file:///etc/passwd" } })
    );
    expect(await reasonOf(ask(asking.make(away.url())))).toContain("where nobody can go");
  });

  test("to other servers reach public addresses alone, unless all are allowed", async () => {
    const inside = await asking.serve(() => json());
    const server = await asking.serve(() =>
      new Response(null, { status: 307, headers: { location: inside.url("/secret") } })
    );
    const refused = await reasonOf(ask(asking.make(server.url(), { spec: { retries: 0 } })));
    expect(refused).toContain("127.0.0.1 is not public");
    expect(refused).toContain("http.targets");
    expect(inside.asked).toHaveLength(0);
    const requests = asking.make(server.url(), { http: { targets: "any" } });
    expect((await ask(requests)).type).toBe("answered");
  });

  test("to other servers take no headers of the configuration along", async () => {
    const other = await asking.serve(() => json());
    const server = await asking.serve(() =>
      new Response(null, { status: 307, headers: { location: other.url() } })
    );
    const requests = asking.make(server.url(), {
      http: { targets: "any" },
      spec: { headers: { Authorization: "Bearer s3cr3t" } },
    });
    expect((await ask(requests)).type).toBe("answered");
    expect(server.asked[0]?.headers.get("authorization")).toBe("Bearer s3cr3t");
    expect(other.asked[0]?.headers.has("authorization")).toBe(false);
  });
});

describe("what is no answer", () => {
  test("is HTML, whatever it says that it is", async () => {
    const pages: readonly (readonly [string, string])[] = [
      ["text/html", "<!DOCTYPE html><html>"],
      ["application/json", "\n<html lang=de>"],
      ["text/html", "<h1>It works</h1>"],
    ];
    for (const [type, page] of pages) {
      const guard = new Guard();
      const server = await asking.serve(() =>
        new Response(page, { headers: { "content-type": type } })
      );
      const requests = asking.make(server.url(), { guard });
      expect(await reasonOf(ask(requests))).toContain("/voice answered with HTML");
      expect(guard.told.at(-1)).toBe("failed");
      expect(server.asked).toHaveLength(1);
    }
  });

  test("is not XML or JSON that says so", async () => {
    for (const body of ['<?xml version="1.0"?><Response/>', "<Response/>", "[]"]) {
      const server = await asking.serve(() =>
        new Response(body, { headers: { "content-type": "text/html" } })
      );
      expect((await ask(asking.make(server.url()))).type).toBe("answered");
    }
  });

  test("is what is too large, and sound may be larger", async () => {
    const server = await asking.serve(({ path }) =>
      new Response(new Uint8Array(300_000), {
        headers: { "content-type": path === "/sound" ? "audio/wav" : "application/json" },
      })
    );
    const reason = await reasonOf(ask(asking.make(server.url())));
    expect(reason).toContain("its response is larger than 256 KiB");
    expect(server.asked).toHaveLength(1);
    expect((await ask(asking.make(server.url("/sound")))).type).toBe("answered");
  });
});
