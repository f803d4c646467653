/**
 * What a command gets from the system that started it: arguments, environment, terminal, signals.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";

/** Signals that a server listens to. */
export type SignalName = "SIGINT" | "SIGTERM" | "SIGHUP";

/** Arguments behind the program's own name. */
export function programArguments(): string[] {
  return process.argv.slice(2);
}

/** The environment, without variables that are not set. */
export function programEnvironment(): Readonly<Record<string, string>> {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined) set[name] = value;
  }
  return set;
}

/** Whether standard error, where the log goes, is read by a person. */
export function isTerminal(): boolean {
  return process.stderr.isTTY === true;
}

/** Writes at once; a reader that went away is no reason to fail. */
export function writeStdout(text: string): void {
  process.stdout.write(text);
}

/** As `writeStdout`, for standard error. */
export function writeStderr(text: string): void {
  process.stderr.write(text);
}

/** Reads a text file. Rejects with an `Error` that names it. */
export async function readTextFile(path: string): Promise<string> {
  return await readFile(path, "utf8");
}

/** Whether a file or folder is there. */
export function fileExists(path: string): boolean {
  return existsSync(path);
}

/** Calls back for each of these signals, instead of ending the process. */
export function onSignal(name: SignalName, callback: () => void): void {
  process.on(name, callback);
}

/** Ends the process. */
export function exitProcess(code: number): never {
  process.exit(code);
}

/** Name and version of what runs this program, such as `bun 1.4.5`. */
export function runtimeVersion(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `bun ${bun}`;
  return deno === undefined ? `node ${node ?? "?"}` : `deno ${deno}`;
}
