/**
 * The handler key `websocket`: a WebSocket server that the call's audio goes to and comes from.
 *
 * @module
 */

import { z } from "zod";
import type { WebsocketSpec } from "../../route/route.ts";
import { duration, named, shorten, template } from "../schema_values.ts";
import type { Scheme } from "./target.ts";
import {
  accountSid,
  httpHeaders,
  refuseTlsInClear,
  serverUrl,
  targetTimeout,
  targetTls,
  TLS_DEFAULT,
} from "./target.ts";

const SCHEMES: readonly Scheme[] = ["wss", "ws"];

const DEFAULT_DELAY = "500ms";

const TRIES_MAX = 100;

function refuseParameter(name: string): string | undefined {
  return /^[\x21-\x7e]{1,128}$/.test(name)
    ? undefined
    : `"${shorten(name)}" is not the name of a parameter`;
}

const tries = z.int().min(1).max(TRIES_MAX);

const reconnectMapping = z.strictObject({
  tries: tries.default(3).meta({
    title: "Tries",
    description: "How often a connection that was up and is lost is tried anew.",
    examples: [5],
  }),
  delay: duration({ least: 10, most: 60_000 }).prefault(DEFAULT_DELAY).meta({
    title: "Delay",
    description: "Before the second try; the first is at once, and each further one waits twice " +
      "as long.",
    examples: ["1s"],
  }),
});

const reconnectSchema = z.union([z.literal("off"), tries, reconnectMapping])
  .transform((given): WebsocketSpec["reconnect"] => {
    if (given === "off") return { tries: 0, delay: 0 };
    return typeof given === "number" ? reconnectMapping.parse({ tries: given }) : given;
  })
  .prefault("off").meta({
    title: "Reconnect",
    description: "Whether a connection that was up and is lost is tried anew: never (off), or so " +
      "many times. A mapping says how soon. Without it the handler has failed.",
    examples: ["off", 3, { tries: 5, delay: "1s" }],
  });

const websocketMapping = z.strictObject({
  url: serverUrl(SCHEMES).meta({
    title: "URL",
    description: "ws:// or wss://, with placeholders in path and query.",
    examples: ["wss://bot.example.com/media?room={room_id}"],
  }),
  protocol: z.enum(["voicegw", "twilio"]).default("voicegw").meta({
    title: "Protocol",
    description: "JSON and binary PCM (voicegw), or Twilio Media Streams (twilio).",
    examples: ["twilio"],
  }),
  parameters: named(template(), refuseParameter).prefault({}).meta({
    title: "Parameters",
    description: "customParameters of Twilio's start message. Values take placeholders.",
    examples: [{ room: "{room_id}", tenant: "{X-Tenant-ID}" }],
  }),
  account_sid: accountSid(),
  headers: httpHeaders().meta({
    title: "Headers",
    description: "More headers of the handshake. Values take placeholders.",
    examples: [{ "Authorization": "Bearer secret" }],
  }),
  timeout: targetTimeout("5s").meta({
    title: "Time-out",
    description: "For the connection and its handshake.",
    examples: ["2s"],
  }),
  ping: duration({ least: 1000, most: 3_600_000, zero: true }).prefault("20s").meta({
    title: "Ping",
    description: "Time from one ping to the next; a connection whose ping is not answered by " +
      "then is lost. 0s: none.",
    examples: ["5s", "0s"],
  }),
  reconnect: reconnectSchema,
  tls: targetTls(),
}).check((context) => {
  const { protocol, parameters } = context.value;
  if (protocol !== "twilio" && Object.keys(parameters).length > 0) {
    const message = "The protocol voicegw has no parameters, since its start event tells all: " +
      "remove them or write protocol: twilio";
    context.issues.push({ code: "custom", message, path: ["parameters"], input: "" });
  }
  const clear = refuseTlsInClear(context.value);
  if (clear !== undefined) {
    context.issues.push({ code: "custom", message: clear, path: ["tls"], input: "" });
  }
});

export const websocketSchema = z.union([serverUrl(SCHEMES), websocketMapping])
  .transform((given): WebsocketSpec => {
    const mapping = typeof given === "string" ? websocketMapping.parse({ url: given }) : given;
    return { type: "websocket", ...mapping, tls: mapping.tls ?? TLS_DEFAULT };
  })
  .meta({
    title: "Connect to a WebSocket",
    description: "Gives the call's audio to a WebSocket server, and plays what that sends. Text " +
      "is the URL; a mapping has more keys.",
    examples: [
      "wss://bot.example.com/media",
      { url: "wss://bot.example.com/media", protocol: "twilio" },
    ],
  });
