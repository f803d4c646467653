/**
 * The keys of a route that concern its audio: rate, barge-in, DTMF, recording.
 *
 * @module
 */

import { z } from "zod";
import type { BargeIn, RecordSpec } from "../route/route.ts";
import { duration, template } from "./schema_values.ts";

const bargeInMode = z.enum(["off", "notify", "clear"]);

const DEFAULT_AFTER = "300ms";

const bargeInMapping = z.strictObject({
  mode: bargeInMode.meta({
    title: "Mode",
    description: "Nothing happens (off), the handler is told (notify), or what is queued is " +
      "dropped and the handler told (clear).",
    examples: ["clear"],
  }),
  after: duration({ least: 20, most: 10_000 }).prefault(DEFAULT_AFTER).meta({
    title: "After",
    description: "How long the caller has to speak before it counts.",
    examples: ["200ms"],
  }),
});

const bargeInSchema = z.union([bargeInMode, bargeInMapping])
  .transform((given): BargeIn =>
    typeof given === "string" ? bargeInMapping.parse({ mode: given }) : given
  )
  .prefault("off").meta({
    title: "Barge-in",
    description: "What happens when the caller speaks over our audio: nothing (off), the handler " +
      "is told (notify), or what is queued is dropped and the handler told (clear). A mapping " +
      "says after how long.",
    examples: ["clear", { mode: "clear", after: "200ms" }],
  });

const recordFile = template().check((context) => {
  if (context.value !== "" && !context.value.endsWith("/")) return;
  const message = "The name of the recording is empty, write such as calls/{id}.wav";
  context.issues.push({ code: "custom", message, input: context.value });
});

const recordMapping = z.strictObject({
  file: recordFile.meta({
    title: "WAV file",
    description: "The file to write, relative to where voicegw runs. Takes placeholders; a value " +
      'with "/", "\\" or ".." is refused.',
    examples: ["calls/{id}.wav"],
  }),
  on: z.enum(["answer", "command"]).default("answer").meta({
    title: "From when",
    description: "The recording begins with the answer, or when the handler says so.",
    examples: ["command"],
  }),
});

const recordSchema = z.union([recordFile, recordMapping])
  .transform((given): RecordSpec =>
    typeof given === "string" ? { file: given, on: "answer" } : given
  )
  .meta({
    title: "Record",
    description: "Writes the audio of the call into a WAV file. Text is the file; a mapping has " +
      "more keys.",
    examples: ["calls/{id}.wav", { file: "calls/{room_id}-{id}.wav", on: "command" }],
  });

/** What a route says of its audio. */
export const audioShape = {
  rate: z.literal([8000, 16_000, 24_000, 32_000, 48_000]).default(8000).meta({
    title: "Rate",
    description: "Hz of the PCM that every handler of the call gets and gives, whatever the " +
      "codec: 8000, 16000, 24000, 32000 or 48000.",
    examples: [16_000],
  }),
  barge_in: bargeInSchema,
  dtmf: z.enum(["auto", "info", "inband"]).default("auto").meta({
    title: "DTMF",
    description: "Keys are heard by RFC 4733 and INFO, and sent by RFC 4733 where that was " +
      "agreed, else by INFO (auto); sent by INFO always (info); as auto, and heard as tones in " +
      "the caller's audio too (inband).",
    examples: ["inband"],
  }),
  record: recordSchema.optional(),
};
