/**
 * The handler keys `echo` and `play`: what voicegw itself can do with a call's audio.
 *
 * @module
 */

import { z } from "zod";
import type { EchoSpec, PlaySpec } from "../../route/route.ts";
import { template } from "../schema_values.ts";

export const echoSchema = z.literal(true)
  .transform((): EchoSpec => ({ type: "echo" }))
  .meta({
    title: "Echo",
    description: "Sends the caller's own audio back.",
    examples: [true],
  });

const playMapping = z.strictObject({
  file: template().meta({
    title: "WAV file",
    description: "The file to play, relative to where voicegw runs. Takes placeholders; a value " +
      'with "/", "\\" or ".." is refused.',
    examples: ["sorry.wav", "prompts/{X-Language}.wav"],
  }),
  loop: z.union([z.boolean(), z.int().min(1).max(1_000_000)]).default(false).meta({
    title: "Repeat",
    description: "How often the file is played in all; true repeats until the caller hangs up.",
    examples: [true, 3],
  }),
});

export const playSchema = z.union([template(), playMapping])
  .transform((given): PlaySpec => {
    const { file, loop } = typeof given === "string" ? { file: given, loop: false } : given;
    return {
      type: "play",
      file,
      loop: loop === true ? Infinity : loop === false ? 1 : loop,
    };
  })
  .meta({
    title: "Play a file",
    description: "Plays a WAV file, then hangs up. Text is the file; a mapping has more keys.",
    examples: ["sorry.wav", { file: "music.wav", loop: true }],
  });
