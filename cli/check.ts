/**
 * `voicegw check`: says what a configuration does, or everything that is wrong with it.
 *
 * @module
 */

import type { Command } from "commander";
import { formatIssue } from "../src/config/issue.ts";
import { handlersOf } from "../src/config/resolve_routes.ts";
import type { Config } from "../src/config/schema.ts";
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
    ...missingSpeech(read.config, file, io),
    ...read.config.routes.flatMap((route) => missingFiles(route, file, io)),
  ];
  for (const warning of warnings) io.stderr(`warning: ${warning}\n`);
  const noted = warnings.length === 0 ? "" : ` (${count(warnings.length, "warning")})`;
  io.stdout(`\n${file} holds: ${count(read.config.routes.length, "route")}${noted}\n`);
}

/** Only what is known before a call is looked for: a file named by placeholders is not. */
function missingFiles(route: Route, file: string, io: CliIo): readonly string[] {
  const place = route.line === undefined ? "" : `${file}:${route.line}: `;
  const prompt = route.dead_air?.play;
  return [
    ...handlersOf(route).flatMap((handler) => missingOf(handler, io)),
    ...(prompt === undefined ? [] : missingFile(prompt, io)),
  ].map((message) => `${place}Route "${route.name}": ${message}`);
}

function missingOf(handler: HandlerSpec, io: CliIo): readonly string[] {
  switch (handler.type) {
    case "play":
      return missingFile(handler.file, io);
    case "exec": {
      const { cwd } = handler;
      const folder = cwd === undefined || io.exists(cwd) ? [] : [`there is no folder "${cwd}"`];
      return [...folder, ...missingProgram(handler.command, cwd, io)];
    }
    case "webhook":
      return Object.values(handler.programs).flatMap((argv) => missingProgram(argv, undefined, io));
    default:
      return [];
  }
}

function missingFile(name: string, io: CliIo): readonly string[] {
  const parsed = parseTemplate(name);
  if (!parsed.ok || hasPlaceholders(parsed.template)) return [];
  const path = parsed.template.join("");
  return io.exists(path) ? [] : [`there is no file "${path}"`];
}

/** Programs that speak and listen. */
function missingSpeech({ speech: { tts, stt } }: Config, file: string, io: CliIo): string[] {
  return [["tts", tts] as const, ["stt", stt] as const].flatMap(([key, program]) =>
    program === undefined
      ? []
      : missingProgram(program.exec, undefined, io).map((message) =>
        `${file}: speech.${key}: ${message}`
      )
  );
}

function missingProgram(
  argv: readonly string[],
  cwd: string | undefined,
  io: CliIo,
): readonly string[] {
  const program = argv[0] ?? "";
  return canBeFound(program, cwd, io) ? [] : [`there is no program "${program}"`];
}

/** As the system looks it up: a name with a slash is a path, another one is searched in PATH. */
function canBeFound(program: string, cwd: string | undefined, io: CliIo): boolean {
  if (program.startsWith("/")) return io.exists(program);
  if (program.includes("/")) return io.exists(cwd === undefined ? program : `${cwd}/${program}`);
  const folders = (io.env.PATH ?? "/usr/local/bin:/usr/bin:/bin").split(":");
  return folders.some((folder) => io.exists(`${folder === "" ? "." : folder}/${program}`));
}
