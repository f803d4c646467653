/**
 * The keys of `sip` that say who is let in, and how nobody else listens: TLS, digest
 * authentication, what one address may do.
 *
 * What holds between keys is left to `check_sip.ts`.
 *
 * @module
 */

import { z } from "zod";
import { allowedSources, duration, named, text } from "./schema_values.ts";

const DAY = 86_400_000;

/** Longest name of a user, realm or registration, and longest password. */
export const WORD_MAX = 128;

/** A file, relative to the routing file; `load.ts` joins the two and looks for it. */
export function fileName() {
  return text().check((context) => {
    if (context.value !== "") return;
    const message = "The name of the file is empty, write such as server.pem";
    context.issues.push({ code: "custom", message, input: "" });
  });
}

/** A password, or what is as secret as one; no message quotes it. */
export function password(what = "The password") {
  return text().check((context) => {
    const message = context.value === ""
      ? `${what} is empty`
      : context.value.length > WORD_MAX
      ? `${what} is too long, the most is ${WORD_MAX} characters`
      : undefined;
    if (message !== undefined) context.issues.push({ code: "custom", message, input: "" });
  });
}

/** Says what is wrong with the name of a user, which stands in quotes in SIP. RFC 7616 §3.4. */
export function refuseUser(name: string): string | undefined {
  return refuseWord(name, "The name of a user");
}

function refuseWord(word: string, what: string): string | undefined {
  if (word === "" || word.length > WORD_MAX) return `${what} has 1 to ${WORD_MAX} characters`;
  // deno-lint-ignore no-control-regex
  if (!/[\u0000-\u001f\u007f":\\]/.test(word)) return undefined;
  return `${what} is without quotes, colons, backslashes and control characters`;
}

/** The name of a user, of ours or theirs. */
export function userName() {
  return word("The name of a user");
}

/** What stands in quotes in SIP; messages call it `what`. */
function word(what: string) {
  return text().check((context) => {
    const message = refuseWord(context.value, what);
    if (message !== undefined) context.issues.push({ code: "custom", message, input: "" });
  });
}

export const tlsSchema = z.strictObject({
  certificate: fileName().optional().meta({
    title: "Certificate",
    description: "PEM file of our certificate and those up to the root, relative to this file. " +
      "tls:// and wss:// listeners need it; it is shown to servers that ask, too.",
    examples: ["server.pem", "/etc/voicegw/fullchain.pem"],
  }),
  key: fileName().optional().meta({
    title: "Key",
    description: "PEM file of the certificate's private key, relative to this file.",
    examples: ["server.key"],
  }),
  ca: fileName().optional().meta({
    title: "Authorities",
    description: "PEM file of the authorities that we trust; default: those of the system.",
    examples: ["ca.pem"],
  }),
  client_certificate: z.enum(["none", "request", "require"]).default("none").meta({
    title: "Certificates of callers",
    description: "Whether those who connect show a certificate: not asked for (none), asked for " +
      "(request), or refused without a valid one (require).",
    examples: ["require"],
  }),
  verify: z.boolean().default(true).meta({
    title: "Verify servers",
    description: "Whether a server that we connect to has to show a valid certificate of its name.",
    examples: [false],
  }),
}).meta({
  title: "TLS",
  description: "Certificates for tls:// and wss://, where we listen and where we connect.",
});

const userSchema = z.strictObject({
  password: password().meta({
    title: "Password",
    description: "What the user has to know. Take it from the environment: ${NAME}.",
    examples: ["${PBX_PASSWORD}"],
    writeOnly: true,
  }),
});

const algorithms = z.array(z.enum(["SHA-256", "SHA-512-256", "MD5"])).min(1).check((context) => {
  if (new Set(context.value).size === context.value.length) return;
  const message = "The list names an algorithm twice";
  context.issues.push({ code: "custom", message, input: context.value });
});

export const authSchema = z.strictObject({
  realm: word("The realm").default("voicegw").meta({
    title: "Realm",
    description: "What the users belong to; callers see it in the challenge.",
    examples: ["pbx.example.com"],
  }),
  users: named(userSchema, refuseUser).check((context) => {
    if (Object.keys(context.value).length > 0) return;
    const message = "Nobody could call: write at least one user, or remove sip.auth";
    context.issues.push({ code: "custom", message, input: context.value });
  }).meta({
    title: "Users",
    description: "Who may call, by name.",
    examples: [{ pbx: { password: "${PBX_PASSWORD}" } }],
  }),
  algorithms: algorithms.default(["MD5"]).meta({
    title: "Algorithms",
    description:
      "What is offered to callers, the preferred one first. Phones and trunks that know " +
      "MD5 alone may stumble over any other, also beside it.",
    examples: [["SHA-256", "MD5"], ["SHA-256"], ["SHA-512-256", "SHA-256", "MD5"]],
  }),
  nonce_lifetime: duration({ least: 1000, most: DAY }).prefault("5m").meta({
    title: "Lifetime of a challenge",
    description: "An answer to an older challenge gets a new one, without a question to the user.",
    examples: ["5m"],
  }),
}).meta({
  title: "Digest authentication",
  description: "Callers have to prove a password, RFC 8760; absent: they are not asked.",
});

export const perSourceSchema = z.strictObject({
  requests_per_second: z.int().min(1).max(1_000_000).optional().meta({
    title: "Requests a second",
    description: "New requests of one address beyond this are dropped and counted; default: four " +
      "fifths of limits.calls_per_second.",
    examples: [500],
  }),
  calls: z.int().min(1).max(100_000).optional().meta({
    title: "Calls at once",
    description: "Calls of one address at once; one more is refused with 503. Default: four " +
      "fifths of limits.calls.",
    examples: [30],
  }),
}).prefault({}).meta({
  title: "Each source",
  description: "How much one address may take, so that none takes all.",
});

export const blockSchema = z.strictObject({
  failures: z.int().min(1).max(1_000_000).default(10).meta({
    title: "Failures",
    description: "An address with this many failed authentications or malformed requests is " +
      "blocked.",
    examples: [5],
  }),
  within: duration({ least: 1000, most: DAY }).prefault("1m").meta({
    title: "Time of the failures",
    description: "The failures count when they come within this time.",
    examples: ["10m"],
  }),
  duration: duration({ least: 1000, most: 7 * DAY }).prefault("10m").meta({
    title: "Time of the block",
    description: "For so long nothing of the address is looked at.",
    examples: ["1h"],
  }),
  exempt: allowedSources({ empty: true }).prefault([]).meta({
    title: "Exempt",
    description: "Addresses that are never blocked, such as a proxy that all calls come through.",
    examples: [["10.0.0.5"]],
  }),
  scanners: z.boolean().default(true).meta({
    title: "Scanners",
    description: "Whether programs that search the net for open gateways, known by their " +
      "User-Agent, are blocked at once.",
    examples: [false],
  }),
}).prefault({}).meta({
  title: "Block",
  description: "Addresses that guess and scan are shut out for a time.",
});
