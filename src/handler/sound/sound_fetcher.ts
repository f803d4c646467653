/**
 * Fetches WAV files of web servers over HTTP. RFC 9110, and RFC 9111 for how long they are fresh.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { HttpConfig } from "../../config/schema_services.ts";
import type { TargetTls } from "../../route/route.ts";
import type { Runtime } from "../../runtime/ports.ts";
import { redirection, whyRefused } from "../http/answer_status.ts";
import { addressPolicy, isSameServer, parseTarget, publicUrl } from "../http/target_url.ts";
import { tlsOptions } from "../http/webhook_try.ts";
import { fetchWhole, type WholeRequest, type WholeResponse } from "../http/whole_response.ts";
import type { FetchedSound, SoundFetcher } from "./url_sound.ts";

/** From the look-up of the name to the last byte, redirections included. */
const FETCH_TIMEOUT: Millis = 15_000;

/** Bytes of a file: a quarter of an hour of telephone sound. */
export const SOUND_BYTES_MAX = 16 << 20;

/** Longest that a sound is kept, whatever its server says. */
export const FRESH_MAX: Millis = 300_000;

const REDIRECTIONS_MAX = 3;

/** Where sounds may come from. */
export interface SoundFetcherOptions {
  readonly runtime: Pick<Runtime, "requestHttp" | "setTimer" | "now">;
  readonly http?: HttpConfig | undefined;
  /** The server of the configuration, which may be anywhere; URLs may be relative to it. */
  readonly server?: { readonly url: string; readonly tls: TargetTls } | undefined;
}

/** Makes what fetches the sounds of one handler. */
export function createSoundFetcher(options: SoundFetcherOptions): SoundFetcher {
  const { http, server } = options;
  const origin = server === undefined ? undefined : URL.parse(server.url)?.origin;
  return {
    scope: `${http?.targets ?? "public"} ${origin ?? ""}`,
    fetch: (url, done) => new SoundRequest(options, done).start(url),
  };
}

/** One sound, from the first request to the end of redirections. */
class SoundRequest {
  readonly #options: SoundFetcherOptions;
  readonly #done: (fetched: FetchedSound) => void;
  readonly #deadline: Millis;
  #exchange: { abort(): void } | undefined;
  #redirections = 0;

  constructor(options: SoundFetcherOptions, done: (fetched: FetchedSound) => void) {
    this.#options = options;
    this.#done = done;
    this.#deadline = options.runtime.now() + FETCH_TIMEOUT;
  }

  start(url: string): { abort(): void } {
    // A WebSocket server speaks HTTP at the same port
    const base = this.#options.server?.url.replace(/^ws/, "http");
    const target = parseTarget(url, { base });
    if (target.ok) this.#send(target.url.href);
    else this.#fail(target.reason);
    return { abort: () => this.#exchange?.abort() };
  }

  #send(url: string): void {
    const { runtime } = this.#options;
    const timeout = Math.max(1, this.#deadline - runtime.now());
    const limits = { timeout, bytesMax: SOUND_BYTES_MAX };
    this.#exchange = fetchWhole(runtime, this.#requestTo(url), limits, (response) => {
      this.#exchange = undefined;
      this.#receive(url, response);
    });
  }

  #requestTo(url: string): WholeRequest {
    const { http, server } = this.#options;
    const refuseAddress = addressPolicy({ http, configured: server?.url, url });
    const isOwn = server !== undefined && isSameServer(server.url, url);
    return {
      method: "GET",
      url,
      headers: { accept: "audio/wav, audio/x-wav, audio/vnd.wave, */*;q=0.1" },
      ...(isOwn ? { tls: tlsOptions(server.tls, true) } : {}),
      ...(refuseAddress === undefined ? {} : { refuseAddress }),
    };
  }

  #receive(url: string, response: WholeResponse): void {
    const shown = publicUrl(url);
    if (!response.ok) return this.#fail(`Cannot get ${shown}: ${response.reason}`);
    const { body, headers, status } = response;
    if (status >= 200 && status <= 299) {
      return this.#done({ ok: true, bytes: body, freshFor: freshFor(headers) });
    }
    if (redirection(status, "GET") === undefined) {
      return this.#fail(`${shown} answered ${status}: ${whyRefused(status)}`);
    }
    if (++this.#redirections > REDIRECTIONS_MAX) {
      return this.#fail(`${shown} redirects once more after ${REDIRECTIONS_MAX} times`);
    }
    const next = parseTarget(headers["location"] ?? "", { base: url });
    if (next.ok) this.#send(next.url.href);
    else this.#fail(`${shown} redirects to where nobody can go: ${next.reason}`);
  }

  #fail(reason: string): void {
    this.#done({ ok: false, reason });
  }
}

/** How long others may hear it too. RFC 9111 §5.2.2: what is private is for one caller. */
export function freshFor(headers: Readonly<Record<string, string>>): Millis {
  const directives = (headers["cache-control"] ?? "").toLowerCase().split(",")
    .map((directive) => directive.trim());
  if (directives.some((each) => /^(?:no-store|no-cache|private)(?:=|$)/.test(each))) return 0;
  const seconds = secondsOf(directives, "s-maxage") ?? secondsOf(directives, "max-age") ?? 0;
  // §5.1: what it spent in other caches
  const age = /^\d{1,9}$/.test(headers["age"] ?? "") ? Number(headers["age"]) : 0;
  return Math.min(FRESH_MAX, Math.max(0, seconds - age) * 1000);
}

function secondsOf(directives: readonly string[], name: string): number | undefined {
  const value = directives.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  const digits = value?.replaceAll('"', "") ?? "";
  return /^\d{1,12}$/.test(digits) ? Number(digits) : undefined;
}
