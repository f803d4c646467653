import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import twilio from "twilio";
import { TwilioCalls } from "../../../src/twilio/live_calls.ts";
import { callSid } from "../../../src/twilio/sids.ts";
import { FACTS } from "../../support/call_facts.ts";
import { END } from "../recording_host.ts";
import { startWsServer, type WsPeer } from "../websocket/ws_server.ts";
import { type Asked, Rig, type RigOptions, WebStub } from "./rig.ts";

const TOKEN = "12345";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

type Voice = InstanceType<typeof twilio.twiml.VoiceResponse>;

/** A web server that answers by path. */
function setUp(
  answers: Record<string, (response: Voice, form: URLSearchParams) => void>,
  { spec, ...options }: RigOptions = {},
): { web: WebStub; rig: Rig } {
  const web = new WebStub(({ path, text }) => {
    const response = new twilio.twiml.VoiceResponse();
    answers[path.split("?")[0] ?? ""]?.(response, new URLSearchParams(text));
    return new Response(response.toString(), { headers: { "content-type": "text/xml" } });
  });
  const rig = new Rig(web.url, {
    ...options,
    spec: { protocol: "twilio", auth_token: TOKEN, ...spec },
  });
  open.push(web, { close: () => rig.handler.kill() });
  return { web, rig };
}

function form(asked: Asked | undefined): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(asked?.text));
}

/** Whether Twilio's own library takes a request for one of Twilio's. */
function isSigned(web: WebStub, asked: Asked | undefined): boolean {
  const url = new URL(asked?.path ?? "", web.url).href;
  const signature = asked?.headers.get("x-twilio-signature") ?? "";
  return twilio.validateRequest(TOKEN, signature, url, form(asked));
}

describe("TwiML", () => {
  test("is asked for with Twilio's parameters and signature", async () => {
    const { web, rig } = setUp({ "/voice": (response) => response.reject({ reason: "busy" }) });
    await rig.until(() => rig.commands.length > 0);
    expect(rig.host.of("command")[0]?.command).toMatchObject({ command: "reject", status: 486 });
    const [asked] = web.asked;
    expect(asked?.headers.get("content-type")).toBe("application/x-www-form-urlencoded");
    expect(form(asked)).toMatchObject({
      CallSid: callSid(FACTS.id),
      CallStatus: "ringing",
      Direction: "inbound",
      ApiVersion: "2010-04-01",
    });
    expect(isSigned(web, asked)).toBe(true);
  });

  test("is followed verb by verb, and ends the call where it falls off", async () => {
    const { rig } = setUp({
      "/voice": (response) => {
        response.play({ digits: "1" });
        response.redirect("/more");
        response.say("never");
      },
      "/more": (response) => {
        response.play({ digits: "2" });
      },
    });
    await rig.until(() => rig.commands.includes("hangup"));
    expect(rig.commands).toEqual(["answer", "dtmf", "dtmf", "hangup"]);
  });

  test("has a stream of a relative URL lie at the web server", async () => {
    const { web, rig } = setUp({
      "/voice": (response) => void response.connect().stream({ url: "media?a=1" }),
    });
    await rig.until(() => rig.commands.includes("hangup"));
    const { host } = new URL(web.url);
    expect(rig.host.logged.join()).toContain(`ws://${host}/media?a=…: `);
  });

  test("has an empty response hang up", async () => {
    const { rig } = setUp({});
    await rig.until(() => rig.commands.includes("hangup"));
    expect(rig.commands).toEqual(["hangup"]);
  });

  test("gathers keys, and sends them to the action", async () => {
    const { web, rig } = setUp({
      "/voice": (response) => {
        response.gather({ numDigits: 4, action: "/pin?a=1&b=2", timeout: 10 });
        response.redirect("/nothing");
      },
      "/pin": (response) => response.hangup(),
    });
    await rig.until(() => rig.commands.includes("answer"));
    for (const digit of "12#") rig.key(digit);
    await rig.until(() => rig.commands.includes("hangup"));
    const asked = web.asked[1];
    expect(asked?.path).toBe("/pin?a=1&b=2");
    expect(form(asked)).toMatchObject({
      Digits: "12",
      FinishedOnKey: "#",
      CallStatus: "in-progress",
    });
    expect(isSigned(web, asked)).toBe(true);
    expect(web.asked).toHaveLength(2);
  });

  test("asks by GET with everything in the query, which is signed", async () => {
    const { web, rig } = setUp({
      "/voice": (response) => response.redirect({ method: "GET" }, "/more?x=1"),
      "/more": (response) => response.hangup(),
    });
    await rig.until(() => rig.commands.includes("hangup"));
    const asked = web.asked[1];
    expect(asked?.method).toBe("GET");
    const query = new URL(asked?.path ?? "", web.url).searchParams;
    expect([query.get("x"), query.get("CallSid")]).toEqual(["1", callSid(FACTS.id)]);
    expect(isSigned(web, asked)).toBe(true);
  });

  test("records, and tells where the recording is", async () => {
    const folder = mkdtempSync(join(tmpdir(), "voicegw-twilio-"));
    open.push({ close: () => rmSync(folder, { recursive: true }) });
    const { web, rig } = setUp({
      "/voice": (response) =>
        response.record({
          action: "/recorded",
          playBeep: false,
          finishOnKey: "5",
          trim: "do-not-trim",
        }),
      "/recorded": (response) => response.hangup(),
    }, { spec: { recordings: folder } });
    await rig.until(() => rig.commands.includes("answer"));
    rig.hear(2000, 3);
    rig.key("5");
    await rig.until(() => rig.commands.includes("hangup"));
    expect(form(web.asked[1])).toMatchObject({ RecordingDuration: "2", Digits: "5" });
  });

  test.each([
    ["is none", "hello", "send TwiML"],
    ["is broken", "<Response><Say>", "TwiML is wrong"],
    ["has a verb that there is not", "<Response><Dance/></Response>", "Dance"],
  ])("that %s fails, with the fix", async (_, body, why) => {
    const web = new WebStub(() => new Response(body, { headers: { "content-type": "text/xml" } }));
    open.push(web);
    const rig = new Rig(web.url, { spec: { protocol: "twilio" } });
    const end = await rig.host.untilEnded();
    expect(end.type === "failed" ? end.reason : "").toContain(why);
  });
});

describe("status callbacks", () => {
  test("tell of each change, numbered, to the end", async () => {
    const status = new WebStub(() => undefined);
    open.push(status);
    const { rig } = setUp({ "/voice": (response) => void response.pause({ length: 60 }) }, {
      spec: { status_callback: status.url },
    });
    await rig.until(() => status.asked.length === 2);
    rig.handler.stop({ ...END, duration_ms: 0, cause: "caller_cancel", sip_status: 487 });
    await rig.host.untilEnded();
    const told = status.asked.map((asked) => form(asked));
    expect(told.map(({ CallStatus }) => CallStatus)).toEqual(["initiated", "ringing", "canceled"]);
    expect(told.map(({ SequenceNumber }) => SequenceNumber)).toEqual(["0", "1", "2"]);
    expect(told[2]).toMatchObject({ CallDuration: "0", SipResponseCode: "487" });
    expect(status.asked.every((asked) => isSigned(status, asked))).toBe(true);
  });
});

describe("callbacks of a stream", () => {
  /** A call with a stream, whose bot does what a test says once it has begun. */
  async function stream(
    answer: (asked: Asked) => unknown,
    begun: (peer: WsPeer) => void,
  ): Promise<{ rig: Rig; told: WebStub }> {
    const bot = await startWsServer({
      onConnection: (peer) => {
        peer.onMessage = (text) => {
          if (String(text).includes('"start"')) begun(peer);
        };
      },
    });
    const told = new WebStub(answer);
    open.push({ close: () => bot.stop() }, told);
    const { rig } = setUp({
      "/voice": (response) =>
        void response.connect().stream({ url: bot.url, statusCallback: told.url }),
    }, { context: { http: { targets: "any" } } });
    return { rig, told };
  }

  test("tell of a bot that breaks down that it has failed, and has stopped", async () => {
    const { rig, told } = await stream(() => undefined, ({ socket }) => socket.close(1011));
    await rig.until(() => told.asked.length === 3);
    const forms = told.asked.map(form);
    expect(forms.map(({ StreamEvent }) => StreamEvent))
      .toEqual(["stream-started", "stream-error", "stream-stopped"]);
    expect(forms[1]?.StreamError).toContain("1011");
    expect(told.asked.every((asked) => isSigned(told, asked))).toBe(true);
  });

  test("do not keep a call for long that is over, when nobody takes them", async () => {
    const { rig, told } = await stream(() => new Promise(() => {}), () => {});
    await rig.until(() => told.asked.length === 1);
    const begun = performance.now();
    rig.handler.stop(END);
    await rig.host.untilEnded();
    // The time-out of the route
    expect(performance.now() - begun).toBeLessThan(1500);
  });
});

describe("a call that is asked for by its sid", () => {
  async function live(): Promise<{ rig: Rig; calls: TwilioCalls; web: WebStub }> {
    const calls = new TwilioCalls();
    const { rig, web } = setUp({
      "/voice": (response) => {
        response.play({ digits: "1" });
        response.pause({ length: 60 });
      },
      "/other": (response) => response.hangup(),
    }, { context: { twilioCalls: calls } });
    await rig.until(() => rig.commands.includes("dtmf"));
    return { rig, calls, web };
  }

  test("is known while it lives, with its status", async () => {
    const { rig, calls } = await live();
    const call = calls.find(callSid(FACTS.id));
    expect(call).toMatchObject({ authToken: TOKEN, facts: FACTS });
    expect(call?.status()).toBe("in-progress");
    rig.handler.stop(END);
    expect(calls.find(callSid(FACTS.id))).toBeUndefined();
  });

  test("is hung up", async () => {
    const { rig, calls } = await live();
    calls.find(callSid(FACTS.id))?.hangUp();
    expect(rig.commands.at(-1)).toBe("hangup");
  });

  test("goes on with other instructions, at once", async () => {
    const { rig, calls, web } = await live();
    const call = calls.find(callSid(FACTS.id));
    expect(call?.replace({ twiml: "<Response><Dance/></Response>" })).toContain("Dance");
    expect(call?.replace({ url: "nowhere", method: "POST" })).toContain("Url");
    expect(rig.commands.at(-1)).toBe("dtmf");
    const url = new URL("/other", web.url).href;
    expect(call?.replace({ url, method: "POST" })).toBeUndefined();
    await rig.until(() => rig.commands.includes("hangup"));
  });
});
