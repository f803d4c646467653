/**
 * A bot between a telephone and a speech-to-speech model, in one file and without packages.
 *
 *     bun examples/realtime-bot/bot.ts
 *
 * On one side it is a WebSocket server that speaks Twilio's Media Streams: voicegw, or Twilio
 * itself, connects to it for each call. On the other side it is a client of OpenAI's realtime API,
 * or of whatever speaks that, such as `realtime_stand_in.ts`. Both have mu-law at 8000 Hz in
 * base64, so no sound is converted.
 *
 *     caller → media                   → input_audio_buffer.append      → model
 *     caller ← media, mark             ← response.output_audio.delta    ← model
 *     caller ← clear                   ← input_audio_buffer.speech_started ← model
 *              marks that have come back → conversation.item.truncate   → model
 *
 * A model makes speech faster than it is heard. So when the caller interrupts it, two things have to
 * happen: what waits to be played is cleared, and the model is told how much was heard, or else it
 * believes that the caller knows all that it said. That is what the marks are for: one follows each
 * piece of sound, and comes back when the piece was played.
 *
 * Environment: `OPENAI_REALTIME_URL` (default: the stand-in), `OPENAI_API_KEY`, `BOT_PORT`
 * (default 8765; 0 takes any), `BOT_INSTRUCTIONS`.
 *
 * @module
 */

import process from "node:process";

const PORT = Number(process.env.BOT_PORT ?? 8765);
const REALTIME_URL = process.env.OPENAI_REALTIME_URL ?? "ws://127.0.0.1:8766/v1/realtime";
const API_KEY = process.env.OPENAI_API_KEY ?? "";
const INSTRUCTIONS = process.env.BOT_INSTRUCTIONS ??
  "You answer the telephone. Be brief and friendly, and begin by greeting the caller.";

/** Mu-law at 8000 Hz: bytes for each millisecond. */
const BYTES_PER_MS = 8;

/** Of the caller's sound, that wait for the model while there is no connection to it yet. */
const WAITING_MAX = 500;

/** A message of either side, as far as this bot looks into it. */
interface Message {
  readonly event?: string;
  readonly type?: string;
  readonly [field: string]: unknown;
}

/** What the caller hears, and what came back of it. */
interface Spoken {
  readonly itemId: string;
  readonly contentIndex: number;
  readonly responseId: string;
  /** Sent to the caller. */
  sentMs: number;
  /** Played, by the marks that have come back. */
  playedMs: number;
}

/** One call. */
class Conversation {
  readonly #caller: Bun.ServerWebSocket<CallerData>;
  readonly #model: WebSocket;
  #waiting: string[] = [];
  #streamSid = "";
  /** What the model says now, and may still be heard. */
  #spoken: Spoken | undefined;
  /** What of it will have been played when a mark comes back, by the mark's name. */
  readonly #marks = new Map<string, { readonly spoken: Spoken; readonly untilMs: number }>();
  #marksSent = 0;
  /** A response that was interrupted: what still comes of it is not wanted. */
  #interrupted = "";

  constructor(caller: Bun.ServerWebSocket<CallerData>) {
    this.#caller = caller;
    const headers = API_KEY === "" ? {} : { Authorization: `Bearer ${API_KEY}` };
    this.#model = new WebSocket(REALTIME_URL, { headers });
    this.#model.addEventListener("open", () => this.#begin());
    this.#model.addEventListener("message", ({ data }) => this.#hearModel(parse(data)));
    this.#model.addEventListener("close", ({ code, reason }) => {
      if (this.#caller.readyState !== WebSocket.OPEN) return;
      log(`The model at ${REALTIME_URL} is gone: ${code} ${reason}`);
      // What was said is still played; then the call ends
      this.#caller.close(1000);
    });
  }

  /** A message of the call's. */
  hearCaller(message: Message): void {
    switch (message.event) {
      case "start": {
        const start = message.start as { callSid: string; customParameters: unknown };
        this.#streamSid = String(message.streamSid);
        log(`${start.callSid} begins ${JSON.stringify(start.customParameters)}`);
        break;
      }
      case "media": {
        const { payload } = message.media as { payload: string };
        this.#tellModel({ type: "input_audio_buffer.append", audio: payload });
        break;
      }
      case "mark":
        this.#played((message.mark as { name: string }).name);
        break;
      case "dtmf":
        this.#pressed((message.dtmf as { digit: string }).digit);
        break;
      case "stop":
        log("The caller has hung up");
        break;
    }
  }

  /** The call is over. */
  end(): void {
    this.#model.close();
  }

  #begin(): void {
    const format = { type: "audio/pcmu" };
    this.#model.send(JSON.stringify({
      type: "session.update",
      session: {
        type: "realtime",
        instructions: INSTRUCTIONS,
        output_modalities: ["audio"],
        audio: {
          input: { format, turn_detection: { type: "server_vad", interrupt_response: true } },
          output: { format },
        },
      },
    }));
    for (const text of this.#waiting.splice(0)) this.#model.send(text);
    // It greets by itself
    this.#tellModel({ type: "response.create" });
  }

  #hearModel(message: Message): void {
    switch (message.type) {
      case "response.output_audio.delta":
        this.#speak(message);
        break;
      case "input_audio_buffer.speech_started":
        this.#interrupt();
        break;
      case "error":
        log(`The model says: ${JSON.stringify(message.error)}`);
        break;
    }
  }

  /** Gives a piece of the model's speech to the caller, with a mark behind it. */
  #speak(delta: Message): void {
    const responseId = String(delta.response_id);
    if (responseId === this.#interrupted) return;
    const [itemId, contentIndex] = [String(delta.item_id), Number(delta.content_index)];
    let spoken = this.#spoken;
    if (spoken?.itemId !== itemId || spoken.contentIndex !== contentIndex) {
      spoken = { itemId, contentIndex, responseId, sentMs: 0, playedMs: 0 };
      this.#spoken = spoken;
    }
    const payload = String(delta.delta);
    spoken.sentMs += Buffer.byteLength(payload, "base64") / BYTES_PER_MS;
    this.#tellCaller({ event: "media", media: { payload } });
    const name = `${++this.#marksSent}`;
    this.#marks.set(name, { spoken, untilMs: spoken.sentMs });
    this.#tellCaller({ event: "mark", mark: { name } });
  }

  /** A mark has come back. After a clear all of them do, but those are known no more. */
  #played(name: string): void {
    const mark = this.#marks.get(name);
    this.#marks.delete(name);
    if (mark !== undefined) mark.spoken.playedMs = mark.untilMs;
  }

  /** The caller has begun to speak. */
  #interrupt(): void {
    const spoken = this.#spoken;
    this.#spoken = undefined;
    this.#marks.clear();
    if (spoken === undefined) return;
    this.#interrupted = spoken.responseId;
    // All of it was heard: there is nothing to take back
    if (spoken.playedMs >= spoken.sentMs) return;
    this.#tellCaller({ event: "clear" });
    const audioEndMs = Math.floor(spoken.playedMs);
    log(`Interrupted: ${audioEndMs} of ${Math.floor(spoken.sentMs)} ms were heard`);
    this.#tellModel({
      type: "conversation.item.truncate",
      item_id: spoken.itemId,
      content_index: spoken.contentIndex,
      audio_end_ms: audioEndMs,
    });
  }

  /** Keys are words to a model. */
  #pressed(digit: string): void {
    const text = `The caller has pressed the key ${digit}.`;
    const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
    this.#tellModel({ type: "conversation.item.create", item });
    this.#tellModel({ type: "response.create" });
  }

  #tellCaller(message: Message): void {
    this.#caller.send(JSON.stringify({ ...message, streamSid: this.#streamSid }));
  }

  #tellModel(message: Message): void {
    const text = JSON.stringify(message);
    if (this.#model.readyState === WebSocket.OPEN) this.#model.send(text);
    else if (this.#model.readyState === WebSocket.CONNECTING) {
      this.#waiting.push(text);
      if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    }
  }
}

function parse(data: unknown): Message {
  try {
    return JSON.parse(String(data)) as Message;
  } catch {
    return {};
  }
}

function log(text: string): void {
  process.stdout.write(`${text}\n`);
}

interface CallerData {
  conversation?: Conversation;
}

const server = Bun.serve<CallerData>({
  hostname: "127.0.0.1",
  port: PORT,
  fetch: (request, upgrading) =>
    upgrading.upgrade(request, { data: {} })
      ? undefined
      : new Response("This is a WebSocket server\n", { status: 426 }),
  websocket: {
    open: (socket) => {
      socket.data.conversation = new Conversation(socket);
    },
    message: (socket, data) => socket.data.conversation?.hearCaller(parse(data)),
    close: (socket) => socket.data.conversation?.end(),
  },
});
log(`The bot listens on ws://127.0.0.1:${server.port}/media`);
