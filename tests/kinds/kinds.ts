/**
 * Every kind of handler that carries sound, a column each.
 *
 * @module
 */

import { AUDIOSOCKET } from "./audiosocket_kind.ts";
import { EXEC } from "./exec_kind.ts";
import type { Kind } from "./kind.ts";
import { CONNECT_STREAM, TWIML, UTTERANCES, WEB_STREAM, WEBHOOK } from "./webhook_kinds.ts";
import { TWILIO_STREAM, WEBSOCKET } from "./websocket_kinds.ts";

/** All of them. */
export const KINDS: readonly Kind[] = [
  EXEC,
  WEBSOCKET,
  TWILIO_STREAM,
  AUDIOSOCKET,
  WEBHOOK,
  UTTERANCES,
  WEB_STREAM,
  TWIML,
  CONNECT_STREAM,
];
