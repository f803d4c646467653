/**
 * Puts together what one call's web server is made of.
 *
 * @module
 */

import type { HandlerEvent, StartEvent } from "../../call/handler_message.ts";
import type { WebhookSpec } from "../../route/route.ts";
import { newSid } from "../../twilio/sids.ts";
import type { HandlerContext } from "../create_handler.ts";
import type { HandlerHost } from "../handler.ts";
import { signWebhook } from "../http/standard_webhooks.ts";
import { publicUrl } from "../http/target_url.ts";
import { WebhookRequests } from "../http/webhook_request.ts";
import { tlsOptions } from "../http/webhook_try.ts";
import { createSound } from "../sound/create_sound.ts";
import { soundContext } from "../sound/sound_context.ts";
import { NO_GUARD } from "../target_guard.ts";
import { Recognizer, type RecognizerEvents } from "../speech/recognizer.ts";
import { ActionRunner } from "./action_runner.ts";
import { AudioStream } from "./audio_stream.ts";
import { CallSide } from "./call_side.ts";
import { JsonProtocol } from "./json_protocol.ts";
import { Listeners } from "./listeners.ts";
import { makeInner } from "./make_inner.ts";
import { StepMaker } from "./make_step.ts";
import { SoundLine } from "./sound_line.ts";
import { TwilioSide } from "./twilio_side.ts";
import { Utterances } from "./utterances.ts";
import { Waits } from "./waits.ts";
import { WebLine, type WebLineOptions } from "./web_line.ts";
import type { WebProtocol } from "./web_protocol.ts";

/** What a web server as handler is made of. */
export interface WebhookOptions {
  /** With its placeholders filled in. */
  readonly spec: WebhookSpec;
  readonly context: HandlerContext;
  readonly host: HandlerHost;
}

/** What the parts ask of the handler that they make up. */
export interface WebhookOwner {
  /** Whether the caller speaks now. */
  isVoice(): boolean;
  /** The call was answered. Once. */
  answered(): void;
  /** Nothing is left to do. */
  ranOut(): void;
  /** It cannot go on. */
  failed(reason: string): void;
  /** Something happened that the web server is told of. */
  happened(event: HandlerEvent): void;
  /** The server's audio has come to its end. */
  streamEnded(): void;
}

/** The parts of one call's web server. */
export interface WebhookParts {
  readonly call: CallSide;
  readonly sounds: SoundLine;
  readonly waits: Waits;
  readonly protocol: WebProtocol;
  readonly line: WebLine;
  readonly runner: ActionRunner;
  readonly listeners: Listeners;
  /** Where the caller's words are sent one by one. */
  readonly utterances: Utterances | undefined;
  /** Where audio goes both ways. */
  readonly stream: AudioStream | undefined;
  /** Where the web server is one of Twilio's kind. */
  readonly twilio: TwilioSide | undefined;
}

/** What audio is in the bodies of a stream. */
export const STREAM_TYPE = "application/octet-stream";

/** Makes the parts. Nothing happens yet. */
export function makeParts(
  startEvent: StartEvent,
  options: WebhookOptions,
  owner: WebhookOwner,
): WebhookParts {
  const { spec, context: { runtime, rate }, host } = options;
  const waits = new Waits({ runtime, waiting: (isWaiting) => host.waiting(isWaiting) });
  const runner: ActionRunner = new ActionRunner({
    now: runtime.now,
    makeStep: (action, base, ended) => maker.make(action, base, ended),
    ask: (question, base, replied) => {
      const request = protocol.question(question, base);
      return request === undefined ? undefined : line.ask(request, replied);
    },
    command: (command) => {
      if (command.command === "clear") runner.dropSounds();
      call.command(command);
    },
    clearSound: () => sounds.clear(),
    waiting: (isWaiting) => waits.set("answer", isWaiting),
    ranOut: owner.ranOut,
    failed: owner.failed,
  });
  const sounds = makeSounds(
    options,
    waits,
    (drained) => stream === undefined ? drained() : stream.discard(drained),
  );
  const twilio = spec.protocol === "twilio"
    ? makeTwilio(startEvent, options, () => call.isAnswered)
    : undefined;
  const protocol = twilio?.protocol ?? makeJson(startEvent, options);
  const call = new CallSide({
    runtime,
    host,
    sounds,
    rate,
    startEvent,
    makeHandler: (inner, innerHost) =>
      makeInner(inner, { webhook: spec, context: options.context }, innerHost),
    answered: owner.answered,
    trouble: (message, action) => {
      host.log(message);
      owner.happened({ event: "error", message, command: action });
    },
  });
  const listeners = new Listeners(call);
  const maker = new StepMaker({
    spec,
    context: call,
    listeners,
    watchStream: (action, base) => twilio?.streams.watch(action, base),
    streamHeaders: (url) => twilio?.protocol.signatureOf(url, []) ?? {},
    isVoice: owner.isVoice,
    recognize: (events, language) => makeRecognizer(options, events, language),
  });
  const line = makeLine(options, protocol, spec.url);
  const utterances = spec.audio === "utterances"
    ? new Utterances({
      rate,
      callId: startEvent.call.id,
      isWanted: () => runner.step?.takesVoice !== true,
      send: (request) => line.tell(request, (actions, base) => runner.append(actions, base)),
    })
    : undefined;
  const stream: AudioStream | undefined = spec.audio === "stream"
    ? makeStream(options, owner, waits, (pcm) => sounds.write(pcm) && runner.isIdle)
    : undefined;
  return { call, sounds, waits, protocol, line, runner, listeners, utterances, stream, twilio };
}

function makeSounds(
  { spec, context, host }: WebhookOptions,
  waits: Waits,
  drain: (drained: () => void) => void,
): SoundLine {
  const sounds = soundContext(context, { log: (text) => host.log(text), server: spec });
  return new SoundLine({
    host,
    makeSound: (sound, sink) => createSound(sound, sounds, sink),
    later: (callback) => context.runtime.setImmediate(callback),
    drain,
    waiting: (isWaiting) => waits.set("sound", isWaiting),
  });
}

function makeJson({ call: { id: callId } }: StartEvent, options: WebhookOptions): JsonProtocol {
  const { spec: { account_sid: accountSid }, context: { runtime, recordingLinks } } = options;
  return new JsonProtocol({
    callId,
    wallClock: () => runtime.wallClock(),
    recordingUrl: (file) => {
      const link = recordingLinks?.add({ file, accountSid });
      return link === undefined ? undefined : `${link.url}.wav`;
    },
  });
}

function makeTwilio(
  { call: facts }: StartEvent,
  options: WebhookOptions,
  isAnswered: () => boolean,
): TwilioSide {
  const { spec, context: { runtime, recordingLinks } } = options;
  const { account_sid: accountSid } = spec;
  return new TwilioSide({
    spec,
    facts,
    runtime,
    isAnswered,
    // Without a web server of ours only the file can be named
    register: (file) =>
      recordingLinks?.add({ file, accountSid }) ??
        { sid: newSid("RE", runtime.random), url: file },
    line: (url, protocol) => makeLine(options, protocol, url),
  });
}

/** @param url Of the configuration: it may lead anywhere. */
function makeLine(
  { spec, context: { runtime, http, targets = NO_GUARD }, host }: WebhookOptions,
  protocol: WebLineOptions["protocol"],
  url: string,
): WebLine {
  const log = (text: string) => host.log(text);
  const requests = new WebhookRequests({ runtime, spec: { ...spec, url }, http, targets, log });
  return new WebLine({
    protocol,
    post: (request, done) => requests.post(request, done),
    publicUrl,
    log,
  });
}

function makeRecognizer(
  { context, host }: WebhookOptions,
  events: RecognizerEvents,
  language: string | undefined,
): Recognizer | undefined {
  const { runtime, rate, environment, speech } = context;
  const stt = speech?.stt;
  if (stt === undefined) return undefined;
  const log = (text: string) => host.log(text);
  return new Recognizer({ stt, rate, language, runtime, environment, log, events });
}

/** Its beginning is signed as an empty body would be: it says who asks, not what is said. */
function makeStream(
  { spec, context: { runtime, rate, facts }, host }: WebhookOptions,
  owner: WebhookOwner,
  waits: Waits,
  audio: (pcm: Uint8Array) => boolean,
): AudioStream {
  const id = `msg_${facts.id}`;
  return new AudioStream({
    runtime,
    rate,
    timeout: spec.timeout,
    request: () => ({
      url: spec.url,
      headers: {
        ...spec.headers,
        "content-type": STREAM_TYPE,
        "x-voicegw-call-id": facts.id,
        "x-voicegw-audio": `s16le;rate=${rate};channels=1`,
        ...signWebhook(runtime, { id, at: runtime.wallClock(), body: NOTHING }, spec.secrets),
      },
      timeout: spec.timeout,
      tls: tlsOptions(spec.tls, true),
    }),
    events: {
      audio,
      waiting: (isWaiting) => waits.set("stream", isWaiting),
      dropped: (bytes) => host.audioDropped(bytes),
      ended: () => owner.streamEnded(),
      failed: (why) => owner.failed(`The stream of audio with ${publicUrl(spec.url)}: ${why}`),
    },
  });
}

const NOTHING = new Uint8Array(0);
