/**
 * One try of a request to a web server, with the redirections that it meets.
 *
 * The headers of the configuration and our certificate are for the server of the configuration
 * alone: where a response leads elsewhere, they do not go along.
 *
 * @module
 */

import { ACTIONS_BYTES_MAX } from "../../action/action.ts";
import type { HttpConfig } from "../../config/schema_services.ts";
import type { Millis } from "../../base/units.ts";
import type { TargetTls, WebhookSpec } from "../../route/route.ts";
import type { ConnectOptions } from "../../runtime/client_ports.ts";
import type { Runtime } from "../../runtime/ports.ts";
import type { TargetGuard } from "../target_guard.ts";
import { redirection, whyRefused } from "./answer_status.ts";
import { parseRetryAfter } from "./retry_delay.ts";
import { signWebhook } from "./standard_webhooks.ts";
import { addressPolicy, isSameServer, parseTarget, publicUrl, targetKey } from "./target_url.ts";
import type { WebhookPost, WebhookResult } from "./webhook_request.ts";
import { fetchWhole, mediaTypeOf, type WholeResponse } from "./whole_response.ts";

/** What a try is made with. */
export interface WebhookTryOptions {
  readonly runtime: Runtime;
  readonly spec: WebhookSpec;
  readonly http?: HttpConfig | undefined;
  readonly guard: TargetGuard;
  /** The same for each try of a request. */
  readonly id: string;
  readonly post: WebhookPost;
}

/** What came of it. `again`: another try may help. */
export type TryResult = WebhookResult | {
  readonly type: "again";
  readonly reason: string;
  /** What the server has asked for. */
  readonly retryAfter: Millis | undefined;
};

/** Bytes of sound: three minutes at 48 kHz. */
const SOUND_BYTES_MAX = 16 * 1024 * 1024;

const REDIRECTIONS_MAX = 3;

type Method = "GET" | "POST";

/** One try. */
export class WebhookTry {
  readonly #options: WebhookTryOptions;
  readonly #done: (result: TryResult) => void;
  #deadline: Millis = 0;
  #exchange: { abort(): void } | undefined;
  /** Was asked about, and is to hear what came of it. */
  #target: string | undefined;
  #redirections = 0;

  /** @param done Once, later; never after `abort`. */
  constructor(options: WebhookTryOptions, done: (result: TryResult) => void) {
    this.#options = options;
    this.#done = done;
  }

  /** Begins. */
  start(): void {
    const { runtime, spec, post } = this.#options;
    this.#deadline = runtime.now() + spec.timeout;
    const url = parseTarget(post.url ?? spec.url, { base: post.base ?? spec.url });
    if (!url.ok) return this.#fail(url.reason);
    this.#send(url.url.href, post.method ?? "POST");
  }

  /** Nothing more is told. */
  abort(): void {
    this.#exchange?.abort();
    this.#exchange = undefined;
    this.#settle("abandoned");
  }

  #send(url: string, method: Method): void {
    const { runtime, guard } = this.#options;
    const target = targetKey(url);
    const refusal = guard.refuse(target);
    if (refusal !== undefined) return this.#fail(`${publicUrl(url)} is not asked: ${refusal}`);
    this.#target = target;
    this.#exchange = fetchWhole(runtime, this.#requestTo(url, method), {
      timeout: Math.max(1, this.#deadline - runtime.now()),
      bytesMax: (type) => type.startsWith("audio/") ? SOUND_BYTES_MAX : ACTIONS_BYTES_MAX,
    }, (response) => {
      this.#exchange = undefined;
      this.#receive(url, method, response);
    });
  }

  #requestTo(url: string, method: Method) {
    const { runtime, spec, http, id, post } = this.#options;
    const isOwn = isSameServer(url, spec.url);
    const body = method === "POST" ? post.body : new Uint8Array(0);
    const at = runtime.wallClock();
    const refuseAddress = addressPolicy({ http, configured: spec.url, url });
    return {
      method,
      url,
      headers: {
        ...(isOwn ? spec.headers : {}),
        ...(method === "POST" ? { "content-type": post.contentType } : {}),
        ...post.headers,
        ...signWebhook(runtime, { id, at, body }, spec.secrets),
        ...post.sign?.(url, body),
      },
      ...(method === "POST" ? { body } : {}),
      tls: tlsOptions(spec.tls, isOwn),
      ...(refuseAddress === undefined ? {} : { refuseAddress }),
    };
  }

  #receive(url: string, method: Method, response: WholeResponse): void {
    const shown = publicUrl(url);
    if (!response.ok) {
      this.#settle("failed");
      const reason = `Cannot get an answer from ${shown}: ${response.reason}`;
      if (response.fault === "size") return this.#fail(reason);
      return this.#done({ type: "again", reason, retryAfter: undefined });
    }
    const { status, headers, body } = response;
    const next = redirection(status, method);
    if (next !== undefined) return this.#follow(url, headers["location"], next);
    if (status >= 200 && status <= 299) {
      const contentType = mediaTypeOf(headers);
      if (isHtml(contentType, body)) {
        this.#settle("failed");
        return this.#fail(
          `${shown} answered with HTML, and not with what to do:` +
            " is the URL right, and does it need to log in?",
        );
      }
      this.#settle("succeeded");
      return this.#done({ type: "answered", status, contentType, body, url });
    }
    const reason = `${shown} answered ${status}: ${whyRefused(status)}`;
    this.#settle(status >= 500 ? "failed" : "succeeded");
    if (status !== 429 && status < 500) return this.#fail(reason);
    const retryAfter = parseRetryAfter(headers["retry-after"], this.#options.runtime.wallClock());
    this.#done({ type: "again", reason, retryAfter });
  }

  #follow(from: string, location: string | undefined, method: Method): void {
    this.#settle("succeeded");
    const shown = publicUrl(from);
    if (location === undefined) return this.#fail(`${shown} redirects, but does not say where to`);
    if (++this.#redirections > REDIRECTIONS_MAX) {
      return this.#fail(`${shown} redirects once more after ${REDIRECTIONS_MAX} times`);
    }
    const url = parseTarget(location, { base: from });
    if (!url.ok) return this.#fail(`${shown} redirects to where nobody can go: ${url.reason}`);
    this.#send(url.url.href, method);
  }

  #fail(reason: string): void {
    this.#done({ type: "failed", reason });
  }

  #settle(how: "succeeded" | "failed" | "abandoned"): void {
    const target = this.#target;
    this.#target = undefined;
    if (target !== undefined) this.#options.guard[how](target);
  }
}

/** What a web server's pages for people begin with; some say `text/html` of anything. */
function isHtml(contentType: string, body: Uint8Array): boolean {
  const start = new TextDecoder().decode(body.subarray(0, 256)).trimStart();
  if (/^<(?:!doctype\s+html|html)/i.test(start)) return true;
  return contentType === "text/html" && start.startsWith("<") &&
    !/^<(?:\?xml|Response)/i.test(start);
}

/** Looking at certificates takes time: the same object for the same settings. */
const TLS = new WeakMap<TargetTls, NonNullable<ConnectOptions["tls"]>>();

/** @param isOwn Whether it is the server of the configuration, which may see our certificate. */
export function tlsOptions(tls: TargetTls, isOwn: boolean): NonNullable<ConnectOptions["tls"]> {
  const { ca, certificate, key, verify } = tls;
  if (!isOwn) return { ca, verify };
  const known = TLS.get(tls);
  if (known !== undefined) return known;
  const identity = certificate === undefined || key === undefined
    ? undefined
    : { certificate, key };
  const options = { ca, verify, identity };
  TLS.set(tls, options);
  return options;
}
