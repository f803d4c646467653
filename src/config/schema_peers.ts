/**
 * The servers that we go to: registrars that send us calls, trunks that take calls from us.
 *
 * @module
 */

import { z } from "zod";
import type { Millis } from "../base/units.ts";
import { refuseHeader } from "./header_name.ts";
import { password, userName, WORD_MAX } from "./schema_security.ts";
import { duration, named, text } from "./schema_values.ts";
import type { SipUriParts } from "./sip_uri.ts";
import { readSipUri } from "./sip_uri.ts";

const DAY = 86_400_000;

/** A registrar that knows us as one of its users. RFC 3261 §10. */
export interface Registration {
  /** Unique; stands in logs and in the fact `registration`. */
  readonly name: string;
  /** The Request-URI of REGISTER. */
  readonly registrar: string;
  /** Address of record: who we are there. */
  readonly aor: string;
  /** Of the digest: as given, else the user of `aor`; absent when there is no password. */
  readonly username?: string;
  readonly password?: string;
  /** What we ask for; the registrar may say less. */
  readonly expires: Millis;
  /** Where requests go first; default: the registrar. */
  readonly proxy?: string;
  /** User part of our Contact; default: one that nobody can guess. */
  readonly contact_user?: string;
}

/** A server that takes calls from us. */
export interface Trunk {
  /** Where it is; the next is tried when one does not answer. */
  readonly uri: readonly string[];
  /** Both of the digest, or none. */
  readonly username?: string;
  readonly password?: string;
  /** The URI that calls are from; default: as the call says. */
  readonly from?: string;
  /** More headers of every INVITE. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A SIP URI that `refuse` has nothing against. */
function sipUri(refuse: (parts: SipUriParts) => string | undefined) {
  return text().check((context) => {
    const read = readSipUri(context.value);
    const message = read.ok ? refuse(read.parts) : read.reason;
    if (message !== undefined) context.issues.push({ code: "custom", message, input: "" });
  });
}

/** RFC 3261 §10.2: the Request-URI of REGISTER is a domain, without a user. */
function refuseUserPart({ user }: SipUriParts): string | undefined {
  return user === undefined ? undefined : 'The URI names a server, leave out what is before "@"';
}

const CONTACT_USER = /^(?:[-A-Za-z0-9_.!~*'()&=+$,]|%[0-9A-Fa-f]{2}){1,128}$/;
const REGISTRATION_NAME = /^[A-Za-z0-9+][-A-Za-z0-9_.@+%]{0,127}$/;
const TRUNK_NAME = /^[A-Za-z0-9_-]{1,64}$/;

const registrationMapping = z.strictObject({
  name: z.string().regex(REGISTRATION_NAME, {
    error: `A name is letters, digits, _, ., @, + and -, at most ${WORD_MAX}`,
  }).optional().meta({
    title: "Name",
    description: "Unique; calls that come through it carry it as the fact registration. Default: " +
      "user and host of aor.",
    examples: ["office"],
  }),
  registrar: sipUri(refuseUserPart).meta({
    title: "Registrar",
    description: "The server that we register with.",
    examples: ["sip:pbx.example.com", "sip:pbx.example.com;transport=tls"],
  }),
  aor: sipUri(({ user }) =>
    user === undefined
      ? "The address of record names no user, write such as sip:100@pbx.example.com"
      : undefined
  ).meta({
    title: "Address of record",
    description: "Who we are there, and whose calls come to us.",
    examples: ["sip:100@pbx.example.com"],
  }),
  username: userName().optional().meta({
    title: "User name",
    description: "Of the digest; default: the user of aor.",
    examples: ["100"],
  }),
  password: password().optional().meta({
    title: "Password",
    description: "Of the digest. Take it from the environment: ${NAME}.",
    examples: ["${PBX_PASSWORD}"],
    writeOnly: true,
  }),
  expires: duration({ least: 1000, most: 7 * DAY }).prefault("10m").meta({
    title: "Lifetime",
    description: "What we ask for; it is renewed in time. The registrar may say less.",
    examples: ["10m", "1h"],
  }),
  proxy: sipUri(() => undefined).optional().meta({
    title: "Outbound proxy",
    description: "Where requests go first; default: the registrar.",
    examples: ["sip:sbc.example.com;transport=tcp"],
  }),
  contact_user: text().check((context) => {
    if (CONTACT_USER.test(context.value)) return;
    const message = "This is no user part of a URI, write such as 100 or bot-1";
    context.issues.push({ code: "custom", message, input: "" });
  }).optional().meta({
    title: "User of the Contact",
    description: "What the Request-URI of calls names; default: a word that nobody can guess. " +
      "Routes tell registrations apart by the fact registration.",
    examples: ["office"],
  }),
});

/** One entry of `registrations`. */
export const registrationSchema = registrationMapping.check((context) => {
  const { username, password } = context.value;
  if (username === undefined || password !== undefined) return;
  const message = NO_PASSWORD;
  context.issues.push({ code: "custom", message, path: ["username"], input: "" });
}).transform((given): Registration => {
  const { name, username, password, proxy, contact_user, ...rest } = given;
  const { user, host } = aorParts(given.aor);
  return {
    name: name ?? `${user}@${host}`,
    ...rest,
    ...(password === undefined ? {} : { username: username ?? user, password }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(contact_user === undefined ? {} : { contact_user }),
  };
}).meta({
  title: "Registration",
  description: "A registrar that we register with, so that it sends us calls.",
});

const NO_PASSWORD = "A user name without a password proves nothing, add the key password";

function aorParts(aor: string): { readonly user: string; readonly host: string } {
  const read = readSipUri(aor);
  return read.ok ? { user: read.parts.user ?? "", host: read.parts.host } : { user: "", host: "" };
}

const trunkUri = sipUri(refuseUserPart);

/** One value of `trunks`. */
export const trunkSchema = z.strictObject({
  uri: z.union([trunkUri, z.array(trunkUri).min(1).max(16)]).meta({
    title: "Server",
    description: "Where it is. Of a list, the next is tried when one does not answer.",
    examples: ["sip:trunk.example.com;transport=tls", ["sip:10.0.0.1", "sip:10.0.0.2:5080"]],
  }),
  username: userName().optional().meta({
    title: "User name",
    description: "Of the digest, when the trunk asks for one.",
    examples: ["acme"],
  }),
  password: password().optional().meta({
    title: "Password",
    description: "Of the digest. Take it from the environment: ${NAME}.",
    examples: ["${TRUNK_PASSWORD}"],
    writeOnly: true,
  }),
  from: sipUri(() => undefined).optional().meta({
    title: "Caller",
    description: "The URI that calls are from, when the trunk insists on one; default: as the " +
      "call says.",
    examples: ["sip:+15551234@trunk.example.com"],
  }),
  headers: named(text(), refuseHeader).prefault({}).meta({
    title: "Headers",
    description: "More headers of every INVITE to the trunk.",
    examples: [{ "X-Account": "acme" }],
  }),
}).check((context) => {
  const { username, password } = context.value;
  if ((username === undefined) === (password === undefined)) return;
  const [path, message] = username === undefined
    ? ["password", "A password without a user name proves nothing, add the key username"]
    : ["username", NO_PASSWORD];
  context.issues.push({ code: "custom", message, path: [path], input: "" });
}).transform((given): Trunk => {
  const { uri, username, password, from, headers } = given;
  return {
    uri: typeof uri === "string" ? [uri] : uri,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(from === undefined ? {} : { from }),
    headers,
  };
}).meta({
  title: "Trunk",
  description: "A server that takes calls from us.",
});

/** Says what is wrong with the name of a trunk. */
export function refuseTrunkName(name: string): string | undefined {
  if (TRUNK_NAME.test(name)) return undefined;
  return "The name of a trunk is letters, digits, _ and -, at most 64";
}
