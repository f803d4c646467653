/**
 * The keys of one entry of `routes`: its conditions, its handler, and what limits it.
 *
 * Handlers have files of their own in `schema_handlers`. What holds between routes (names,
 * `on_error`, groups of regular expressions) is left to `resolve_routes.ts`.
 *
 * @module
 */

import { z } from "zod";
import type { Condition } from "../route/condition.ts";
import { compileCondition } from "../route/condition.ts";
import type { DeadAir } from "../route/route.ts";
import { HANDLER_KEYS, handlerShape } from "./schema_handlers/handler_keys.ts";
import { audioShape } from "./schema_route_audio.ts";
import { duration, template } from "./schema_values.ts";

const ROUTE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

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

const deadAirLimit = duration({ least: 500, most: 3_600_000, zero: true });

const DEFAULT_DEAD_AIR = "10s";

const deadAirMapping = z.strictObject({
  limit: deadAirLimit.prefault(DEFAULT_DEAD_AIR).meta({
    title: "Limit",
    description: "For so long the caller may hear nothing. 0s: for as long as it takes.",
    examples: ["3s", "0s"],
  }),
  play: template().optional().meta({
    title: "What is played then",
    description: "WAV file that is played from then on, over and over, until the handler is " +
      "heard; default: the handler has failed. Takes placeholders, as the file of play.",
    examples: ["one-moment.wav"],
  }),
});

const deadAirSchema = z.union([deadAirLimit, deadAirMapping])
  .transform((given): DeadAir => {
    if (typeof given === "number") return { limit: given };
    const { limit, play } = given;
    return play === undefined ? { limit } : { limit, play };
  })
  .prefault(DEFAULT_DEAD_AIR).meta({
    title: "Dead air",
    description: "How long the caller of an answered call may hear nothing while the handler " +
      "waits for its server, or the next handler starts. Then the handler has failed, or a " +
      "mapping says what is played.",
    examples: ["5s", { limit: "3s", play: "one-moment.wav" }],
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
      "command answer, after early media if it likes (manual). A webhook always says so itself.",
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
  max_calls: z.int().min(1).max(100_000).optional().meta({
    title: "Calls at once",
    description: "Calls of this route at once; one more goes to on_error, or gets 503. Default: " +
      "limits.calls.",
    examples: [30],
  }),
  dead_air: deadAirSchema,
  ...audioShape,
}).meta({
  title: "Route",
  description: "Which calls it takes, and what becomes of them. Exactly one handler key.",
  oneOf: HANDLER_KEYS.map((key) => ({ required: [key] })),
});

/** An entry of `routes` that {@linkcode routeSchema} took. */
export type RouteEntry = z.output<typeof routeSchema>;
