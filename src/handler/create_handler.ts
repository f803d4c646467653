/**
 * Makes the handler that a route names.
 *
 * @module
 */

import type { Hertz } from "../base/units.ts";
import type { HttpConfig, SpeechConfig } from "../config/schema_services.ts";
import type { CallFacts } from "../route/call_facts.ts";
import { expandHandler } from "../route/expand_handler.ts";
import type { HandlerSpec } from "../route/route.ts";
import type { Runtime } from "../runtime/ports.ts";
import { ClipStore } from "./builtin/clip_store.ts";
import { EchoHandler } from "./builtin/echo.ts";
import { PlayHandler } from "./builtin/play.ts";
import { ExecHandler } from "./exec/exec_handler.ts";
import type { Handler, HandlerHost } from "./handler.ts";
import type { TargetGuard } from "./target_guard.ts";

/** What handlers need of the world around them. */
export interface HandlerContext {
  readonly runtime: Runtime;
  readonly facts: CallFacts;
  /** Our own environment, which programs inherit. */
  readonly environment: Readonly<Record<string, string>>;
  /** Shared by all calls of a gateway, so that a file is read once; a call's own when absent. */
  readonly clipStore?: ClipStore;
  /** Hz of the PCM that the handler gets and gives. */
  readonly rate: Hertz;
  /** Programs that speak and listen. */
  readonly speech?: SpeechConfig;
  /** Which addresses URLs may lead to that do not stand in the configuration. */
  readonly http?: HttpConfig;
  /** What is known of servers; shared by all calls. */
  readonly targets?: TargetGuard;
}

/**
 * Makes a handler for one call. Nothing happens before its `start`.
 *
 * Never throws: a handler whose placeholders cannot be filled in ends as failed when it is started,
 * and so does one of a kind that refuses or redirects calls, since there is no audio in it.
 */
export function createHandler(
  spec: HandlerSpec,
  context: HandlerContext,
  host: HandlerHost,
): Handler {
  const { runtime, environment } = context;
  const expanded = expandHandler(spec, context.facts);
  if (!expanded.ok) return new BrokenHandler(host, expanded.reason);
  const { handler } = expanded;
  switch (handler.type) {
    case "exec":
      return new ExecHandler({ spec: handler, runtime, environment, host });
    case "echo":
      return new EchoHandler(host);
    case "play": {
      const clips = context.clipStore ?? new ClipStore(runtime);
      return new PlayHandler({ spec: handler, runtime, clips, host });
    }
    case "webhook":
    case "websocket":
    case "audiosocket":
      return new BrokenHandler(host, `${handler.type} is not there yet`);
    case "reject":
    case "redirect":
      return new BrokenHandler(host, `A route with "${handler.type}" takes no calls`);
  }
}

/** Fails when it is started. */
class BrokenHandler implements Handler {
  readonly #host: HandlerHost;
  readonly #reason: string;
  #ended = false;

  constructor(host: HandlerHost, reason: string) {
    this.#host = host;
    this.#reason = reason;
  }

  start(): void {
    this.#end("failed");
  }

  receiveAudio(): void {}

  receiveEvent(): void {}

  resumeAudio(): void {}

  discardAudio(): void {}

  stop(): void {
    this.#end("stopped");
  }

  kill(): void {
    this.#end("stopped");
  }

  #end(type: "failed" | "stopped"): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.ended(type === "failed" ? { type, reason: this.#reason } : { type });
  }
}
