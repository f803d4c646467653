/**
 * What Bun and Deno do alike, by their `node:` modules.
 *
 * @module
 */

import { randomFillSync } from "node:crypto";
import type { Millis } from "../base/units.ts";
import { spawnChild } from "./child_process.ts";
import { modifiedAt, readFile, resolveHost, writeFile } from "./files.ts";
import { localAddressTowards } from "./local_address.ts";
import type { NextTurn } from "./pipe_drain.ts";
import type { Runtime, Timer } from "./ports.ts";
import { connectTcp, listenTcp } from "./tcp.ts";

/** Makes a runtime of the shared parts and the few that differ. */
export function sharedRuntime(
  own: Pick<Runtime, "name" | "bindUdp">,
  nextTurn: NextTurn,
): Runtime {
  return {
    ...own,
    random: { fill: (buffer) => void randomFillSync(buffer) },
    now: () => performance.now(),
    wallClock: () => Date.now(),
    setTimer,
    setImmediate: nextTurn,
    listenTcp,
    connectTcp,
    spawn: (options) => spawnChild(options, nextTurn),
    readFile,
    writeFile,
    modifiedAt,
    resolveHost,
    localAddressTowards,
  };
}

/**
 * The longest delay that the runtimes' timers take: 2^31 - 1 ms; a longer one would fire at once.
 */
const DELAY_MAX: Millis = 2_147_483_647;

function setTimer(callback: () => void, delay: Millis): Timer {
  const timer = setTimeout(callback, Math.min(Math.max(delay, 0), DELAY_MAX));
  return { cancel: () => clearTimeout(timer) };
}
