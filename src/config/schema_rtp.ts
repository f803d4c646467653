/**
 * The keys of `rtp`: audio on the network, with which codecs and under which keys.
 *
 * @module
 */

import { z } from "zod";
import type { CodecName } from "../audio/codec.ts";
import { duration, ipAddress, portRange } from "./schema_values.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** What L16 without a rate stands for, in the order of preference. */
const L16: readonly CodecName[] = ["L16/16000", "L16/44100", "L16/8000"];

const CODEC_WORDS = [
  "PCMU",
  "PCMA",
  "G722",
  "opus",
  "L16",
  "L16/16000",
  "L16/44100",
  "L16/8000",
] as const;

const codecs = z.array(z.enum(CODEC_WORDS)).min(1).transform((words, context) => {
  const names = words.flatMap((word): readonly CodecName[] => word === "L16" ? L16 : [word]);
  if (new Set(names).size === names.length) return names;
  const twice = names.find((name, index) => names.indexOf(name) !== index) ?? "";
  const isShort = words.includes("L16") && twice.startsWith("L16");
  const message = `The list names ${twice} twice, ` +
    (isShort ? `since L16 stands for ${L16.join(", ")}` : "write it once");
  context.issues.push({ code: "custom", message, input: words });
  return z.NEVER;
});

/** The section `rtp`. */
export const rtpSchema = z.strictObject({
  address: ipAddress({ unspecified: true }).optional().meta({
    title: "Address",
    description: "Where RTP is received and sent from; default: the address that the SIP request " +
      "arrived at.",
    examples: ["10.0.0.5"],
  }),
  ports: portRange().prefault("10000-20000").meta({
    title: "Ports",
    description: "Both ends included. A call takes an even port for RTP and the next for RTCP.",
    examples: ["10000-20000"],
  }),
  codecs: codecs.prefault(["PCMU", "PCMA"]).meta({
    title: "Codecs",
    description: "Codecs that are taken, in the order of our preference. L16 stands for " +
      `${L16.join(", ")}. Wideband (G722, opus, L16) is of use where routes have a rate above ` +
      "8000.",
    examples: [["PCMA", "PCMU"], ["opus", "G722", "PCMU", "PCMA"]],
  }),
  srtp: z.enum(["never", "optional", "required"]).default("optional").meta({
    title: "Encryption",
    description: "SRTP with keys in the SDP (RFC 4568). optional: offers with keys are answered " +
      "with keys, ours are plain. required: plain offers are refused, ours have keys. never: " +
      "offers with keys are refused.",
    examples: ["required"],
  }),
  dtmf_payload_type: z.int().min(96).max(127).default(101).meta({
    title: "Payload type of DTMF",
    description: "Used when we offer; an answer uses the offerer's number. RFC 4733.",
    examples: [101],
  }),
  timeout: duration({ least: 1000, most: DAY, zero: true }).prefault("30s").meta({
    title: "Silence of the network",
    description: "A call without any RTP for this long ends, hold excepted; 0s: never.",
    examples: ["30s", "0s"],
  }),
  keep_alive: duration({ least: 1000, most: HOUR, zero: true }).prefault("15s").meta({
    title: "Keep-alive",
    description: "A frame of silence goes out when nothing was sent for this long, so that NATs " +
      "and firewalls let the other side's audio in, RFC 6263; 0s: none.",
    examples: ["15s", "0s"],
  }),
  latch: z.enum(["auto", "strict"]).default("auto").meta({
    title: "Latch",
    description: "Whom audio goes to before any has come. auto: the address in the SDP. strict: " +
      "nobody, so that an SDP cannot aim our audio at a third party.",
    examples: ["strict"],
  }),
  new_source_after: duration({ least: 100, most: HOUR, zero: true }).prefault("0s").meta({
    title: "New source",
    description: "Audio from another address is taken when none has come from the one of before " +
      "for this long, as when a NAT gives a new port; 0s: never.",
    examples: ["2s", "0s"],
  }),
  rtcp_interval: duration({ least: 500, most: 300_000, zero: true }).prefault("5s").meta({
    title: "Reports",
    description: "Mean time between two RTCP reports of ours, RFC 3550 §6.2; 0s: none is sent.",
    examples: ["5s", "0s"],
  }),
}).prefault({}).meta({ title: "RTP", description: "Audio on the network." });
