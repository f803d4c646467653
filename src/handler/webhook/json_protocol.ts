/**
 * voicegw's own webhooks: events as JSON, and lists of actions back.
 *
 * @module
 */

import { parseActions } from "../../action/parse_actions.ts";
import type { Millis } from "../../base/units.ts";
import type { EndEvent, HandlerEvent, StartEvent } from "../../call/handler_message.ts";
import type { Question } from "./step.ts";
import {
  type Reading,
  targetOf,
  type WebAnswer,
  type WebProtocol,
  type WebRequest,
} from "./web_protocol.ts";

type Data = Readonly<Record<string, unknown>>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8");

/** What the protocol needs to know of its call. */
export interface JsonProtocolOptions {
  readonly callId: string;
  readonly wallClock: () => Millis;
  /** URL under which others get a recording; `undefined`: there is none. */
  readonly recordingUrl: (file: string) => string | undefined;
}

/** The protocol of one call. */
export class JsonProtocol implements WebProtocol {
  readonly #options: JsonProtocolOptions;

  constructor(options: JsonProtocolOptions) {
    this.#options = options;
  }

  incoming({ event: _, ...data }: StartEvent): WebRequest {
    return this.#post("call.incoming", data);
  }

  question(question: Question, base: string): WebRequest | undefined {
    const [name, data] = this.#dataOf(question);
    const next = "next" in question ? question.next : undefined;
    const target = targetOf(next, base);
    const all = { call_id: this.#options.callId, ...data };
    if (target.method === "POST") {
      return { ...this.#post(`call.${name}`, all), ...target, base };
    }
    return { ...EMPTY, name: `call.${name}`, method: "GET", url: withQuery(target.url, all), base };
  }

  notification({ event, ...data }: HandlerEvent): WebRequest | undefined {
    const told = this.#post(`call.${event}`, { call_id: this.#options.callId, ...data });
    return { ...told, notification: true };
  }

  ended({ event: _, ...data }: EndEvent): WebRequest | undefined {
    return this.#post("call.ended", { call_id: this.#options.callId, ...data });
  }

  /** By what it is, not by what it says it is: many small servers say nothing of it. */
  read({ body, contentType }: WebAnswer): Reading {
    if (isWav(body)) return { ok: true, actions: [{ action: "wav", bytes: body }] };
    const text = decoder.decode(body).trim();
    if (text === "") return { ok: true, actions: undefined };
    const example = '[{"action":"say","text":"Hello"}]';
    if (text.startsWith("<")) {
      const kind = contentType === "" ? "a page" : contentType;
      return { ok: false, message: `it answered with ${kind}, send JSON such as ${example}` };
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      const why = (error as Error).message;
      return { ok: false, message: `it answered with bad JSON (${why}), send ${example}` };
    }
    const parsed = parseActions(value);
    return parsed.ok ? parsed : { ok: false, message: `its answer is wrong: ${parsed.message}` };
  }

  #dataOf(question: Question): readonly [string, Data] {
    switch (question.type) {
      case "gathered": {
        const { digits, speech, confidence, finished_by } = question.result;
        const known = confidence === undefined ? {} : { confidence };
        return ["gathered", { digits, speech, ...known, finished_by }];
      }
      case "recorded": {
        const { number: _, ...recording } = question.recording;
        const url = this.#options.recordingUrl(recording.file);
        return ["recorded", { ...recording, ...(url === undefined ? {} : { url }) }];
      }
      case "completed":
        return ["completed", { ...question.completed }];
      case "fetch":
        return ["redirected", {}];
    }
  }

  #post(type: string, data: Data): WebRequest {
    const timestamp = new Date(this.#options.wallClock()).toISOString();
    const body = encoder.encode(JSON.stringify({ type, timestamp, data }));
    return { name: type, method: "POST", body, contentType: "application/json" };
  }
}

const EMPTY = { body: new Uint8Array(0), contentType: "" };

/** Tells whether a response is a sound. */
export function isWav(body: Uint8Array): boolean {
  return body.length >= 12 && String.fromCharCode(...body.subarray(0, 4)) === "RIFF";
}

/** A GET has no body: what can be written in one word stands in the query. */
function withQuery(url: string, data: Data): string {
  if (!URL.canParse(url)) return url;
  const target = new URL(url);
  for (const [name, value] of Object.entries(data)) {
    if (typeof value === "string" || typeof value === "number") {
      target.searchParams.set(name, String(value));
    }
  }
  return target.href;
}
