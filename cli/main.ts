#!/usr/bin/env bun
/**
 * The command `voicegw`: wires the commands to the process they run in. The only place that exits.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import {
  exitProcess,
  fileExists,
  isTerminal,
  onSignal,
  programArguments,
  programEnvironment,
  readTextFile,
  writeStderr,
  writeStdout,
} from "../src/runtime/command_line.ts";
import { tuneEngine } from "../src/runtime/engine.ts";
import { register as registerCall } from "./call.ts";
import { register as registerCheck } from "./check.ts";
import type { CliIo } from "./cli_io.ts";
import { EXIT_USAGE } from "./config_file.ts";
import { register as registerDemo } from "./demo.ts";
import { register as registerRoute } from "./route.ts";
import { register as registerSchema } from "./schema.ts";
import { register as registerServe } from "./serve.ts";
import { VERSION } from "./version.ts";

const HELP_FOOTER = `
First steps:
  voicegw demo                        answers a call of its own and shows what happened
  voicegw check -c routes.yaml        says what a configuration does, or what is wrong with it
  voicegw serve -c routes.yaml        answers calls
  voicegw call sip:test@127.0.0.1     calls it, and says how the call went

The smallest routes.yaml that answers calls, with a program that sends back what it hears:
  routes: [{ exec: [cat] }]

Exit status: 0 done, 1 failed, ${EXIT_USAGE} bad usage or configuration.
`;

// Before anything is open: what follows may run in this process anew
if (programArguments()[0] === "serve") await tuneEngine();

let exitCode = 0;

const io: CliIo = {
  stdout: writeStdout,
  stderr: writeStderr,
  env: programEnvironment(),
  readFile: readTextFile,
  exists: fileExists,
  isTerminal: isTerminal(),
  setExitCode: (code) => {
    exitCode = code;
  },
  onSignal,
};

const program = new Command("voicegw")
  .description("Answers phone calls with a program: SIP and RTP on one side, yours on the other.")
  .version(VERSION, "-V, --version", "print the version")
  .helpOption("-h, --help", "show what a command does")
  .helpCommand("help [command]", "show what a command does")
  .addHelpText("after", HELP_FOOTER)
  .showSuggestionAfterError()
  .exitOverride()
  .configureOutput({ writeOut: writeStdout, writeErr: writeStderr });

registerServe(program, io);
registerCheck(program, io);
registerRoute(program, io);
registerCall(program, io);
registerDemo(program, io);
registerSchema(program, io);
for (const command of program.commands) {
  command.exitOverride().configureOutput({ writeOut: writeStdout, writeErr: writeStderr });
}

try {
  await program.parseAsync(programArguments(), { from: "user" });
} catch (error) {
  // Commander has written what is wrong with the arguments
  if (!(error instanceof CommanderError)) throw error;
  exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
exitProcess(exitCode);
