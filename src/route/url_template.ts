/**
 * URLs with placeholders: which parts of them may hold some, and how values get in. RFC 3986,
 * https://url.spec.whatwg.org.
 *
 * A caller chooses values, the operator alone the server: scheme, user, host and port hold no
 * placeholder. A value is escaped so completely that it stays within the path segment, the query
 * parameter or the fragment that it stands in.
 *
 * @module
 */

import type { CallFacts } from "./call_facts.ts";
import { type Expanded, expandTemplate, parseTemplate, type Template } from "./template.ts";

/** Scheme and what names the server; a path, a query or a fragment behind it. RFC 3986 §3 */
const SERVER = /^([a-z][-a-z0-9+.]*):\/\/[^/?#]+/i;

/** Readers of URLs drop the former or take them for a `/`; nobody means to write them. */
// deno-lint-ignore no-control-regex
const MISREAD = /[\u0000-\u0020\u007f-\u009f\\]/;

/** What every reader of URLs takes out of a path, with the segment before. */
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;

/** Names and addresses of hosts, with a port, as `URL` writes them. */
const HOST = /^[-\w.:[\]]+$/;

/** Stands for a value while a template is checked. */
const SOME_VALUE = "x";

/**
 * Checks a URL that may hold placeholders, when the configuration is read.
 *
 * @param schemes Those that it may have, in lower case, without a colon.
 * @returns What is wrong, for a person; `undefined`: nothing.
 */
export function checkUrlTemplate(text: string, schemes: readonly string[]): string | undefined {
  const parsed = parseTemplate(text);
  if (!parsed.ok) return parsed.reason;
  const { template } = parsed;
  if (template.some((part) => typeof part === "string" && MISREAD.test(part))) {
    return "A URL holds no spaces, control characters or backslashes, write them as %20 and so on";
  }
  const [first] = template;
  const wanted = schemes.map((scheme) => `${scheme}://`).join(" or ");
  const server = typeof first === "string" ? SERVER.exec(first) : null;
  if (server === null) return `A URL begins with ${wanted} and the name of a server`;
  if (!schemes.includes((server[1] ?? "").toLowerCase())) {
    return `"${server[1]}" is no scheme for this URL, begin it with ${wanted}`;
  }
  if (server[0] === first && template.length > 1) {
    return "Placeholders may stand in the path, the query and the fragment of a URL only," +
      ' put a "/" before the first';
  }
  return checkWhole(template);
}

/**
 * Fills in a URL with the facts of a call.
 *
 * @param text As {@linkcode checkUrlTemplate} takes it.
 */
export function expandUrl(text: string, facts: CallFacts): Expanded {
  const expanded = expandTemplate(text, facts, "url");
  if (!expanded.ok || !hasDotSegment(expanded.value)) return expanded;
  const reason = 'A value would make a "." or ".." of a whole segment of the path of a URL';
  return { ok: false, reason };
}

function checkWhole(template: Template): string | undefined {
  const text = template.map((part) => typeof part === "string" ? part : SOME_VALUE).join("");
  if (!HOST.test(URL.parse(text)?.host ?? "")) {
    return "The URL cannot be read, check the name of its server and its port";
  }
  if (hasDotSegment(text)) return 'Write the path of a URL without the segments "." and ".."';
  return undefined;
}

function hasDotSegment(url: string): boolean {
  const path = url.split(/[?#]/, 1)[0] ?? "";
  // "https:", "", the server, then the path
  return path.split("/").slice(3).some((segment) => DOT_SEGMENT.test(segment));
}
