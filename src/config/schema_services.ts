/**
 * The keys of what handlers make use of: `speech`, `http`, `breaker`, `api`.
 *
 * @module
 */

import { z } from "zod";
import type { SocketAddress } from "../base/socket_address.ts";
import { isIpAddress } from "../base/socket_address.ts";
import type { Hertz, Millis } from "../base/units.ts";
import { plainUrl } from "./schema_handlers/target.ts";
import type { Read } from "./schema_values.ts";
import { duration, readText, shorten, text } from "./schema_values.ts";
import { didYouMean } from "./suggestion.ts";

/** A program that speaks: text in its arguments or standard input, WAV or PCM out. */
export interface TtsConfig {
  /** argv; `{text}`, `{language}` and `{voice}` are filled in, without `{text}` it is written to standard input. */
  readonly exec: readonly string[];
  /** Hz of PCM without a WAV header. */
  readonly rate: Hertz;
  /** To the first sound, and without any. */
  readonly timeout: Millis;
}

/** A program that listens: PCM in, lines of JSON or text out. */
export interface SttConfig {
  /** argv; `{language}` is filled in. */
  readonly exec: readonly string[];
  /** Hz of the PCM that it gets. */
  readonly rate: Hertz;
  /** From the end of what it hears to its last word. */
  readonly timeout: Millis;
}

/** Programs that speak and listen. */
export interface SpeechConfig {
  readonly tts?: TtsConfig;
  readonly stt?: SttConfig;
}

/** What handlers may ask of web servers. */
export interface HttpConfig {
  /**
   * Where URLs may lead that stand in responses and not in this file: to the server that sent the
   * response and to public addresses (`public`), or anywhere (`any`).
   */
  readonly targets: "public" | "any";
}

/** When a server is left alone. */
export interface BreakerConfig {
  /** Failures in a row; 0: it never is. */
  readonly failures: number;
  /** For how long, before one call tries it again. */
  readonly pause: Millis;
}

/** The web server of ours. */
export interface ApiConfig {
  readonly listen: SocketAddress;
  /** Under which URL others reach it; default: that of `listen`. */
  readonly url?: string;
}

/** What the arguments of programs that speak take. */
const SPEAKING = ["text", "language", "voice"] as const;

/** What the arguments of programs that listen take. */
const LISTENING = ["language"] as const;

/** argv of a program that speaks or listens, with placeholders of their own. */
function speechArgv(placeholders: readonly string[]) {
  return z.array(text()).min(1).max(256).check((context) => {
    for (const [index, argument] of context.value.entries()) {
      const message = index === 0
        ? refuseProgram(argument)
        : refusePlaceholders(argument, placeholders);
      if (message === undefined) continue;
      context.issues.push({ code: "custom", message, path: [index], input: "" });
    }
  });
}

function refuseProgram(program: string): string | undefined {
  if (program === "") return "The program to run is empty";
  return program.includes("{")
    ? "The program to run takes no placeholders, put them into its arguments"
    : undefined;
}

/** `{{` is a brace. */
function refusePlaceholders(argument: string, known: readonly string[]): string | undefined {
  for (const [found, name] of argument.matchAll(/\{\{|\{([^{}]*)\}?/g)) {
    if (found === "{{" || (known.includes(name ?? "") && found.endsWith("}"))) continue;
    const hint = didYouMean(name ?? "", known) ||
      `, known here are {${known.join("}, {")}}, and "{{" is a brace`;
    return `Unknown placeholder "${shorten(found)}"${hint}`;
  }
  return undefined;
}

const pcmRate = z.literal([8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]);

const ttsArgv = speechArgv(SPEAKING);

const ttsMapping = z.strictObject({
  exec: ttsArgv.meta({
    title: "Program",
    description: "A program that writes WAV or PCM to its standard output. {text}, {language} " +
      "and {voice} are filled in; without {text} it is written to standard input.",
    examples: [["espeak-ng", "--stdout", "{text}"]],
  }),
  rate: pcmRate.default(8000).meta({
    title: "Rate",
    description: "Hz of what it writes when that has no WAV header.",
    examples: [22_050],
  }),
  timeout: duration({ least: 100, most: 120_000 }).prefault("10s").meta({
    title: "Time-out",
    description: "To the first sound, and from one piece of it to the next.",
    examples: ["5s"],
  }),
});

const sttArgv = speechArgv(LISTENING);

const sttMapping = z.strictObject({
  exec: sttArgv.meta({
    title: "Program",
    description: "A program that reads PCM from its standard input and writes lines, of text or " +
      "JSON. {language} is filled in.",
    examples: [["./stt.sh", "{language}"]],
  }),
  rate: pcmRate.default(16_000).meta({
    title: "Rate",
    description: "Hz of the PCM that it gets.",
    examples: [8000],
  }),
  timeout: duration({ least: 100, most: 120_000 }).prefault("5s").meta({
    title: "Time-out",
    description: "From the end of what it hears to its last word.",
    examples: ["10s"],
  }),
});

/** The section `speech`. */
export const speechSchema = z.strictObject({
  tts: z.union([ttsArgv, ttsMapping])
    .transform((given): TtsConfig =>
      Array.isArray(given) ? ttsMapping.parse({ exec: given }) : given
    )
    .optional().meta({
      title: "Who speaks",
      description: "The program behind every say. A list is the command; a mapping has more keys.",
      examples: [["espeak-ng", "--stdout", "{text}"], { exec: ["./tts"], rate: 16_000 }],
    }),
  stt: z.union([sttArgv, sttMapping])
    .transform((given): SttConfig =>
      Array.isArray(given) ? sttMapping.parse({ exec: given }) : given
    )
    .optional().meta({
      title: "Who listens",
      description: "The program behind every gather of speech. A list is the command; a mapping " +
        "has more keys.",
      examples: [["./stt.sh", "{language}"], { exec: ["./stt"], rate: 8000 }],
    }),
}).transform(({ tts, stt }): SpeechConfig => ({
  ...(tts === undefined ? {} : { tts }),
  ...(stt === undefined ? {} : { stt }),
})).prefault({}).meta({
  title: "Speech",
  description: "Programs that speak and listen, for handlers that ask for it.",
});

/** The section `http`. */
export const httpSchema = z.strictObject({
  targets: z.enum(["public", "any"]).default("public").meta({
    title: "Targets",
    description: "Where URLs may lead that stand in responses and not in this file: to the " +
      "server of the response and to public addresses (public), or anywhere (any).",
    examples: ["any"],
  }),
}).prefault({}).meta({
  title: "HTTP",
  description: "What handlers may ask of web servers.",
});

/** The section `breaker`. */
export const breakerSchema = z.strictObject({
  failures: z.int().min(0).max(1000).default(5).meta({
    title: "Failures",
    description: "A server that has failed so many times in a row is left alone for a while, " +
      "and calls go to on_error at once; 0: it never is.",
    examples: [3, 0],
  }),
  pause: duration({ least: 100, most: 3_600_000 }).prefault("30s").meta({
    title: "Pause",
    description: "For how long, before one call tries it again. Twice as long each time that " +
      "fails, up to eight times.",
    examples: ["10s"],
  }),
}).prefault({}).meta({
  title: "Circuit breaker",
  description: "When a server of handlers is left alone, so that callers do not wait for it.",
});

const DEFAULT_API = "127.0.0.1:8080";

/** The section `api`. */
export const apiSchema = z.strictObject({
  listen: readText(parseHttpListen).prefault(DEFAULT_API).meta({
    title: "Listen",
    description: "Literal address and port. Port 0 takes any free one.",
    examples: ["127.0.0.1:8080", "[::1]:8080"],
  }),
  url: plainUrl(["https", "http"]).check((context) => {
    if (!/[?#]/.test(context.value)) return;
    const message = "This URL has others put behind it, leave out what is from ? or # on";
    context.issues.push({ code: "custom", message, input: "" });
  }).optional().meta({
    title: "URL",
    description: "Under which URL others reach it, as behind a proxy; default: that of listen.",
    examples: ["https://voicegw.example.com"],
  }),
}).transform(({ listen, url }): ApiConfig => url === undefined ? { listen } : { listen, url })
  .optional().meta({
    title: "API",
    description: "The web server of ours, where others change live calls and fetch recordings; " +
      "absent: there is none.",
    examples: [{ listen: "127.0.0.1:8080" }, {}],
  });

function parseHttpListen(written: string): Read<SocketAddress> {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(written);
  const address = parts?.[1] ?? parts?.[2] ?? "";
  const port = Number(parts?.[3]);
  const isBracketed = parts?.[1] !== undefined;
  if (isIpAddress(address) && isBracketed === address.includes(":") && port <= 65_535) {
    return { value: { address, port } };
  }
  const reason = `"${shorten(written)}" is not an address to listen on, write such as ` +
    "127.0.0.1:8080 or [::1]:8080";
  return { reason };
}
