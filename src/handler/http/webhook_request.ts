/**
 * The requests of one call to its web server: one at a time, in their order, signed, tried again
 * where that may help, and what of an answer is none said in words that name the fix.
 *
 * What a request says and what its answer means is left to `webhook/`; one try is
 * `webhook_try.ts`'s.
 *
 * @module
 */

import type { HttpConfig } from "../../config/schema_services.ts";
import type { WebhookSpec } from "../../route/route.ts";
import type { Runtime, Timer } from "../../runtime/ports.ts";
import { NO_GUARD, type TargetGuard } from "../target_guard.ts";
import { retryDelay } from "./retry_delay.ts";
import { publicUrl } from "./target_url.ts";
import { type TryResult, WebhookTry } from "./webhook_try.ts";

/** What the requests of a call are made with. */
export interface WebhookRequestsOptions {
  readonly runtime: Runtime;
  /** With its placeholders filled in. */
  readonly spec: WebhookSpec;
  readonly http?: HttpConfig | undefined;
  readonly targets?: TargetGuard | undefined;
  /** Lines for the log of the call; nothing secret is in them. */
  readonly log: (line: string) => void;
}

/** One request. */
export interface WebhookPost {
  /** For the log, such as `call.gathered`. */
  readonly name?: string;
  /** Where it goes; relative to `base`, or to the route's URL, which it is when absent. */
  readonly url?: string;
  /** URL of the response that `url` stands in. */
  readonly base?: string;
  /** `POST` when absent. A `GET` has no body. */
  readonly method?: "GET" | "POST";
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** More headers of the very request: `url` is the one that it goes to. */
  readonly sign?: (url: string, body: Uint8Array) => Readonly<Record<string, string>>;
  /** Nobody waits for its answer: it gives way when too many wait. */
  readonly notification?: boolean;
}

/** What came of a request. */
export type WebhookResult =
  | {
    readonly type: "answered";
    /** 200 to 299. */
    readonly status: number;
    /** Media type in lower case, without parameters; empty when there is none. */
    readonly contentType: string;
    readonly body: Uint8Array;
    /** Where it came from, after redirections. */
    readonly url: string;
  }
  /** `reason` is for a person; nothing secret is in it. */
  | { readonly type: "failed"; readonly reason: string };

/** Requests that wait for the one before. */
const WAITING_MAX = 100;

interface Job {
  readonly id: string;
  readonly post: WebhookPost;
  readonly done: (result: WebhookResult) => void;
}

/** The requests of one call. */
export class WebhookRequests {
  readonly #options: WebhookRequestsOptions;
  readonly #guard: TargetGuard;
  readonly #waiting: Job[] = [];
  /** Is under way, or waits to be tried again. */
  #current: Job | undefined;
  #try: WebhookTry | undefined;
  #timer: Timer | undefined;

  constructor(options: WebhookRequestsOptions) {
    this.#options = options;
    this.#guard = options.targets ?? NO_GUARD;
  }

  /**
   * Sends a request when those before it are through.
   *
   * @param done Once, later; never after `abort`.
   */
  post(post: WebhookPost, done: (result: WebhookResult) => void): { abort(): void } {
    const job = { id: this.#newId(), post, done };
    this.#waiting.push(job);
    if (this.#waiting.length > WAITING_MAX) this.#giveWay();
    // Nobody is told anything from inside this call
    this.#options.runtime.setImmediate(() => this.#next());
    return { abort: () => this.#abort(job) };
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#current = job;
    this.#begin(job, 0);
  }

  /** @param retry Tries before this one. */
  #begin(job: Job, retry: number): void {
    const { runtime, spec, http } = this.#options;
    this.#timer = undefined;
    this.#try = new WebhookTry(
      { runtime, spec, http, guard: this.#guard, id: job.id, post: job.post },
      (result) => {
        this.#try = undefined;
        if (result.type === "again") this.#again(job, retry, result);
        else this.#end(job, result);
      },
    );
    this.#try.start();
  }

  #again(job: Job, retry: number, result: Extract<TryResult, { type: "again" }>): void {
    const { runtime, spec, log } = this.#options;
    const { reason, retryAfter } = result;
    if (retry >= spec.retries || (retryAfter ?? 0) > spec.timeout) {
      return this.#end(job, { type: "failed", reason });
    }
    const delay = retryDelay({ retry, retryAfter, random: runtime.random });
    const what = job.post.name === undefined ? "" : `${job.post.name}: `;
    log(`${what}${reason}; trying again in ${Math.round(delay)} ms`);
    this.#timer = runtime.setTimer(() => this.#begin(job, retry + 1), delay);
  }

  #end(job: Job, result: WebhookResult): void {
    this.#current = undefined;
    job.done(result);
    this.#next();
  }

  #abort(job: Job): void {
    const index = this.#waiting.indexOf(job);
    if (index >= 0) this.#waiting.splice(index, 1);
    if (this.#current !== job) return;
    this.#current = undefined;
    this.#try?.abort();
    this.#timer?.cancel();
    this.#try = undefined;
    this.#timer = undefined;
    this.#options.runtime.setImmediate(() => this.#next());
  }

  #giveWay(): void {
    const index = this.#waiting.findIndex((job) => job.post.notification === true);
    const [job] = this.#waiting.splice(Math.max(index, 0), 1);
    const reason = `${publicUrl(this.#options.spec.url)} is too slow:` +
      ` more than ${WAITING_MAX} requests of this call wait for it`;
    this.#options.runtime.setImmediate(() => job?.done({ type: "failed", reason }));
  }

  #newId(): string {
    const bytes = new Uint8Array(16);
    this.#options.runtime.random.fill(bytes);
    return `msg_${bytes.toHex()}`;
  }
}
