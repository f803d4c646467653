/**
 * `voicegw serve`: answers calls until it is told to stop.
 *
 * @module
 */

import type { Logger } from "@logtape/logtape";
import type { Command } from "commander";
import { formatIssue } from "../src/config/issue.ts";
import type { Config } from "../src/config/schema.ts";
import { Gateway } from "../src/gateway/gateway.ts";
import type { GatewayObserver } from "../src/gateway/observer.ts";
import type { CallTraceOptions } from "../src/gateway/trace.ts";
import { WARM_UP_FULL, warmUp } from "../src/gateway/warm_up.ts";
import { BindError, TlsError } from "../src/runtime/ports.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { describeMessage } from "../src/sip/message/serialize.ts";
import { formatSocketAddress } from "../src/base/socket_address.ts";
import { callLine } from "./call_line.ts";
import { checkTls } from "./check_tls.ts";
import type { CliIo } from "./cli_io.ts";
import { count, EXIT_USAGE, readConfigFile } from "./config_file.ts";
import { LadderLog } from "./ladder_log.ts";
import { type OpenLog, openLog } from "./log.ts";
import { startScreen } from "./start_screen.ts";

interface ServeOptions {
  readonly config: string;
  readonly trace?: boolean;
  /** `true`: of all calls. */
  readonly ladder?: string | true;
}

const EXIT_FAILED = 1;

const HELP = `
Signals:
  SIGHUP             reads the file again, with its certificates: routes, limits, trunks and
                     registrations change, or nothing does; what else is new needs a restart
  SIGTERM, Ctrl-C    takes no more calls and ends with the last one; a second one ends them all

Example:
  voicegw serve --config routes.yaml
  voicegw serve --ladder +15551234
`;

/** Adds the command. */
export function register(program: Command, io: CliIo): void {
  program.command("serve")
    .summary("answer calls")
    .description("Answers calls as a routing file says, until it is told to stop.")
    .option("-c, --config <file>", "the routing file", "routes.yaml")
    .option("--trace", "log every SIP message in one line")
    .option(
      "--ladder [text]",
      "print the SIP messages of each call when it is over,\n" +
        "or only of those with the text in Call-ID, From or To",
    )
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
  const log = await openLog({
    level: config.log.level,
    format,
    colours: io.isTerminal,
    write: io.stderr,
  });
  const { logger } = log;
  const runtime = createRuntime({ nameServers: config.sip.name_servers });
  await warmUp(runtime, config, WARM_UP_FULL);
  const traced = traceOptions(config, options);
  const ladders = traced === undefined
    ? undefined
    : new LadderLog({ runtime, log, format, trace: traced });
  const gateway = new Gateway({
    runtime,
    config,
    environment: io.env,
    observer: observe(log, { format, trace: options.trace === true, ladders }),
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
  await warnOfCertificates(config, { io, logger });
  await untilStopped(gateway, options.config, { io, logger });
  ladders?.close();
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
  await warnOfCertificates(config, { io, logger });
}

/** A certificate that has expired is served all the same: some peers take it. */
async function warnOfCertificates(
  config: Config,
  { io, logger }: { readonly io: CliIo; readonly logger: Logger },
): Promise<void> {
  const { warnings } = await checkTls(config, io, Date.now());
  for (const warning of warnings) logger.warning(verbatim(warning));
}

/** Whose ladders are written; `undefined`: nobody's, and messages are not looked at. */
function traceOptions({ log }: Config, { ladder }: ServeOptions): CallTraceOptions | undefined {
  if (ladder === true) return { mode: "all" };
  if (ladder !== undefined) return { mode: "all", text: ladder };
  return log.ladder === "off" ? undefined : { mode: log.ladder };
}

interface ObserveOptions {
  readonly format: "pretty" | "json";
  readonly trace: boolean;
  readonly ladders: LadderLog | undefined;
}

function observe({ logger, json }: OpenLog, options: ObserveOptions): GatewayObserver {
  const { format, trace, ladders } = options;
  const ladder = ladders?.observer;
  const message: GatewayObserver["message"] = (direction, said, flow, now) => {
    ladder?.message(direction, said, flow, now);
    if (!trace) return;
    const arrow = direction === "received" ? "←" : "→";
    const line = `${arrow} ${formatSocketAddress(flow.remote)} ${describeMessage(said)}`;
    logger.info(verbatim(line));
  };
  return {
    log: (level, text, fields) => {
      if (format === "json") logger[level](verbatim(text), fields);
      else logger[level](verbatim(withFields(text, fields)));
    },
    callEnded: (record) => {
      if (format === "json") json("Call ended", { record });
      else logger.info(verbatim(callLine(record)));
      ladder?.callEnded(record);
    },
    ...(trace || ladder !== undefined ? { message } : {}),
    ...(ladder === undefined ? {} : { refused: ladder.refused }),
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
