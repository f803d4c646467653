/**
 * Reads what a handler asks for: a decoded JSON value becomes a command, or a message that says
 * what to send instead.
 *
 * @module
 */

import { SipParseError } from "../sip/message/parse_error.ts";
import { parseSipUri } from "../sip/message/uri.ts";
import { type HandlerCommand, RECORD_ACTIONS } from "./handler_message.ts";

/** What came of reading a handler's message. */
export type ParsedCommand =
  | { readonly ok: true; readonly command: HandlerCommand }
  | { readonly ok: false; readonly message: string; readonly command: string };

/** Longest name of a mark, in characters. */
export const MARK_NAME_LENGTH_MAX = 256;

/** Longest URI that a call is transferred to, in characters. */
export const TRANSFER_URI_LENGTH_MAX = 1024;

/** Longest reason phrase, in characters. */
export const REASON_LENGTH_MAX = 128;

/** Most digits and pauses of one `dtmf`. */
export const DIGITS_LENGTH_MAX = 64;

/** How long a key may be held, and how long it is when nothing is said. */
export const DIGIT_MS_MIN = 40;
export const DIGIT_MS_MAX = 2000;
export const DIGIT_MS_DEFAULT = 160;

/** What a `reject` without a status says. RFC 3261 §21.6.2 */
export const REJECT_STATUS_DEFAULT = 603;

/** What a `redirect` without a status says. RFC 3261 §21.3.3 */
export const REDIRECT_STATUS_DEFAULT = 302;

/** Most places that a `redirect` names. */
export const REDIRECT_TARGETS_MAX = 10;

/** Longest text of one `say`, in characters. */
export const SAY_LENGTH_MAX = 4_000;

/** Longest path or URL of one `play`, in characters. */
export const PLAY_NAME_LENGTH_MAX = 2_048;

/** Most rounds of one `play` that has an end. */
export const LOOP_MAX = 1_000_000;

/** Longest name of a voice or language, and of a route, in characters. */
export const NAME_LENGTH_MAX = 128;

type Fields = Readonly<Record<string, unknown>>;

/** Each command by its name, in the order that the message about unknown ones lists them. */
const COMMANDS: ReadonlyMap<string, (fields: Fields) => ParsedCommand> = new Map([
  ["clear", () => taken({ command: "clear" })],
  ["mark", parseMark],
  ["play", parsePlay],
  ["say", parseSay],
  ["dtmf", parseDtmf],
  ["record", parseRecord],
  ["answer", () => taken({ command: "answer" })],
  ["ring", () => taken({ command: "ring" })],
  ["reject", parseReject],
  ["redirect", parseRedirect],
  ["hold", () => taken({ command: "hold" })],
  ["resume", () => taken({ command: "resume" })],
  ["transfer", parseTransfer],
  ["route", parseRoute],
  ["hangup", parseHangup],
]);

/**
 * Checks a decoded JSON value against the commands that there are. Keys that a command does not
 * have are let pass.
 *
 * @returns The command, or a message for an `error` event that says what to send instead.
 */
export function parseHandlerCommand(value: unknown): ParsedCommand {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse("", 'Send a JSON object such as {"command":"clear"}');
  }
  const fields = value as Fields;
  const name = fields.command;
  if (typeof name !== "string") return refuse("", 'The key "command" with a name is missing');
  const parse = COMMANDS.get(name);
  if (parse !== undefined) return parse(fields);
  const known = [...COMMANDS.keys()].join(", ").replace(/, (?=\w+$)/, " or ");
  return refuse(name, `Unknown command "${name.slice(0, 64)}", send ${known}`);
}

function parseMark({ name }: Fields): ParsedCommand {
  if (typeof name !== "string" || name.length > MARK_NAME_LENGTH_MAX) {
    return refuse("mark", `A mark needs a "name" of at most ${MARK_NAME_LENGTH_MAX} characters`);
  }
  return taken({ command: "mark", name });
}

function parsePlay({ file, url, loop = 1 }: Fields): ParsedCommand {
  if ((file === undefined) === (url === undefined)) {
    return refuse("play", 'A play needs either "file" or "url", of a WAV file');
  }
  const name = file ?? url;
  if (!isLine(name, PLAY_NAME_LENGTH_MAX)) {
    const key = file === undefined ? "url" : "file";
    const message = `The "${key}" of a play must be one line of 1 to ${PLAY_NAME_LENGTH_MAX} ` +
      "characters";
    return refuse("play", message);
  }
  const rounds = loop === true ? Infinity : loop === false ? 1 : loop;
  const isRounds = rounds === Infinity || isWhole(rounds, 1, LOOP_MAX);
  if (!isRounds) {
    return refuse("play", `The "loop" of a play must be true, or from 1 to ${LOOP_MAX}`);
  }
  const source = file === undefined ? { url: name } : { file: name };
  return taken({ command: "play", ...source, loop: rounds });
}

function parseSay({ text, language, voice }: Fields): ParsedCommand {
  if (typeof text !== "string" || text.length > SAY_LENGTH_MAX) {
    return refuse("say", `A say needs a "text" of at most ${SAY_LENGTH_MAX} characters`);
  }
  for (const [key, name] of [["language", language], ["voice", voice]] as const) {
    if (name !== undefined && !isLine(name, NAME_LENGTH_MAX)) {
      const message =
        `The "${key}" of a say must be one line of 1 to ${NAME_LENGTH_MAX} characters`;
      return refuse("say", message);
    }
  }
  return taken({
    command: "say",
    text,
    ...(isLine(language, NAME_LENGTH_MAX) ? { language } : {}),
    ...(isLine(voice, NAME_LENGTH_MAX) ? { voice } : {}),
  });
}

function parseDtmf({ digits, duration_ms = DIGIT_MS_DEFAULT }: Fields): ParsedCommand {
  const isText = typeof digits === "string" && digits.length <= DIGITS_LENGTH_MAX &&
    /^[\dA-DW*#,]+$/i.test(digits) && /[^W,]/i.test(digits);
  if (!isText) {
    const message = `The "digits" of a dtmf must be text of 0-9, *, #, A-D, and w or , for a ` +
      `pause, at most ${DIGITS_LENGTH_MAX}`;
    return refuse("dtmf", message);
  }
  const isDuration = typeof duration_ms === "number" && duration_ms >= DIGIT_MS_MIN &&
    duration_ms <= DIGIT_MS_MAX;
  if (!isDuration) {
    const message = `The "duration_ms" of a dtmf must be from ${DIGIT_MS_MIN} to ${DIGIT_MS_MAX}`;
    return refuse("dtmf", message);
  }
  const written = digits.toUpperCase().replaceAll("W", "w");
  return taken({ command: "dtmf", digits: written, duration_ms });
}

function parseRecord(fields: Fields): ParsedCommand {
  const action = RECORD_ACTIONS.find((known) => known === fields.action);
  return action === undefined
    ? refuse("record", 'The "action" of a record must be start, pause, resume or stop')
    : taken({ command: "record", action });
}

function parseHangup({ cause }: Fields): ParsedCommand {
  if (cause === undefined) return taken({ command: "hangup" });
  if (typeof cause !== "string") return refuse("hangup", 'The "cause" of a hangup must be text');
  return taken({ command: "hangup", cause });
}

function parseReject({ status = REJECT_STATUS_DEFAULT, reason }: Fields): ParsedCommand {
  if (!isWhole(status, 400, 699)) {
    return refuse("reject", 'The "status" of a reject must be from 400 to 699');
  }
  if (reason === undefined) return taken({ command: "reject", status });
  if (typeof reason !== "string" || reason.length > REASON_LENGTH_MAX || !isPrintable(reason)) {
    const message =
      `The "reason" of a reject must be one line of at most ${REASON_LENGTH_MAX} characters`;
    return refuse("reject", message);
  }
  return taken({ command: "reject", status, reason });
}

function parseRedirect({ to, status = REDIRECT_STATUS_DEFAULT }: Fields): ParsedCommand {
  const targets: readonly unknown[] = Array.isArray(to) ? to : [to];
  const isTargets = targets.length > 0 && targets.length <= REDIRECT_TARGETS_MAX &&
    targets.every((target) => typeof target === "string" && isTarget(target));
  if (!isTargets) {
    const message = 'The "to" of a redirect must be a URI such as sip:200@example.com, or a list ' +
      `of up to ${REDIRECT_TARGETS_MAX}`;
    return refuse("redirect", message);
  }
  if (!isWhole(status, 300, 399)) {
    return refuse("redirect", 'The "status" of a redirect must be from 300 to 399');
  }
  return taken({ command: "redirect", to: targets as readonly string[], status });
}

function parseRoute({ name }: Fields): ParsedCommand {
  if (!isLine(name, NAME_LENGTH_MAX)) {
    const message = `A route needs the "name" of another route, at most ${NAME_LENGTH_MAX} ` +
      "characters";
    return refuse("route", message);
  }
  return taken({ command: "route", name });
}

function parseTransfer({ to, replaces }: Fields): ParsedCommand {
  if (to === undefined && replaces === undefined) {
    return refuse("transfer", 'A transfer needs "to", a URI such as sip:200@example.com');
  }
  if (to !== undefined && (typeof to !== "string" || !isTarget(to))) {
    const message = 'The "to" of a transfer must be a URI such as sip:200@example.com';
    return refuse("transfer", message);
  }
  if (replaces !== undefined && (typeof replaces !== "string" || replaces === "")) {
    return refuse("transfer", 'The "replaces" of a transfer must be the id of another call');
  }
  return taken({
    command: "transfer",
    ...(to === undefined ? {} : { to }),
    ...(replaces === undefined ? {} : { replaces }),
  });
}

/** Tells whether a peer can be asked to call that URI; it goes into a header as it is. */
function isTarget(uri: string): boolean {
  if (uri.length > TRANSFER_URI_LENGTH_MAX || !/^[!-~]+$/.test(uri) || /[<>"]/.test(uri)) {
    return false;
  }
  // RFC 3966 §3: a number, with or without parameters
  if (/^tel:/i.test(uri)) return /^tel:\+?[\dA-F*#().-]+(?:;[^?]+)?$/i.test(uri);
  try {
    parseSipUri(uri);
    return true;
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return false;
  }
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}

/** Tells whether a value is a text of one line that is not empty. */
function isLine(value: unknown, lengthMax: number): value is string {
  return typeof value === "string" && value !== "" && value.length <= lengthMax &&
    isPrintable(value);
}

function isPrintable(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return false;
  }
  return true;
}

function taken(command: HandlerCommand): ParsedCommand {
  return { ok: true, command };
}

function refuse(command: string, message: string): ParsedCommand {
  return { ok: false, message, command: command.slice(0, 64) };
}
