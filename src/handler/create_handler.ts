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
import type { TwilioCalls } from "../twilio/live_calls.ts";
import type { RecordingLinks } from "../twilio/recording_links.ts";
import { Announcer } from "./announcer.ts";
import { AudiosocketHandler } from "./audiosocket/audiosocket_handler.ts";
import { ClipStore } from "./builtin/clip_store.ts";
import { EchoHandler } from "./builtin/echo.ts";
import { PlayHandler } from "./builtin/play.ts";
import { ExecHandler } from "./exec/exec_handler.ts";
import type { ExecPools } from "./exec/exec_pools.ts";
import { execTarget } from "./exec/probation.ts";
import type { Handler, HandlerHost } from "./handler.ts";
import { createSound } from "./sound/create_sound.ts";
import { soundContext } from "./sound/sound_context.ts";
import type { TargetGuard } from "./target_guard.ts";
import { WebhookHandler } from "./webhook/webhook_handler.ts";
import { WebsocketHandler } from "./websocket/websocket_handler.ts";

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
  /** Programs that were started ahead; shared by all calls. */
  readonly pools?: ExecPools;
  /** What is known of servers; shared by all calls. */
  readonly targets?: TargetGuard;
  /** Calls that bots may ask for over Twilio's REST resource; shared by all calls. */
  readonly twilioCalls?: TwilioCalls;
  /** Recordings that web servers may fetch; shared by all calls. */
  readonly recordingLinks?: RecordingLinks;
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
  const isLocal = spec.type === "exec";
  const server = spec.type === "webhook" || spec.type === "websocket" ? spec : undefined;
  // The others give no commands
  if (!isLocal && server === undefined) return makeHandler(spec, context, host);
  const sounds = soundContext(context, { log: (line) => host.log(line), server, isLocal });
  return new Announcer({
    host,
    rate: context.rate,
    handler: (announcing) => makeHandler(spec, context, announcing),
    createSound: (sound, sink) => createSound(sound, sounds, sink),
  });
}

function makeHandler(spec: HandlerSpec, context: HandlerContext, host: HandlerHost): Handler {
  const { runtime, environment } = context;
  const expanded = expandHandler(spec, context.facts);
  if (!expanded.ok) return new BrokenHandler(host, expanded.reason);
  const { handler } = expanded;
  switch (handler.type) {
    case "exec":
      return new ExecHandler({
        spec: handler,
        runtime,
        environment,
        host,
        takePooled: () => spec.type === "exec" ? context.pools?.take(spec) : undefined,
        targets: context.targets,
        target: execTarget(spec.type === "exec" ? spec.command : handler.command),
      });
    case "echo":
      return new EchoHandler(host);
    case "play": {
      const clips = context.clipStore ?? new ClipStore(runtime);
      return new PlayHandler({ spec: handler, runtime, clips, host });
    }
    case "websocket":
      return new WebsocketHandler({ spec: handler, context, host });
    case "webhook":
      return new WebhookHandler({ spec: handler, context, host });
    case "audiosocket":
      return new AudiosocketHandler({ spec: handler, context, host });
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
