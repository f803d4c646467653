/**
 * Settings of Bun's JavaScript engine that a server wants and a program cannot change while it runs: it starts itself
 * anew with them, as the same process.
 *
 * The engine compiles what is hot once more with its most thorough compiler. Signalling is wide and not hot: for the
 * first ten thousand calls that compiler costs more than half of what a call does, and gains little later. Loops over
 * samples, which need it, pass the higher threshold within a second. `docs/PERFORMANCE.md` has the figures.
 *
 * @module
 */

import process from "node:process";

/** How often code runs before the engine's most thorough compiler looks at it; its own value is 64,000. */
const SETTING = ["BUN_JSC_thresholdForFTLOptimizeAfterWarmUp", "1000000"] as const;

/** Versions of Bun that know the setting by this name. */
const KNOWN_BY = "1.4.";

/** Says that the setting is ours, and not to be handed on to children. */
const MARK = "VOICEGW_ENGINE_TUNED";

type Execve = (path: Uint8Array, argv: BigUint64Array, envp: BigUint64Array) => number;

/**
 * Starts the program anew with the settings, unless it runs with them, or with others that its user has chosen. Returns
 * where that is not possible: under another runtime, on another system, or without its C library.
 */
export async function tuneEngine(): Promise<void> {
  const [name, value] = SETTING;
  if (process.env[MARK] !== undefined) {
    // The engine has read it; programs that we start are none of its business
    delete process.env[MARK];
    delete process.env[name];
    return;
  }
  const { bun } = process.versions as Record<string, string | undefined>;
  // Another version may not know the setting, and would not start
  if (!bun?.startsWith(KNOWN_BY) || process.platform !== "linux") return;
  if (process.env[name] !== undefined) return;
  try {
    const { dlopen, ptr } = await import("bun:ffi");
    const { symbols } = dlopen("libc.so.6", {
      execve: { args: ["ptr", "ptr", "ptr"], returns: "int" },
    });
    const kept: Uint8Array[] = [];
    const pointers = (texts: readonly string[]): BigUint64Array => {
      const bytes = texts.map((text) => new TextEncoder().encode(`${text}\0`));
      kept.push(...bytes);
      // A null pointer ends the list
      return BigUint64Array.from([...bytes.map((text) => BigInt(ptr(text))), 0n]);
    };
    const environment = { ...process.env, [name]: value, [MARK]: "1" };
    const entries = Object.entries(environment).map(([key, text]) => `${key}=${text}`);
    const path = new TextEncoder().encode(`${process.execPath}\0`);
    // Returns only if it fails: then the engine's own settings have to do
    (symbols.execve as Execve)(path, pointers(commandLine()), pointers(entries));
  } catch {
    // No such library: as above
  }
}

/** The command line that started this process. A compiled program has no script before its arguments. */
function commandLine(): string[] {
  const [runtime = "", script = "", ...rest] = process.argv;
  const isCompiled = script.startsWith("/$bunfs/");
  return isCompiled ? [process.execPath, ...rest] : [runtime, ...process.execArgv, script, ...rest];
}
