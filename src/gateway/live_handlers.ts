/**
 * The handlers of one live call: the one that has it, and those that had it and wind down.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { CallOutput } from "../call/call.ts";
import type { EndEvent, StartEvent } from "../call/handler_message.ts";
import type { LiveHandlerSpec } from "../call/screening.ts";
import { createHandler } from "../handler/create_handler.ts";
import type { Handler, HandlerEnd } from "../handler/handler.ts";
import type { MediaStatistics } from "../media/statistics.ts";
import type { Route } from "../route/route.ts";
import { CallHost, type CallHostOptions } from "./call_host.ts";
import type { CallMedia } from "./call_media.ts";
import { DeadAir } from "./dead_air.ts";

/** What joins the handlers to their call. */
export interface LiveHandlersOptions
  extends Omit<CallHostOptions, "facts" | "started" | "waiting" | "ended"> {
  readonly media: CallMedia;
  /** The present handler's life is over; there is none now. */
  readonly ended: (end: HandlerEnd) => void;
  /** One that had the call before is gone too. */
  readonly left: () => void;
}

/** The handlers of one call. */
export class LiveHandlers {
  readonly #options: LiveHandlersOptions;
  #host: CallHost | undefined;
  #present: Handler | undefined;
  readonly #leaving = new Map<CallHost, Handler>();
  /** The route that the call is being handed to. */
  #next: Route | undefined;
  readonly #deadAir: DeadAir;
  #answeredAt: Millis | undefined;

  constructor(options: LiveHandlersOptions) {
    this.#options = options;
    const { live, context, media } = options;
    this.#deadAir = new DeadAir({
      media,
      clips: context.clipStore,
      rate: live.call.rate,
      now: () => context.runtime.now(),
      settings: ({ route }) => context.services.deadAir(route),
      rescheduled: () => context.rescheduled(live),
      failed: (reason) => this.#fail(reason),
      log: (message) => {
        const { id, route } = live.call.facts;
        context.observer.log?.("info", message, { call: id, route });
      },
    });
  }

  /** When the caller has heard nothing for too long. */
  get deadline(): Millis | undefined {
    return this.#deadAir.deadline;
  }

  timeout(now: Millis): void {
    this.#deadAir.timeout(now);
  }

  /** The call is answered. */
  answered(now: Millis): void {
    this.#answeredAt = now;
    this.mediaOpened(now);
  }

  /** There is a way for audio. */
  mediaOpened(now: Millis): void {
    const { media } = this.#options;
    if (this.#answeredAt !== undefined && media.isOpen) this.#deadAir.audible(now);
  }

  /** Who has the call. */
  get present(): Handler | undefined {
    return this.#present;
  }

  /** Whether nothing is left of any of them. */
  get isGone(): boolean {
    return this.#present === undefined && this.#leaving.size === 0;
  }

  /** The present handler is to be this one. There must be none, or one that was dismissed. */
  start(spec: LiveHandlerSpec, event: StartEvent): void {
    const { context, live } = this.#options;
    const { facts, rate } = live.call;
    const host = new CallHost({
      ...this.#options,
      facts,
      takeAudio: (pcm) => this.#takeAudio(pcm),
      started: () => this.#deadAir.handlerStarted(context.runtime.now()),
      waiting: (isWaiting) => this.#deadAir.waiting(isWaiting, context.runtime.now()),
      ended: (end) => this.#ended(host, end),
    });
    const { runtime, environment, clipStore, pools } = context;
    this.#deadAir.handlerStarts(spec, facts, runtime.now());
    const handler = createHandler(
      spec,
      { runtime, facts, environment, clipStore, rate, pools, ...context.services.ofHandlers },
      host,
    );
    host.handler = handler;
    this.#host = host;
    this.#present = handler;
    handler.start(event);
  }

  /** The present handler hands the call to another route's. */
  handOver(name: string): void {
    const { live, context } = this.#options;
    const found = context.handOver(live, name);
    if (!found.ok) return live.input((call) => call.handlers.impossible(found.reason));
    const { id, route } = live.call.facts;
    context.observer.log?.("info", `Handed over to route "${name}"${found.note}`, {
      call: id,
      route,
    });
    this.#next = found.counted;
    live.input((call, now) => call.handOver(found.route, now));
  }

  /** The present handler has the call no more: it winds down, and nothing of it is heard. */
  dismiss(
    { route, sipStatus, durationMs }: CallOutput & { type: "stop_handler" },
    statistics: MediaStatistics,
  ): void {
    const { live, context } = this.#options;
    context.handedOver(live, this.#next);
    this.#leave({
      event: "end",
      cause: "routed",
      route,
      sip_status: sipStatus,
      duration_ms: Math.round(durationMs),
      statistics,
    });
  }

  /** The call is over. */
  stop(event: EndEvent): void {
    this.#deadAir.handlerEnded(this.#options.context.runtime.now());
    this.#present?.stop(event);
  }

  /** Ends all of them now, without grace. */
  kill(): void {
    this.#present?.kill();
    for (const handler of this.#leaving.values()) handler.kill();
  }

  #takeAudio(pcm: Uint8Array): boolean {
    const more = this.#options.takeAudio(pcm);
    if (this.#deadAir.isSilent) this.#deadAir.wrote(this.#options.context.runtime.now());
    return more;
  }

  /** The caller has heard nothing for too long: the present handler has failed, and winds down. */
  #fail(reason: string): void {
    const { live, media, context } = this.#options;
    if (this.#present === undefined) return;
    this.#leave({
      event: "end",
      cause: "handler_failed",
      sip_status: 200,
      duration_ms: Math.round(context.runtime.now() - (this.#answeredAt ?? Infinity)),
      statistics: media.statistics,
    });
    live.input((call, now) => call.handlerFailed(reason, now));
  }

  /** The present handler, if there is one, has the call no more. */
  #leave(event: EndEvent): void {
    const handler = this.#present;
    const host = this.#host;
    if (handler === undefined || host === undefined) return;
    this.#present = this.#host = undefined;
    this.#leaving.set(host, handler);
    host.dismiss();
    this.#deadAir.handlerEnded(this.#options.context.runtime.now());
    handler.stop(event);
  }

  #ended(host: CallHost, end: HandlerEnd): void {
    if (this.#leaving.delete(host)) return this.#options.left();
    if (this.#host !== host) return;
    this.#present = this.#host = undefined;
    this.#deadAir.handlerEnded(this.#options.context.runtime.now());
    this.#options.ended(end);
  }
}
