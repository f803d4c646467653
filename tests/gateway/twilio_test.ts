import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import twilio from "twilio";
import { PCMU } from "../../src/audio/g711.ts";
import { tone } from "../../src/audio/tone.ts";
import { parseWav, serializeWav } from "../../src/audio/wav.ts";
import type {
  OutboundCallOptions,
  OutboundCallResult,
} from "../../src/gateway/outbound_options.ts";
import { startWsServer, type WsPeer, type WsServer } from "../handler/websocket/ws_server.ts";
import { type Asked, WebStub } from "../handler/webhook/rig.ts";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { heardMs } from "../support/heard_tone.ts";

const ACCOUNT = `AC${"7".repeat(32)}`;
const TOKEN = "0123456789abcdef0123456789abcdef";

/** What is played, and what of it is heard at least: frames at both ends are cut. */
const GOODBYE = tone(880, 200, RATE);
const GOODBYE_MS = 140;
const MUSIC = tone(600, 600, RATE);
const MUSIC_MS = 540;

/** What bots say. */
const JINGLE = tone(700, 300, RATE);
const JINGLE_MS = 240;

type Voice = InstanceType<typeof twilio.twiml.VoiceResponse>;
type Form = Readonly<Record<string, string>>;
type Answers = Readonly<Record<string, (response: Voice, form: Form, room: string) => void>>;

function formOf({ method, path, text }: Asked): Form {
  const query = new URL(path, "http://any").search;
  return Object.fromEntries(new URLSearchParams(method === "GET" ? query : text));
}

/** Says a sound as a bot of Twilio's does. */
function say(peer: WsPeer, samples: Int16Array): void {
  const codes = new Uint8Array(samples.length);
  PCMU.encode(samples, 0, samples.length, codes, 0);
  const payload = Buffer.from(codes).toString("base64");
  peer.say({ event: "media", streamSid: streamSidOf(peer), media: { payload } });
}

function streamSidOf(peer: WsPeer): string {
  return String(peer.events("start")[0]?.streamSid);
}

/** Calls `then` when the bot is told of the event. */
function on(peer: WsPeer, event: string, then: () => void): void {
  const before = peer.onMessage;
  peer.onMessage = (message) => {
    before(message);
    if (JSON.parse(String(message)).event === event) then();
  };
}

/** Programs at the far end of streams, by the last part of their path. */
const BOTS: Readonly<Record<string, (peer: WsPeer) => void>> = {
  jingle: (peer) => {
    on(peer, "start", () => {
      say(peer, JINGLE);
      peer.say({ event: "mark", streamSid: streamSidOf(peer), mark: { name: "end" } });
    });
    on(peer, "mark", () => peer.socket.close());
  },
  // Talks too, though nobody hears it
  ear: (peer) => on(peer, "start", () => say(peer, JINGLE)),
  patient: () => {},
};

/** What the web server answers, by the last part of the path. */
const ANSWERS: Answers = {
  bye: (response) => response.play("/bye.wav"),
  connect: (response, _, room) => {
    const stream = response.connect().stream({
      url: `${bots.url}${room}/jingle`,
      statusCallback: "stream",
    });
    stream.parameter({ name: "tenant", value: "acme & sons" });
    response.play("/bye.wav");
  },
  connect_action: (response, _, room) => {
    response.connect({ action: "bye" }).stream({ url: `${bots.url}${room}/jingle` });
    response.play("/music.wav");
  },
  connect_down: (response) => {
    response.connect().stream({
      url: "ws://127.0.0.1:9/",
      name: "nobody",
      statusCallback: "stream",
      statusCallbackMethod: "GET",
    });
    response.play("/bye.wav");
  },
  start: (response, _, room) => {
    response.start().stream({
      url: `${bots.url}${room}/ear`,
      name: "my ear",
      statusCallback: "stream",
    });
    response.play("/music.wav");
    response.stop().stream({ name: "my ear" });
    response.play("/bye.wav");
  },
  forever: (response, _, room) => {
    response.connect().stream({ url: `${bots.url}${room}/patient`, statusCallback: "stream" });
  },
  record: (response) => {
    response.record({ action: "recorded", maxLength: 1, playBeep: false, trim: "do-not-trim" });
  },
  recorded: (response) => response.hangup(),
  pause: (response) => {
    response.play("/bye.wav");
    response.pause({ length: 30 });
  },
};

let web: WebStub;
let bots: WsServer;
let server: RunningGateway;
let recordings: string;

beforeAll(async () => {
  recordings = mkdtempSync(join(tmpdir(), "voicegw-twilio-"));
  bots = await startWsServer({
    onConnection: (peer) => BOTS[peer.request.url?.split("/").at(-1) ?? ""]?.(peer),
  });
  web = new WebStub((asked) => {
    if (asked.path === "/bye.wav") return wav(GOODBYE);
    if (asked.path === "/music.wav") return wav(MUSIC);
    const [, room = "", verb = ""] = asked.path.split(/[/?]/);
    const response = new twilio.twiml.VoiceResponse();
    ANSWERS[verb]?.(response, formOf(asked), room);
    return new Response(response.toString(), { headers: { "content-type": "text/xml" } });
  });
  const route = {
    name: "twiml",
    webhook: {
      url: new URL("/{room_id}/{X-Verb}", web.url).href.replaceAll(/%7B/g, "{")
        .replaceAll(/%7D/g, "}"),
      protocol: "twilio",
      account_sid: ACCOUNT,
      auth_token: TOKEN,
      status_callback: new URL("/status", web.url).href,
      retries: 0,
      recordings,
    },
  };
  server = await startGateway({
    routes: [route],
    http: { targets: "any" },
    api: { listen: "127.0.0.1:0" },
  });
});

afterAll(async () => {
  await server.stop();
  await bots.stop();
  await web.close();
  rmSync(recordings, { recursive: true });
});

function wav(samples: Int16Array): Response {
  const bytes = new Uint8Array(serializeWav(samples, RATE));
  return new Response(bytes, { headers: { "content-type": "audio/wav" } });
}

let rooms = 0;

/** One call, seen from the far end. */
class Call {
  readonly room = `room${++rooms}`;
  readonly result: Promise<OutboundCallResult>;

  constructor(verb: keyof typeof ANSWERS & string, options: Partial<OutboundCallOptions> = {}) {
    this.result = callRoom(server.udp, this.room, {
      duration: 8000,
      ...options,
      headers: [["X-Verb", verb]],
    });
  }

  /** Requests of this call so far, but for sounds; those of status callbacks apart. */
  asked(part: string): readonly Asked[] {
    const sid = this.sid;
    return web.asked.filter(({ path }) => path.split(/[/?]/).at(part === "status" ? 1 : 2) === part)
      .filter((asked) => formOf(asked)["CallSid"] === sid);
  }

  /** CallSid. */
  get sid(): string {
    const [first] = web.asked.filter(({ path }) => path.startsWith(`/${this.room}/`));
    return first === undefined ? "" : formOf(first)["CallSid"] ?? "";
  }

  /** What its status callbacks said. */
  get statuses(): readonly Form[] {
    return this.asked("status").map(formOf);
  }

  /** What the callbacks of its streams said. */
  get streams(): readonly Form[] {
    return this.asked("stream").map(formOf);
  }

  /** Resolves with the bot that its stream has reached. */
  async bot(): Promise<WsPeer> {
    const find = () => bots.peers.find(({ request }) => request.url?.startsWith(`/${this.room}/`));
    await until(() => find()?.events("start").length === 1, 3000, () => "No stream has begun");
    return find() as WsPeer;
  }

  /** Resolves when the last status is told, and all else before it. */
  async ended(): Promise<void> {
    const isOver = () => this.statuses.at(-1)?.["CallStatus"] === "completed";
    await until(isOver, 3000, () => JSON.stringify(this.statuses));
  }
}

/** Whether Twilio's own library takes a request for one of Twilio's. */
function isSigned({ method, path, headers, text }: Asked): boolean {
  const form = method === "GET" ? {} : Object.fromEntries(new URLSearchParams(text));
  const signature = headers.get("x-twilio-signature") ?? "";
  return twilio.validateRequest(TOKEN, signature, new URL(path, web.url).href, form);
}

/** The REST client of Twilio's package, whose requests come to us. */
function rest(token = TOKEN) {
  class OurClient extends twilio.RequestClient {
    override request: twilio.RequestClient["request"] = (options) => {
      const uri = options.uri.replace("https://api.twilio.com", `http://${server.gateway.api}`);
      return super.request({ ...options, uri });
    };
  }
  return twilio(ACCOUNT, token, { httpClient: new OurClient() });
}

describe("<Stream>", () => {
  test.concurrent("of <Connect> has the caller until the bot closes it", async () => {
    const call = new Call("connect");
    const { endedBy, heard } = await call.result;
    expect(endedBy).toBe("callee");
    expect(heardMs(heard, 700)).toBeGreaterThan(JINGLE_MS);
    expect(heardMs(heard, 880)).toBeGreaterThan(GOODBYE_MS);
    const bot = await call.bot();
    expect(bot.events("start")[0]).toMatchObject({
      start: {
        accountSid: ACCOUNT,
        callSid: call.sid,
        customParameters: { tenant: "acme & sons" },
      },
    });
    await call.ended();
    const told = { AccountSid: ACCOUNT, CallSid: call.sid, StreamSid: streamSidOf(bot) };
    expect(call.streams).toMatchObject([
      { ...told, StreamName: streamSidOf(bot), StreamEvent: "stream-started" },
      { ...told, StreamName: streamSidOf(bot), StreamEvent: "stream-stopped" },
    ]);
    for (const { Timestamp } of call.streams) {
      expect(Timestamp).toBe(new Date(String(Timestamp)).toISOString());
    }
  });

  test.concurrent("of <Connect> with an action asks there when it is over", async () => {
    const { endedBy, heard } = await new Call("connect_action").result;
    expect(endedBy).toBe("callee");
    expect(heardMs(heard, 700)).toBeGreaterThan(JINGLE_MS);
    expect(heardMs(heard, 880)).toBeGreaterThan(GOODBYE_MS);
    expect(heardMs(heard, 600)).toBe(0);
  });

  test.concurrent("that cannot be opened is told of, and the next verb follows", async () => {
    const call = new Call("connect_down");
    const { heard } = await call.result;
    expect(heardMs(heard, 880)).toBeGreaterThan(GOODBYE_MS);
    await call.ended();
    expect(call.streams).toMatchObject([{
      StreamEvent: "stream-error",
      StreamName: "nobody",
      StreamError: "ws://127.0.0.1:9/: nothing listens there",
    }]);
    expect(call.asked("stream")[0]?.method).toBe("GET");
  });

  test.concurrent("of <Start> listens while the next verbs are heard", async () => {
    const call = new Call("start", { sound: tone(440, 500, RATE) });
    const { heard } = await call.result;
    expect(heardMs(heard, 600)).toBeGreaterThan(MUSIC_MS);
    expect(heardMs(heard, 880)).toBeGreaterThan(GOODBYE_MS);
    expect(heardMs(heard, 700)).toBe(0);
    const bot = await call.bot();
    const media = bot.events("media") as { media?: { payload: string } }[];
    const codes = Buffer.concat(
      media.map((each) => Buffer.from(`${each.media?.payload}`, "base64")),
    );
    const said = new Int16Array(codes.length);
    PCMU.decode(codes, 0, codes.length, said);
    expect(heardMs(said, 440)).toBeGreaterThan(300);
    expect(bot.events().at(-1)?.event).toBe("stop");
    await call.ended();
    expect(call.streams).toMatchObject([
      { StreamName: "my ear", StreamEvent: "stream-started" },
      { StreamName: "my ear", StreamEvent: "stream-stopped" },
    ]);
  });

  test.concurrent("stops with the call", async () => {
    const call = new Call("forever", { duration: 500 });
    expect((await call.result).endedBy).toBe("caller");
    const bot = await call.bot();
    await until(() => bot.closed !== undefined, 2000, () => "The stream goes on");
    expect(bot.events().at(-1)).toMatchObject({ event: "stop", stop: { callSid: call.sid } });
    await until(() => call.streams.length === 2, 2000, () => JSON.stringify(call.streams));
    expect(call.streams[1]).toMatchObject({ StreamEvent: "stream-stopped" });
  });
});

describe("status callbacks", () => {
  test.concurrent("come in order, numbered, and say how it ended", async () => {
    const call = new Call("bye");
    await call.result;
    await call.ended();
    expect(call.statuses.map(({ CallStatus, SequenceNumber }) => [CallStatus, SequenceNumber]))
      .toEqual([["initiated", "0"], ["ringing", "1"], ["in-progress", "2"], ["completed", "3"]]);
    expect(call.statuses.at(-1)).toMatchObject({
      AccountSid: ACCOUNT,
      CallbackSource: "call-progress-events",
      CallDuration: "1",
      SipResponseCode: "200",
    });
  });
});

describe("the REST client of Twilio's package", () => {
  test.concurrent("looks at a call, and hangs up; then it is not there", async () => {
    const call = new Call("pause");
    await until(() => call.statuses.length >= 3, 3000, () => "The call is not answered");
    const resource = rest().calls(call.sid);
    expect(await resource.fetch()).toMatchObject({
      sid: call.sid,
      accountSid: ACCOUNT,
      status: "in-progress",
      direction: "inbound",
    });
    expect(await resource.update({ status: "completed" })).toMatchObject({ status: "completed" });
    expect(await call.result).toMatchObject({ endedBy: "callee" });
    await call.ended();
    const gone = await resource.update({ status: "completed" }).catch((error) => error);
    expect(gone).toMatchObject({ status: 404, code: 20404 });
  });

  test.concurrent("gives other TwiML, in the middle of a stream", async () => {
    const call = new Call("forever");
    const bot = await call.bot();
    const response = new twilio.twiml.VoiceResponse();
    response.play("/bye.wav");
    await rest().calls(call.sid).update({ twiml: response.toString() });
    const { endedBy, heard } = await call.result;
    expect(endedBy).toBe("callee");
    expect(heardMs(heard, 880)).toBeGreaterThan(GOODBYE_MS);
    expect(bot.events().at(-1)?.event).toBe("stop");
    await call.ended();
    expect(call.streams.map(({ StreamEvent }) => StreamEvent))
      .toEqual(["stream-started", "stream-stopped"]);
    const wrong = new Call("pause");
    await until(() => wrong.statuses.length >= 3, 3000, () => "The call is not answered");
    const refused = await rest().calls(wrong.sid).update({ twiml: "<Response><Sing/></Response>" })
      .catch((error) => error);
    expect(refused).toMatchObject({ status: 400 });
    expect(refused.message).toContain("<Sing>");
    await rest().calls(wrong.sid).update({ status: "completed" });
    expect(await wrong.result).toMatchObject({ endedBy: "callee" });
  });

  test.concurrent("sends the call elsewhere", async () => {
    const call = new Call("pause");
    await until(() => call.statuses.length >= 3, 3000, () => "The call is not answered");
    await rest().calls(call.sid).update({ url: new URL(`/${call.room}/bye`, web.url).href });
    const { endedBy, heard } = await call.result;
    expect(endedBy).toBe("callee");
    expect(heardMs(heard, 880)).toBeGreaterThan(GOODBYE_MS);
    expect(call.asked("bye").map(formOf)).toMatchObject([{ CallStatus: "in-progress" }]);
  });

  test.concurrent("is not let in with a wrong token", async () => {
    const call = new Call("pause");
    await until(() => call.statuses.length >= 3, 3000, () => "The call is not answered");
    const refused = await rest("wrong").calls(call.sid).update({ status: "completed" })
      .catch((error) => error);
    expect(refused).toMatchObject({ status: 401, code: 20003 });
    await rest().calls(call.sid).update({ status: "completed" });
    expect(await call.result).toMatchObject({ endedBy: "callee" });
  });
});

describe("<Record>", () => {
  // Not beside others: it is to have every sample
  test("names a URL under which the recording is", async () => {
    const call = new Call("record", { sound: tone(440, 2000, RATE) });
    await call.result;
    const [recorded] = call.asked("recorded").map(formOf);
    expect(recorded).toMatchObject({ RecordingDuration: "1", Digits: "" });
    const url = recorded?.["RecordingUrl"] ?? "";
    expect(url).toContain(`/Recordings/${recorded?.["RecordingSid"]}`);
    const response = await fetch(`${url}.wav`);
    expect(response.headers.get("content-type")).toBe("audio/wav");
    const { samples } = parseWav(new Uint8Array(await response.arrayBuffer()));
    expect(heardMs(samples, 440)).toBeGreaterThan(800);
  });
});

test("every request is signed as Twilio's library wants it", async () => {
  await server.idle();
  const asked = web.asked.filter(({ path }) => !path.endsWith(".wav"));
  expect(asked.length).toBeGreaterThan(40);
  expect(asked.filter((each) => !isSigned(each)).map(({ path }) => path)).toEqual([]);
  // The handshakes of streams too
  expect(bots.peers.length).toBeGreaterThan(4);
  for (const { request } of bots.peers) {
    const url = new URL(String(request.url), bots.url).href;
    const signature = String(request.headers["x-twilio-signature"]);
    expect(twilio.validateRequest(TOKEN, signature, url, {})).toBe(true);
  }
});
