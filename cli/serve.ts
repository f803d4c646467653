/**
 * `voicegw serve`: answers calls until it is told to stop.
 *
 * @module
 */

import type { Logger } from "@logtape/logtape";
import type { Command } from "commander";
import { formatIssue } from "../src/config/issue.ts";
import { Gateway } from "../src/gateway/gateway.ts";
import type { GatewayObserver } from "../src/gateway/observer.ts";
import { WARM_UP_FULL, warmUp } from "../src/gateway/warm_up.ts";
import { BindError, TlsError } from "../src/runtime/ports.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { describeMessage } from "../src/sip/message/serialize.ts";
import { formatSocketAddress } from "../src/base/socket_address.ts";
import { callLine } from "./call_line.ts";
import type { CliIo } from "./cli_io.ts";
import { count, EXIT_USAGE, readConfigFile } from "./config_file.ts";
import { type OpenLog, openLog } from "./log.ts";
import { startScreen } from "./start_screen.ts";

interface ServeOptions {
  readonly config: string;
  readonly trace?: boolean;
}

const EXIT_FAILED = 1;

const HELP = `
Signals:
  SIGHUP             reads the file again: routes and limits apply to new calls, or nothing does
  SIGTERM, Ctrl-C    takes no more calls and ends with the last one; a second one ends them all

Example:
  voicegw serve --config routes.yaml
`;

/** Adds the command. */
export function register(program: Command, io: CliIo): void {
  program.command("serve")
    .summary("answer calls")
    .description("Answers calls as a routing file says, until it is told to stop.")
    .option("-c, --config <file>", "the routing file", "routes.yaml")
    .option("--trace", "log every SIP message in one line")
    .addHelpText("after", HELP)
    .action(async (options: ServeOptions) => {
      io.setExitCode(await serve(options, io));
    });
}

async function serve(options: ServeOptions, io: CliIo): Promise<number> {
  const read = await readConfigFile(options.config, io);
  if (read === undefined) return EXIT_USAGE;
  const { config, warnings } = read;
  const format = config.log.format ?? (io.isTerminal ? "pretty" : "json");
  const log = await openLog({ level: config.log.level, format, write: io.stderr });
  const { logger } = log;
  const runtime = createRuntime({ nameServers: config.sip.name_servers });
  await warmUp(runtime, config, WARM_UP_FULL);
  const gateway = new Gateway({
    runtime,
    config,
    environment: io.env,
    observer: observe(log, { format, trace: options.trace === true }),
  });
  try {
    await gateway.start();
  } catch (error) {
    if (!(error instanceof BindError || error instanceof TlsError)) throw error;
    const key = error instanceof BindError ? "sip.listen: " : "";
    io.stderr(`${options.config}: ${key}${error.message}\n`);
    return EXIT_FAILED;
  }
  if (format === "pretty") io.stderr(startScreen(config, gateway.listeners));
  else logger.info("Listening", { listeners: gateway.listeners.join(" ") });
  for (const warning of warnings) logger.warning(verbatim(formatIssue(warning)));
  await untilStopped(gateway, options.config, { io, logger });
  logger.info("Stopped");
  log.flush();
  return 0;
}

/** Resolves when the gateway is closed: drained after the first signal, or stopped by a second one. */
function untilStopped(
  gateway: Gateway,
  file: string,
  { io, logger }: { io: CliIo; logger: Logger },
): Promise<void> {
  return new Promise((resolve, reject) => {
    let asked = 0;
    const stop = () => {
      asked++;
      if (asked > 2) return;
      if (asked === 2) {
        logger.info("Stopping: calls are ended now");
      } else {
        const { calls } = gateway;
        logger.info(`Draining: no more calls, ${calls} to finish; a second signal ends them`);
      }
      const done = asked === 2 ? gateway.stop() : gateway.drain().then(() => gateway.stop());
      done.then(resolve, reject);
    };
    io.onSignal("SIGTERM", stop);
    io.onSignal("SIGINT", stop);
    io.onSignal("SIGHUP", () => void reload(gateway, file, { io, logger }));
  });
}

async function reload(
  gateway: Gateway,
  file: string,
  { io, logger }: { io: CliIo; logger: Logger },
): Promise<void> {
  const read = await readConfigFile(file, io);
  if (read === undefined) {
    logger.error(verbatim(`Not reloaded: ${file} has errors, the former routes stay`));
    return;
  }
  const { config } = read;
  let needRestart: readonly string[];
  try {
    needRestart = await gateway.reload(config);
  } catch (error) {
    if (!(error instanceof TlsError)) throw error;
    logger.error(verbatim(`Not reloaded: ${error.message}`));
    return;
  }
  if (needRestart.length > 0) {
    const keys = needRestart.join(" and ");
    logger.error(`Not reloaded: ${keys} changed, which needs a restart`);
    return;
  }
  logger.info(`Reloaded: ${count(config.routes.length, "route")}`);
}

function observe(
  { logger, json }: OpenLog,
  options: { readonly format: "pretty" | "json"; readonly trace: boolean },
): GatewayObserver {
  return {
    log: (level, message, fields) => {
      if (options.format === "json") logger[level](verbatim(message), fields);
      else logger[level](verbatim(withFields(message, fields)));
    },
    callEnded: (record) => {
      if (options.format === "json") json("Call ended", { record });
      else logger.info(verbatim(callLine(record)));
    },
    ...(options.trace
      ? {
        message: (direction, message, flow) => {
          const arrow = direction === "received" ? "←" : "→";
          const line = `${arrow} ${formatSocketAddress(flow.remote)} ${describeMessage(message)}`;
          logger.info(verbatim(line));
        },
      }
      : {}),
  };
}

/** The log takes messages for templates; braces in ours mean themselves. */
function verbatim(text: string): string {
  return text.replaceAll("{", "{{").replaceAll("}", "}}");
}

function withFields(message: string, fields: Readonly<Record<string, string | number>>): string {
  const { call, ...rest } = fields;
  const shown = Object.entries(rest).map(([name, value]) => `${name}=${value}`);
  if (call !== undefined) shown.push(`call=${String(call).slice(-8)}`);
  return shown.length === 0 ? message : `${message} (${shown.join(" ")})`;
}
