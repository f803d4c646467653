/**
 * Reads the configuration file for a command, or says everything that is wrong with it.
 *
 * @module
 */

import type { ConfigIssue } from "../src/config/issue.ts";
import { formatIssue } from "../src/config/issue.ts";
import { loadConfig } from "../src/config/load.ts";
import type { Config } from "../src/config/schema.ts";
import type { CliIo } from "./cli_io.ts";

/** Bad usage, or a configuration that does not hold. */
export const EXIT_USAGE = 2;

/** A configuration that holds, and what is hardly meant in it. */
export interface ReadConfig {
  readonly config: Config;
  readonly warnings: readonly ConfigIssue[];
}

/**
 * Reads and checks the file.
 *
 * @returns `undefined` when it does not hold: everything wrong was written to standard error, and
 * the exit code set.
 */
export async function readConfigFile(file: string, io: CliIo): Promise<ReadConfig | undefined> {
  let text: string;
  try {
    text = await io.readFile(file);
  } catch (error) {
    io.stderr(
      `Cannot read "${file}": ${(error as Error).message}\n` +
        "Name a configuration file with --config; the smallest one is: routes: [{ exec: [cat] }]\n",
    );
    io.setExitCode(EXIT_USAGE);
    return undefined;
  }
  const loaded = loadConfig(text, { file, env: io.env, exists: (path) => io.exists(path) });
  if (loaded.ok) return loaded;
  for (const issue of loaded.errors) io.stderr(`${formatIssue(issue)}\n`);
  io.stderr(`${count(loaded.errors.length, "error")} in ${file}\n`);
  io.setExitCode(EXIT_USAGE);
  return undefined;
}

/** Writes `1 error`, `2 errors`. */
export function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? "" : "s"}`;
}
