import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { TwilioRealtimeTransportLayer } from "@openai/agents-extensions";
import { RealtimeAgent, RealtimeSession } from "@openai/agents-realtime";
import { startWsServer, type WsPeer, type WsServer } from "../handler/websocket/ws_server.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { RawCaller, rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";

/** Mu-law codes of what the caller and the model say; neither is silence. */
const CALLER = 0x21;
const MODEL = 0x43;
const FRAME_MS = 20;

/** Length of one piece of the model's sound. */
const DELTA_MS = 100;

/** What the caller may still hear after an interruption. */
const SILENT_WITHIN_MS = 100;

/** How late a busy machine may be. */
const SLACK_MS = 60;

type RealtimeEvent = Record<string, unknown> & { readonly type: string };

/** The model's side: the few events of the realtime API that a spoken answer needs. */
class StandIn {
  readonly #peer: WsPeer;
  #responses = 0;

  constructor(peer: WsPeer) {
    this.#peer = peer;
    peer.onMessage = (message) => {
      const event = JSON.parse(String(message)) as RealtimeEvent;
      if (event.type !== "session.update") return;
      this.#say({ type: "session.updated", session: event.session });
    };
    this.#say({ type: "session.created", session: {} });
  }

  get isClosed(): boolean {
    return this.#peer.closed !== undefined;
  }

  events(type: string): readonly RealtimeEvent[] {
    return this.#peer.texts.map((text) => JSON.parse(text) as RealtimeEvent)
      .filter((event) => event.type === type);
  }

  /** Everything of the caller so far, as mu-law. */
  get heard(): Uint8Array {
    const pieces = this.events("input_audio_buffer.append").map(({ audio }) => String(audio));
    return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
  }

  /** Answers with so much sound at once, as a model that makes it faster than it is heard. */
  answer(durationMs: number): void {
    const name = `${++this.#responses}`;
    const place = { response_id: `resp_${name}`, item_id: `item_${name}` };
    const part = { ...place, output_index: 0, content_index: 0 };
    const piece = Buffer.alloc(DELTA_MS * 8, MODEL).toString("base64");
    this.#say({ type: "response.created", response: { id: place.response_id } });
    for (let at = 0; at < durationMs; at += DELTA_MS) {
      this.#say({ type: "response.output_audio.delta", ...part, delta: piece });
    }
    this.#say({ type: "response.output_audio.done", ...part });
    this.#say({ type: "response.done", response: { id: place.response_id, output: [] } });
  }

  /** The caller has begun to speak. */
  speechStarted(): void {
    this.#say({ type: "input_audio_buffer.speech_started", item_id: "u1", audio_start_ms: 0 });
  }

  #say(event: RealtimeEvent): void {
    this.#peer.say({ event_id: crypto.randomUUID(), ...event });
  }
}

/** One bot of the package, with the model that it talks to. */
interface Bot {
  readonly twilio: WsPeer;
  readonly transport: TwilioRealtimeTransportLayer;
  readonly model: StandIn;
  readonly errors: readonly unknown[];
}

describe("a bot of @openai/agents-extensions", () => {
  let models: WsServer;
  let bots: WsServer;
  let server: RunningGateway;
  const standIns: StandIn[] = [];
  const made: Bot[] = [];
  const open: { close(): unknown }[] = [];

  async function startBot(twilio: WsPeer): Promise<void> {
    const transport = new TwilioRealtimeTransportLayer({ twilioWebSocket: twilio.socket });
    const errors: unknown[] = [];
    transport.on("error", (error) => void errors.push(error));
    const agent = new RealtimeAgent({ name: "receptionist", instructions: "Be brief" });
    const session = new RealtimeSession(agent, {
      transport,
      tracingDisabled: true,
      config: { audio: { output: { voice: "verse" } } },
    });
    session.on("error", (error) => void errors.push(error));
    await session.connect({ apiKey: "none", url: models.url });
    made.push({ twilio, transport, model: standIns.at(-1) as StandIn, errors });
  }

  beforeAll(async () => {
    models = await startWsServer({ onConnection: (peer) => standIns.push(new StandIn(peer)) });
    bots = await startWsServer({ onConnection: (peer) => void startBot(peer) });
    server = await startGateway({
      routes: [{ name: "bot", websocket: { url: bots.url, protocol: "twilio" } }],
    });
  });

  afterEach(() => {
    for (const item of open.splice(0)) item.close();
  });

  afterAll(async () => {
    await server.stop();
    await bots.stop();
    await models.stop();
  });

  /** A call that is up, and its bot. */
  async function talk() {
    const caller = await RawCaller.open(server.udp);
    const rtp = await RtpPeer.open();
    open.push(caller, rtp);
    const known = made.length;
    const { call, answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", rtp.port) });
    expect(answer.statusCode).toBe(200);
    await until(() => made.length > known, 3000, () => "No bot has taken the call");
    const bot = made.at(-1) as Bot;
    await until(
      () => bot.model.events("session.update").length > 0,
      1000,
      () => "The bot has told the model nothing",
    );
    const to = rtpTargetOf(answer);
    const hangUp = () => caller.bye(call, answer);
    return { bot, rtp, to, hangUp, say: (frames: number) => rtp.stream(to, CALLER, frames) };
  }

  /** Packets in which there is anything but silence. */
  function audible(rtp: RtpPeer): number {
    const isSilence = (code: number) => (code & 0x7f) === 0x7f;
    return rtp.received.filter(({ payload }) => !payload.every(isSilence)).length;
  }

  test("hears the caller, and is heard, to the sample", async () => {
    const { bot, rtp, say, hangUp } = await talk();
    const [update] = bot.model.events("session.update");
    const format = { type: "audio/pcmu" };
    expect(update).toMatchObject({ session: { audio: { input: { format }, output: { format } } } });
    await say(25);
    const heard = () => bot.model.heard.filter((code) => code === CALLER).length;
    await until(() => heard() === 25 * 160, 2000, () => `${heard()} samples came`);
    bot.model.answer(500);
    await until(() => rtp.countOf(MODEL) === 25, 2000, () => `${rtp.countOf(MODEL)} were heard`);
    // All marks are back: the bot knows that it was heard to its end
    await until(
      () => bot.twilio.events("mark").length === 6,
      1000,
      () => `${bot.twilio.events("mark").length} marks`,
    );
    hangUp();
    await until(() => bot.model.isClosed, 2000, () => "The bot goes on without its call");
    expect(bot.twilio.events().at(-1)?.event).toBe("stop");
    expect(bot.transport.status).toBe("disconnected");
    expect(bot.errors).toEqual([]);
  });

  test("falls silent when it is interrupted, and tells the model what was heard", async () => {
    const { bot, rtp, hangUp } = await talk();
    bot.model.answer(10_000);
    await until(() => rtp.countOf(MODEL) >= 40, 3000, () => `${rtp.countOf(MODEL)} were heard`);
    bot.model.speechStarted();
    await Bun.sleep(SILENT_WITHIN_MS);
    const heard = audible(rtp);
    await Bun.sleep(300);
    expect(audible(rtp)).toBe(heard);
    const [truncated] = bot.model.events("conversation.item.truncate");
    expect(truncated).toMatchObject({ item_id: "item_1", content_index: 0 });
    // The bot counts whole pieces, and half of the next
    const behind = heard * FRAME_MS - Number(truncated?.audio_end_ms);
    expect(behind).toBeGreaterThan(-DELTA_MS / 2 - SLACK_MS);
    expect(behind).toBeLessThan(DELTA_MS / 2 + SLACK_MS);
    // Every mark comes back: those that were not heard too
    await until(
      () => bot.twilio.events("mark").length === 101,
      1000,
      () => `${bot.twilio.events("mark").length} marks`,
    );
    // And it can be heard again at once
    const before = rtp.countOf(MODEL);
    bot.model.answer(200);
    await until(() => rtp.countOf(MODEL) === before + 10, 2000, () => "It is not heard again");
    hangUp();
    await until(() => bot.model.isClosed, 2000, () => "The bot goes on without its call");
    expect(bot.errors).toEqual([]);
  });

  test("ends the call by closing its stream", async () => {
    const { bot, rtp } = await talk();
    bot.model.answer(200);
    await until(() => bot.twilio.events("mark").length === 3, 2000, () => "It is not heard");
    const ended = server.records.length;
    bot.twilio.socket.close();
    const records = await server.ended(ended + 1);
    expect(records.at(-1)).toMatchObject({ cause: "handler_hangup" });
    expect(rtp.countOf(MODEL)).toBe(10);
    await until(() => bot.model.isClosed, 2000, () => "The bot goes on without its call");
  });
});
