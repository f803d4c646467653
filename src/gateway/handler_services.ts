/**
 * What all handlers of a gateway share: programs that speak and listen, where URLs may lead, which
 * servers are left alone, how long callers may hear nothing, and the web server of ours.
 *
 * @module
 */

import type { Api } from "../api/api.ts";
import { formatSocketAddress } from "../base/socket_address.ts";
import type { Config } from "../config/schema.ts";
import type { ApiConfig } from "../config/schema_services.ts";
import { CircuitBreaker } from "../handler/circuit_breaker.ts";
import type { HandlerContext } from "../handler/create_handler.ts";
import { DEAD_AIR_DEFAULT, type DeadAir } from "../route/route.ts";
import type { Runtime } from "../runtime/ports.ts";
import { TwilioCalls } from "../twilio/live_calls.ts";
import { RecordingLinks } from "../twilio/recording_links.ts";
import type { LoopLagFigures } from "./loop_lag.ts";
import type { GatewayObserver } from "./observer.ts";

/** What the services are made of. */
export interface HandlerServicesOptions {
  readonly runtime: Runtime;
  readonly config: Config;
  readonly observer: GatewayObserver;
  /** How many calls there are, and how late the loop is, for whoever watches over the gateway. */
  readonly health: () => LoopLagFigures & { readonly calls: number };
}

/** The services of one gateway. */
export class HandlerServices {
  /** The gateway takes no more calls. */
  draining = false;
  readonly #options: HandlerServicesOptions;
  readonly #breaker: CircuitBreaker;
  #config: Config;
  readonly #calls = new TwilioCalls();
  #api: Api | undefined;
  /** `undefined` while there is no web server of ours. */
  #links: RecordingLinks | undefined;

  constructor(options: HandlerServicesOptions) {
    const { runtime, config, observer } = options;
    this.#options = options;
    this.#config = config;
    this.#breaker = new CircuitBreaker({
      ...config.breaker,
      now: () => runtime.now(),
      log: (level, message) => observer.log?.(level, message, {}),
    });
  }

  /** What a handler that is made now gets. */
  get ofHandlers(): Pick<
    HandlerContext,
    "speech" | "http" | "targets" | "twilioCalls" | "recordingLinks"
  > {
    const { speech, http } = this.#config;
    const links = this.#links;
    return {
      speech,
      http,
      targets: this.#breaker,
      twilioCalls: this.#calls,
      ...(links === undefined ? {} : { recordingLinks: links }),
    };
  }

  /** `address:port` of the web server of ours; `undefined`: there is none. */
  get apiAddress(): string | undefined {
    const local = this.#api?.local;
    return local === undefined ? undefined : formatSocketAddress(local);
  }

  /**
   * Serves the API, where there is to be one, and then the rest; when one of them fails, neither.
   *
   * @throws {BindError} An address cannot be bound.
   */
  async open(rest: () => Promise<void>): Promise<void> {
    const { api } = this.#config;
    if (api !== undefined) await this.#serve(api);
    try {
      await rest();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Nothing is served any more. */
  async close(): Promise<void> {
    await this.#api?.stop();
    this.#api = undefined;
  }

  /** How long callers of that route may hear nothing. */
  deadAir(name: string): DeadAir {
    const route = this.#config.routes.find((known) => known.name === name);
    return route?.dead_air ?? DEAD_AIR_DEFAULT;
  }

  /** Another configuration holds, for what begins from now on. */
  replace(config: Config): void {
    this.#config = config;
    this.#breaker.settings = config.breaker;
  }

  async #serve(config: ApiConfig): Promise<void> {
    const { runtime, observer, health } = this.#options;
    // Loaded by those alone who have one
    const { Api } = await import("../api/api.ts");
    const links = () => this.#links as RecordingLinks;
    const api = new Api({
      config,
      runtime,
      health: () => ({
        status: this.draining ? "draining" as const : "serving" as const,
        ...health(),
      }),
      calls: this.#calls,
      // They are named by where it listens, which is known later
      get recordings() {
        return links();
      },
      log: (message, call) => observer.log?.("info", message, call === "" ? {} : { call }),
    });
    await api.start();
    this.#api = api;
    const base = config.url ?? `http://${formatSocketAddress(api.local ?? config.listen)}`;
    this.#links = new RecordingLinks(base.replace(/\/+$/, ""), runtime.random);
  }
}
