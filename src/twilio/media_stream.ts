/**
 * Messages of Twilio's Media Streams: JSON, with sound as mu-law of 8000 Hz in base64.
 *
 * Source: twilio.com/docs/voice/media-streams/websocket-messages. Counters and times are texts
 * there, rates and channels numbers.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";

/** What one stream is called. */
export interface StreamNames {
  readonly streamSid: string;
  readonly callSid: string;
  readonly accountSid: string;
  /** Its customParameters. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Writes the messages of one stream to a bot. Hot path: `media` makes its text and nothing else. */
export class MediaStreamWriter {
  readonly #names: StreamNames;
  /** What each message has behind its sequence number. */
  readonly #sid: string;
  #sequence = 0;
  #chunk = 0;

  constructor(names: StreamNames) {
    this.#names = names;
    this.#sid = `","streamSid":${JSON.stringify(names.streamSid)}`;
  }

  /** The first message. */
  connected(): string {
    return JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" });
  }

  /** The second one. */
  start(): string {
    const { streamSid, callSid, accountSid, parameters } = this.#names;
    return this.#message("start", {
      accountSid,
      streamSid,
      callSid,
      tracks: ["inbound"],
      mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
      customParameters: parameters,
    });
  }

  /** @param at From the start of the stream to the first sample. */
  media(mulaw: Uint8Array, at: Millis): string {
    return `{"event":"media","sequenceNumber":"${++this.#sequence}${this.#sid},"media":` +
      `{"track":"inbound","chunk":"${++this.#chunk}","timestamp":"${at}","payload":"${
        encodeBase64(mulaw)
      }"}}`;
  }

  dtmf(digit: string): string {
    return this.#message("dtmf", { track: "inbound_track", digit });
  }

  /** Says that all sound before the bot's mark was played, or dropped. */
  mark(name: string): string {
    return this.#message("mark", { name });
  }

  /** The last message. */
  stop(): string {
    const { accountSid, callSid } = this.#names;
    return this.#message("stop", { accountSid, callSid });
  }

  #message(event: string, body: Readonly<Record<string, unknown>>): string {
    const sequenceNumber = `${++this.#sequence}`;
    return JSON.stringify({
      event,
      sequenceNumber,
      streamSid: this.#names.streamSid,
      [event]: body,
    });
  }
}

/** A bot's message. */
export type StreamMessage =
  /** Sound for the caller, mu-law of 8000 Hz. */
  | { readonly type: "media"; readonly payload: Uint8Array }
  | { readonly type: "mark"; readonly name: string }
  | { readonly type: "clear" }
  /** `reason` says what to send instead. */
  | { readonly type: "ignored"; readonly reason: string };

/** Reads a bot's message. Never throws. */
export function parseStreamMessage(text: string): StreamMessage {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return ignored(`Not JSON: ${JSON.stringify(text.slice(0, 64))}, send a message of Twilio's`);
  }
  const event = fieldOf(message, "event");
  switch (event) {
    case "media": {
      const payload = fieldOf(fieldOf(message, "media"), "payload");
      const bytes = typeof payload === "string" ? decodeBase64(payload) : undefined;
      if (bytes !== undefined) return { type: "media", payload: bytes };
      return ignored('The "payload" of a media message must be mu-law of 8000 Hz in base64');
    }
    case "mark": {
      // A mark without a name is answered all the same, and one with a number as its text
      const name = fieldOf(fieldOf(message, "mark"), "name");
      const isNamed = typeof name === "string" || typeof name === "number";
      return { type: "mark", name: isNamed ? String(name) : "" };
    }
    case "clear":
      return { type: "clear" };
    default: {
      const shown = typeof event === "string" ? ` "${event.slice(0, 64)}"` : "";
      return ignored(`Unknown event${shown}, send media, mark or clear`);
    }
  }
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function ignored(reason: string): StreamMessage {
  return { type: "ignored", reason };
}
