import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Api, makeApp } from "../../src/api/api.ts";
import { readBasic } from "../../src/api/basic_auth.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { type Instructions, type TwilioCall, TwilioCalls } from "../../src/twilio/live_calls.ts";
import { RecordingLinks } from "../../src/twilio/recording_links.ts";
import { callSid } from "../../src/twilio/sids.ts";
import { FACTS } from "../support/call_facts.ts";

const ACCOUNT = `AC${"a".repeat(32)}`;
const SID = callSid(FACTS.id);
const ENV = { remote: { address: "192.0.2.7", port: 4711 } };
const runtime = createRuntime();

/** A call that remembers what was asked of it. */
class AskedCall implements TwilioCall {
  readonly sid = SID;
  readonly accountSid = ACCOUNT;
  readonly facts = FACTS;
  readonly authToken: string | undefined;
  readonly asked: (Instructions | "hang up")[] = [];
  problem: string | undefined;

  constructor(authToken: string | undefined) {
    this.authToken = authToken;
  }

  status(): "in-progress" {
    return "in-progress";
  }

  hangUp(): void {
    this.asked.push("hang up");
  }

  replace(instructions: Instructions): string | undefined {
    this.asked.push(instructions);
    return this.problem;
  }
}

function rig(authToken: string | null = "secret") {
  const call = new AskedCall(authToken ?? undefined);
  const calls = new TwilioCalls();
  calls.add(call);
  const logged: string[] = [];
  const recordings = new RecordingLinks("http://gateway:8080", runtime.random);
  const options = {
    calls,
    recordings,
    runtime,
    log: (message: string) => void logged.push(message),
    health: () => ({ status: "serving" as const, calls: 1 }),
  };
  const app = makeApp(options);
  const path = `/2010-04-01/Accounts/${ACCOUNT}/Calls/${SID}.json`;
  const post = (form: Readonly<Record<string, string>>, headers = basic(ACCOUNT, "secret")) =>
    app.request(path, { method: "POST", headers, body: new URLSearchParams(form) }, ENV);
  return { app, call, calls, recordings, logged, path, post, options };
}

function basic(user: string, password: string): Record<string, string> {
  return { Authorization: `Basic ${btoa(`${user}:${password}`)}` };
}

describe("Twilio's call resource", () => {
  test("tells of a live call", async () => {
    const { app, path } = rig();
    const response = await app.request(path, { headers: basic(ACCOUNT, "secret") });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      sid: SID,
      account_sid: ACCOUNT,
      status: "in-progress",
      from: FACTS.from.uri,
      // The time in the id of the call
      date_created: "Tue, 19 Aug 2025 05:47:11 +0000",
      end_time: null,
      uri: path,
    });
    const bare = await app.request(path.replace(".json", ""), {
      headers: basic(ACCOUNT, "secret"),
    });
    expect(bare.status).toBe(200);
  });

  for (const status of ["completed", "canceled"]) {
    test(`hangs up with Status=${status}`, async () => {
      const { call, post, logged } = rig();
      const response = await post({ Status: status });
      expect(await response.json()).toMatchObject({ sid: SID, status: "completed" });
      expect(call.asked).toEqual(["hang up"]);
      expect(logged).toEqual(["192.0.2.7:4711 hung up over the web server"]);
    });
  }

  test("takes other instructions", async () => {
    const { call, post, logged } = rig();
    expect((await post({ Twiml: "<Response/>" })).status).toBe(200);
    expect((await post({ Url: "https://bot.example.com/a", Method: "get" })).status).toBe(200);
    expect((await post({ Url: "https://bot.example.com/b" })).status).toBe(200);
    expect(call.asked).toEqual([
      { twiml: "<Response/>" },
      { url: "https://bot.example.com/a", method: "GET" },
      { url: "https://bot.example.com/b", method: "POST" },
    ]);
    expect(logged).toEqual(
      Array(3).fill("192.0.2.7:4711 gave other instructions over the web server"),
    );
  });

  test("says why it cannot do what is asked", async () => {
    const { call, post } = rig();
    call.problem = "its TwiML is wrong";
    for (
      const [form, message] of [
        [{}, "Send Status=completed, Url or Twiml"],
        [{ Status: "queued" }, "Status can be completed or canceled"],
        [{ Url: "ftp://x" }, "Url must begin with http"],
        [{ Url: "http://x", Method: "PUT" }, "Method can be GET or POST"],
        [{ Twiml: "<X/>" }, "its TwiML is wrong"],
      ] as const
    ) {
      const response = await post(form);
      expect(response.status).toBe(400);
      expect((await response.json() as { message: string }).message).toContain(message);
    }
  });

  test("is closed to who does not know the token, which is logged once", async () => {
    const { call, post, logged } = rig();
    const wrong = [
      basic(ACCOUNT, "guess"),
      basic("AC", "secret"),
      { Authorization: "Bearer x" },
      {},
    ];
    for (const headers of wrong) {
      const response = await post({ Status: "completed" }, headers as Record<string, string>);
      expect(response.status).toBe(401);
      expect(response.headers.get("WWW-Authenticate")).toContain("Basic");
      expect(await response.json()).toMatchObject({ code: 20003 });
    }
    expect(call.asked).toEqual([]);
    expect(logged).toEqual(["192.0.2.7:4711 asked for the call with a wrong token"]);
  });

  test("asks for no token where the route has none", async () => {
    const { call, post } = rig(null);
    expect((await post({ Status: "completed" }, {})).status).toBe(200);
    expect(call.asked).toEqual(["hang up"]);
  });

  test("is not there for calls that are over, unknown, or of another account", async () => {
    const { app, calls, call, post, path } = rig();
    const other = await app.request(path.replace(ACCOUNT, `AC${"b".repeat(32)}`));
    expect(other.status).toBe(404);
    calls.remove(call);
    const response = await post({ Status: "completed" });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 20404, status: 404 });
    expect(call.asked).toEqual([]);
  });

  test("is all that there is of a call, which is said as Twilio says it", async () => {
    const { app, path } = rig();
    const streams = path.replace(".json", "/Streams.json");
    for (const [url, method] of [[streams, "POST"], [path, "DELETE"], ["/2010-04-01/", "GET"]]) {
      const response = await app.request(url as string, { method: method as string });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: 20404, status: 404 });
    }
  });

  test("takes no body without end", async () => {
    const { post } = rig();
    expect((await post({ Twiml: "x".repeat(300_000) })).status).toBe(413);
  });
});

describe("recordings", () => {
  test("are fetched by their sid alone, while they are there", async () => {
    const folder = mkdtempSync(`${tmpdir()}/voicegw-api-`);
    try {
      const { app, recordings } = rig();
      const file = `${folder}/a.wav`;
      writeFileSync(file, "RIFF");
      const { sid, url } = recordings.add({ file, accountSid: ACCOUNT });
      expect(url).toBe(`http://gateway:8080/2010-04-01/Accounts/${ACCOUNT}/Recordings/${sid}`);
      const path = new URL(url).pathname;
      for (const end of ["", ".wav"]) {
        const response = await app.request(path + end);
        expect(response.headers.get("Content-Type")).toBe("audio/wav");
        expect(await response.text()).toBe("RIFF");
      }
      expect((await app.request(path.replace(sid, "../../etc/passwd"))).status).toBe(404);
      expect((await app.request(path.replace(sid, `RE${"0".repeat(32)}`))).status).toBe(404);
      rmSync(file);
      expect((await app.request(path)).status).toBe(404);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the web server", () => {
  test("listens, tells how the gateway is, and is gone after its end", async () => {
    const { options } = rig();
    const api = new Api({ ...options, config: { listen: { address: "127.0.0.1", port: 0 } } });
    await api.start();
    const base = `http://127.0.0.1:${api.local?.port}`;
    expect(await (await fetch(`${base}/healthz`)).json()).toEqual({ status: "serving", calls: 1 });
    expect((await fetch(`${base}/elsewhere`)).status).toBe(404);
    await api.stop();
    expect(api.local).toBeUndefined();
    expect(await fetch(base).then(() => "there", () => "gone")).toBe("gone");
  });
});

describe("whoever watches over the gateway", () => {
  test("is told by the status when it takes no calls", async () => {
    const { options } = rig();
    const app = makeApp({ ...options, health: () => ({ status: "draining" }) });
    const response = await app.request("/healthz", {}, ENV);
    expect([response.status, await response.json()]).toEqual([503, { status: "draining" }]);
  });
});

describe("HTTP Basic, RFC 7617", () => {
  test("is read, colons in the password included", () => {
    expect(readBasic(`Basic ${btoa("a:b:c")}`)).toEqual({ user: "a", password: "b:c" });
    for (
      const header of [undefined, "", "Basic", "Basic %%%", `Basic ${btoa("nocolon")}`, "Digest x"]
    ) {
      expect(readBasic(header)).toBeUndefined();
    }
  });
});
