import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { expandHandler } from "../../src/route/expand_handler.ts";
import type { ExecSpec, WebhookSpec, WebsocketSpec } from "../../src/route/route.ts";
import { callFacts } from "./facts.ts";

function exec(command: readonly string[], env: Readonly<Record<string, string>> = {}): ExecSpec {
  return { type: "exec", command, env, stop_after: 2000 };
}

describe("arguments of a program", () => {
  test("are filled in one by one", () => {
    const facts = callFacts({ "X-Name": "a b; rm -rf /" });
    const expanded = expandHandler(exec(["bot", "--name", "{X-Name}", "{from.user}!"]), facts);
    expect(expanded).toEqual({
      ok: true,
      handler: exec(["bot", "--name", "a b; rm -rf /", "alice!"]),
    });
  });

  test("do not become options: a leading - of the caller is refused", () => {
    const facts = callFacts({ "X-Name": "--config=/etc/evil" });
    const expanded = expandHandler(exec(["bot", "{X-Name}"]), facts);
    expect(expanded.ok ? "" : expanded.reason).toContain("--name={X-Name}");
    expect(expandHandler(exec(["bot", "--name={X-Name}"]), facts).ok).toBe(true);
    expect(expandHandler(exec(["bot", "--", "{X-Name}"]), facts).ok).toBe(true);
  });

  test("keep an argument in its place when the value is empty", () => {
    const expanded = expandHandler(exec(["bot", "{X-None}", "end"]), callFacts());
    expect(expanded.ok && expanded.handler).toEqual(exec(["bot", "", "end"]));
  });

  test("no header value adds, splits or changes what the operator wrote", () => {
    const spec = exec(["bot", "--fixed", "-x{X-A}", "--queue={X-A}", "--", "{X-A}"], {
      TENANT: "{X-A}",
      FIXED: "value",
    });
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 40 }), (value) => {
      const expanded = expandHandler(spec, callFacts({ "X-A": value }));
      if (!expanded.ok) return;
      if (expanded.handler.type !== "exec") throw new Error("another kind of handler");
      const { command, env } = expanded.handler;
      expect(command).toHaveLength(6);
      expect(command.slice(0, 2)).toEqual(["bot", "--fixed"]);
      expect(command[2]?.startsWith("-x")).toBe(true);
      expect(command[3]?.startsWith("--queue=")).toBe(true);
      expect(command[4]).toBe("--");
      expect(Object.keys(env)).toEqual(["TENANT", "FIXED"]);
      expect(env.FIXED).toBe("value");
      // deno-lint-ignore no-control-regex
      expect(/[\u0000-\u001f\u007f]/.test(command.join("") + env.TENANT)).toBe(false);
    }));
  });
});

describe("other handlers", () => {
  test("a file name stays in its directory", () => {
    const handler = { type: "play", file: "prompts/{X-Lang}.wav", loop: 1 } as const;
    expect(expandHandler(handler, callFacts({ "X-Lang": "de" })))
      .toMatchObject({ ok: true, handler: { file: "prompts/de.wav" } });
    expect(expandHandler(handler, callFacts({ "X-Lang": "../../secret" })).ok).toBe(false);
  });

  test("headers of a refusal take values, and no line of their own", () => {
    const handler = { type: "reject", status: 403, headers: { "X-Room-ID": "{room_id}" } } as const;
    expect(expandHandler(handler, callFacts({ "X-Room-ID": "r1" })))
      .toMatchObject({ ok: true, handler: { headers: { "X-Room-ID": "r1" } } });
    const split = callFacts({ "X-Room-ID": "r1\r\nVia: evil" });
    expect(expandHandler(handler, split).ok).toBe(false);
  });

  test("targets of a redirect are escaped", () => {
    const handler = { type: "redirect", to: ["sip:{X-A}@b"], status: 302 } as const;
    expect(expandHandler(handler, callFacts({ "X-A": "a,b" })))
      .toMatchObject({ ok: true, handler: { to: ["sip:a%2Cb@b"] } });
  });

  test("echo has nothing to fill in", () => {
    expect(expandHandler({ type: "echo" }, callFacts()))
      .toEqual({ ok: true, handler: { type: "echo" } });
  });
});

const TLS = { verify: true } as const;

function webhook(own: Partial<WebhookSpec>): WebhookSpec {
  return {
    type: "webhook",
    url: "https://bot.example/voice",
    protocol: "voicegw",
    audio: "none",
    secrets: [],
    account_sid: `AC${"0".repeat(32)}`,
    timeout: 5000,
    retries: 1,
    headers: {},
    programs: {},
    recordings: "recordings",
    tls: TLS,
    ...own,
  };
}

function websocket(own: Partial<WebsocketSpec>): WebsocketSpec {
  return {
    type: "websocket",
    url: "wss://bot.example/media",
    protocol: "twilio",
    parameters: {},
    account_sid: `AC${"0".repeat(32)}`,
    headers: {},
    timeout: 5000,
    ping: 0,
    reconnect: { tries: 0, delay: 500 },
    tls: TLS,
    ...own,
  };
}

describe("servers", () => {
  test("URL, headers and parameters of a WebSocket take values", () => {
    const handler = websocket({
      url: "wss://bot.example/{X-Room}?from={from.user}",
      parameters: { room: "{X-Room}", fixed: "1" },
      headers: { "X-From": "{from.user}" },
    });
    expect(expandHandler(handler, callFacts({ "X-Room": "a/b" }))).toEqual({
      ok: true,
      handler: {
        ...handler,
        url: "wss://bot.example/a%2Fb?from=alice",
        parameters: { room: "a/b", fixed: "1" },
        headers: { "X-From": "alice" },
      },
    });
  });

  test("URLs, headers and programs of a webhook take values", () => {
    const handler = webhook({
      url: "https://bot.example/voice?from={from.user}",
      status_callback: "https://bot.example/status/{X-Room}",
      headers: { "Authorization": "Bearer {{x}", "X-Room": "{X-Room}" },
      programs: { bot: ["bot", "--room={X-Room}"] },
    });
    expect(expandHandler(handler, callFacts({ "X-Room": "-r 1" }))).toEqual({
      ok: true,
      handler: {
        ...handler,
        url: "https://bot.example/voice?from=alice",
        status_callback: "https://bot.example/status/-r%201",
        headers: { "Authorization": "Bearer {x}", "X-Room": "-r 1" },
        programs: { bot: ["bot", "--room=-r 1"] },
      },
    });
    const option = webhook({ programs: { bot: ["bot", "{X-Room}"] } });
    expect(expandHandler(option, callFacts({ "X-Room": "-r" })).ok).toBe(false);
  });

  test("what has no status callback gets none", () => {
    const expanded = expandHandler(webhook({}), callFacts());
    expect(expanded.ok && Object.hasOwn(expanded.handler, "status_callback")).toBe(false);
  });

  test("no value adds a header, a parameter, an argument, or a line", () => {
    const spec = webhook({
      url: "https://bot.example/{X-A}?a={X-A}",
      headers: { "X-One": "{X-A}", "X-Two": "2" },
      programs: { bot: ["{X-A}", "-{X-A}", "--", "{X-A}"] },
    });
    const stream = websocket({ parameters: { one: "{X-A}", two: "2" } });
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 40 }), (value) => {
      const facts = callFacts({ "X-A": value });
      const [posted, streamed] = [expandHandler(spec, facts), expandHandler(stream, facts)];
      if (posted.ok && posted.handler.type === "webhook") {
        const { headers, programs, url } = posted.handler;
        expect(Object.keys(headers)).toEqual(["X-One", "X-Two"]);
        expect(headers["X-Two"]).toBe("2");
        // deno-lint-ignore no-control-regex
        expect(/[\u0000-\u001f\u007f]/.test(headers["X-One"] ?? "")).toBe(false);
        expect(programs["bot"]).toHaveLength(4);
        // The operator alone says which program runs
        expect(programs["bot"]?.[0]).toBe("{X-A}");
        expect(new URL(url).searchParams.size).toBe(1);
        expect(new URL(url).pathname.split("/")).toHaveLength(2);
      }
      if (streamed.ok && streamed.handler.type === "websocket") {
        expect(Object.entries(streamed.handler.parameters)).toHaveLength(2);
        expect(streamed.handler.parameters["two"]).toBe("2");
      }
    }));
  });
});
