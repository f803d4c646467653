/**
 * The handler key `exec`: a program, what it may take, and how many of it are started ahead.
 *
 * @module
 */

import { z } from "zod";
import type { ExecLimits, ExecSpec } from "../../route/route.ts";
import { hasPlaceholders, parseTemplate } from "../../route/template.ts";
import type { IssuePath } from "../issue.ts";
import { byteSize, duration, named, shorten, template, text } from "../schema_values.ts";

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const DEFAULT_STOP_AFTER = "2s";

function refuseVariable(name: string): string | undefined {
  if (!ENVIRONMENT_NAME.test(name)) {
    return `"${shorten(name)}" is not the name of a variable, use letters, digits and _`;
  }
  return name.startsWith("VOICEGW_")
    ? `The variable ${name} is set by voicegw, use another name`
    : undefined;
}

/** The program's name is the operator's alone, so that no caller chooses what runs. */
export const argv = z.array(template()).min(1).max(256).check((context) => {
  const program = context.value[0];
  if (program === undefined) return;
  const message = program === ""
    ? "The program to run is empty"
    : program.includes("{")
    ? "The program to run takes no placeholders, put them into its arguments"
    : undefined;
  if (message !== undefined) {
    context.issues.push({ code: "custom", message, path: [0], input: program });
  }
}).meta({
  title: "Command",
  description: "The program, looked up in PATH, and its arguments. No shell sees them. " +
    "Arguments take placeholders such as {room_id}, {X-Tenant-ID} and {match.queue}.",
  examples: [["python3", "bot.py", "--room={room_id}"], ["cat"]],
});

const limitsMapping = z.strictObject({
  nice: z.int().min(0).max(19).optional().meta({
    title: "Niceness",
    description: "How much the program gives way to others on a busy processor, 0 to 19.",
    examples: [10],
  }),
  memory: byteSize({ least: 1_000_000, most: 1e15 }).optional().meta({
    title: "Memory",
    description: "Address space that the program may have, such as 512MB or 2GiB.",
    examples: ["512MB", "2GiB"],
  }),
  cpu: duration({ least: 1000, most: 604_800_000 }).optional().meta({
    title: "Processor time",
    description: "Time of the processor that the program may use in all; then it is killed.",
    examples: ["10s", "5m"],
  }),
});

const limitsSchema = limitsMapping.transform(({ nice, memory, cpu }): ExecLimits => ({
  ...(nice === undefined ? {} : { nice }),
  ...(memory === undefined ? {} : { memory }),
  ...(cpu === undefined ? {} : { cpu }),
}));

const execMapping = z.strictObject({
  command: argv,
  env: named(template(), refuseVariable).prefault({}).meta({
    title: "Environment",
    description: "Variables for the program, beside those of voicegw itself and of the call. " +
      "Values take placeholders.",
    examples: [{ MODEL: "small", TENANT: "{X-Tenant-ID}" }],
  }),
  cwd: text().optional().meta({
    title: "Working directory",
    description: "Where the program starts; default: where voicegw runs. Takes no placeholders.",
    examples: ["/srv/bot"],
  }),
  stop_after: duration({ least: 0, most: 60_000 }).prefault(DEFAULT_STOP_AFTER).meta({
    title: "Grace at the end",
    description: "Time from the end of the call to SIGTERM, and from there to SIGKILL.",
    examples: ["2s", "500ms"],
  }),
  pool: z.int().min(0).max(1000).default(0).meta({
    title: "Started ahead",
    description: "Programs that are started before their calls come, for those that are slow to " +
      "start. They learn of their call by the event start, and command and env take no " +
      "placeholders.",
    examples: [4],
  }),
  limits: limitsSchema.optional().meta({
    title: "Limits of the program",
    description: "What one program may take; default: what the system allows.",
    examples: [{ nice: 10, memory: "512MB", cpu: "5m" }],
  }),
}).check((context) => {
  const { pool, command, env } = context.value;
  if (pool === 0) return;
  for (const path of placesOfCall(command, env)) {
    const message = "A program that is started ahead knows no call yet: take the placeholder " +
      "out, or remove pool";
    context.issues.push({ code: "custom", message, path: [...path], input: "" });
  }
});

/** Where a command or its variables take facts of a call. */
function placesOfCall(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): readonly IssuePath[] {
  const places: readonly (readonly [IssuePath, string])[] = [
    ...command.map((argument, index) => [["command", index], argument] as const),
    ...Object.entries(env).map(([name, value]) => [["env", name], value] as const),
  ];
  return places.filter(([, written]) => {
    const parsed = parseTemplate(written);
    return parsed.ok && hasPlaceholders(parsed.template);
  }).map(([path]) => path);
}

export const execSchema = z.union([argv, execMapping])
  .transform((given): ExecSpec => {
    const mapping = Array.isArray(given) ? execMapping.parse({ command: given }) : given;
    const { cwd, pool, limits, ...rest } = mapping;
    return {
      type: "exec",
      ...rest,
      ...(cwd === undefined ? {} : { cwd }),
      ...(pool === 0 ? {} : { pool }),
      ...(limits === undefined ? {} : { limits }),
    };
  })
  .meta({
    title: "Run a program",
    description: "Runs a program with the caller's audio on its standard input and its standard " +
      "output as audio to the caller. A list is the command; a mapping has more keys.",
    examples: [["python3", "bot.py"], { command: ["./bot"], stop_after: "5s" }],
  });
