/**
 * The keys of `sip`: signalling, where it is spoken, by whom, and with which timers.
 *
 * @module
 */

import { z } from "zod";
import { allowedSources, duration, ipAddress } from "./schema_values.ts";
import { listenEntry, nameServer } from "./schema_listen.ts";
import { authSchema, blockSchema, perSourceSchema, tlsSchema } from "./schema_security.ts";

const DAY = 86_400_000;

/** RFC 4028 §5: the least that Session-Expires can be. */
const SESSION_EXPIRES_MIN = 90_000;

const timers = {
  t1: duration({ least: 10, most: 10_000 }).prefault("500ms").meta({
    title: "Timer T1",
    description: "Estimate of the round trip, RFC 3261 §17.1.1.1. T2 is 8 times as long, T4 10 " +
      "times, and an unanswered request is given up after 64 times.",
    examples: ["500ms", "250ms"],
  }),
  session_expires: duration({ least: SESSION_EXPIRES_MIN, most: DAY, zero: true })
    .prefault("30m").meta({
      title: "Session timer",
      description: "A call whose other side is not heard of for this long ends, RFC 4028. It is " +
        "what we ask for; 0s: we do not ask, and serve those who do.",
      examples: ["30m", "0s"],
    }),
  min_session_expires: duration({ least: SESSION_EXPIRES_MIN, most: DAY }).prefault("90s").meta({
    title: "Shortest session timer",
    description: "Who asks for a shorter session timer gets 422. RFC 4028.",
    examples: ["90s", "10m"],
  }),
  keep_alive: duration({ least: 1000, most: 3_600_000, zero: true }).prefault("30s").meta({
    title: "Keep-alive",
    description: "A connection that is silent for this long is sent a keep-alive, so that NATs " +
      "keep it open, RFC 5626; 0s: none.",
    examples: ["30s", "0s"],
  }),
};

/** The section `sip`. */
export const sipSchema = z.strictObject({
  listen: z.array(listenEntry()).min(1).max(16)
    .prefault(["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"]).meta({
      title: "Listen",
      description: "Where SIP is spoken: udp://, tcp://, tls://, ws:// or wss:// with a literal " +
        "address and a port. A mapping gives the listener an address of its own to advertise.",
      examples: [
        ["udp://10.0.0.5:5060", "tls://10.0.0.5:5061"],
        ["udp://[::]:5060"],
        [{ url: "wss://0.0.0.0:443", advertise: "203.0.113.10" }],
      ],
    }),
  advertise: ipAddress({ unspecified: false }).optional().meta({
    title: "Advertised address",
    description: "The address written into Via, Contact and SDP, such as the public one of a " +
      "NAT; default: the local address towards the peer.",
    examples: ["203.0.113.10"],
  }),
  allow: allowedSources().prefault(["private"]).meta({
    title: "Allowed sources",
    description: "Who may call: ranges of addresses, private (loopback and private ranges), any.",
    examples: [["private", "198.51.100.0/24"], ["any"]],
  }),
  refuse: z.union([z.enum(["drop", "403"]), z.literal(403)])
    .transform((given): "drop" | "403" => given === "drop" ? "drop" : "403").prefault("drop").meta({
      title: "Refusal",
      description: "What a source that is not allowed gets: nothing (drop), or 403.",
      examples: ["drop", 403],
    }),
  tls: tlsSchema.optional(),
  auth: authSchema.optional(),
  ...timers,
  name_servers: z.array(nameServer()).max(8).default([]).meta({
    title: "Name servers",
    description: "Who is asked for NAPTR, SRV and address records, RFC 3263; none: the system's.",
    examples: [["10.0.0.53"], ["127.0.0.1:5353"]],
  }),
  refer: z.enum(["refuse", "trunks", "any"]).default("refuse").meta({
    title: "Transfers by callers",
    description: "Whether the other side may send a call elsewhere (REFER): never, to a trunk, " +
      "or to any address, which lets callers place calls at your cost.",
    examples: ["trunks"],
  }),
  per_source: perSourceSchema,
  block: blockSchema,
}).prefault({}).meta({
  title: "SIP",
  description: "Signalling: where to listen and who may call.",
});
