/**
 * Runs a command with files and an environment of the test's own, and keeps what it writes.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import type { CliIo } from "../../cli/cli_io.ts";

/** What a command is given. */
export interface GivenWorld {
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a command left behind. */
export interface CommandOutcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs one command line, as `main.ts` does. */
export async function runCommand(
  register: (program: Command, io: CliIo) => void,
  args: readonly string[],
  given: GivenWorld = {},
): Promise<CommandOutcome> {
  let stdout = "";
  let stderr = "";
  let exitCode = 0;
  const files = given.files ?? {};
  const io: CliIo = {
    stdout: (text) => stdout += text,
    stderr: (text) => stderr += text,
    env: given.env ?? {},
    readFile: (path) =>
      files[path] === undefined
        ? Promise.reject(new Error(`no such file: ${path}`))
        : Promise.resolve(files[path]),
    exists: (path) => files[path] !== undefined,
    isTerminal: false,
    setExitCode: (code) => {
      exitCode = code;
    },
    onSignal: () => {},
  };
  const program = new Command("voicegw").exitOverride();
  register(program, io);
  for (const command of program.commands) {
    command.exitOverride().configureOutput({ writeOut: io.stdout, writeErr: io.stderr });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    exitCode = error.exitCode === 0 ? 0 : 2;
  }
  return { stdout, stderr, exitCode };
}
