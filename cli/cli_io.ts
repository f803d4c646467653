/**
 * What a command may use of the process that it runs in. `main.ts` hands in the real one, tests
 * their own.
 *
 * @module
 */

import type { SignalName } from "../src/runtime/command_line.ts";

/** The process around a command. */
export interface CliIo {
  /** Writes as it is: the caller ends lines. */
  stdout(text: string): void;
  stderr(text: string): void;
  readonly env: Readonly<Record<string, string>>;
  /** Rejects with an `Error` whose message names the file. */
  readFile(path: string): Promise<string>;
  /** Whether a file or folder is there. */
  exists(path: string): boolean;
  /** A person reads what is written. */
  readonly isTerminal: boolean;
  /** The status that the process ends with, once the command is done. */
  setExitCode(code: number): void;
  /** Calls back for each of these signals, instead of ending the process. */
  onSignal(name: SignalName, callback: () => void): void;
}
