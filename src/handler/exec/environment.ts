/**
 * The environment of a program: the facts of its call, as CGI gave them to programs of the web.
 *
 * @module
 */

import type { StartEvent } from "../../call/handler_message.ts";

/** X-headers that become variables. */
const HEADERS_MAX = 64;

/** Longest name of a header that becomes a variable. */
const HEADER_NAME_LENGTH_MAX = 128;

/** What came of making an environment. */
export type Environment =
  | { readonly ok: true; readonly env: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly reason: string };

/**
 * Makes the environment: the parent's, the call's variables, one `SIP_X_…` for each X-header, the
 * route's own. What is later in this list wins, so that no header can replace anything but another
 * `SIP_X_…`.
 *
 * @returns A reason when a value holds a NUL, which would cut it off.
 */
export function makeEnvironment(options: {
  readonly parent: Readonly<Record<string, string>>;
  readonly start: StartEvent;
  readonly route: Readonly<Record<string, string>>;
}): Environment {
  const { call } = options.start;
  return checked({
    ...options.parent,
    ...callVariables(options.start),
    ...headerVariables(call.x_headers),
    ...options.route,
  });
}

/** The environment of a program that waits for its call, or could have: `start` tells of it. */
export function makePoolEnvironment(options: {
  readonly parent: Readonly<Record<string, string>>;
  readonly route: Readonly<Record<string, string>>;
}): Environment {
  return checked({
    ...options.parent,
    VOICEGW_POOL: "1",
    VOICEGW_CONTROL_FD: "3",
    ...options.route,
  });
}

function checked(env: Readonly<Record<string, string>>): Environment {
  for (const [name, value] of Object.entries(env)) {
    if (value.includes("\0") || name.includes("\0")) {
      return { ok: false, reason: `The value of ${JSON.stringify(name)} holds a NUL character` };
    }
  }
  return { ok: true, env };
}

function callVariables({ call, audio }: StartEvent): Record<string, string> {
  return {
    VOICEGW_CALL_ID: call.id,
    VOICEGW_ROOM_ID: call.room_id,
    VOICEGW_SESSION_ID: call.session_id,
    VOICEGW_PARTICIPANT_ID: call.participant_id,
    VOICEGW_SIP_CALL_ID: call.sip_call_id,
    VOICEGW_FROM: call.from.uri,
    VOICEGW_TO: call.to.uri,
    VOICEGW_ROUTE: call.route,
    VOICEGW_RATE: String(audio.rate),
    VOICEGW_CODEC: audio.codec,
    VOICEGW_CONTROL_FD: "3",
  };
}

/** Of headers that give the same name, the first wins. */
function headerVariables(headers: Readonly<Record<string, string>>): Record<string, string> {
  const variables: Record<string, string> = {};
  let count = 0;
  for (const [header, value] of Object.entries(headers)) {
    if (!/^x-/i.test(header) || header.length > HEADER_NAME_LENGTH_MAX) continue;
    if (++count > HEADERS_MAX) break;
    variables[`SIP_${header.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`] ??= value;
  }
  return variables;
}
