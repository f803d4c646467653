/**
 * Examples as their first lines say that they are run: the program as it is, and the routes of its
 * file in a gateway of the test.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ProgramLines } from "../support/program_lines.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A server of an example, and what it has written. */
export class ExampleServer extends ProgramLines {
  /** Starts it at any port; resolves when it listens. */
  static async start(
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<ExampleServer> {
    const server = new ExampleServer(command, { ...env, PORT: "0" });
    await server.says(/^listening on http:/);
    return server;
  }

  /** Such as `http://127.0.0.1:8787`. */
  get url(): string {
    return this.lines[0]?.replace("listening on ", "") ?? "";
  }
}

/** What of an example's routes is different in a test. */
export interface ExampleOptions {
  /** Where its server listens: `http://127.0.0.1:1234`. */
  readonly url: string;
  /** What stands for `${NAME}`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Keys of its webhook. */
  readonly webhook?: Readonly<Record<string, unknown>>;
}

/** Starts a gateway with the routes of an example. Nobody speaks: its chimes are heard alone. */
export function startExample(file: string, options: ExampleOptions): Promise<RunningGateway> {
  const { url, env = {}, webhook } = options;
  const text = readFileSync(`${ROOT}/examples/${file}`, "utf8")
    .replace(/\$\{(\w+)\}/g, (_, name: string) => env[name] ?? "")
    .replace(/http:\/\/127\.0\.0\.1:\d+/, url);
  const { routes: [route, ...others], http = {} } = parse(text);
  return startGateway({
    routes: [{ ...route, webhook: { ...route.webhook, ...webhook } }, ...others],
    http,
  });
}
