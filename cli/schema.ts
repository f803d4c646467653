/**
 * `voicegw schema`: prints the JSON Schema of the configuration, for editors to complete and check
 * it.
 *
 * @module
 */

import type { Command } from "commander";
import { jsonSchema } from "../src/config/schema.ts";
import type { CliIo } from "./cli_io.ts";

const HELP = `
Editors with the YAML language server complete and explain every key, once the file begins with:
  # yaml-language-server: $schema=./voicegw.schema.json

Example:
  voicegw schema > voicegw.schema.json
`;

/** Adds the command. */
export function register(program: Command, io: CliIo): void {
  program.command("schema")
    .summary("print the JSON Schema of the configuration")
    .description(
      "Prints the JSON Schema (draft 2020-12) of the configuration, from which it is checked.",
    )
    .addHelpText("after", HELP)
    .action(() => {
      io.stdout(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
    });
}
