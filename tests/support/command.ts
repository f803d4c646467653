/**
 * Runs the command `voicegw` for real: its own process, its output kept as it comes.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { until } from "./gateway.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const DENO = new URL("../../node_modules/deno/", import.meta.url).pathname;

/** `bun cli/main.ts`. */
export const UNDER_BUN: readonly string[] = [process.execPath, MAIN];

/** `deno run -A cli/main.ts`; `undefined` where there is no Deno. */
export function underDeno(): readonly string[] | undefined {
  if (!existsSync(`${DENO}bin.cjs`)) return undefined;
  // The package's starter fetches the program once, but passes no signals on to it
  if (!existsSync(`${DENO}deno`)) Bun.spawnSync([process.execPath, `${DENO}bin.cjs`, "--version"]);
  return existsSync(`${DENO}deno`) ? [`${DENO}deno`, "run", "-A", MAIN] : undefined;
}

/** How a command is started. */
export interface CommandOptions {
  /** The program and what stands before the command. Default: `bun cli/main.ts`. */
  readonly program?: readonly string[];
  readonly cwd?: string;
  /** The whole environment. Default: that of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** It is killed after that. Default: 30 s. */
  readonly timeoutMs?: number;
}

/** A command that runs, or is over. */
export interface RunningCommand {
  readonly pid: number;
  /** What it wrote so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the exit status, once everything that it wrote was read. */
  readonly exited: Promise<number>;
  signal(name: "SIGTERM" | "SIGINT" | "SIGHUP"): void;
  /** Resolves with what a pattern finds on standard error; rejects after ten seconds. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

/** What a command left behind. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a command. */
export function startCommand(
  args: readonly string[],
  options: CommandOptions = {},
): RunningCommand {
  const child = Bun.spawn([...options.program ?? UNDER_BUN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.timeoutMs ?? 30_000,
    killSignal: "SIGKILL",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
  });
  const written = { stdout: "", stderr: "" };
  const reading = (["stdout", "stderr"] as const).map(async (name) => {
    const decoder = new TextDecoder();
    for await (const bytes of child[name]) {
      written[name] += decoder.decode(bytes, { stream: true });
    }
  });
  return {
    pid: child.pid,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    exited: Promise.all(reading).then(() => child.exited),
    signal: (name) => child.kill(name),
    says: async (pattern) => {
      const find = () => pattern.exec(written.stderr);
      await until(() => find() !== null, 10_000, () => `no ${pattern} in: ${written.stderr}`);
      return find() as RegExpExecArray;
    },
  };
}

/** Runs a command to its end. */
export async function runCommandLine(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const running = startCommand(args, options);
  const exitCode = await running.exited;
  return { exitCode, stdout: running.stdout(), stderr: running.stderr() };
}

/** Starts `voicegw serve`, and resolves with where it listens once it is ready for calls. */
export async function startServe(
  file: string,
  options: CommandOptions & { readonly args?: readonly string[] } = {},
): Promise<{ readonly server: RunningCommand; readonly at: string }> {
  const server = startCommand(["serve", "--config", file, ...options.args ?? []], options);
  const found = await server.says(/udp:\/\/(127\.0\.0\.1:\d+)/);
  return { server, at: found[1] as string };
}
