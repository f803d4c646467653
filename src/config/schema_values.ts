/**
 * Kinds of values that several keys of the configuration share: durations, addresses, port ranges,
 * templates.
 *
 * Each reads what the file holds into what the program uses, and is described to JSON Schema by
 * its input.
 *
 * @module
 */

import { z } from "zod";
import type { IpRange } from "../base/socket_address.ts";
import { isIpAddress, parseIpRange, PRIVATE_RANGES } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { parseTemplate, PLACEHOLDER_FACTS } from "../route/template.ts";
import { DURATION_PATTERN, formatDuration, parseDuration } from "./duration.ts";
import { didYouMean } from "./suggestion.ts";

/** Who may call. */
export interface AllowedSources {
  readonly ranges: readonly IpRange[];
  /** Everybody may; `ranges` then says nothing. */
  readonly any: boolean;
}

/** Ports for RTP and RTCP, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** What came of reading a text. `reason` names the fix. */
export type Read<T> = { readonly value: T } | { readonly reason: string };

/** Text that is read into something else, or refused with a reason. */
export function readText<T>(parse: (text: string) => Read<T>) {
  return z.string().transform((text, context): T => {
    const result = parse(text);
    if ("value" in result) return result.value;
    context.issues.push({ code: "custom", message: result.reason, input: text });
    return z.NEVER;
  });
}

/**
 * A duration with its unit, from `least` to `most` milliseconds; `zero` lets `0s` in beside them.
 */
export function duration(limits: { least: Millis; most: Millis; zero?: boolean }) {
  const range = `from ${formatDuration(limits.least)} to ${formatDuration(limits.most)}` +
    (limits.zero ? ", or 0s" : "");
  const schema = z.union([z.string(), z.number()]).transform((value, context): Millis => {
    const millis = typeof value === "string" ? parseDuration(value) : undefined;
    const fits = millis !== undefined &&
      ((millis >= limits.least && millis <= limits.most) || (limits.zero && millis === 0));
    if (fits) return millis;
    const message = typeof value === "number"
      ? `The unit is missing, write such as ${value}s or ${value}ms`
      : millis === undefined
      ? `"${shorten(value)}" is not a duration, write such as 20ms, 30s, 5m or 4h`
      : `${value} is out of range, write a duration ${range}`;
    context.issues.push({ code: "custom", message, input: value });
    return z.NEVER;
  });
  return schema.meta({ anyOf: undefined, type: "string", pattern: DURATION_PATTERN });
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1 << 10,
  MiB: 1 << 20,
  GiB: 1 << 30,
};

/** An amount of memory with its unit, from `least` to `most` bytes. */
export function byteSize(limits: { least: number; most: number }) {
  const pattern = `^\\d{1,9}(${Object.keys(BYTE_UNITS).join("|")})$`;
  const schema = z.union([z.string(), z.number()]).transform((value, context): number => {
    const parts = new RegExp(pattern).exec(String(value));
    const bytes = parts === null ? NaN : parseInt(parts[0]) * (BYTE_UNITS[parts[1] ?? ""] ?? NaN);
    if (bytes >= limits.least && bytes <= limits.most) return bytes;
    const message = typeof value === "number"
      ? `The unit is missing, write such as ${value}MB`
      : parts === null
      ? `"${shorten(value)}" is not an amount of memory, write such as 512MB or 2GiB`
      : `${value} is out of range, the least is ${limits.least / 1e6}MB`;
    context.issues.push({ code: "custom", message, input: value });
    return z.NEVER;
  });
  return schema.meta({ anyOf: undefined, type: "string", pattern });
}

/** A literal address. */
export function ipAddress(options: { unspecified: boolean }) {
  return readText<string>((text) => {
    if (!isIpAddress(text)) {
      return { reason: `"${shorten(text)}" is not a literal address, write such as 203.0.113.10` };
    }
    if (!options.unspecified && isUnspecified(text)) {
      return { reason: `${text} is no address that others can send to` };
    }
    return { value: text };
  });
}

/** Tells whether an address stands for "any of mine". */
export function isUnspecified(address: string): boolean {
  const range = parseIpRange(address);
  return range !== undefined && range.bytes.every((byte) => byte === 0);
}

/** A list of ranges, `private` and `any`. */
export function allowedSources({ empty = false } = {}) {
  const entry = z.string().check((context) => {
    const text = context.value;
    if (text === "any" || text === "private" || parseIpRange(text) !== undefined) return;
    const message = `"${shorten(text)}" is not a range of addresses, write such as 10.0.0.0/8, ` +
      "192.0.2.7, private or any";
    context.issues.push({ code: "custom", message, input: text });
  });
  return z.array(entry).min(empty ? 0 : 1).max(1000).transform((entries): AllowedSources => ({
    any: entries.includes("any"),
    ranges: entries.flatMap((text) => {
      if (text === "private") return PRIVATE_RANGES;
      const range = parseIpRange(text);
      return range === undefined ? [] : [range];
    }),
  }));
}

/** `10000-20000`. */
export function portRange() {
  return readText<PortRange>((text) => {
    const parts = /^(\d{1,5})\s*-\s*(\d{1,5})$/.exec(text);
    if (parts === null) {
      return { reason: `"${shorten(text)}" is not a range of ports, write such as 10000-20000` };
    }
    const range = { first: Number(parts[1]), last: Number(parts[2]) };
    if (range.first < 1 || range.last > 65_535) {
      return { reason: "Ports are numbers from 1 to 65535" };
    }
    if (countPortPairs(range) < 1) {
      return { reason: `${text} holds no pair of an even port and the next one` };
    }
    return { value: range };
  });
}

/** Counts the pairs of an even port (RTP) and the next one (RTCP). RFC 3550 §11. */
export function countPortPairs(range: PortRange): number {
  const firstEven = range.first + range.first % 2;
  return Math.max(0, Math.floor((range.last - firstEven + 1) / 2));
}

// deno-lint-ignore no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

/** Longest text of one value. */
const TEXT_MAX = 4096;

/** Text; a number is taken as the text that it is written as. */
export function text() {
  return z.union([z.string(), z.number()]).transform((value, context): string => {
    const written = String(value);
    const reason = written.length > TEXT_MAX
      ? `The text is too long, the most is ${TEXT_MAX} characters`
      : CONTROL_CHARACTER.test(written)
      ? "The text holds a control character or a line break"
      : undefined;
    if (reason === undefined) return written;
    context.issues.push({ code: "custom", message: reason, input: value });
    return z.NEVER;
  });
}

/** A mapping of names to values, whose names are checked. */
export function named<T>(value: z.ZodType<T>, refuseName: (name: string) => string | undefined) {
  return z.record(z.string(), value).check((context) => {
    for (const name of Object.keys(context.value)) {
      const message = refuseName(name);
      if (message !== undefined) {
        context.issues.push({ code: "custom", message, path: [name], input: "" });
      }
    }
  });
}

/**
 * Text with placeholders, which are checked but not filled in.
 *
 * @param options.secret Nothing of it is quoted in a message.
 */
export function template({ secret = false } = {}) {
  return text().check((context) => {
    const message = checkTemplate(context.value, secret);
    if (message !== undefined) {
      const input = secret ? "" : context.value;
      context.issues.push({ code: "custom", message, input });
    }
  });
}

/** Says what is wrong with the placeholders of a text. Which groups there are is not known here. */
export function checkTemplate(written: string, secret: boolean): string | undefined {
  const parsed = parseTemplate(written);
  if (parsed.ok) return undefined;
  const hint = didYouMean(parsed.unknown ?? "", PLACEHOLDER_FACTS);
  if (secret) return `The value has an unknown placeholder${hint || ', write "{{" for a brace'}`;
  return hint === "" ? parsed.reason : `Unknown placeholder "{${parsed.unknown}}"${hint}`;
}

/** Cuts a text that goes into a message. */
export function shorten(written: string): string {
  return written.length > 60 ? `${written.slice(0, 57)}...` : written;
}
