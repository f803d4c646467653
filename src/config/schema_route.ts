/**
 * The keys of one entry of `routes`: its conditions, its handler, and what limits it.
 *
 * What holds between routes (names, `on_error`, groups of regular expressions) is left to
 * `resolve_routes.ts`.
 *
 * @module
 */

import { z } from "zod";
import type { Condition } from "../route/condition.ts";
import { compileCondition } from "../route/condition.ts";
import type {
  EchoSpec,
  ExecSpec,
  HandlerSpec,
  PlaySpec,
  RedirectSpec,
  RejectSpec,
} from "../route/route.ts";
import { refuseHeader } from "./header_name.ts";
import { audioShape } from "./schema_route_audio.ts";
import { duration, named, shorten, template, text } from "./schema_values.ts";

/** Keys that say what becomes of a call; a route has exactly one. */
export const HANDLER_KEYS = ["exec", "echo", "play", "reject", "redirect"] as const;

/** One of {@linkcode HANDLER_KEYS}. */
export type HandlerKey = (typeof HANDLER_KEYS)[number];

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ROUTE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

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
const argv = z.array(template()).min(1).max(256).check((context) => {
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
});

const execSchema = z.union([argv, execMapping])
  .transform((given): ExecSpec => {
    const mapping = Array.isArray(given) ? execMapping.parse({ command: given }) : given;
    const { cwd, ...rest } = mapping;
    return { type: "exec", ...rest, ...(cwd === undefined ? {} : { cwd }) };
  })
  .meta({
    title: "Run a program",
    description: "Runs a program with the caller's audio on its standard input and its standard " +
      "output as audio to the caller. A list is the command; a mapping has more keys.",
    examples: [["python3", "bot.py"], { command: ["./bot"], stop_after: "5s" }],
  });

const echoSchema = z.literal(true)
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

const playSchema = z.union([template(), playMapping])
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

const rejectStatus = z.int().min(400).max(699).meta({
  title: "Status",
  description: "SIP status of the refusal.",
  examples: [403, 486, 603],
});

const rejectMapping = z.strictObject({
  status: rejectStatus,
  reason: text().optional().meta({
    title: "Reason phrase",
    description: "Text beside the status; default: the one that SIP gives it.",
    examples: ["Not Today"],
  }),
  headers: named(template(), refuseHeader).prefault({}).meta({
    title: "Headers",
    description: "More headers of the response. Values take placeholders.",
    examples: [{ "Retry-After": "120", "X-Room-ID": "{room_id}" }],
  }),
});

const rejectSchema = z.union([rejectStatus, rejectMapping])
  .transform((given): RejectSpec => {
    if (typeof given === "number") return { type: "reject", status: given, headers: {} };
    const { reason, ...rest } = given;
    return { type: "reject", ...rest, ...(reason === undefined ? {} : { reason }) };
  })
  .meta({
    title: "Refuse",
    description: "Refuses the call. A number is the SIP status; a mapping has more keys.",
    examples: [486, { status: 403, reason: "Members Only" }],
  });

const targetUri = template().check((context) => {
  if (/^(sips?|tel):[^\s<>"]+$/i.test(context.value)) return;
  const message = `"${shorten(context.value)}" is not a URI to call, write such as ` +
    "sip:100@pbx.example.com";
  context.issues.push({ code: "custom", message, input: context.value });
});

const redirectMapping = z.strictObject({
  to: z.union([targetUri, z.array(targetUri).min(1).max(16)]).meta({
    title: "Targets",
    description: "One URI, or a list with the preferred one first. Takes placeholders, whose " +
      "values are escaped.",
    examples: ["sip:{user}@10.0.0.7", ["sip:a@example.com", "sip:b@example.com"]],
  }),
  status: z.int().min(300).max(399).default(302).meta({
    title: "Status",
    description: "SIP status of the answer: 302 for this call, 301 for good.",
    examples: [301, 302],
  }),
});

const redirectSchema = z.union([targetUri, redirectMapping])
  .transform((given): RedirectSpec => {
    const { to, status } = typeof given === "string" ? { to: given, status: 302 } : given;
    return { type: "redirect", to: typeof to === "string" ? [to] : to, status };
  })
  .meta({
    title: "Redirect",
    description: "Sends the caller elsewhere. Text is the URI; a mapping has more keys.",
    examples: ["sip:100@pbx.example.com", { to: "sip:{user}@10.0.0.7", status: 301 }],
  });

const handlerShape = {
  exec: execSchema.optional(),
  echo: echoSchema.optional(),
  play: playSchema.optional(),
  reject: rejectSchema.optional(),
  redirect: redirectSchema.optional(),
};

/**
 * A handler in place of a route's name: exactly one handler key, which JSON Schema says by
 * counting.
 */
const inPlaceSchema = z.strictObject(handlerShape).meta({
  minProperties: 1,
  maxProperties: 1,
});

const entrySchema = z.union([z.string(), z.number(), z.boolean()]);

/** `when`, compiled. Each key is a fact or a header. */
const whenSchema = z.record(z.string(), z.union([entrySchema, z.array(entrySchema)]))
  .transform((given, context): readonly Condition[] => {
    const conditions: Condition[] = [];
    for (const [key, value] of Object.entries(given)) {
      const compiled = compileCondition(key, value);
      if (compiled.ok) {
        conditions.push(compiled.condition);
      } else {
        const path = compiled.index === undefined ? [key] : [key, compiled.index];
        context.issues.push({ code: "custom", message: compiled.reason, path, input: value });
      }
    }
    return conditions;
  })
  .meta({
    title: "Conditions",
    description: "All must hold. Keys are header names, or from, to, asserted_identity, " +
      "request_uri, user, source, transport, method, auth_user, registration. Values are text, a glob, a /regular expression/, a list (any of), true " +
      "(present) or false (absent). Without conditions, the route takes every call.",
    examples: [{ "X-Room-ID": "/^support-(?<queue>\\w+)$/", "to": "+1555*" }],
  });

/** One entry of `routes`, before names are given and references checked. */
export const routeSchema = z.strictObject({
  name: z.string().regex(ROUTE_NAME, {
    error: "A name is letters, digits, _, . and -, beginning with a letter or digit, at most 64",
  }).optional().meta({
    title: "Name",
    description: "Unique; stands in logs, and in the on_error of other routes. Default: route-1, " +
      "route-2, … by position.",
    examples: ["support"],
  }),
  when: whenSchema.optional(),
  ...handlerShape,
  answer: z.enum(["auto", "manual"]).default("auto").meta({
    title: "Answer",
    description:
      "Who answers: voicegw once the handler has started (auto), or the handler by its " +
      "command answer, after early media if it likes (manual).",
    examples: ["manual"],
  }),
  on_error: z.union([z.string(), inPlaceSchema]).optional().meta({
    title: "When the handler fails",
    description: "The name of another route, or a handler in place; default: end the call.",
    examples: ["voicemail", { play: "sorry.wav" }],
  }),
  max_duration: duration({ least: 1000, most: 604_800_000 }).optional().meta({
    title: "Longest call",
    description: "Ends calls of this route that last longer; default: limits.duration.",
    examples: ["10m"],
  }),
  ...audioShape,
}).meta({
  title: "Route",
  description: "Which calls it takes, and what becomes of them. Exactly one handler key.",
  oneOf: HANDLER_KEYS.map((key) => ({ required: [key] })),
});

/** An entry of `routes` that {@linkcode routeSchema} took. */
export type RouteEntry = z.output<typeof routeSchema>;

/** The handler of an entry, or of an `on_error` in place; `undefined` when it has none. */
export function handlerOf(entry: Pick<RouteEntry, HandlerKey>): HandlerSpec | undefined {
  return entry.exec ?? entry.echo ?? entry.play ?? entry.reject ?? entry.redirect;
}
