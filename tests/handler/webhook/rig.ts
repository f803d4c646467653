/**
 * A webhook handler with a recording host and a real web server on loopback.
 *
 * @module
 */

import type {
  HandlerCommand,
  HandlerEvent,
  StartEvent,
} from "../../../src/call/handler_message.ts";
import { createHandler, type HandlerContext } from "../../../src/handler/create_handler.ts";
import type { Handler } from "../../../src/handler/handler.ts";
import type { WebhookSpec } from "../../../src/route/route.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { FACTS } from "../../support/call_facts.ts";
import { RecordingHost, START } from "../recording_host.ts";

/** What a web server was asked. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly text: string;
  readonly bytes: Uint8Array;
  /** The event of a JSON webhook, such as `call.incoming`. */
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** What it answers: a value becomes JSON; `undefined` is 204. */
export type Answer = (asked: Asked) => unknown;

/** A web server that keeps what it was asked. */
export class WebStub {
  readonly asked: Asked[] = [];
  answer: Answer;
  readonly #server: ReturnType<typeof Bun.serve>;

  constructor(answer: Answer) {
    this.answer = answer;
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => this.#fetch(request),
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/voice`;
  }

  /** Types of all events so far. */
  get types(): readonly string[] {
    return this.asked.map(({ type }) => type);
  }

  of(type: string): Asked | undefined {
    return this.asked.find((each) => each.type === type);
  }

  async close(): Promise<void> {
    await this.#server.stop(true);
  }

  async #fetch(request: Request): Promise<Response> {
    const bytes = new Uint8Array(await request.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    const { type = "", data = {} } = parsed(text);
    const url = new URL(request.url);
    const asked = {
      method: request.method,
      path: url.pathname + url.search,
      headers: request.headers,
      text,
      bytes,
      type,
      data,
    };
    this.asked.push(asked);
    const answer = await this.answer(asked);
    if (answer instanceof Response) return answer;
    return answer === undefined ? new Response(null, { status: 204 }) : Response.json(answer);
  }
}

function parsed(text: string): { type?: string; data?: Record<string, unknown> } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** What a test changes of the route and of the world. */
export interface RigOptions {
  readonly spec?: Partial<WebhookSpec>;
  readonly context?: Partial<HandlerContext>;
  readonly start?: Partial<StartEvent>;
}

/**
 * A call's side and a handler. Sound is played as soon as it is written, unless `holdMarks` is set;
 * commands are answered as a call does.
 */
export class Rig {
  readonly host = new RecordingHost();
  readonly handler: Handler;
  /** Sound is not played before {@linkcode Rig.played}. */
  holdMarks = false;
  #marks: string[] = [];

  constructor(url: string, { spec, context, start }: RigOptions = {}) {
    const runtime = createRuntime();
    this.handler = createHandler(
      { ...SPEC, url, ...spec },
      { runtime, facts: FACTS, environment: {}, rate: 8000, ...context },
      this.host,
    );
    this.host.onCommand = (command) => this.#do(command);
    this.handler.start({ ...START, ...start });
  }

  /** Commands so far, without marks of ours. */
  get commands(): readonly string[] {
    return this.host.of("command").map(({ command }) => command)
      .filter((each) => each.command !== "mark" || !each.name.startsWith("voicegw/"))
      .map(({ command }) => command);
  }

  /** Looks again and again, since what it waits for happens in the web server too. */
  async until(check: () => boolean, timeout = 3_000): Promise<void> {
    const giveUpAt = performance.now() + timeout;
    while (!check()) {
      if (performance.now() > giveUpAt) {
        const heard = this.host.heard.slice(-10);
        throw new Error(`Heard ${JSON.stringify(heard)} ${JSON.stringify(this.host.logged)}`);
      }
      await Bun.sleep(3);
    }
  }

  event(event: HandlerEvent): void {
    this.handler.receiveEvent(event);
  }

  key(digit: string): void {
    this.event({ event: "dtmf", digit, duration_ms: 100, source: "rfc4733" });
  }

  /** Gives the caller's audio, silent or not. */
  hear(ms: number, value = 0): void {
    const pcm = new Uint8Array(320).fill(value);
    for (let at = 0; at < ms; at += 20) this.handler.receiveAudio(pcm);
  }

  /** All that was written has been heard. */
  played(): void {
    this.holdMarks = false;
    for (const name of this.#marks.splice(0)) this.#played(name);
  }

  #do(command: HandlerCommand): void {
    switch (command.command) {
      case "mark":
        this.#marks.push(command.name);
        if (!this.holdMarks) this.played();
        return;
      case "clear": {
        for (const name of this.#marks.splice(0)) this.#played(name);
        this.handler.resumeAudio();
        const counts = { played_ms: 0, dropped_ms: 0 };
        return this.handler.receiveEvent({ event: "cleared", reason: "command", ...counts });
      }
    }
  }

  #played(name: string): void {
    this.handler.receiveEvent({ event: "mark", name, played_ms: 0 });
  }
}

const SPEC: WebhookSpec = {
  type: "webhook",
  url: "",
  protocol: "voicegw",
  audio: "none",
  secrets: [],
  account_sid: `AC${"0".repeat(32)}`,
  timeout: 1_000,
  retries: 0,
  headers: {},
  programs: {},
  recordings: "",
  tls: { verify: true },
};
