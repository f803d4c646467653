/**
 * Waiting for what nobody tells of.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Runtime } from "../runtime/ports.ts";

/** How often it is looked. */
const POLL_INTERVAL: Millis = 20;

/** Resolves once `isDone` holds, or `giveUpAt` has come. */
export async function waitUntil(
  runtime: Pick<Runtime, "now" | "setTimer">,
  isDone: () => boolean,
  giveUpAt: Millis = Infinity,
): Promise<void> {
  while (!isDone() && runtime.now() < giveUpAt) {
    await new Promise<void>((resolve) => {
      runtime.setTimer(resolve, POLL_INTERVAL);
    });
  }
}
