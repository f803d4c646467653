/**
 * Reads what a web server answered in JSON: a list of things to do.
 *
 * A response is refused as a whole where anything in it is wrong: half of a menu is worse than the
 * call's `on_error`. The message names the item and what to send instead.
 *
 * @module
 */

import {
  LOOP_MAX,
  NAME_LENGTH_MAX,
  parseHandlerCommand,
  PLAY_NAME_LENGTH_MAX,
  SAY_LENGTH_MAX,
} from "../call/parse_command.ts";
import { didYouMean } from "../config/suggestion.ts";
import {
  type Action,
  ACTIONS_MAX,
  type GatherAction,
  type NextRequest,
  type ParsedActions,
  type PauseAction,
  type PlayAction,
  type Prompt,
  type RecordAction,
  type SayAction,
  type WebsocketAction,
} from "./action.ts";
import { ActionError, Fields, listOf } from "./fields.ts";
import { GATHER_DIGITS_MAX } from "./gather.ts";

/** Prompts of one `gather`, at most. */
export const PROMPTS_MAX = 50;

/** Parameters of one `websocket`, at most. */
export const PARAMETERS_MAX = 64;

/** Longest name or value of a parameter, in characters. */
export const PARAMETER_LENGTH_MAX = 2_048;

/** Longest URL, in characters. */
export const URL_LENGTH_MAX = 4_096;

/** Bounds of times, and what holds where nothing is said. */
const PAUSE = { least: 0, most: 3_600_000, fallback: 1_000 };
const GATHER_TIMEOUT = { least: 0, most: 600_000, fallback: 5_000 };
const SPEECH_TIMEOUT = { least: 100, most: 60_000, fallback: 1_000 };
const RECORD_MAX = { least: 1_000, most: 14_400_000, fallback: 600_000 };
const RECORD_SILENCE = { least: 0, most: 600_000, fallback: 5_000 };
const FINISH_KEY = "#";

/** One kind of action: the keys that it takes, and how it is read. */
interface Kind {
  readonly keys: readonly string[];
  readonly read: (fields: Fields) => Action;
}

const PROMPTS: Readonly<Record<string, Kind>> = {
  play: { keys: ["file", "url", "loop"], read: readPlay },
  say: { keys: ["text", "language", "voice", "loop"], read: readSay },
  pause: { keys: ["duration", "duration_ms"], read: readPause },
};

/** In the order that messages list them. */
const KINDS: Readonly<Record<string, Kind>> = {
  answer: { keys: [], read: () => ({ action: "answer" }) },
  ...PROMPTS,
  gather: {
    keys: [
      ...["input", "prompts", "digits", "finish_key", "timeout_ms", "speech_timeout_ms"],
      ...["barge_in", "url", "method", "language", "on_empty"],
    ],
    read: readGather,
  },
  record: {
    keys: ["max_ms", "silence_ms", "finish_key", "beep", "trim", "url", "method"],
    read: readRecord,
  },
  exec: { keys: ["program"], read: readExec },
  websocket: { keys: ["url", "protocol", "parameters", "both", "name"], read: readWebsocket },
  stop_websocket: { keys: ["name"], read: readStopWebsocket },
  dtmf: { keys: ["digits", "duration_ms"], read: readCommand },
  hangup: { keys: ["cause"], read: readCommand },
  reject: { keys: ["status", "reason"], read: readCommand },
  redirect: { keys: ["to", "status", "url", "method"], read: readRedirect },
  transfer: { keys: ["to", "replaces"], read: readCommand },
  route: { keys: ["name"], read: readCommand },
};

/**
 * Reads a decoded JSON value: a list of items, or an object with such a list under `actions`. Each
 * item has an `action`, or a `command` of the vocabulary that all handlers share.
 */
export function parseActions(value: unknown): ParsedActions {
  try {
    return { ok: true, actions: readAll(value) };
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    return { ok: false, message: error.message };
  }
}

function readAll(value: unknown): readonly Action[] {
  const items = Array.isArray(value) ? value : listIn(value);
  if (items.length > ACTIONS_MAX) {
    throw new ActionError(`There are ${items.length} actions, send at most ${ACTIONS_MAX}`);
  }
  return items.map((item, index) => readItem(new Fields(item, `actions[${index}]`)));
}

function listIn(value: unknown): readonly unknown[] {
  const example = '[{"action":"say","text":"Hello"}]';
  if (typeof value !== "object" || value === null) {
    throw new ActionError(`The response must be a list of actions such as ${example}`);
  }
  const fields = new Fields(value, "The response");
  if (fields.has("action") || fields.has("command")) {
    throw new ActionError(`The response must be a list: put the action into brackets, ${example}`);
  }
  fields.allow("a response", ["actions"]);
  const actions = fields.get("actions") ?? [];
  if (Array.isArray(actions)) return actions;
  throw new ActionError(`"actions" must be a list such as ${example}`);
}

function readItem(fields: Fields): Action {
  if (!fields.has("command")) return readKind(fields, KINDS);
  if (fields.has("action")) {
    throw new ActionError(`${fields.path} must have either "action" or "command"`);
  }
  const parsed = parseHandlerCommand(fields.values);
  if (!parsed.ok) throw new ActionError(`${fields.path}: ${parsed.message}`);
  return { action: "command", command: parsed.command };
}

function readKind(fields: Fields, kinds: Readonly<Record<string, Kind>>): Action {
  const names = Object.keys(kinds);
  const name = fields.get("action");
  const kind = typeof name === "string" && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind !== undefined) {
    fields.allow(`"${name}"`, ["action", ...kind.keys]);
    return kind.read(fields);
  }
  if (typeof name !== "string") throw fields.error("action", `must be ${listOf(names)}`);
  const fix = didYouMean(name, names) || `, send ${listOf(names)}`;
  throw new ActionError(`${fields.path}: Unknown action "${name.slice(0, 64)}"${fix}`);
}

function readPlay(fields: Fields): PlayAction {
  if (fields.has("file") === fields.has("url")) {
    throw new ActionError(`${fields.path} must have either "file" or "url", of a WAV file`);
  }
  const loop = readLoop(fields);
  return fields.has("file")
    ? { action: "play", file: fields.line("file", PLAY_NAME_LENGTH_MAX), loop }
    : { action: "play", url: fields.line("url", PLAY_NAME_LENGTH_MAX), loop };
}

function readSay(fields: Fields): SayAction {
  const language = fields.optionalLine("language", NAME_LENGTH_MAX);
  const voice = fields.optionalLine("voice", NAME_LENGTH_MAX);
  return {
    action: "say",
    text: fields.text("text", SAY_LENGTH_MAX),
    loop: readLoop(fields),
    ...(language === undefined ? {} : { language }),
    ...(voice === undefined ? {} : { voice }),
  };
}

/** How often in all; `true`: without end, as in the configuration. */
function readLoop(fields: Fields): number {
  const loop = fields.get("loop") ?? false;
  if (typeof loop === "boolean") return loop ? Infinity : 1;
  return fields.whole("loop", { least: 1, most: LOOP_MAX });
}

function readPause(fields: Fields): PauseAction {
  if (!fields.has("duration")) return { action: "pause", ms: fields.millis("duration_ms", PAUSE) };
  if (fields.has("duration_ms")) {
    throw new ActionError(`${fields.path} must have either "duration" or "duration_ms"`);
  }
  const ms = fields.duration("duration");
  if (ms > PAUSE.most) throw fields.error("duration", `must be at most ${PAUSE.most} ms`);
  return { action: "pause", ms };
}

function readGather(fields: Fields): GatherAction {
  const language = fields.optionalLine("language", NAME_LENGTH_MAX);
  return {
    action: "gather",
    input: readInput(fields),
    prompts: readPrompts(fields),
    digits_max: fields.has("digits")
      ? fields.whole("digits", { least: 1, most: GATHER_DIGITS_MAX })
      : Infinity,
    finish_keys: readFinishKeys(fields),
    timeout: fields.millis("timeout_ms", GATHER_TIMEOUT),
    speech_timeout: fields.millis("speech_timeout_ms", SPEECH_TIMEOUT),
    barge_in: fields.flag("barge_in", true),
    on_empty: fields.flag("on_empty", false),
    ...(language === undefined ? {} : { language }),
    ...readNext(fields),
  };
}

function readInput(fields: Fields): GatherAction["input"] {
  const given = fields.get("input") ?? ["dtmf"];
  const words: readonly unknown[] = Array.isArray(given) ? given : [given];
  const isInput = words.length > 0 && words.length <= 8 &&
    words.every((word) => word === "dtmf" || word === "speech");
  if (!isInput) throw fields.error("input", 'must be a list of "dtmf", "speech" or both');
  return [...new Set(words as readonly ("dtmf" | "speech")[])];
}

function readPrompts(fields: Fields): readonly Prompt[] {
  const given = fields.get("prompts") ?? [];
  if (!Array.isArray(given) || given.length > PROMPTS_MAX) {
    throw fields.error("prompts", `must be a list of at most ${PROMPTS_MAX} play, say or pause`);
  }
  return given.map((item: unknown, index) =>
    readKind(new Fields(item, `${fields.path}.prompts[${index}]`), PROMPTS) as Prompt
  );
}

function readFinishKeys(fields: Fields): string {
  const given = fields.get("finish_key") ?? FINISH_KEY;
  if (typeof given === "string" && /^[\dA-D*#]{0,16}$/i.test(given)) return given.toUpperCase();
  throw fields.error("finish_key", 'must be keys of 0-9, *, #, A-D such as "#", or "" for none');
}

function readRecord(fields: Fields): RecordAction {
  return {
    action: "record",
    max: fields.millis("max_ms", RECORD_MAX),
    silence: fields.millis("silence_ms", RECORD_SILENCE),
    finish_keys: readFinishKeys(fields),
    beep: fields.flag("beep", true),
    trim: fields.flag("trim", false),
    ...readNext(fields),
  };
}

function readExec(fields: Fields): Action {
  return { action: "exec", program: fields.line("program", NAME_LENGTH_MAX) };
}

function readWebsocket(fields: Fields): WebsocketAction {
  const name = fields.optionalLine("name", NAME_LENGTH_MAX);
  return {
    action: "websocket",
    url: fields.line("url", URL_LENGTH_MAX),
    protocol: fields.word("protocol", ["voicegw", "twilio"]),
    parameters: readParameters(fields),
    ways: fields.flag("both", true) ? "both" : "inbound",
    ...(name === undefined ? {} : { name }),
  };
}

function readParameters(fields: Fields): Readonly<Record<string, string>> {
  if (!fields.has("parameters")) return {};
  const given = new Fields(fields.get("parameters"), `${fields.path}.parameters`);
  const names = Object.keys(given.values);
  if (names.length > PARAMETERS_MAX) {
    throw fields.error("parameters", `must be at most ${PARAMETERS_MAX}`);
  }
  const entries = names.map((name) => {
    if (name.length <= PARAMETER_LENGTH_MAX) {
      return [name, given.text(name, PARAMETER_LENGTH_MAX)] as const;
    }
    throw fields.error("parameters", `must have names of at most ${PARAMETER_LENGTH_MAX} letters`);
  });
  return Object.fromEntries(entries);
}

function readStopWebsocket(fields: Fields): Action {
  const name = fields.optionalLine("name", NAME_LENGTH_MAX);
  return name === undefined ? { action: "stop_websocket" } : { action: "stop_websocket", name };
}

/** To a web server, which says more; or of the caller, to somebody else. */
function readRedirect(fields: Fields): Action {
  if (fields.has("to") === fields.has("url")) {
    const message = `${fields.path} must have either "to", a SIP URI for the caller, or "url", ` +
      "where more actions come from";
    throw new ActionError(message);
  }
  if (fields.has("to")) {
    fields.allow('"redirect" with "to"', ["action", "to", "status"]);
    return readCommand(fields);
  }
  fields.allow('"redirect" with "url"', ["action", "url", "method"]);
  const { next } = readNext(fields);
  return { action: "fetch", next: next as NextRequest };
}

function readNext(fields: Fields): { readonly next?: NextRequest } {
  const url = fields.optionalLine("url", URL_LENGTH_MAX);
  const method = fields.word("method", ["POST", "GET"]);
  if (url !== undefined) return { next: { url, method } };
  if (fields.has("method")) throw fields.error("method", 'needs an "url" beside it');
  return {};
}

/** Those that all handlers share. */
function readCommand(fields: Fields): Action {
  const { action, ...rest } = fields.values;
  const parsed = parseHandlerCommand({ ...rest, command: action });
  if (!parsed.ok) throw new ActionError(`${fields.path}: ${parsed.message}`);
  const { command, ...values } = parsed.command;
  return { action: command, ...values } as Action;
}
