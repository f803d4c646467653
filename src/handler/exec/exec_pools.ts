/**
 * The pools of all routes: `pool` of an `exec` handler.
 *
 * @module
 */

import type { ExecSpec, HandlerSpec, Route } from "../../route/route.ts";
import { parseTemplate } from "../../route/template.ts";
import type { Runtime } from "../../runtime/ports.ts";
import { makePoolEnvironment } from "./environment.ts";
import { ExecPool } from "./exec_pool.ts";
import type { WaitingProgram } from "./waiting_program.ts";

/** What pools need of the world around them. */
export interface ExecPoolsOptions {
  readonly runtime: Runtime;
  /** Our own environment, which programs inherit. */
  readonly environment: Readonly<Record<string, string>>;
  readonly log: (level: "info" | "warning", message: string, route: string) => void;
}

/** The pools of one gateway. */
export class ExecPools {
  readonly #options: ExecPoolsOptions;
  /** By the handler as the configuration of the moment has it. */
  #pools: ReadonlyMap<ExecSpec, ExecPool> = new Map();
  /** The same pools, by all that their programs are started with. */
  #byProgram: ReadonlyMap<string, ExecPool> = new Map();
  /** Pools whose routes are gone, until their last program is. */
  readonly #leaving = new Set<ExecPool>();

  constructor(options: ExecPoolsOptions) {
    this.#options = options;
  }

  /** Programs that wait for a call. */
  get waiting(): number {
    return [...this.#pools.values()].reduce((sum, pool) => sum + pool.waiting, 0);
  }

  /** Programs that are being ended. */
  get leaving(): number {
    const pools = [...this.#pools.values(), ...this.#leaving];
    return pools.reduce((sum, pool) => sum + pool.leaving, 0);
  }

  /** Follows another configuration: programs of handlers that stay wait on, the others end. */
  replace(routes: readonly Route[]): void {
    const pools = new Map<ExecSpec, ExecPool>();
    const byProgram = new Map<string, ExecPool>();
    for (const { route, spec, size } of pooledHandlers(routes)) {
      const program = JSON.stringify([route, spec.command, spec.env, spec.cwd, spec.limits]);
      const pool = byProgram.get(program) ?? this.#byProgram.get(program) ??
        this.#makePool(route, spec, size);
      if (pool === undefined) continue;
      pool.resize(size);
      pools.set(spec, pool);
      byProgram.set(program, pool);
    }
    const former = this.#byProgram;
    this.#pools = pools;
    this.#byProgram = byProgram;
    for (const [program, pool] of former) if (!byProgram.has(program)) this.#close(pool);
  }

  /** Gives a program that waits to a call; `undefined`: the handler has none, or none waits. */
  take(spec: ExecSpec): WaitingProgram | undefined {
    return this.#pools.get(spec)?.take();
  }

  /** Ends all programs that have no call. Safe to call twice. */
  close(): void {
    this.replace([]);
  }

  /** Ends them now, without grace. After `close`. */
  kill(): void {
    for (const pool of this.#leaving) pool.kill();
  }

  #close(pool: ExecPool): void {
    for (const gone of this.#leaving) if (gone.leaving === 0) this.#leaving.delete(gone);
    pool.close();
    this.#leaving.add(pool);
  }

  #makePool(route: string, spec: ExecSpec, size: number): ExecPool | undefined {
    const { runtime, environment } = this.#options;
    const log = (level: "info" | "warning", message: string) =>
      this.#options.log(level, message, route);
    const literal = withoutTemplates(spec);
    if (literal === undefined) {
      log(
        "warning",
        "The pool is left empty: its programs start before there is a call, so that " +
          "command and env can have no placeholders",
      );
      return undefined;
    }
    const made = makePoolEnvironment({ parent: environment, route: literal.env });
    if (made.ok) return new ExecPool({ spec: literal, size, runtime, env: made.env, log });
    log("warning", `The pool is left empty: ${made.reason}`);
    return undefined;
  }
}

interface PooledHandler {
  readonly route: string;
  readonly spec: ExecSpec;
  readonly size: number;
}

/** Handlers of routes and those that stand in place, as far as they want programs ahead. */
function pooledHandlers(routes: readonly Route[]): PooledHandler[] {
  return routes.flatMap(({ name: route, handler, on_error: onError }) => {
    const handlers: readonly HandlerSpec[] = typeof onError === "object"
      ? [handler, onError]
      : [handler];
    return handlers.flatMap((spec) => {
      const size = spec.type === "exec" ? spec.pool ?? 0 : 0;
      return spec.type === "exec" && size > 0 ? [{ route, spec, size }] : [];
    });
  });
}

/** Takes the escapes out of argv and variables; `undefined`: there are placeholders. */
function withoutTemplates(spec: ExecSpec): ExecSpec | undefined {
  const [program = "", ...args] = spec.command;
  const expanded = args.map(literalOf);
  const variables = Object.entries(spec.env).map(([name, text]) =>
    [name, literalOf(text)] as const
  );
  const isLiteral = expanded.every((text) => text !== undefined) &&
    variables.every(([, text]) => text !== undefined);
  if (!isLiteral) return undefined;
  return {
    ...spec,
    command: [program, ...expanded as readonly string[]],
    env: Object.fromEntries(variables as readonly (readonly [string, string])[]),
  };
}

function literalOf(text: string): string | undefined {
  const parsed = parseTemplate(text);
  if (!parsed.ok || parsed.template.some((part) => typeof part !== "string")) return undefined;
  return parsed.template.join("");
}
