/**
 * Reads TwiML: verbs into actions.
 *
 * Source: twilio.com/docs/voice/twiml. Attributes that we have no use for are passed over, as
 * Twilio does; a verb that we cannot do is an error, since a call without it would be another one.
 *
 * @module
 */

import type {
  Action,
  GatherAction,
  ParsedActions,
  Prompt,
  RecordAction,
} from "../action/action.ts";
import { ACTIONS_MAX } from "../action/action.ts";
import { GATHER_DIGITS_MAX } from "../action/gather.ts";
import { PARAMETER_LENGTH_MAX, PARAMETERS_MAX, PROMPTS_MAX } from "../action/parse_actions.ts";
import { SAY_LENGTH_MAX } from "../call/parse_command.ts";
import { didYouMean } from "../config/suggestion.ts";
import {
  countOf,
  finishKeysOf,
  flagOf,
  loopOf,
  nameOf,
  nextOf,
  secondsOf,
  TwimlError,
  urlOf,
} from "./twiml_attributes.ts";
import { readTwiml, type TwimlElement } from "./twiml_tree.ts";

/** What Twilio's `auto` stands for: silence that ends what is said. */
const SPEECH_TIMEOUT_AUTO = 1_000;

/** How long a key of `<Play digits>` is held. */
const DIGIT_MS = 160;

/** Longest recording, in seconds, as with Twilio. */
const RECORD_MAX = 14_400;

/** Longest name that a verb is suggested for, in characters. */
const VERB_LENGTH_MAX = 32;

/** What `<Reject>` answers. */
const REJECT_STATUS: Readonly<Record<string, number>> = { rejected: 404, busy: 486 };

const VERBS: Readonly<Record<string, (element: TwimlElement) => readonly Action[]>> = {
  Say: (element) => [sayOf(element)],
  Play: playOf,
  Pause: (element) => [pauseOf(element)],
  Gather: (element) => [gatherOf(element)],
  Record: (element) => [recordOf(element)],
  Redirect: (element) => [{ action: "fetch", next: nextOf(element, { url: element.text }) }],
  Reject: (element) => [rejectOf(element)],
  Hangup: () => [{ action: "hangup" }],
  Refer: (element) => [referOf(element)],
  Connect: connectOf,
  Start: startOf,
  Stop: stopOf,
};

/** Verbs of Twilio's that need what there is not. */
const NOT_THERE: Readonly<Record<string, string>> = {
  Dial: "is not there yet: calls are not bridged; use <Refer> to transfer the caller",
  Enqueue: "is not there: there are no queues",
  Leave: "is not there: there are no queues",
  Pay: "is not there: nothing is paid here",
  Sms: "is not there: there are no messages",
  Message: "is not there: there are no messages",
  Prompt: "is not there: nothing is paid here",
  Queue: "is not there: there are no queues",
};

/** Reads a document. Never throws. */
export function parseTwiml(text: string): ParsedActions {
  const tree = readTwiml(text);
  if (!tree.ok) return tree;
  try {
    return { ok: true, actions: actionsOf(tree.root) };
  } catch (error) {
    if (!(error instanceof TwimlError)) throw error;
    return { ok: false, message: error.message };
  }
}

function actionsOf(root: TwimlElement): readonly Action[] {
  if (root.name !== "Response") {
    throw new TwimlError(root, "is no TwiML, begin with <Response>");
  }
  const actions = root.children.flatMap((element) => verbOf(element)(element));
  if (actions.length <= ACTIONS_MAX) return actions;
  throw new TwimlError(root, `has ${actions.length} verbs, send at most ${ACTIONS_MAX}`);
}

function verbOf(element: TwimlElement): (element: TwimlElement) => readonly Action[] {
  const verb = Object.hasOwn(VERBS, element.name) ? VERBS[element.name] : undefined;
  if (verb !== undefined) return verb;
  const missing = Object.hasOwn(NOT_THERE, element.name) ? NOT_THERE[element.name] : undefined;
  throw new TwimlError(element, missing ?? unknownVerb(element.name, Object.keys(VERBS)));
}

function unknownVerb(name: string, known: readonly string[]): string {
  // No longer one is like any of them
  const suggestion = name.length > VERB_LENGTH_MAX ? "" : didYouMean(name, known);
  return `is no verb${suggestion || `, known here are ${known.join(", ")}`}`;
}

function sayOf(element: TwimlElement): Prompt {
  const text = element.text.replace(/\s+/g, " ").trim();
  if (text.length > SAY_LENGTH_MAX) {
    throw new TwimlError(element, `has more than ${SAY_LENGTH_MAX} characters`);
  }
  return {
    action: "say",
    text,
    loop: loopOf(element),
    ...nameOf(element, "language"),
    ...nameOf(element, "voice"),
  };
}

function playOf(element: TwimlElement): readonly Action[] {
  const url = urlOf(element, element.text);
  const { digits } = element.attributes;
  const pressed: readonly Action[] = digits === undefined ? [] : [dtmfOf(element, digits)];
  if (url === "" && digits === undefined) {
    throw new TwimlError(element, "is empty, write the URL of a WAV file into it");
  }
  return url === "" ? pressed : [...pressed, { action: "play", url, loop: loopOf(element) }];
}

function dtmfOf(element: TwimlElement, digits: string): Action {
  if (/^[\dA-Dw*#,]{1,64}$/i.test(digits)) {
    return {
      action: "dtmf",
      digits: digits.toUpperCase().replaceAll("W", "w"),
      duration_ms: DIGIT_MS,
    };
  }
  throw new TwimlError(element, "has digits other than 0-9, *, #, A-D and w, or more than 64");
}

function pauseOf(element: TwimlElement): Prompt {
  return { action: "pause", ms: secondsOf(element, { name: "length", fallback: 1 }) };
}

function gatherOf(element: TwimlElement): GatherAction {
  const { attributes } = element;
  const input = (attributes.input ?? "dtmf").split(/\s+/).filter((each) => each !== "");
  const isKnown = (each: string): each is "dtmf" | "speech" => each === "dtmf" || each === "speech";
  if (input.length === 0 || !input.every(isKnown)) {
    throw new TwimlError(element, 'has an input other than "dtmf", "speech" or both');
  }
  const timeout = secondsOf(element, { name: "timeout", fallback: 5 });
  const prompts = element.children.flatMap(promptsOf);
  if (prompts.length > PROMPTS_MAX) {
    throw new TwimlError(element, `has ${prompts.length} prompts, send at most ${PROMPTS_MAX}`);
  }
  return {
    action: "gather",
    input: input.filter(isKnown),
    prompts,
    digits_max: attributes.numDigits === undefined
      ? Infinity
      : countOf(element, "numDigits", { least: 1, most: GATHER_DIGITS_MAX }),
    finish_keys: finishKeysOf(element, "#"),
    timeout,
    speech_timeout: attributes.speechTimeout === "auto"
      ? SPEECH_TIMEOUT_AUTO
      // As long as Twilio waits, too
      : secondsOf(element, { name: "speechTimeout", fallback: timeout / 1000 }),
    barge_in: flagOf(element, { name: "bargeIn", fallback: true }),
    ...nameOf(element, "language"),
    next: nextOf(element, { url: attributes.action ?? "" }),
    on_empty: flagOf(element, { name: "actionOnEmptyResult", fallback: false }),
  };
}

/** What may be heard while input is awaited. */
function promptsOf(element: TwimlElement): readonly Prompt[] {
  switch (element.name) {
    case "Say":
      return [sayOf(element)];
    case "Pause":
      return [pauseOf(element)];
    case "Play":
      return playOf(element).filter((action) => action.action === "play");
    default:
      throw new TwimlError(element, "cannot be in <Gather>, write Say, Play or Pause there");
  }
}

function recordOf(element: TwimlElement): RecordAction {
  return {
    action: "record",
    max: secondsOf(element, { name: "maxLength", fallback: 3600, most: RECORD_MAX }),
    silence: secondsOf(element, { name: "timeout", fallback: 5 }),
    finish_keys: finishKeysOf(element, "1234567890*#"),
    beep: flagOf(element, { name: "playBeep", fallback: true }),
    trim: (element.attributes.trim ?? "trim-silence") === "trim-silence",
    next: nextOf(element, { url: element.attributes.action ?? "" }),
  };
}

function rejectOf(element: TwimlElement): Action {
  const reason = element.attributes.reason ?? "rejected";
  const status = Object.hasOwn(REJECT_STATUS, reason) ? REJECT_STATUS[reason] : undefined;
  if (status !== undefined) return { action: "reject", status };
  throw new TwimlError(element, 'has a reason other than "rejected" and "busy"');
}

function referOf(element: TwimlElement): Action {
  const [noun, ...more] = element.children;
  if (noun?.name !== "Sip" || more.length > 0) {
    throw new TwimlError(element, "needs one <Sip> with the URI to transfer to");
  }
  const to = noun.text.trim();
  if (/^(?:sips?|tel):[!-;=?-~]+$/i.test(to)) return { action: "transfer", to };
  throw new TwimlError(noun, "is no URI, write such as sip:200@pbx.example.com");
}

function connectOf(element: TwimlElement): readonly Action[] {
  const stream = websocketOf(onlyStream(element), "both");
  const { action } = element.attributes;
  if (action === undefined) return [stream];
  return [stream, { action: "fetch", next: nextOf(element, { url: action }) }];
}

function startOf(element: TwimlElement): readonly Action[] {
  return [websocketOf(onlyStream(element), "inbound")];
}

function stopOf(element: TwimlElement): readonly Action[] {
  return [{ action: "stop_websocket", ...nameOf(onlyStream(element), "name") }];
}

function onlyStream(element: TwimlElement): TwimlElement {
  const [noun, ...more] = element.children;
  if (noun === undefined || more.length > 0) {
    throw new TwimlError(element, "needs exactly one <Stream>");
  }
  if (noun.name === "Stream") return noun;
  throw new TwimlError(noun, `cannot be in <${element.name}>, there is <Stream> alone`);
}

function websocketOf(element: TwimlElement, ways: "both" | "inbound"): Action {
  const { track = "inbound_track", statusCallback } = element.attributes;
  const url = urlOf(element, element.attributes.url ?? "");
  // Without a scheme it is relative to the document
  if (!/^(?:wss?:\/\/|(?![a-z][a-z\d+.-]*:).)/i.test(url)) {
    throw new TwimlError(element, "needs a url such as wss://bot.example.com/media");
  }
  if (track !== "inbound_track") {
    throw new TwimlError(
      element,
      "has a track other than inbound_track, which is all that there is",
    );
  }
  const callback = statusCallback === undefined
    ? {}
    : { status_callback: nextOf(element, { url: statusCallback, method: "statusCallbackMethod" }) };
  return {
    action: "websocket",
    url,
    protocol: "twilio",
    parameters: parametersOf(element),
    ways,
    ...nameOf(element, "name"),
    ...callback,
  };
}

function parametersOf(stream: TwimlElement): Readonly<Record<string, string>> {
  const { length } = stream.children;
  if (length > PARAMETERS_MAX) {
    throw new TwimlError(stream, `has ${length} parameters, send at most ${PARAMETERS_MAX}`);
  }
  return Object.fromEntries(stream.children.map(parameterOf));
}

function parameterOf(element: TwimlElement): readonly [name: string, value: string] {
  const { name, value = "" } = element.attributes;
  if (element.name !== "Parameter" || name === undefined) {
    throw new TwimlError(element, 'cannot be in <Stream>, write <Parameter name="…" value="…"/>');
  }
  if (Math.max(name.length, value.length) <= PARAMETER_LENGTH_MAX) return [name, value];
  throw new TwimlError(element, `has more than ${PARAMETER_LENGTH_MAX} characters`);
}
