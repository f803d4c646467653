/**
 * The options of `voicegw call`, and what each of them takes.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { CodecName } from "../src/audio/codec.ts";
import { isIpAddress } from "../src/base/socket_address.ts";
import { parseDuration } from "../src/config/duration.ts";
import { OutboundTargetError } from "../src/gateway/outbound_options.ts";
import { parseTarget } from "../src/gateway/outbound_target.ts";
import { CODEC_NAMES } from "../src/sdp/codec_name.ts";
import { SipParseError } from "../src/sip/message/parse_error.ts";
import { parseSipUri } from "../src/sip/message/uri.ts";

/** A header and its value. */
type Header = readonly [string, string];

/** What was asked for. */
export interface CallCommandOptions {
  readonly play?: string;
  readonly tone: number;
  readonly digits?: string;
  readonly record?: string;
  readonly duration?: number;
  readonly header?: readonly Header[];
  readonly from: string;
  readonly codec: readonly CodecName[];
  readonly srtp?: boolean;
  readonly local?: string;
  readonly ports: { readonly first: number; readonly last: number };
  readonly ringTimeout: number;
  readonly user?: string;
  readonly password?: string;
  readonly proxy?: string;
  readonly redirects: boolean;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly json?: boolean;
}

/** Headers that a call has anyway, with their compact forms. RFC 3261 §7.3.3 */
const OWN_HEADERS = new Set(
  "via v from f to t call-id i cseq contact m max-forwards content-length l content-type c allow"
    .split(" "),
);

const WILDCARDS = new Set(["0.0.0.0", "::"]);

/** Adds the options. */
export function addCallOptions(command: Command): Command {
  const both: readonly CodecName[] = ["PCMU", "PCMA"];
  const rtpPorts = { first: 40_000, last: 49_999 };
  const options = [
    new Option("--play <file>", "play this WAV file"),
    new Option("--tone <hertz>", "without --play: pitch of a tone of 2 s; 0: stay silent")
      .default(440).argParser(frequency),
    new Option(
      "--digits <keys>",
      "press these keys first (0-9 * # A-D), as telephone-events, else by INFO",
    ).argParser(digits),
    new Option("--record <file>", "write what was heard into this WAV file"),
    new Option("--duration <time>", "hang up after this, such as 5s; default: after the sound")
      .argParser(time),
    new Option("--header <header>", "add a header, such as 'X-Room-ID: blue'; repeatable")
      .argParser(header),
    new Option("--from <uri>", "who calls").default("sip:voicegw@localhost").argParser(sipUri),
    new Option("--user <name>", "who we are to a server that asks; default: the user of --from"),
    new Option(
      "--password <text>",
      "for a server that asks; better: the variable VOICEGW_PASSWORD",
    ),
    new Option("--proxy <uri>", "send everything through this proxy, such as sip:10.0.0.1;lr")
      .argParser(targetUri),
    new Option("--no-redirects", "do not call whom a 3xx names instead"),
    new Option("--ca <file>", "for TLS: trust these authorities (PEM) instead of the system's"),
    new Option("--insecure", "for TLS: take any certificate").conflicts("ca"),
    new Option("--codec <names>", `offer these, the best one first: ${CODEC_NAMES.join(", ")}`)
      .default(both, both.join(",")).argParser(codecs),
    new Option("--srtp", "offer encrypted audio alone (RTP/SAVP), with keys in the SDP"),
    new Option("--local <address>", "the address to call from; default: as the system routes")
      .argParser(address),
    new Option("--ports <range>", "UDP ports for RTP, of which two are used")
      .default(rtpPorts, "40000-49999").argParser(ports),
    new Option("--ring-timeout <time>", "give up when nobody has answered after this")
      .default(30_000, "30s").argParser(time),
    new Option("--json", "print the report alone, as one JSON object"),
  ];
  for (const option of options) command.addOption(option);
  return command;
}

function frequency(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 3400) return value;
  throw new InvalidArgumentError("Give a frequency from 0 to 3400 Hz, such as 440.");
}

function digits(text: string): string {
  if (/^[0-9*#A-D]{1,64}$/i.test(text)) return text.toUpperCase();
  throw new InvalidArgumentError("Give up to 64 keys among 0-9 * # A-D, such as 12#.");
}

function time(text: string): number {
  const value = parseDuration(text);
  if (value !== undefined && value > 0) return value;
  throw new InvalidArgumentError("Give a time with its unit, such as 500ms or 5s.");
}

function header(text: string, before: readonly Header[] = []): readonly Header[] {
  const parts = /^([A-Za-z0-9.!%*_+`'~-]+)\s*:\s*([^\r\n\0]*)$/.exec(text);
  if (parts === null) throw new InvalidArgumentError("Write it as 'Name: value'.");
  const [, name = "", value = ""] = parts;
  if (OWN_HEADERS.has(name.toLowerCase())) {
    throw new InvalidArgumentError("Every call has this header: voicegw writes it itself.");
  }
  return [...before, [name, value]];
}

function sipUri(text: string): string {
  try {
    parseSipUri(text);
    return text;
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    throw new InvalidArgumentError("Give a SIP URI, such as sip:ann@example.com.");
  }
}

function targetUri(text: string): string {
  try {
    parseTarget(text);
    return text;
  } catch (error) {
    if (!(error instanceof OutboundTargetError)) throw error;
    throw new InvalidArgumentError("Give a SIP URI, such as sip:proxy.example.com;transport=tcp.");
  }
}

function codecs(text: string): CallCommandOptions["codec"] {
  const words = text.split(",").map((word) => word.trim().toUpperCase());
  const found = words.flatMap((word) =>
    CODEC_NAMES.find((name) => name.toUpperCase() === word) ?? []
  );
  if (found.length === words.length && new Set(found).size === found.length) return found;
  throw new InvalidArgumentError(`Give each of them once, among ${CODEC_NAMES.join(", ")}.`);
}

function address(text: string): string {
  if (isIpAddress(text) && !WILDCARDS.has(text)) return text;
  throw new InvalidArgumentError("Give one IP address of this machine, such as 10.0.0.5.");
}

function ports(text: string): CallCommandOptions["ports"] {
  const parts = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const first = Number(parts?.[1]);
  const last = Number(parts?.[2]);
  // RTP takes an even port and RTCP the next one
  const hasPair = last > first + (first & 1);
  if (parts !== null && first > 0 && last <= 65_535 && hasPair) return { first, last };
  throw new InvalidArgumentError(
    "Give a range with an even port and the one after it, such as 40000-49999.",
  );
}
