/**
 * The web server of ours: what others may ask of a running gateway.
 *
 * @module
 */

import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { SocketAddress } from "../base/socket_address.ts";
import type { ApiConfig } from "../config/schema_services.ts";
import type { HttpListener } from "../runtime/client_ports.ts";
import type { Runtime } from "../runtime/ports.ts";
import { type ApiEnv, twilioRoutes, type TwilioRoutesOptions } from "./twilio_routes.ts";

/** Bytes of a request's body, at most. */
const BODY_MAX = 256 << 10;

/** What the web server is made of. */
export interface ApiOptions extends Omit<TwilioRoutesOptions, "runtime"> {
  readonly config: ApiConfig;
  readonly runtime: Pick<Runtime, "serveHttp" | "readFile">;
  /** How the gateway is, for whoever watches over it. */
  readonly health: () => { readonly status: "serving" | "draining" };
}

/** Makes what answers. */
export function makeApp(options: Omit<ApiOptions, "config">): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  const tooLarge = { error: `The body is larger than ${BODY_MAX >> 10} KiB` };
  app.use(bodyLimit({ maxSize: BODY_MAX, onError: (context) => context.json(tooLarge, 413) }));
  app.get("/healthz", (context) => {
    const health = options.health();
    return context.json(health, health.status === "serving" ? 200 : 503);
  });
  app.route("/2010-04-01", twilioRoutes(options));
  app.notFound((context) => context.json({ error: "There is nothing here" }, 404));
  app.onError((error, context) => {
    options.log(`The web server failed: ${error.message}`, "");
    return context.json({ error: "Internal error" }, 500);
  });
  return app;
}

/** The web server of one gateway. */
export class Api {
  readonly #options: ApiOptions;
  #listener: HttpListener | undefined;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** Where it listens; `undefined` while it does not. */
  get local(): SocketAddress | undefined {
    return this.#listener?.local;
  }

  /** Rejects with a `BindError`. */
  async start(): Promise<void> {
    const { config, runtime } = this.#options;
    const app = makeApp(this.#options);
    this.#listener = await runtime.serveHttp(config.listen, (request, remote) => {
      return app.fetch(request, { remote });
    });
  }

  async stop(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.close();
  }
}
