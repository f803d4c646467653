/**
 * Who talks to the caller: the handler that has the call, the one that follows when it fails, and
 * the handler of another route that it hands the call to.
 *
 * Finding that route, and room on it, is left to the gateway; processes and connections are the
 * handlers' own.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { BargeIn, HandlerSpec } from "../route/route.ts";
import type { CallCore } from "./call_core.ts";
import type { CallOutput } from "./call_output.ts";
import { HANDLER_PROTOCOL, type RouteCommand, type StartEvent } from "./handler_message.ts";
import { answerOf, type LiveHandlerSpec, unavailable } from "./screening.ts";

/** What a call takes from a route whose handlers have it. */
export interface HandlerRoute {
  readonly name: string;
  /** The route's handler and what follows when it fails. At least one. */
  readonly handlers: readonly HandlerSpec[];
  /** Holds for those of the handlers that leave it open; see {@linkcode answerModeOf}. */
  readonly answer: "auto" | "manual";
  readonly bargeIn: BargeIn;
}

/** How often a call can be handed over: two routes that hand it to each other are to end. */
export const HAND_OVERS_MAX = 20;

/** Who says that a call is answered while a handler has it. */
export function answerModeOf(
  handler: HandlerSpec,
  asked: HandlerRoute["answer"],
): HandlerRoute["answer"] {
  switch (handler.type) {
    // A web server decides by its first response
    case "webhook":
      return "manual";
    case "exec":
      return asked;
    // A stream of Twilio's begins when the call is answered
    case "websocket":
      return handler.protocol === "voicegw" ? asked : "auto";
    default:
      return "auto";
  }
}

/**
 * What is to be listened for while a route's handlers have a call: a webhook cuts utterances and
 * ends recordings by the caller's speech, whatever the route says of our own sound.
 */
export function listeningOf({ handlers, bargeIn }: HandlerRoute): BargeIn {
  const isAsked = handlers.some(needsSpeech);
  return isAsked && bargeIn.mode === "off" ? { ...bargeIn, mode: "notify" } : bargeIn;
}

/** Tells whether a handler is told of the caller's speech on every route. */
export function needsSpeech({ type }: HandlerSpec): boolean {
  return type === "webhook";
}

/** The handlers of one call. */
export class HandlerChain {
  readonly #core: CallCore;
  readonly #rate: Hertz;
  #handOvers = 0;

  /** @param rate Of the PCM that handlers get and give, in hertz. */
  constructor(core: CallCore, rate: Hertz) {
    this.#core = core;
    this.#rate = rate;
  }

  /** Begins the handler whose turn it is, or gives the answer that stands in its place. */
  start(now: Millis): CallOutput[] {
    const core = this.#core;
    core.handlerStarts();
    const spec = core.handler;
    const refused = answerOf(spec, core.facts);
    if (refused !== undefined) {
      const cause = core.answeredAt === undefined ? refused.cause : "handler_failed";
      return core.end(cause, refused.reason, now, refused.answer);
    }
    const event: StartEvent = {
      event: "start",
      protocol: HANDLER_PROTOCOL,
      call: core.facts,
      audio: {
        encoding: "s16le",
        rate: this.#rate,
        channels: 1,
        codec: core.media.current?.codec ?? "PCMU",
      },
      ...(core.answeredAt === undefined ? {} : { answered: true }),
    };
    return [{ type: "start_handler", spec: spec as LiveHandlerSpec, event }];
  }

  /** The handler failed: the next of the chain takes over. */
  fail(reason: string, now: Millis): CallOutput[] {
    const next = this.#core.nextHandler();
    const failed: CallOutput = { type: "handler_failed", reason, next: next?.type };
    return next === undefined
      ? [failed, ...this.#core.end("handler_failed", reason, now, unavailable(reason).answer)]
      : [failed, ...this.start(now)];
  }

  /** The caller speaks, or no longer does. */
  speech(state: "started" | "stopped", atMs: Millis): CallOutput[] {
    const core = this.#core;
    if (core.route.bargeIn.mode === "off" && !needsSpeech(core.handler)) return [];
    return core.tell({ event: "speech", state, at_ms: atMs });
  }

  /**
   * The handler hands the call over.
   *
   * @param isTransferring The caller has been asked to go elsewhere.
   */
  command({ name }: RouteCommand, isTransferring: boolean): CallOutput[] {
    if (isTransferring) {
      return this.#core.refuse("route", "The transfer is not done yet, wait for it");
    }
    if (this.#handOvers >= HAND_OVERS_MAX) {
      const message = `A call can be handed over ${HAND_OVERS_MAX} times, and this one was`;
      return this.#core.refuse("route", message);
    }
    return [{ type: "hand_over", name }];
  }

  /** There is no such route, or no room on it: the handler keeps the call. */
  impossible(reason: string): CallOutput[] {
    return this.#core.refuse("route", reason);
  }

  /** The route was found: its handler takes the place of the present one. */
  handOver(route: HandlerRoute, now: Millis): CallOutput[] {
    const core = this.#core;
    const type = route.handlers[0]?.type;
    if (core.answeredAt !== undefined && (type === "reject" || type === "redirect")) {
      const message = `Route "${route.name}" takes no calls that are answered already`;
      return this.impossible(message);
    }
    this.#handOvers++;
    core.handOver(route);
    return [
      {
        type: "stop_handler",
        route: route.name,
        sipStatus: core.answeredAt === undefined ? 0 : 200,
        durationMs: core.answeredAt === undefined ? 0 : now - core.answeredAt,
      },
      { type: "listen", bargeIn: listeningOf(route) },
      ...this.start(now),
    ];
  }
}
