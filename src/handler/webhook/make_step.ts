/**
 * Makes the step of an action.
 *
 * @module
 */

import type { WebsocketAction } from "../../action/action.ts";
import type { HandlerCommand } from "../../call/handler_message.ts";
import type { ExecSpec, WebhookSpec } from "../../route/route.ts";
import type { Recognizer, RecognizerEvents } from "../speech/recognizer.ts";
import { AskStep, CommandStep, DigitsStep, InstantStep, TurnStep } from "./command_step.ts";
import { GatherStep } from "./gather_step.ts";
import { HandlerStep } from "./handler_step.ts";
import type { Listeners } from "./listeners.ts";
import type { StreamSpec } from "./make_inner.ts";
import { RecordStep } from "./record_step.ts";
import { QuietStep, SoundStep } from "./sound_step.ts";
import type { Step, StepContext, StepEnd, WebAction } from "./step.ts";
import type { StreamWatch } from "./stream_callbacks.ts";
import { resolveUrl } from "./web_protocol.ts";

/** How long a program has between the end of the call and SIGTERM. */
const STOP_AFTER = 2_000;

/** From one ping to the next, for WebSocket servers of responses. */
const PING = 20_000;

/** What the steps of one call have in common. */
export interface StepMakerOptions {
  /** With its placeholders filled in. */
  readonly spec: WebhookSpec;
  readonly context: StepContext;
  readonly listeners: Listeners;
  /** Who is to be told of a WebSocket's life; `base`: URL of the response that it stood in. */
  readonly watchStream: (action: WebsocketAction, base: string) => StreamWatch | undefined;
  /** What the handshake of a WebSocket says besides, so that it is known to be ours. */
  readonly streamHeaders: (url: string) => Readonly<Record<string, string>>;
  /** Whether the caller speaks now. */
  readonly isVoice: () => boolean;
  /** Makes what understands the caller; `undefined`: there is none. */
  readonly recognize: (events: RecognizerEvents, language?: string) => Recognizer | undefined;
}

/** Makes the steps of one call. */
export class StepMaker {
  readonly #options: StepMakerOptions;
  #recordings = 0;

  constructor(options: StepMakerOptions) {
    this.#options = options;
  }

  /**
   * @param base URL of the response that the action stood in.
   * @param ended Told once, unless the step is stopped before.
   */
  make(action: WebAction, base: string, ended: (end: StepEnd) => void): Step {
    const { context, listeners, recognize } = this.#options;
    switch (action.action) {
      case "pause":
        return context.isAnswered
          ? new SoundStep({ action, context, ended })
          : new QuietStep({ action, context, ended });
      case "play":
      case "say":
      case "wav":
        return new SoundStep({ action: placed(action, base), context, ended });
      case "gather": {
        const prompts = action.prompts.map((prompt) => placed(prompt, base));
        return new GatherStep({ action: { ...action, prompts }, context, recognize, ended });
      }
      case "record":
        return this.#record(action, ended);
      case "exec":
        return this.#exec(action.program, ended);
      case "websocket":
        return this.#websocket(action, base, ended);
      case "stop_websocket":
        return new TurnStep(() => listeners.remove(action.name), { context, ended });
      case "fetch":
        return new AskStep({ type: "fetch", next: action.next }, { context, ended });
      case "answer":
        return new InstantStep(() => context.answer(), ended);
      case "command":
        return new InstantStep(() => context.command(action.command), ended);
      case "dtmf": {
        const { action: command, ...rest } = action;
        return new DigitsStep({ command: { command, ...rest }, context, ended });
      }
      default:
        return new CommandStep({ command: commandOf(action), context, ended });
    }
  }

  #record(action: WebAction & { action: "record" }, ended: (end: StepEnd) => void): Step {
    const { context, isVoice, spec: { recordings: folder } } = this.#options;
    const number = ++this.#recordings;
    return new RecordStep({ action, context, folder, number, isVoice, ended });
  }

  #exec(program: string, ended: (end: StepEnd) => void): Step {
    const { context, spec: { programs } } = this.#options;
    const command = Object.hasOwn(programs, program) ? programs[program] : undefined;
    if (command === undefined) {
      const known = Object.keys(programs).join(", ") || "none are there";
      const message = `The route has no program "${program.slice(0, 64)}", add it to the ` +
        `webhook's "programs" (${known})`;
      return new InstantStep(() => context.trouble(message, "exec"), ended);
    }
    const spec: ExecSpec = { type: "exec", command, env: {}, stop_after: STOP_AFTER };
    return new HandlerStep({ spec, context, ended });
  }

  #websocket(action: WebsocketAction, base: string, ended: (end: StepEnd) => void): Step {
    const { context, listeners, streamHeaders, watchStream } = this.#options;
    const { account_sid, timeout, tls } = this.#options.spec;
    const url = socketUrl(action.url, base);
    const watch = watchStream(action, base);
    const spec: StreamSpec = {
      type: "websocket",
      url,
      protocol: action.protocol,
      parameters: action.parameters,
      account_sid,
      headers: action.protocol === "twilio" ? streamHeaders(url) : {},
      timeout,
      ping: PING,
      reconnect: { tries: 0, delay: 0 },
      // Our certificate is for the server of the route alone
      tls: hostOf(url) === hostOf(this.#options.spec.url) ? tls : { verify: true },
      ...(watch === undefined ? {} : { streamSid: watch.streamSid }),
    };
    if (action.ways === "both") return new HandlerStep({ spec, context, watch, ended });
    return new TurnStep(() => {
      const problem = listeners.add(spec, { name: action.name, watch });
      if (problem !== undefined) context.trouble(problem, "websocket");
    }, { context, ended });
  }
}

/** What is relative lies at the web server, which speaks HTTP. */
function socketUrl(url: string, base: string): string {
  return (resolveUrl(url, base) ?? url).replace(/^http/, "ws");
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}

/** Its URL, if it has one, made absolute. */
function placed<T extends WebAction>(action: T, base: string): T {
  if (action.action !== "play" || action.url === undefined) return action;
  return { ...action, url: resolveUrl(action.url, base) ?? action.url };
}

type FinalAction = WebAction & {
  readonly action: "hangup" | "reject" | "redirect" | "transfer" | "route";
};

/** The same fields under the name that commands have. */
function commandOf({ action: command, ...fields }: FinalAction): HandlerCommand {
  return { command, ...fields } as HandlerCommand;
}
