/**
 * What is allowed in a configuration, but hardly meant.
 *
 * @module
 */

import { compileCondition, FACT_KEYS } from "../route/condition.ts";
import type { Route } from "../route/route.ts";
import { parseTemplate } from "../route/template.ts";
import type { LocatedIssue } from "./issue.ts";
import type { Config } from "./schema.ts";
import { speaksVoicegw } from "./schema_handlers/handler_keys.ts";
import { countPortPairs } from "./schema_values.ts";
import { didYouMean, suggest } from "./suggestion.ts";
import { warnOfServers } from "./warn_servers.ts";

/** Headers of one word that calls carry; any other word is more likely a misspelt fact. */
const ONE_WORD_HEADERS: ReadonlySet<string> = new Set(
  ("accept allow contact date diversion event expires organization priority privacy reason " +
    "require route server subject supported timestamp via warning").split(" "),
);

/**
 * Finds what is hardly meant in a configuration that holds.
 *
 * @param entries `routes` as they stand in the file.
 */
export function findWarnings(config: Config, entries: readonly unknown[]): LocatedIssue[] {
  return [
    ...warnOfPorts(config),
    ...warnOfSecurity(config.sip),
    ...warnOfKeys(config),
    ...warnOfRefer(config),
    ...warnOfRecordings(config.routes),
    ...warnOfNoListener(config.routes),
    ...warnOfServers(config),
    ...warnOfUnreachable(config.routes),
    ...entries.flatMap((entry, index) => warnOfConditions(entry, index)),
    ...entries.flatMap((entry, index) => warnOfNobody(entry, index, config)),
  ];
}

function warnOfPorts({ rtp, limits }: Config): LocatedIssue[] {
  const pairs = countPortPairs(rtp.ports);
  if (pairs >= limits.calls) return [];
  const message =
    `The ports are enough for ${pairs} calls, fewer than limits.calls (${limits.calls})`;
  return [{ path: ["rtp", "ports"], message }];
}

function warnOfSecurity({ allow, auth, tls }: Config["sip"]): LocatedIssue[] {
  const issues: LocatedIssue[] = [];
  if (allow.any && auth === undefined) {
    const message = "Everybody may call, and nobody is asked for a password: name the addresses " +
      "that may call, or set sip.auth";
    issues.push({ path: ["sip", "allow"], message });
  }
  if (tls?.verify === false) {
    const message = "Certificates of servers are not verified: anybody between us and them can " +
      "listen, set sip.tls.ca instead";
    issues.push({ path: ["sip", "tls", "verify"], message });
  }
  if (tls !== undefined && tls.client_certificate !== "none" && tls.ca === undefined) {
    const message = "A certificate of any public authority will do for callers, set sip.tls.ca " +
      "to the one that signs theirs";
    issues.push({ path: ["sip", "tls", "client_certificate"], message });
  }
  return issues;
}

/** The keys of SRTP stand in the SDP: who reads the signalling can listen. RFC 4568 §10.2 */
function warnOfKeys({ sip, rtp }: Config): LocatedIssue[] {
  const isSecret = sip.listen.some(({ transport }) => transport === "tls" || transport === "wss");
  if (rtp.srtp !== "required" || isSecret) return [];
  const message = "The keys travel in SIP, which nothing here encrypts: listen at tls:// or " +
    "wss://, too";
  return [{ path: ["rtp", "srtp"], message }];
}

function warnOfRecordings(routes: readonly Route[]): LocatedIssue[] {
  return routes.flatMap(({ index, record }): LocatedIssue[] => {
    if (record === undefined) return [];
    const path = ["routes", index, "record"];
    const issues: LocatedIssue[] = [];
    const parsed = parseTemplate(record.file);
    if (parsed.ok && parsed.template.every((part) => typeof part === "string")) {
      const message = "Every call of this route would be written into the same file, name it by " +
        "the call, such as calls/{id}.wav";
      issues.push({ path, message });
    }
    if (!/\.wav$/i.test(record.file)) {
      issues.push({ path, message: "What is written is WAV, have the name end in .wav" });
    }
    return issues;
  });
}

/** Nobody is there to hear of speech, or to begin a recording. */
function warnOfNoListener(routes: readonly Route[]): LocatedIssue[] {
  return routes.flatMap(({ index, handler, on_error, barge_in, record }): LocatedIssue[] => {
    if (speaksVoicegw(handler) || on_error !== undefined) return [];
    const issues: LocatedIssue[] = [];
    if (record?.on === "command") {
      const message = `Nothing is recorded, since ${handler.type} gives no commands: leave out on`;
      issues.push({ path: ["routes", index, "record"], message });
    }
    if (barge_in.mode === "notify") {
      const message = `Nobody is told, since ${handler.type} takes no events: write clear, or off`;
      issues.push({ path: ["routes", index, "barge_in"], message });
    }
    return issues;
  });
}

function warnOfRefer({ sip: { refer }, trunks }: Config): LocatedIssue[] {
  if (refer !== "trunks" || Object.keys(trunks).length > 0) return [];
  const message = "There are no trunks, so that every REFER is refused: add trunks, or write any";
  return [{ path: ["sip", "refer"], message }];
}

/** Conditions for names that stand nowhere in the file. */
function warnOfNobody(entry: unknown, index: number, config: Config): LocatedIssue[] {
  const names: Readonly<Record<string, readonly string[]>> = {
    auth_user: Object.keys(config.sip.auth?.users ?? {}),
    registration: config.registrations.map(({ name }) => name),
  };
  return Object.entries(whenOf(entry)).flatMap(([key, value]) => {
    const known = Object.hasOwn(names, key) ? names[key] : undefined;
    // Globs, expressions and lists may be meant for later
    if (known === undefined || typeof value !== "string" || /[*?/\\]/.test(value)) return [];
    if (known.includes(value)) return [];
    const what = key === "auth_user" ? "user in sip.auth" : "registration";
    const message = `There is no ${what} of this name, so that the route takes no call` +
      didYouMean(value, known);
    return [{ path: ["routes", index, "when", key], message }];
  });
}

function warnOfUnreachable(routes: readonly Route[]): LocatedIssue[] {
  const catchAll = routes.find((route) => route.when.length === 0);
  if (catchAll === undefined) return [];
  const targets = new Set(routes.map((route) => route.on_error));
  const hint = targets.has(catchAll.name)
    ? ": move that to the end, or write its handler in place of the on_error that names it"
    : "";
  return routes
    .filter((route) => route.index > catchAll.index && !targets.has(route.name))
    .map((route) => ({
      path: ["routes", route.index],
      message: `The route "${route.name}" is never reached, since "${catchAll.name}" above it ` +
        `takes every call${hint}`,
    }));
}

function warnOfConditions(entry: unknown, index: number): LocatedIssue[] {
  return Object.entries(whenOf(entry)).flatMap(([key, value]) => {
    const path = ["routes", index, "when", key];
    const compiled = compileCondition(key, value);
    const hazards = compiled.ok ? compiled.warnings : [];
    const fact = compiled.ok && compiled.condition.fact === undefined ? meantFact(key) : undefined;
    return [
      ...hazards.map((message) => ({ path, message })),
      ...(fact === undefined ? [] : [{
        path,
        atKey: true,
        message: `"${key}" is taken as the name of a header, did you mean "${fact}"?`,
      }]),
    ];
  });
}

function whenOf(entry: unknown): Readonly<Record<string, unknown>> {
  const when = (entry as { readonly when?: Readonly<Record<string, unknown>> } | null)?.when;
  return when ?? {};
}

function meantFact(key: string): string | undefined {
  const lower = key.toLowerCase();
  if (lower.startsWith("x-") || ONE_WORD_HEADERS.has(lower)) return undefined;
  return suggest(key, FACT_KEYS);
}
