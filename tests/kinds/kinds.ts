/**
 * Every kind of handler that carries sound, a column each.
 *
 * @module
 */

import { AUDIOSOCKET } from "./audiosocket_kind.ts";
import { EXEC } from "./exec_kind.ts";
import type { Kind } from "./kind.ts";
import { TWILIO_STREAM, WEBSOCKET } from "./websocket_kinds.ts";

/** All of them. */
export const KINDS: readonly Kind[] = [EXEC, WEBSOCKET, TWILIO_STREAM, AUDIOSOCKET];
