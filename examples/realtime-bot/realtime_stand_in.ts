/**
 * Stands in for OpenAI's realtime API, without a network or a key: a model that greets with a
 * melody, and then says what it has heard.
 *
 *     bun examples/realtime-bot/realtime_stand_in.ts
 *
 * It knows the events that a spoken conversation needs, and takes mu-law at 8000 Hz alone. Like the
 * real one it makes speech faster than it is heard, listens for speech by itself, and stops its
 * response when the caller speaks.
 *
 * Environment: `REALTIME_PORT` (default 8766; 0 takes any).
 *
 * @module
 */

import process from "node:process";

const PORT = Number(process.env.REALTIME_PORT ?? 8766);

const RATE = 8000;
const FRAME = 160;
const FRAME_MS = 20;

/** The greeting: hertz, each for so long. */
const MELODY = [440, 550, 660, 880] as const;
const NOTE_MS = 400;

/** Length of one piece of speech. */
const DELTA_BYTES = 800;

/** What is louder than this is speech, after so many frames in a row; silence ends it. */
const SPEECH_LEVEL = 300;
const FRAMES_OF_SPEECH = 3;
const FRAMES_OF_SILENCE = 25;

/** What is repeated, at most. */
const UTTERANCE_MAX = 30 * RATE;

interface Message {
  readonly type?: string;
  readonly [field: string]: unknown;
}

/** One conversation. */
class Session {
  readonly #socket: Bun.ServerWebSocket<SessionData>;
  #rest = Buffer.alloc(0);
  #heardMs = 0;
  #loud = 0;
  #quiet = 0;
  /** What the caller says now. */
  #utterance: Buffer[] | undefined;
  /** What came just before: a word begins before it is noticed. */
  #before: Buffer[] = [];
  #items = 0;

  constructor(socket: Bun.ServerWebSocket<SessionData>) {
    this.#socket = socket;
    this.#say({ type: "session.created", session: { type: "realtime" } });
  }

  hear(message: Message): void {
    switch (message.type) {
      case "session.update":
        this.#say({ type: "session.updated", session: message.session });
        break;
      case "input_audio_buffer.append":
        this.#listen(Buffer.from(String(message.audio), "base64"));
        break;
      case "response.create":
        this.#respond(melody());
        break;
      case "conversation.item.truncate": {
        const { item_id, content_index, audio_end_ms } = message;
        log(`${item_id} was heard for ${audio_end_ms} ms`);
        this.#say({ type: "conversation.item.truncated", item_id, content_index, audio_end_ms });
        break;
      }
    }
  }

  #listen(codes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, codes]);
    while (this.#rest.length >= FRAME) {
      this.#listenTo(this.#rest.subarray(0, FRAME));
      this.#rest = this.#rest.subarray(FRAME);
    }
  }

  #listenTo(frame: Buffer): void {
    this.#heardMs += FRAME_MS;
    const isLoud = levelOf(frame) > SPEECH_LEVEL;
    this.#loud = isLoud ? this.#loud + 1 : 0;
    this.#quiet = isLoud ? 0 : this.#quiet + 1;
    if (this.#utterance === undefined) {
      this.#before = [...this.#before.slice(1 - FRAMES_OF_SPEECH), frame];
      if (this.#loud >= FRAMES_OF_SPEECH) this.#speechStarted();
      return;
    }
    this.#utterance.push(frame);
    const isTooLong = this.#utterance.length * FRAME > UTTERANCE_MAX;
    if (this.#quiet >= FRAMES_OF_SILENCE || isTooLong) this.#speechStopped(this.#utterance);
  }

  #speechStarted(): void {
    this.#utterance = this.#before;
    this.#before = [];
    this.#say({
      type: "input_audio_buffer.speech_started",
      item_id: `item_${++this.#items}`,
      audio_start_ms: this.#heardMs - FRAMES_OF_SPEECH * FRAME_MS,
    });
  }

  #speechStopped(utterance: readonly Buffer[]): void {
    this.#utterance = undefined;
    const item = { item_id: `item_${this.#items}` };
    const spoken = utterance.slice(0, -FRAMES_OF_SILENCE);
    log(`Heard ${spoken.length * FRAME_MS} ms of speech`);
    this.#say({
      type: "input_audio_buffer.speech_stopped",
      ...item,
      audio_end_ms: this.#heardMs - FRAMES_OF_SILENCE * FRAME_MS,
    });
    this.#say({ type: "input_audio_buffer.committed", ...item });
    this.#respond(Buffer.concat(spoken));
  }

  /** Says all of it at once. */
  #respond(codes: Buffer): void {
    const id = `resp_${++this.#items}`;
    const part = {
      response_id: id,
      item_id: `item_${this.#items}`,
      output_index: 0,
      content_index: 0,
    };
    this.#say({ type: "response.created", response: { id } });
    for (let at = 0; at < codes.length; at += DELTA_BYTES) {
      const delta = codes.subarray(at, at + DELTA_BYTES).toString("base64");
      this.#say({ type: "response.output_audio.delta", ...part, delta });
    }
    this.#say({ type: "response.output_audio.done", ...part });
    this.#say({ type: "response.done", response: { id, status: "completed", output: [] } });
  }

  #say(message: Message): void {
    this.#socket.send(JSON.stringify({ event_id: `event_${crypto.randomUUID()}`, ...message }));
  }
}

/** Four notes, one after the other. */
function melody(): Buffer {
  const noteLength = NOTE_MS * RATE / 1000;
  return Buffer.concat(
    MELODY.map((hertz) =>
      Buffer.from(Array.from({ length: noteLength }, (_, index) => {
        const fade = Math.min(1, index / 80, (noteLength - index) / 80);
        return muLawOf(fade * 8000 * Math.sin(2 * Math.PI * hertz * index / RATE));
      }))
    ),
  );
}

/** Mean of the absolute samples. */
function levelOf(codes: Buffer): number {
  let sum = 0;
  for (const code of codes) sum += Math.abs(sampleOf(code));
  return sum / codes.length;
}

/** Mu-law, ITU-T G.711: a sign, three bits of exponent, four of mantissa, all inverted. */
function sampleOf(code: number): number {
  const bits = ~code & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + 132) << (bits >> 4 & 7)) - 132;
  return (bits & 0x80) === 0 ? magnitude : -magnitude;
}

function muLawOf(sample: number): number {
  const magnitude = Math.min(32_635, Math.round(Math.abs(sample))) + 132;
  const exponent = 24 - Math.clz32(magnitude);
  const mantissa = magnitude >> exponent + 3 & 0x0f;
  return ~((sample < 0 ? 0x80 : 0) | exponent << 4 | mantissa) & 0xff;
}

function log(text: string): void {
  process.stdout.write(`${text}\n`);
}

interface SessionData {
  session?: Session;
}

const server = Bun.serve<SessionData>({
  hostname: "127.0.0.1",
  port: PORT,
  fetch: (request, upgrading) =>
    upgrading.upgrade(request, { data: {} })
      ? undefined
      : new Response("This is a WebSocket server\n", { status: 426 }),
  websocket: {
    open: (socket) => {
      socket.data.session = new Session(socket);
    },
    message: (socket, data) => socket.data.session?.hear(JSON.parse(String(data))),
  },
});
log(`The model listens on ws://127.0.0.1:${server.port}/v1/realtime`);
