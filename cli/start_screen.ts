/**
 * What a person sees when the server has started.
 *
 * @module
 */

import type { Config } from "../src/config/schema.ts";
import { runtimeVersion } from "../src/runtime/command_line.ts";
import { describeSettings, describeTable } from "./describe_config.ts";
import { VERSION } from "./version.ts";

/** What listens where, which routes are in force, and how to stop it. */
export function startScreen(config: Config, listeners: readonly string[]): string {
  return `voicegw ${VERSION} (${runtimeVersion()}) is ready for calls\n\n` +
    `${describeSettings(config, listeners)}\n${describeTable(config.routes)}\n` +
    "Ctrl-C finishes the calls that are up and stops; twice: at once.\n\n";
}
