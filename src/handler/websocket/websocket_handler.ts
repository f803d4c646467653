/**
 * A WebSocket server as handler: the caller's audio to it, its audio to the caller, events and
 * commands between them, in whichever dialect the route names.
 *
 * A connection that ends as it should (1000, 1001, or without a code) means that the server is
 * done: what it sent is played, then the call ends. One that is lost is tried anew, as often as the
 * route says, while the call goes on; one that could not be opened at all is a failure.
 *
 * A clear by the server takes effect at once, whatever it sent ahead of it. When the caller's voice
 * clears (barge-in), what has arrived until then is dropped; what is still on its way cannot be told
 * from what is new, and is heard, until the server has taken note of the `cleared` event.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { HandlerCommand, HandlerEvent, StartEvent } from "../../call/handler_message.ts";
import type { WebsocketSpec } from "../../route/route.ts";
import type { Timer } from "../../runtime/ports.ts";
import type { TwilioCall } from "../../twilio/live_calls.ts";
import { callSid } from "../../twilio/sids.ts";
import type { HandlerContext } from "../create_handler.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler.ts";
import { publicUrl, targetKey } from "../http/target_url.ts";
import { NO_GUARD, type TargetGuard } from "../target_guard.ts";
import { AheadQueue } from "./ahead_queue.ts";
import { CallerAudio } from "../caller_audio.ts";
import { Link } from "./link.ts";
import type { MediaProtocol } from "./media_protocol.ts";
import { TwilioProtocol } from "./twilio_protocol.ts";
import { VoicegwProtocol } from "./voicegw_protocol.ts";

/** A connection that lived so long was a good one: the tries are counted anew. */
const STABLE: Millis = 10_000;

/** Events that wait for a connection; above it the oldest gives way. */
export const HELD_EVENTS_MAX = 100;

/** What the handler is made of. */
export interface WebsocketOptions {
  /** With its placeholders filled in. */
  readonly spec: WebsocketSpec;
  readonly context: Pick<
    HandlerContext,
    "runtime" | "facts" | "rate" | "targets" | "twilioCalls"
  >;
  readonly host: HandlerHost;
  /** What the first stream is called in Twilio's dialect; default: a random id. */
  readonly streamSid?: string | undefined;
  /** Addresses that the URL may not lead to, where it does not stand in the configuration. */
  readonly refuseAddress?: ((address: string) => string | undefined) | undefined;
}

/**
 * - `connecting`: for the first time, or anew.
 * - `resting`: until the next try.
 * - `draining`: the server is done, the call has not taken all of its sound.
 */
type State =
  | "idle"
  | "connecting"
  | "running"
  | "resting"
  | "draining"
  | "stopping"
  | "ended";

/** One server for one call. */
export class WebsocketHandler implements Handler {
  readonly #options: WebsocketOptions;
  readonly #host: HandlerHost;
  readonly #guard: TargetGuard;
  readonly #target: string;
  readonly #protocol: MediaProtocol;
  readonly #ahead: AheadQueue;
  readonly #caller: CallerAudio;
  #state: State = "idle";
  #start: StartEvent | undefined;
  #link: Link | undefined;
  #openedAt: Millis = 0;
  /** How often there was a connection. */
  #connections = 0;
  /** To connect anew, since the last good connection. */
  #tries = 0;
  #isWaiting = false;
  #held: HandlerEvent[] = [];
  #timer: Timer | undefined;
  /** Nobody asks for the call by its sid any more. */
  #leave = () => {};

  constructor(options: WebsocketOptions) {
    const { spec, context: { rate, targets = NO_GUARD }, host } = options;
    this.#options = options;
    this.#host = host;
    this.#guard = targets;
    this.#target = targetKey(spec.url);
    this.#protocol = this.#makeProtocol();
    this.#ahead = new AheadQueue(rate, {
      audio: (pcm) => host.audio(pcm),
      command: (command) => host.command(command),
      room: () => this.#link?.resume(),
    });
    this.#caller = new CallerAudio(rate, {
      send: (pcm, at) => this.#protocol.sendAudio(pcm, at),
      isBusy: () => this.#link?.isBusy === true,
      dropped: (bytes) => host.audioDropped(bytes),
    });
  }

  start(event: StartEvent): void {
    if (this.#state !== "idle") return;
    this.#start = event;
    if (event.answered === true) this.#wait(true);
    this.#leave = this.#enter();
    this.#connect();
  }

  receiveAudio(pcm: Uint8Array): void {
    if (this.#state === "running") this.#caller.write(pcm);
    else if (this.#isReconnecting) this.#host.audioDropped(pcm.length);
  }

  receiveEvent(event: HandlerEvent): void {
    if (this.#state === "running") return this.#protocol.sendEvent(event);
    // Keys that are pressed while it connects are not lost
    if (this.#state !== "connecting" && this.#state !== "resting") return;
    this.#held.push(event);
    if (this.#held.length > HELD_EVENTS_MAX) this.#held.shift();
  }

  resumeAudio(): void {
    this.#ahead.resume();
    if (this.#state === "draining" && this.#ahead.isEmpty) this.#end({ type: "completed" });
  }

  discardAudio(): void {
    if (this.#state === "stopping" || this.#state === "ended") return;
    this.#ahead.flush();
    this.#host.audioDiscarded();
    if (this.#state === "draining") this.#end({ type: "completed" });
  }

  stop(event: HandlerEvent): void {
    if (this.#state === "stopping" || this.#state === "ended") return;
    if (this.#state !== "running") return this.kill();
    this.#state = "stopping";
    this.#protocol.sendEnd(event);
    this.#link?.close();
  }

  kill(): void {
    if (this.#state === "ended") return;
    if (this.#state === "connecting") this.#guard.abandoned(this.#target);
    this.#link?.destroy();
    this.#end({ type: "stopped" });
  }

  /** There was a connection, and is to be another. */
  get #isReconnecting(): boolean {
    const isBetween = this.#state === "connecting" || this.#state === "resting";
    return isBetween && this.#connections > 0;
  }

  #makeProtocol(): MediaProtocol {
    const { spec, context: { runtime, rate }, host, streamSid } = this.#options;
    const common = {
      wire: {
        sendText: (text: string) => this.#link?.sendText(text),
        sendBinary: (data: Uint8Array) => this.#link?.sendBinary(data),
      },
      sink: {
        audio: (pcm: Uint8Array) => this.#audio(pcm),
        command: (command: HandlerCommand) => this.#command(command),
        refused: (message: string, command: string) => host.refused(message, command),
        log: (line: string) => host.log(line),
      },
      now: () => runtime.now(),
    };
    if (spec.protocol === "voicegw") return new VoicegwProtocol(common);
    return new TwilioProtocol({ ...common, spec, random: runtime.random, rate, streamSid });
  }

  /** Lets a bot hang up by Twilio's REST resource. @returns What ends that. */
  #enter(): () => void {
    const { spec, context: { facts, twilioCalls }, host } = this.#options;
    if (spec.protocol !== "twilio" || twilioCalls === undefined) return () => {};
    const call: TwilioCall = {
      sid: callSid(facts.id),
      accountSid: spec.account_sid,
      authToken: undefined,
      facts,
      status: () => this.#connections > 0 ? "in-progress" : "ringing",
      hangUp: () => host.command({ command: "hangup" }),
      replace: () => "The call has a WebSocket and no TwiML, use a route with a webhook",
    };
    twilioCalls.add(call);
    return () => twilioCalls.remove(call);
  }

  #connect(): void {
    const refusal = this.#guard.refuse(this.#target);
    if (refusal !== undefined) return this.#notConnected(refusal);
    const { spec, context: { runtime }, refuseAddress } = this.#options;
    this.#state = "connecting";
    this.#link = new Link({
      runtime,
      spec,
      subprotocol: this.#protocol.subprotocol,
      refuseAddress,
      events: {
        opened: () => this.#opened(),
        text: (text) => {
          if (this.#state === "running") this.#protocol.receiveText(text);
        },
        binary: (data) => {
          if (this.#state === "running") this.#protocol.receiveBinary(data);
        },
        drained: () => {
          if (this.#state === "running") this.#caller.flush();
        },
        failed: (why, status) => this.#failed(why, status),
        completed: () => this.#completed(),
        lost: (why) => this.#lost(why),
      },
    });
  }

  #opened(): void {
    const isFirst = this.#connections === 0;
    this.#guard.succeeded(this.#target);
    this.#state = "running";
    this.#openedAt = this.#options.context.runtime.now();
    const start = this.#start as StartEvent;
    this.#protocol.begin(isFirst ? start : { ...start, reconnected: this.#connections });
    this.#connections++;
    const held = this.#held;
    this.#held = [];
    for (const event of held) this.#protocol.sendEvent(event);
    // It may be lost by then
    if (this.#state !== "running") return;
    this.#wait(false);
    if (isFirst) this.#host.started();
  }

  #failed(why: string, status: number | undefined): void {
    // Who is not to be let in, or asks for what is not there, has reached a server that is well
    if (status !== undefined && status >= 400 && status < 500) this.#guard.succeeded(this.#target);
    else this.#guard.failed(this.#target);
    this.#notConnected(why);
  }

  #notConnected(why: string): void {
    this.#link = undefined;
    if (this.#connections === 0) this.#fail(why);
    else this.#retry(why);
  }

  #lost(why: string): void {
    if (this.#state === "stopping") return this.#end({ type: "stopped" });
    this.#link = undefined;
    this.#caller.reset();
    const { context: { runtime } } = this.#options;
    if (runtime.now() - this.#openedAt >= STABLE) this.#tries = 0;
    // The call may end us
    this.#state = "resting";
    this.#wait(true);
    if (this.#state === "resting") this.#retry(why);
  }

  #retry(why: string): void {
    const { spec: { reconnect }, context: { runtime }, host } = this.#options;
    if (this.#tries >= reconnect.tries) return this.#fail(why);
    const delay = this.#tries === 0 ? 0 : reconnect.delay * 2 ** (this.#tries - 1);
    this.#tries++;
    host.log(`${this.#shownUrl}: ${why}; try ${this.#tries} of ${reconnect.tries} to connect anew`);
    if (delay === 0) return this.#connect();
    this.#state = "resting";
    this.#timer = runtime.setTimer(() => this.#connect(), delay);
  }

  #completed(): void {
    if (this.#state === "stopping") return this.#end({ type: "stopped" });
    this.#link = undefined;
    if (this.#ahead.isEmpty) return this.#end({ type: "completed" });
    this.#state = "draining";
  }

  #audio(pcm: Uint8Array): void {
    if (this.#state === "running" && !this.#ahead.audio(pcm)) this.#link?.pause();
  }

  #command(command: HandlerCommand): void {
    // The call may have stopped us at an earlier message
    if (this.#state !== "running") return;
    if (command.command === "clear") return this.#clear(command);
    const hasPlace = command.command === "mark" || command.command === "play" ||
      command.command === "say";
    if (!hasPlace) this.#host.command(command);
    else if (!this.#ahead.command(command)) {
      this.#host.refused("Too many commands wait for audio, send fewer", command.command);
    }
  }

  /** Both steps at once: what the server sent before it is all here. */
  #clear(command: HandlerCommand): void {
    this.#protocol.clear();
    this.#host.clearAudio();
    this.#ahead.flush();
    this.#host.command(command);
  }

  #wait(isWaiting: boolean): void {
    if (this.#isWaiting === isWaiting) return;
    this.#isWaiting = isWaiting;
    this.#host.waiting(isWaiting);
  }

  get #shownUrl(): string {
    return publicUrl(this.#options.spec.url);
  }

  #fail(why: string): void {
    this.#end({ type: "failed", reason: `${this.#shownUrl}: ${why}` });
  }

  #end(end: HandlerEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#timer?.cancel();
    this.#link = undefined;
    this.#held = [];
    this.#ahead.drop();
    this.#protocol.end();
    this.#leave();
    this.#wait(false);
    this.#host.ended(end);
  }
}
