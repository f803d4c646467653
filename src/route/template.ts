/**
 * Placeholders in handler arguments, URIs, file names and headers: `{room_id}`, `{X-Tenant-ID}`,
 * `{from.user}`, `{match.queue}`. `{{` stands for a brace; a closing brace needs no escape.
 *
 * A value is inserted as it is and never read again, so it can bring no placeholder of its own.
 * Nothing here meets a shell. What an absent header or group gives is the empty text.
 *
 * @module
 */

import type { CallFacts } from "./call_facts.ts";
import { findXHeader } from "./build_facts.ts";

/** A fact that a template takes. */
export type Placeholder =
  | { readonly type: "fact"; readonly name: string; readonly read: (facts: CallFacts) => string }
  | { readonly type: "header"; readonly name: string }
  | { readonly type: "match"; readonly name: string };

/** A text with placeholders, read once. Strings are literal. */
export type Template = readonly (string | Placeholder)[];

/** What came of reading a template. `reason` names the fix. */
export type ParsedTemplate =
  | { readonly ok: true; readonly template: Template }
  | {
    readonly ok: false;
    readonly reason: string;
    /** The name between the braces, when a closing brace was found. */
    readonly unknown?: string;
  };

/** What came of filling in a template. `reason` names the placeholder, never its value. */
export type Expanded =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly reason: string };

/**
 * Where an expanded text goes, which decides what a placeholder's value may hold:
 * - `text`: anything but control characters.
 * - `file`: also no `/`, `\` or `..`, so that a value stays one name in the directory that the
 *   operator wrote.
 * - `uri`: whatever could end the user or host part is percent-encoded; RFC 3261 §19.1.2.
 * - `url`: everything that means something in a URL of the web is percent-encoded; what is escaped
 *   already is escaped once more. RFC 3986 §2.2.
 */
export type TemplateUse = "text" | "file" | "uri" | "url";

/** Facts that placeholders can name, beside `{X-…}` headers and `{match.…}` groups. */
const FACTS: Readonly<Record<string, (facts: CallFacts) => string>> = {
  "id": (facts) => facts.id,
  "sip_call_id": (facts) => facts.sip_call_id,
  "room_id": (facts) => facts.room_id,
  "session_id": (facts) => facts.session_id,
  "participant_id": (facts) => facts.participant_id,
  "from.uri": (facts) => facts.from.uri,
  "from.user": (facts) => facts.from.user,
  "from.host": (facts) => facts.from.host,
  "from.display_name": (facts) => facts.from.display_name,
  "to.uri": (facts) => facts.to.uri,
  "to.user": (facts) => facts.to.user,
  "to.host": (facts) => facts.to.host,
  "to.display_name": (facts) => facts.to.display_name,
  "asserted_identity.uri": (facts) => facts.asserted_identity?.uri ?? "",
  "asserted_identity.user": (facts) => facts.asserted_identity?.user ?? "",
  "asserted_identity.host": (facts) => facts.asserted_identity?.host ?? "",
  "asserted_identity.display_name": (facts) => facts.asserted_identity?.display_name ?? "",
  "diversion.uri": (facts) => facts.diversion[0]?.uri ?? "",
  "diversion.user": (facts) => facts.diversion[0]?.user ?? "",
  "diversion.reason": (facts) => facts.diversion[0]?.reason ?? "",
  "request_uri": (facts) => facts.request_uri,
  "user": (facts) => facts.user,
  "source": (facts) => facts.source,
  "transport": (facts) => facts.transport,
  "method": (facts) => facts.method,
  "auth_user": (facts) => facts.auth_user,
  "registration": (facts) => facts.registration,
  "reason": (facts) => facts.reason,
  "route": (facts) => facts.route,
};

/** Names of the facts that placeholders can take. */
export const PLACEHOLDER_FACTS: readonly string[] = Object.keys(FACTS);

// C0, DEL and C1 controls: they could end a line of SIP, of a log, or of a terminal.
// deno-lint-ignore no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;

/** Reads a text with placeholders. */
export function parseTemplate(text: string): ParsedTemplate {
  const parts: (string | Placeholder)[] = [];
  let literal = "";
  let index = 0;
  while (index < text.length) {
    const open = text.indexOf("{", index);
    if (open < 0) break;
    literal += text.slice(index, open);
    if (text[open + 1] === "{") {
      literal += "{";
      index = open + 2;
      continue;
    }
    const close = text.indexOf("}", open);
    const name = close < 0 ? undefined : text.slice(open + 1, close);
    const placeholder = name === undefined ? undefined : parsePlaceholder(name);
    if (placeholder === undefined) {
      const shown = text.slice(open, close < 0 ? undefined : close + 1).slice(0, 64);
      const reason = `Unknown placeholder "${shown}", write "{{" for a plain brace`;
      return { ok: false, reason, ...(name === undefined ? {} : { unknown: name }) };
    }
    if (literal !== "") parts.push(literal);
    literal = "";
    parts.push(placeholder);
    index = close + 1;
  }
  literal += text.slice(index);
  if (literal !== "") parts.push(literal);
  return { ok: true, template: parts };
}

/**
 * Fills in a template with the facts of a call.
 *
 * @param template Read already, or a text that is read now.
 * @param use Where the result goes; `text` when absent.
 */
export function expandTemplate(
  template: Template | string,
  facts: CallFacts,
  use: TemplateUse = "text",
): Expanded {
  if (typeof template === "string") {
    const parsed = parseTemplate(template);
    return parsed.ok ? expandTemplate(parsed.template, facts, use) : parsed;
  }
  let value = "";
  for (const part of template) {
    if (typeof part === "string") {
      value += part;
      continue;
    }
    const inserted = readPlaceholder(part, facts);
    const refusal = refuseValue(inserted, use);
    if (refusal !== undefined) {
      return { ok: false, reason: `The value of {${placeholderName(part)}} ${refusal}` };
    }
    value += escapeFor(use, inserted);
  }
  return { ok: true, value };
}

/** Names of the groups that a template takes from the rule's regular expressions. */
export function templateGroups(template: Template): readonly string[] {
  const groups: string[] = [];
  for (const part of template) {
    if (typeof part !== "string" && part.type === "match") groups.push(part.name);
  }
  return groups;
}

/** Tells whether a template takes anything from the call. */
export function hasPlaceholders(template: Template): boolean {
  return template.some((part) => typeof part !== "string");
}

function parsePlaceholder(name: string): Placeholder | undefined {
  const read = Object.hasOwn(FACTS, name) ? FACTS[name] : undefined;
  if (read !== undefined) return { type: "fact", name, read };
  if (/^x-[-!%*_+`'~.a-z0-9]{1,126}$/i.test(name)) return { type: "header", name };
  // Names of groups are identifiers of ECMAScript.
  const group = /^match\.([\p{ID_Start}$_][\p{ID_Continue}$]*)$/u.exec(name)?.[1];
  return group === undefined ? undefined : { type: "match", name: group };
}

function placeholderName(placeholder: Placeholder): string {
  return placeholder.type === "match" ? `match.${placeholder.name}` : placeholder.name;
}

function readPlaceholder(placeholder: Placeholder, facts: CallFacts): string {
  if (placeholder.type === "fact") return placeholder.read(facts);
  if (placeholder.type === "header") return findXHeader(facts, placeholder.name) ?? "";
  return Object.hasOwn(facts.match, placeholder.name) ? facts.match[placeholder.name] ?? "" : "";
}

function refuseValue(value: string, use: TemplateUse): string | undefined {
  if (CONTROL_CHARACTER.test(value)) return "holds a control character";
  if (use === "file" && (/[/\\]/.test(value) || value.includes(".."))) {
    return 'holds "/", "\\" or "..", which could leave the directory';
  }
  return undefined;
}

function escapeFor(use: TemplateUse, value: string): string {
  if (use === "uri") return escapeForUri(value);
  return use === "url" ? encodeURIComponent(value.toWellFormed()) : value;
}

/** What is escaped already stays; `:` and brackets stay for `host:port`. */
function escapeForUri(value: string): string {
  return value.toWellFormed().replace(
    /%[0-9A-Fa-f]{2}|[^-A-Za-z0-9_.!~*'()&=+$:[\]]/gu,
    (found) => found.length === 3 && found[0] === "%" ? found : encodeURIComponent(found),
  );
}
