/**
 * A call that asks its web server, for the tests of this folder.
 *
 * @module
 */

import type { HttpConfig } from "../../../src/config/schema_services.ts";
import {
  type WebhookPost,
  WebhookRequests,
  type WebhookResult,
} from "../../../src/handler/http/webhook_request.ts";
import type { TargetGuard } from "../../../src/handler/target_guard.ts";
import type { WebhookSpec } from "../../../src/route/route.ts";
import { bytes, runtime, webhookSpec, WebServer } from "./web_server.ts";

/** Writes down what is told of servers. */
export class Guard implements TargetGuard {
  readonly told: string[] = [];
  refusal: string | undefined;

  refuse(target: string): string | undefined {
    this.told.push(`refuse ${target}`);
    return this.refusal;
  }

  succeeded = () => void this.told.push("succeeded");
  failed = () => void this.told.push("failed");
  abandoned = () => void this.told.push("abandoned");
}

/** What a call's requests are made with. */
export interface Made {
  readonly guard?: Guard;
  readonly http?: HttpConfig;
  readonly spec?: Partial<WebhookSpec>;
}

/** The requests of one call, its servers, and its log. */
export class Asking {
  readonly lines: string[] = [];
  readonly #servers: WebServer[] = [];

  async serve(answer: Parameters<typeof WebServer.start>[0]): Promise<WebServer> {
    const server = await WebServer.start(answer);
    this.#servers.push(server);
    return server;
  }

  make(url: string, { guard, http, spec }: Made = {}): WebhookRequests {
    return new WebhookRequests({
      runtime,
      spec: webhookSpec(url, spec),
      http,
      targets: guard,
      log: (line) => this.lines.push(line),
    });
  }

  /** Ends all servers. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

/** Asks once. */
export function ask(
  requests: WebhookRequests,
  post: Partial<WebhookPost> = {},
): Promise<WebhookResult> {
  return new Promise((resolve) => {
    requests.post({ body: bytes("{}"), contentType: "application/json", ...post }, resolve);
  });
}

/** Why there is no answer. */
export async function reasonOf(result: Promise<WebhookResult>): Promise<string> {
  const settled = await result;
  return settled.type === "failed" ? settled.reason : `answered ${settled.status}`;
}
