/**
 * A program of this project that runs beside a test, and the lines that it has written.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { until } from "./gateway.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A program that runs in the folder of the project. */
export class ProgramLines {
  readonly lines: string[] = [];
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;

  /** @param env Besides what this process has. */
  constructor(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#process = Bun.spawn([...command], {
      cwd: ROOT,
      env: { ...process.env as Record<string, string>, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    void this.#read();
  }

  /** Resolves with what a pattern finds in one of the lines. */
  async says(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    const find = () => {
      for (const line of this.lines) {
        const found = pattern.exec(line);
        if (found !== null) return found;
      }
      return undefined;
    };
    const describe = () => `${pattern} is not in ${this.lines.join("\n")}`;
    await until(() => find() !== undefined, timeoutMs, describe);
    return find() as RegExpExecArray;
  }

  async close(): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const bytes of this.#process.stdout) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      this.lines.push(...lines);
    }
  }
}
