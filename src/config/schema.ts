/**
 * Every key of the configuration as data: one definition for its type, its default, its check and
 * its JSON Schema.
 *
 * Names of fields equal the keys of the file. Durations are milliseconds once read.
 *
 * @module
 */

import { z } from "zod";
import type { CodecName } from "../audio/codec.ts";
import type { Route } from "../route/route.ts";
import type { Registration, Trunk } from "./schema_peers.ts";
import { refuseTrunkName, registrationSchema, trunkSchema } from "./schema_peers.ts";
import { routeSchema } from "./schema_route.ts";
import { rtpSchema } from "./schema_rtp.ts";
import type { ApiConfig, BreakerConfig, HttpConfig, SpeechConfig } from "./schema_services.ts";
import { apiSchema, breakerSchema, httpSchema, speechSchema } from "./schema_services.ts";
import { sipSchema } from "./schema_sip.ts";
import { duration, named } from "./schema_values.ts";

export type { HandlerSpec, Route } from "../route/route.ts";
export type { ListenAddress } from "./schema_listen.ts";
export type { Registration, Trunk } from "./schema_peers.ts";
export type { AllowedSources, PortRange } from "./schema_values.ts";

const DAY = 86_400_000;

const limitsSchema = z.strictObject({
  calls: z.int().min(1).max(100_000).default(500).meta({
    title: "Calls at once",
    description: "One more is refused with 503 and Retry-After.",
    examples: [200],
  }),
  calls_per_second: z.int().min(1).max(100_000).default(300).meta({
    title: "New calls a second",
    description: "More are refused with 503 and Retry-After.",
    examples: [50],
  }),
  duration: duration({ least: 1000, most: 7 * DAY }).prefault("4h").meta({
    title: "Longest call",
    description: "A call that lasts longer is ended; a route can say less or more.",
    examples: ["4h", "30m"],
  }),
  setup: duration({ least: 1000, most: 600_000 }).prefault("60s").meta({
    title: "Longest setup",
    description: "A call whose handler has not started within this time is refused.",
    examples: ["60s"],
  }),
  lag: duration({ least: 5, most: 10_000, zero: true }).prefault("40ms").meta({
    title: "Lag",
    description: "While the process itself is later than this, new calls are refused with 503 " +
      "and Retry-After, before those that there are suffer; 0s: never.",
    examples: ["40ms", "0s"],
  }),
}).prefault({}).meta({ title: "Limits", description: "How much one process takes on." });

const logSchema = z.strictObject({
  level: z.enum(["debug", "info", "warning", "error"]).default("info").meta({
    title: "Level",
    description: "The least serious messages that are written.",
    examples: ["debug"],
  }),
  format: z.enum(["pretty", "json"]).optional().meta({
    title: "Format",
    description: "Lines for people, or one JSON object a line; default: pretty on a terminal, " +
      "json otherwise.",
    examples: ["json"],
  }),
  ladder: z.enum(["off", "failed", "all"]).default("off").meta({
    title: "Ladder",
    description:
      "Whose SIP messages are written when the call is over, one line each: of no call " +
      "(off), of calls that were refused or went wrong (failed), of all.",
    examples: ["failed"],
  }),
}).prefault({}).meta({ title: "Log", description: "What is written, to standard error." });

/** The whole file, before routes are named and their references checked. */
export const fileSchema = z.strictObject({
  sip: sipSchema,
  rtp: rtpSchema,
  limits: limitsSchema,
  registrations: z.array(registrationSchema).max(1000).default([]).meta({
    title: "Registrations",
    description: "Registrars that we register with, so that they send us calls.",
    examples: [[{ registrar: "sip:pbx.example.com", aor: "sip:100@pbx.example.com" }]],
  }),
  trunks: named(trunkSchema, refuseTrunkName).default({}).meta({
    title: "Trunks",
    description: "Servers that take calls from us, by name.",
    examples: [{ carrier: { uri: "sip:trunk.example.com;transport=tls" } }],
  }),
  speech: speechSchema,
  http: httpSchema,
  breaker: breakerSchema,
  routes: z.array(routeSchema).min(1).max(10_000).meta({
    title: "Routes",
    description: "The routing table. The first route whose conditions all hold takes the call; " +
      "without one, the caller gets 404.",
    examples: [[{ exec: ["cat"] }]],
  }),
  api: apiSchema,
  log: logSchema,
}).meta({
  title: "voicegw configuration",
  description: "Which calls voicegw takes, and which program answers them.",
});

type FileOutput = z.output<typeof fileSchema>;

/** A configuration that holds: checked, with defaults filled in. */
export interface Config {
  readonly sip: Readonly<FileOutput["sip"]>;
  readonly rtp: Readonly<Omit<FileOutput["rtp"], "codecs">> & {
    /** In the order of our preference. */
    readonly codecs: readonly CodecName[];
  };
  readonly limits: Readonly<FileOutput["limits"]>;
  readonly registrations: readonly Registration[];
  /** By name; ask with `Object.hasOwn` when the name comes from elsewhere. */
  readonly trunks: Readonly<Record<string, Trunk>>;
  readonly speech: SpeechConfig;
  readonly http: HttpConfig;
  readonly breaker: BreakerConfig;
  readonly routes: readonly Route[];
  /** Absent: there is no web server of ours. */
  readonly api?: ApiConfig | undefined;
  readonly log: Readonly<FileOutput["log"]>;
}

/** Makes the JSON Schema (draft 2020-12) of the file, for editors to complete and check it. */
export function jsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(fileSchema, {
    io: "input",
    target: "draft-2020-12",
    // Examples are of the input here, but are left out where a value is read into another type.
    override: ({ zodSchema, jsonSchema }) => {
      const examples = z.globalRegistry.get(zodSchema)?.examples;
      if (examples !== undefined) jsonSchema.examples = examples as unknown[];
    },
  });
  // Drops what overrides left undefined.
  return JSON.parse(JSON.stringify(schema)) as Record<string, unknown>;
}
