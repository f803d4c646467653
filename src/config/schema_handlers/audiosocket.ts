/**
 * The handler key `audiosocket`: a server that speaks Asterisk's AudioSocket.
 *
 * @module
 */

import { z } from "zod";
import type { AudiosocketSpec } from "../../route/route.ts";
import { duration, shorten, text } from "../schema_values.ts";
import { targetTimeout } from "./target.ts";

const URL_FORM =
  /^tcp:\/\/(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}))(?::(\d{1,5}))?$/;

const socketUrl = text().check((context) => {
  const found = URL_FORM.exec(context.value);
  const port = Number(found?.[1]);
  const message = found === null
    ? `"${shorten(context.value)}" is not an AudioSocket server, write such as ` +
      "tcp://bot.example.com:9092"
    : found[1] === undefined
    ? `The port is missing, write such as ${context.value}:9092`
    : port < 1 || port > 65_535
    ? `Port ${found[1]} is none, ports are numbers from 1 to 65535`
    : undefined;
  if (message !== undefined) context.issues.push({ code: "custom", message, input: "" });
});

const audiosocketMapping = z.strictObject({
  url: socketUrl.meta({
    title: "URL",
    description: "tcp:// with host and port. Takes no placeholders.",
    examples: ["tcp://127.0.0.1:9092"],
  }),
  timeout: targetTimeout("2s").meta({
    title: "Time-out",
    description: "For the connection.",
    examples: ["500ms"],
  }),
  idle: duration({ least: 1000, most: 3_600_000, zero: true }).prefault("0s").meta({
    title: "Idle",
    description: "A server that sends nothing at all for this long is taken for dead; 0s: never.",
    examples: ["10s"],
  }),
});

export const audiosocketSchema = z.union([socketUrl, audiosocketMapping])
  .transform((given): AudiosocketSpec => {
    const mapping = typeof given === "string" ? audiosocketMapping.parse({ url: given }) : given;
    return { type: "audiosocket", ...mapping };
  })
  .meta({
    title: "Connect to an AudioSocket",
    description: "Gives the call's audio to a server that speaks Asterisk's AudioSocket, and " +
      "plays what that sends. Text is the URL; a mapping has more keys.",
    examples: ["tcp://127.0.0.1:9092", { url: "tcp://bot.example.com:9092", timeout: "1s" }],
  });
