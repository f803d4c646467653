/**
 * What two protocols have in common: the requests of a webhook, and what its responses ask for.
 *
 * @module
 */

import type { NextRequest } from "../../action/action.ts";
import type { EndEvent, HandlerEvent, StartEvent } from "../../call/handler_message.ts";
import type { Question, WebAction } from "./step.ts";

/** One request to the web server. */
export interface WebRequest {
  /** For the log, such as `call.gathered`. */
  readonly name: string;
  /** Absolute; the route's when absent. */
  readonly url?: string;
  /** The URL of the response that `url` stands in. */
  readonly base?: string;
  readonly method: "GET" | "POST";
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** More headers of the very request: `url` is the one that it goes to. */
  readonly sign?: (url: string, body: Uint8Array) => Readonly<Record<string, string>>;
  /** Nobody waits for its answer: it gives way when too many wait. */
  readonly notification?: boolean;
}

/** What a web server answered. */
export interface WebAnswer {
  readonly status: number;
  /** Media type in lower case, without parameters; empty when there is none. */
  readonly contentType: string;
  readonly body: Uint8Array;
  /** Where it came from, after redirections. */
  readonly url: string;
}

/** What an answer asks for. `message` says what is wrong with it, with the server as "it". */
export type Reading =
  | { readonly ok: true; readonly actions: readonly WebAction[] }
  /** It says nothing at all. */
  | { readonly ok: true; readonly actions: undefined }
  | { readonly ok: false; readonly message: string };

/** The language that is spoken with a web server. */
export interface WebProtocol {
  /** A call comes in. */
  incoming(start: StartEvent): WebRequest;
  /**
   * An action is over, and the answer decides how it goes on; `undefined`: what is left does.
   *
   * @param base URL of the response that the action stood in.
   */
  question(question: Question, base: string): WebRequest | undefined;
  /** Something happened; `undefined`: nobody is told. */
  notification(event: HandlerEvent): WebRequest | undefined;
  /** The call is over; `undefined`: nobody is told. */
  ended(event: EndEvent): WebRequest | undefined;
  read(answer: WebAnswer): Reading;
}

/**
 * Where a request goes.
 *
 * @param base URL of the response that it stands in.
 * @returns `undefined` when it is no URL.
 */
export function resolveUrl(url: string, base: string): string | undefined {
  try {
    return new URL(url, base).href;
  } catch {
    return undefined;
  }
}

/** Where the answer to a question comes from: what the action says, or where it stood itself. */
export function targetOf(
  next: NextRequest | undefined,
  base: string,
): { readonly url: string; readonly method: "GET" | "POST" } {
  if (next === undefined) return { url: base, method: "POST" };
  return { url: resolveUrl(next.url, base) ?? next.url, method: next.method };
}
