/**
 * The handler key `webhook`: a web server that says what becomes of a call.
 *
 * @module
 */

import { z } from "zod";
import type { WebhookSpec } from "../../route/route.ts";
import { password } from "../schema_security.ts";
import { named, text } from "../schema_values.ts";
import { argv } from "./exec.ts";
import type { Scheme } from "./target.ts";
import {
  accountSid,
  httpHeaders,
  plainUrl,
  refuseTlsInClear,
  serverUrl,
  targetTimeout,
  targetTls,
  TLS_DEFAULT,
} from "./target.ts";

const SCHEMES: readonly Scheme[] = ["https", "http"];

/** Bytes of a key, by the rules of Standard Webhooks. */
const SECRET_BYTES = { least: 24, most: 64 };

const secretKey = text().check((context) => {
  const [, digits, padding] = /^whsec_([A-Za-z0-9+/]+)(=*)$/.exec(context.value) ?? [];
  const bytes = digits === undefined ? 0 : Math.floor(digits.length * 3 / 4);
  const isWhole = digits !== undefined && padding !== undefined && padding.length <= 2 &&
    digits.length % 4 !== 1 && (padding === "" || (digits + padding).length % 4 === 0);
  if (isWhole && bytes >= SECRET_BYTES.least && bytes <= SECRET_BYTES.most) return;
  const message = "This is no key of Standard Webhooks: write whsec_ and 24 to 64 bytes in " +
    'base64, as "openssl rand -base64 32" makes them';
  context.issues.push({ code: "custom", message, input: "" });
});

function refuseProgramName(name: string): string | undefined {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name)
    ? undefined
    : "The name of a program is letters, digits, _, . and -, beginning with a letter or digit";
}

const signing = {
  secret: z.union([secretKey, z.array(secretKey).min(1).max(8)]).optional().meta({
    title: "Secret",
    description: "What requests are signed with (Standard Webhooks): whsec_ and base64; a list " +
      "signs with each, the newest first, while keys are changed. Take it from the environment.",
    examples: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    writeOnly: true,
  }),
  account_sid: accountSid(),
  auth_token: password("The token").optional().meta({
    title: "Token",
    description: "What requests of protocol twilio are signed with, and what the account's " +
      "programs prove at the api. Take it from the environment.",
    examples: ["${TWILIO_AUTH_TOKEN}"],
    writeOnly: true,
  }),
  status_callback: plainUrl(SCHEMES).optional().meta({
    title: "Status callback",
    description: "URL that is told of each change of the call's status, protocol twilio.",
    examples: ["https://example.com/status"],
  }),
};

const webhookMapping = z.strictObject({
  url: serverUrl(SCHEMES).meta({
    title: "URL",
    description: "http:// or https://, with placeholders in path and query.",
    examples: ["https://example.com/voice?room={room_id}"],
  }),
  protocol: z.enum(["voicegw", "twilio"]).default("voicegw").meta({
    title: "Protocol",
    description: "JSON events and actions (voicegw), or forms and TwiML (twilio).",
    examples: ["twilio"],
  }),
  audio: z.enum(["none", "utterances", "stream"]).default("none").meta({
    title: "Audio",
    description: "What of the caller's audio the server gets: nothing, each utterance as a WAV " +
      "file, or all of it in one request whose response is the sound for the caller.",
    examples: ["utterances"],
  }),
  ...signing,
  timeout: targetTimeout("5s").meta({
    title: "Time-out",
    description: "For each try, from the connection to the last byte of the response.",
    examples: ["3s"],
  }),
  retries: z.int().min(0).max(10).default(2).meta({
    title: "Retries",
    description: "More tries when the server cannot be reached, is too slow or answers with 429 " +
      "or 5xx.",
    examples: [0],
  }),
  headers: httpHeaders().meta({
    title: "Headers",
    description: "More headers of each request. Values take placeholders.",
    examples: [{ "Authorization": "Bearer secret", "X-Tenant": "{X-Tenant-ID}" }],
  }),
  programs: named(argv, refuseProgramName).prefault({}).meta({
    title: "Programs",
    description: "The programs that an exec action can name. Arguments take placeholders.",
    examples: [{ bot: ["python3", "bot.py", "--room={room_id}"] }],
  }),
  recordings: text().default("recordings").meta({
    title: "Recordings",
    description: "Folder of what record actions record, relative to where voicegw runs.",
    examples: ["/var/lib/voicegw/recordings"],
  }),
  tls: targetTls(),
}).check((context) => {
  const refused = refuseWebhook(context.value);
  for (const [key, message] of refused) {
    context.issues.push({ code: "custom", message, path: [key], input: "" });
  }
});

/** What does not go together. */
function refuseWebhook(
  given: {
    readonly url: string;
    readonly protocol: WebhookSpec["protocol"];
    readonly audio: WebhookSpec["audio"];
    readonly secret?: unknown;
    readonly auth_token?: unknown;
    readonly status_callback?: unknown;
    readonly programs: object;
    readonly recordings: string;
    readonly tls?: WebhookSpec["tls"] | undefined;
  },
): readonly (readonly [key: string, message: string])[] {
  const refused: [string, string][] = [];
  if (given.protocol === "twilio") {
    if (given.secret !== undefined) {
      refused.push(["secret", "Twilio signs with its token, write auth_token instead"]);
    }
    if (given.audio !== "none") {
      refused.push(["audio", "TwiML asks for audio by <Stream> and <Record>, remove audio"]);
    }
    if (Object.keys(given.programs).length > 0) {
      refused.push(["programs", "TwiML names no programs, remove them or write protocol: voicegw"]);
    }
  } else {
    if (given.auth_token !== undefined) {
      const message = "Requests are signed with a secret, write secret or protocol: twilio";
      refused.push(["auth_token", message]);
    }
    if (given.status_callback !== undefined) {
      const message = "The server hears of every event anyway, remove it or write protocol: twilio";
      refused.push(["status_callback", message]);
    }
  }
  if (given.recordings === "") {
    refused.push(["recordings", "The name of the folder is empty, write such as recordings"]);
  }
  const clear = refuseTlsInClear(given);
  if (clear !== undefined) refused.push(["tls", clear]);
  return refused;
}

export const webhookSchema = z.union([serverUrl(SCHEMES), webhookMapping])
  .transform((given): WebhookSpec => {
    const mapping = typeof given === "string" ? webhookMapping.parse({ url: given }) : given;
    const { secret, auth_token: token, status_callback: callback, tls, ...rest } = mapping;
    return {
      type: "webhook",
      ...rest,
      secrets: secret === undefined ? [] : typeof secret === "string" ? [secret] : secret,
      ...(token === undefined ? {} : { auth_token: token }),
      ...(callback === undefined ? {} : { status_callback: callback }),
      tls: tls ?? TLS_DEFAULT,
    };
  })
  .meta({
    title: "Ask a web server",
    description: "Asks a web server what to do with the call, and tells it what happens. Text is " +
      "the URL; a mapping has more keys.",
    examples: ["https://example.com/voice", { url: "https://example.com/voice", timeout: "3s" }],
  });
