/**
 * `voicegw check`: says what a configuration does, or everything that is wrong with it.
 *
 * @module
 */

import type { Command } from "commander";
import { formatIssue } from "../src/config/issue.ts";
import { handlersOf } from "../src/config/resolve_routes.ts";
import type { HandlerSpec, Route } from "../src/route/route.ts";
import { hasPlaceholders, parseTemplate } from "../src/route/template.ts";
import type { CliIo } from "./cli_io.ts";
import { checkTls } from "./check_tls.ts";
import { count, EXIT_USAGE, readConfigFile } from "./config_file.ts";
import { describeSettings, describeTable } from "./describe_config.ts";

const HELP = `
Errors are written as file:line:column, all of them at once, and end with status 2.
Warnings are for what is allowed but hardly meant, and do not change the status.

Examples:
  voicegw check
  voicegw check --config /etc/voicegw/routes.yaml && systemctl reload voicegw
`;

/** Adds the command. */
export function register(program: Command, io: CliIo): void {
  program.command("check")
    .summary("say what a configuration does, or what is wrong with it")
    .description(
      "Checks a configuration without starting anything: prints the routing table, or every error.",
    )
    .option("-c, --config <file>", "the configuration", "routes.yaml")
    .addHelpText("after", HELP)
    .action(async (options: { readonly config: string }) => {
      await check(options.config, io);
    });
}

async function check(file: string, io: CliIo): Promise<void> {
  const read = await readConfigFile(file, io);
  if (read === undefined) return;
  const tls = await checkTls(read.config, io, Date.now());
  if (tls.error !== undefined) {
    io.stderr(`${file}: ${tls.error}\n1 error in ${file}\n`);
    io.setExitCode(EXIT_USAGE);
    return;
  }
  io.stdout(`${describeSettings(read.config)}\n${describeTable(read.config.routes)}`);
  const warnings = [
    ...read.warnings.map(formatIssue),
    ...tls.warnings.map((warning) => `${file}: ${warning}`),
    ...read.config.routes.flatMap((route) => missingFiles(route, file, io)),
  ];
  for (const warning of warnings) io.stderr(`warning: ${warning}\n`);
  const noted = warnings.length === 0 ? "" : ` (${count(warnings.length, "warning")})`;
  io.stdout(`\n${file} holds: ${count(read.config.routes.length, "route")}${noted}\n`);
}

/** Only what is known before a call is looked for: a file named by placeholders is not. */
function missingFiles(route: Route, file: string, io: CliIo): readonly string[] {
  const place = route.line === undefined ? "" : `${file}:${route.line}: `;
  return handlersOf(route).flatMap((handler) => missingFile(handler, io))
    .map((message) => `${place}Route "${route.name}": ${message}`);
}

function missingFile(handler: HandlerSpec, io: CliIo): readonly string[] {
  if (handler.type === "play") {
    const parsed = parseTemplate(handler.file);
    if (!parsed.ok || hasPlaceholders(parsed.template)) return [];
    const path = parsed.template.join("");
    return io.exists(path) ? [] : [`there is no file "${path}"`];
  }
  if (handler.type !== "exec") return [];
  const { cwd } = handler;
  const folder = cwd === undefined || io.exists(cwd) ? [] : [`there is no folder "${cwd}"`];
  const program = handler.command[0] ?? "";
  return canBeFound(program, cwd, io) ? folder : [...folder, `there is no program "${program}"`];
}

/** As the system looks it up: a name with a slash is a path, another one is searched in PATH. */
function canBeFound(program: string, cwd: string | undefined, io: CliIo): boolean {
  if (program.startsWith("/")) return io.exists(program);
  if (program.includes("/")) return io.exists(cwd === undefined ? program : `${cwd}/${program}`);
  const folders = (io.env.PATH ?? "/usr/local/bin:/usr/bin:/bin").split(":");
  return folders.some((folder) => io.exists(`${folder === "" ? "." : folder}/${program}`));
}
