/**
 * `voicegw route`: says which route takes a call, why the others do not, and what its handler gets.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { formatSocketAddress, isIpAddress } from "../src/base/socket_address.ts";
import type { Config } from "../src/config/schema.ts";
import { makeFacts, withRoute } from "../src/route/build_facts.ts";
import { type CallFacts, TRANSPORTS, type TransportWord } from "../src/route/call_facts.ts";
import { expandHandler } from "../src/route/expand_handler.ts";
import type { HandlerSpec } from "../src/route/route.ts";
import { type ExplainedRoute, Router } from "../src/route/router.ts";
import { parseNameAddr } from "../src/sip/message/name_addr.ts";
import { uriParts } from "../src/sip/message/uri.ts";
import type { CliIo } from "./cli_io.ts";
import { readConfigFile } from "./config_file.ts";
import { describeHandler, describeOnError, describeValues } from "./describe_route.ts";

/** No route takes the call. */
const EXIT_NO_ROUTE = 1;

const HELP = `
A number or name for --to and --from stands for a whole URI. --to also gives the Request-URI, unless
--request-uri does. The facts asserted_identity, diversion and reason come from their headers.
Nothing is started: this is the choice, not the call.

Examples:
  voicegw route --to 100
  voicegw route --header 'X-Room-ID: support-sales' --header 'X-Tenant-ID: acme' --to +15551234
  voicegw route --from sip:alice@example.com --source 10.1.2.3 --transport tls --auth-user pbx
  voicegw route --header 'P-Asserted-Identity: <sip:+15551234@carrier.example>'

Exit status: 0 a route takes the call, 1 none does (the caller gets 404), 2 the configuration does
not hold.
`;

interface RouteOptions {
  readonly config: string;
  readonly header: readonly (readonly [string, string])[];
  readonly to: string;
  readonly from: string;
  readonly requestUri?: string;
  readonly source: string;
  readonly transport: TransportWord;
  readonly authUser?: string;
  readonly registration?: string;
}

/** Adds the command. */
export function register(program: Command, io: CliIo): void {
  program.command("route")
    .summary("say which route takes a call, and why the others do not")
    .description("Says which route takes a call, and why the ones before it do not.")
    .option("-c, --config <file>", "the configuration", "routes.yaml")
    .addOption(
      new Option("-H, --header <header>", "a header of the call, 'Name: value'; repeatable")
        .argParser(collectHeader).default([], "none"),
    )
    .option("-t, --to <uri>", "whom it is for: a user or a URI", "100")
    .option("-f, --from <uri>", "who calls: a user or a URI", "anonymous")
    .option("--request-uri <uri>", "the Request-URI (default: that of --to)")
    .option("--source <address>", "the address it comes from", parseSource, "127.0.0.1")
    .addOption(
      new Option("--transport <transport>", "how it comes").choices(TRANSPORTS).default("udp"),
    )
    .option("--auth-user <name>", "the user that proved its password (default: none)")
    .option("--registration <name>", "the registration that it comes through (default: none)")
    .addHelpText("after", HELP)
    .action(async (options: RouteOptions) => {
      const read = await readConfigFile(options.config, io);
      if (read === undefined) return;
      const explained = explainCall(read.config, options);
      io.stdout(explained.text);
      if (!explained.taken) io.setExitCode(EXIT_NO_ROUTE);
    });
}

function collectHeader(
  text: string,
  previous: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const parts = /^([-!%*_+`'~.A-Za-z0-9]+)\s*:\s*(.*)$/.exec(text);
  if (parts === null) throw new InvalidArgumentError("Write it as 'Name: value'.");
  return [...previous, [parts[1] as string, parts[2] as string]];
}

function parseSource(text: string): string {
  if (isIpAddress(text)) return text;
  throw new InvalidArgumentError("Write an address such as 10.1.2.3.");
}

function explainCall(
  config: Config,
  options: RouteOptions,
): { readonly text: string; readonly taken: boolean } {
  const router = new Router(config.routes);
  const facts = makeCallFacts(options);
  const headers = (name: string) =>
    options.header.find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
  const chosen = router.match(facts, headers);
  const lines: string[] = [];
  for (const explained of router.explain(facts, headers)) {
    lines.push(...describeExplained(explained));
    if (explained.matched) break;
  }
  if (chosen === undefined) lines.push("", "No route takes this call: the caller gets 404");
  else lines.push("", ...describeChosen(chosen.route.handler, withRoute(facts, chosen)));
  const onError = chosen === undefined ? "" : describeOnError(chosen.route);
  if (onError !== "") lines.push(`on error: ${onError}`);
  return { text: `${lines.join("\n")}\n`, taken: chosen !== undefined };
}

function makeCallFacts(options: RouteOptions): CallFacts {
  const to = toUri(options.to);
  return makeFacts({
    id: "00000000-0000-7000-8000-000000000000",
    method: "INVITE",
    requestUri: options.requestUri === undefined ? to : toUri(options.requestUri),
    from: { uri: toUri(options.from) },
    to: { uri: to },
    sipCallId: "example-call-id",
    source: formatSocketAddress({ address: options.source, port: 5060 }),
    transport: options.transport,
    authUser: options.authUser,
    registration: options.registration,
    headers: options.header,
    uriParts,
    nameAddr: parseNameAddr,
  });
}

function toUri(text: string): string {
  if (/^[a-z][-a-z0-9+.]*:/i.test(text)) return text;
  return text.includes("@") ? `sip:${text}` : `sip:${text}@voicegw.invalid`;
}

function describeExplained({ route, matched, reasons }: ExplainedRoute): readonly string[] {
  const line = route.line === undefined ? "" : `, line ${route.line}`;
  const title = `${route.index + 1}. ${route.name}${line}: ${matched ? "takes it" : "no"}`;
  if (reasons.length === 0) return [title, "   ✓ takes every call"];
  return [
    title,
    ...reasons.map(({ key, expected, actual, ok }) => {
      const has = actual === undefined ? "nothing there" : JSON.stringify(actual);
      return `   ${ok ? "✓" : "✗"} ${key} should be ${expected}: ${has}`;
    }),
  ];
}

function describeChosen(handler: HandlerSpec, facts: CallFacts): readonly string[] {
  const groups = Object.entries(facts.match).map(([name, value]) =>
    `match.${name} = ${JSON.stringify(value)}`
  );
  const expanded = expandHandler(handler, facts);
  if (!expanded.ok) return [...groups, `The handler cannot be started: ${expanded.reason}`];
  return [
    ...groups,
    `handler: ${describeHandler(expanded.handler, handler)}`,
    ...describeValues(expanded.handler, handler).map((value) => `   ${value}`),
  ];
}
