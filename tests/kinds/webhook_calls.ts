/**
 * The calls of web servers, one class for each way to talk with them.
 *
 * @module
 */

import { ASKING_KEY, WebCall } from "./web_call.ts";

/** How often the server is asked when nothing happens. */
const ASK_AGAIN_MS = 200;

/** Plays often enough to be without end. */
const LOOP = 1_000_000;

/** Between what a stream says and what it commands: the two take different connections. */
const STREAM_GAP_MS = 100;

type Actions = Record<string, unknown>[];

const NOTHING = () => new Response(null, { status: 204 });

/** A server of voicegw's own webhooks. */
export class JsonCall extends WebCall {
  async answer(request: Request): Promise<Response> {
    if (request.headers.has("x-voicegw-utterance")) return this.#utterance(request);
    const { type, data } = await request.json() as { type: string; data: Record<string, string> };
    const event = type.slice("call.".length);
    switch (event) {
      case "incoming":
      case "redirected":
      case "gathered":
        for (const digit of data["digits"] ?? "") this.#key(digit);
        return this.#next();
      case "ended":
        this.events.push({ event: "end" });
        return NOTHING();
      case "dtmf":
        this.#key(data["digit"] ?? "");
        return this.#atOnce();
      default:
        this.events.push({ event, ...data });
        return NOTHING();
    }
  }

  #key(digit: string): void {
    if (digit !== ASKING_KEY) this.events.push({ event: "dtmf", digit });
  }

  async #utterance(request: Request): Promise<Response> {
    const wav = new Uint8Array(await request.arrayBuffer());
    this.heardBytes += wav.length;
    if (!this.echoes) return NOTHING();
    const url = this.keep(wav);
    return Response.json([{ action: "play", url }, { action: "redirect", url: "/voice" }]);
  }

  /** What is done while a sound goes on. */
  #atOnce(): Response {
    if (this.orders[0]?.type === "die") {
      return Response.json([{ action: "redirect", url: "/voice" }]);
    }
    return Response.json(this.#commands());
  }

  #commands(): Actions {
    const actions: Actions = [];
    for (;;) {
      const [order] = this.orders;
      if (order?.type === "mark") actions.push({ command: "mark", name: order.name });
      else if (order?.type === "clear") actions.push({ command: "clear" });
      else return actions;
      this.orders.shift();
    }
  }

  /** Commands count before the sounds of a response: one between two sounds has to wait. */
  #next(): Response | Promise<Response> {
    const actions = this.#commands();
    if (this.orders[0]?.type === "die") return this.reset();
    let sounds = 0;
    for (let [order] = this.orders; order?.type === "say"; [order] = this.orders) {
      const loop = order.isEndless ? LOOP : 1;
      actions.push({ action: "play", url: order.path, loop });
      this.orders.shift();
      sounds++;
    }
    if (this.orders[0]?.type === "hang up") actions.push({ action: "hangup" });
    else if (sounds > 0) actions.push({ action: "redirect", url: "/voice" });
    else {
      const timeout_ms = ASK_AGAIN_MS;
      actions.push({ action: "gather", digits: 1, timeout_ms, on_empty: true, url: "/voice" });
    }
    return Response.json(actions);
  }
}

/** A server that hears the caller, and speaks, in the two bodies of one request. */
export class StreamCall extends WebCall {
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isFlooding = false;
  #opened: () => void = () => {};
  /** What is said and commanded goes one behind the other, once the stream is there. */
  #last: Promise<unknown> = new Promise<void>((resolve) => {
    this.#opened = resolve;
  });
  #command: { readonly value: Actions[number]; readonly given: () => void } | undefined;

  async answer(request: Request): Promise<Response> {
    if (request.headers.has("x-voicegw-audio")) return this.#open(request);
    const { type, data } = await request.json() as { type: string; data: Record<string, string> };
    const event = type.slice("call.".length);
    if (event === "ended") this.events.push({ event: "end" });
    else if (event === "dtmf" && data["digit"] === ASKING_KEY) return this.#give();
    else if (event !== "incoming") this.events.push({ event, ...data });
    return NOTHING();
  }

  override say(pcm: Uint8Array): void {
    const copy = pcm.slice();
    this.#then(() => {
      this.#controller?.enqueue(copy);
      return Bun.sleep(STREAM_GAP_MS);
    });
  }

  override mark(name: string): void {
    this.#order({ command: "mark", name });
  }

  override clear(): void {
    this.#order({ command: "clear" });
  }

  override hangUp(): void {
    this.#then(() => this.#controller?.close());
  }

  override die(): void {
    this.proxy.reset();
  }

  override flood(): void {
    this.#isFlooding = true;
    const pour = (): void => {
      if (this.#controller === undefined) return;
      while ((this.#controller.desiredSize ?? 0) > 0) this.#controller.enqueue(NOISE.slice());
      setTimeout(pour, 1);
    };
    this.#then(pour);
  }

  #then(act: () => unknown): void {
    this.#last = this.#last.then(act).catch(() => {});
  }

  #order(value: Actions[number]): void {
    this.#then(() =>
      new Promise<void>((given) => {
        this.#command = { value, given };
        this.press(ASKING_KEY);
      }).then(() => Bun.sleep(STREAM_GAP_MS))
    );
  }

  #give(): Response {
    const command = this.#command;
    this.#command = undefined;
    command?.given();
    return command === undefined ? NOTHING() : Response.json([command.value]);
  }

  #open(request: Request): Response {
    void this.#hear(request.body);
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        this.#opened();
      },
      cancel: () => {
        this.#controller = undefined;
      },
    }, { highWaterMark: 16 });
    return new Response(body, { headers: { "content-type": "application/octet-stream" } });
  }

  async #hear(body: ReadableStream<Uint8Array> | null): Promise<void> {
    try {
      for await (const pcm of body ?? []) {
        this.heardBytes += pcm.length;
        if (this.echoes && !this.#isFlooding) this.#controller?.enqueue(pcm.slice());
      }
    } catch {
      // The call is over
    }
  }
}

/** Half a second of noise. */
const NOISE = new Uint8Array(8_000).fill(0x35);

/** A server of Twilio's webhooks that speaks in verbs. */
export class TwimlCall extends WebCall {
  async answer(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    if (form.has("CallbackSource")) {
      if (form.get("CallStatus") === "completed") this.events.push({ event: "end" });
      return NOTHING();
    }
    for (const digit of form.get("Digits") ?? "") {
      if (digit !== ASKING_KEY) this.events.push({ event: "dtmf", digit });
    }
    const isDying = this.orders[0]?.type === "die";
    return isDying ? this.reset() : twiml(this.#verbs());
  }

  /** The server is asked once a second only, unless a key is pressed. */
  override flood(): void {
    super.flood();
    this.press(ASKING_KEY);
  }

  /** What is said ends when a key is pressed, so that the server is asked. */
  #verbs(): string {
    let sounds = "";
    for (let [order] = this.orders; order?.type === "say"; [order] = this.orders) {
      sounds += `<Play loop="${order.isEndless ? 0 : 1}">${order.path}</Play>`;
      this.orders.shift();
    }
    if (this.orders[0]?.type === "hang up") return `${sounds}<Hangup/>`;
    return `<Gather numDigits="1" timeout="1" actionOnEmptyResult="true">${sounds}</Gather>`;
  }
}

/** A document of TwiML. */
export function twiml(verbs: string): Response {
  return new Response(`<?xml version="1.0"?><Response>${verbs}</Response>`, {
    headers: { "content-type": "text/xml" },
  });
}
