/**
 * Facts of a call, and conditions, for the tests of this folder.
 *
 * @module
 */

import { type FactsInput, makeFacts } from "../../src/route/build_facts.ts";
import type { CallFacts } from "../../src/route/call_facts.ts";
import { compileCondition, type Condition } from "../../src/route/condition.ts";
import { AUDIO_DEFAULTS, type HandlerSpec, type Route } from "../../src/route/route.ts";
import { parseNameAddr } from "../../src/sip/message/name_addr.ts";
import { uriParts } from "../../src/sip/message/uri.ts";

/** A call from alice to +15551234, with headers of its own. */
export function callFacts(
  headers: Readonly<Record<string, string>> = {},
  input: Partial<FactsInput> = {},
): CallFacts {
  return makeFacts({
    id: "01890000-0000-7000-8000-000000000001",
    method: "INVITE",
    requestUri: "sip:+15551234@gw.example.com",
    from: { uri: "sip:alice@example.com", displayName: "Alice" },
    to: { uri: "sip:+15551234@example.org" },
    sipCallId: "a84b4c76e66710@pc33",
    source: "10.1.2.3:5062",
    transport: "udp",
    headers: Object.entries(headers),
    uriParts,
    nameAddr: parseNameAddr,
    ...input,
  });
}

/** Looks a header up in a plain object, in any case. */
export function lookup(headers: Readonly<Record<string, string>>) {
  return (name: string): string | undefined =>
    Object.entries(headers).find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
}

/** A condition that must compile. */
export function condition(key: string, value: unknown): Condition {
  const compiled = compileCondition(key, value);
  if (!compiled.ok) throw new Error(compiled.reason);
  return compiled.condition;
}

/** Routes with `echo`, or another handler. */
export function makeRoute(
  name: string,
  when: Readonly<Record<string, unknown>>,
  handler: HandlerSpec = { type: "echo" },
): Route {
  const conditions = Object.entries(when).map(([key, value]) => condition(key, value));
  return { name, index: 0, when: conditions, handler, answer: "auto", ...AUDIO_DEFAULTS };
}
