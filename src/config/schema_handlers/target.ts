/**
 * What the handlers have in common that talk to servers: URLs, headers, TLS, names of accounts.
 *
 * @module
 */

import { z } from "zod";
import type { TargetTls } from "../../route/route.ts";
import { checkUrlTemplate } from "../../route/url_template.ts";
import { fileName } from "../schema_security.ts";
import { checkTemplate, duration, named, shorten, template, text } from "../schema_values.ts";

/** Schemes of URLs, as they are written. */
export type Scheme = "http" | "https" | "ws" | "wss";

/** A URL of a server, with placeholders behind its host. No message quotes it. */
export function serverUrl(schemes: readonly Scheme[]) {
  return text().check((context) => {
    const { value } = context;
    // What is before an @ may be a password
    const message = checkTemplate(value, value.includes("@")) ?? checkUrlTemplate(value, schemes);
    if (message !== undefined) context.issues.push({ code: "custom", message, input: "" });
  });
}

/** A URL of a server, without placeholders. No message quotes it. */
export function plainUrl(schemes: readonly Scheme[]) {
  return serverUrl(schemes).check((context) => {
    if (!context.value.includes("{")) return;
    const message = "This URL takes no placeholders, write braces as %7B and %7D";
    context.issues.push({ code: "custom", message, input: "" });
  });
}

/** For a connection, or a request and its response. */
export function targetTimeout(standard: string) {
  return duration({ least: 100, most: 60_000 }).prefault(standard);
}

const HEADER_NAME = /^[-!#$%&'*+.^_`|~0-9A-Za-z]{1,128}$/;

/** Headers that belong to the connection or the body; RFC 9110 §7.2, §7.6.1, §8.6; RFC 6455 §4.1. */
const CLIENT_HEADERS: ReadonlySet<string> = new Set(
  ("host connection content-length content-type content-encoding accept-encoding " +
    "transfer-encoding te trailer upgrade keep-alive proxy-connection expect " +
    "webhook-id webhook-timestamp webhook-signature x-twilio-signature").split(" "),
);

/** Says why a header of HTTP cannot be set. */
function refuseHttpHeader(name: string): string | undefined {
  if (!HEADER_NAME.test(name)) return `"${shorten(name)}" is not the name of a header`;
  const lower = name.toLowerCase();
  return CLIENT_HEADERS.has(lower) || lower.startsWith("sec-websocket-")
    ? `The header ${name} is written by voicegw, use another one`
    : undefined;
}

/** More headers of what is sent to a server. Their values may be secrets, and are never quoted. */
export function httpHeaders() {
  return named(template({ secret: true }), refuseHttpHeader).prefault({});
}

/** What stands for an account where there is none. */
const NO_ACCOUNT = `AC${"0".repeat(32)}`;

/** Twilio's name of an account. */
export function accountSid() {
  return z.string().regex(/^AC[0-9a-fA-F]{32}$/, {
    error: "A name of an account is AC and 32 hexadecimal digits",
  }).default(NO_ACCOUNT).meta({
    title: "Account",
    description: "Twilio's name of the account, as programs written for Twilio expect one: AC " +
      "and 32 hexadecimal digits.",
    examples: ["AC0123456789abcdef0123456789abcdef"],
  });
}

const tlsMapping = z.strictObject({
  ca: fileName().optional().meta({
    title: "Authorities",
    description: "PEM file of the authorities that we trust, relative to this file; default: " +
      "those of the system.",
    examples: ["ca.pem"],
  }),
  certificate: fileName().optional().meta({
    title: "Certificate",
    description: "PEM file of our certificate, for servers that ask for one.",
    examples: ["client.pem"],
  }),
  key: fileName().optional().meta({
    title: "Key",
    description: "PEM file of the certificate's private key.",
    examples: ["client.key"],
  }),
  verify: z.boolean().default(true).meta({
    title: "Verify the server",
    description: "Whether the server has to show a valid certificate of its name.",
    examples: [false],
  }),
}).check((context) => {
  const { certificate, key } = context.value;
  if ((certificate === undefined) === (key === undefined)) return;
  const [given, missing] = certificate === undefined
    ? ["key", "certificate"]
    : ["certificate", "key"];
  const message = `A ${given} alone is of no use, set ${missing} beside it`;
  context.issues.push({ code: "custom", message, path: [given], input: "" });
});

/**
 * How TLS is spoken with a server. The fields hold names of files until the gateway has read
 * these.
 */
export function targetTls() {
  return tlsMapping.transform(({ ca, certificate, key, verify }): TargetTls => ({
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    verify,
  })).optional().meta({
    title: "TLS",
    description: "How the server's certificate is looked at, and which one we show; default: " +
      "authorities of the system, and none.",
    examples: [{ ca: "ca.pem" }],
  });
}

/** Of a server that nothing is said about. */
export const TLS_DEFAULT: TargetTls = { verify: true };

/** TLS is of use where the scheme asks for it. */
export function refuseTlsInClear(
  { url, tls }: { readonly url: string; readonly tls?: TargetTls | undefined },
): string | undefined {
  const clear = /^(http|ws):/i.exec(url)?.[1];
  return tls === undefined || clear === undefined
    ? undefined
    : `Nothing is encrypted at ${clear}://, write ${clear}s:// or remove tls`;
}
