/**
 * Settings of Bun's JavaScript engine that a server wants and a program cannot change while it runs: it starts itself
 * anew with them, as the same process.
 *
 * The engine compiles what is hot once more with its most thorough compiler. Signalling is wide and not hot: for the
 * first ten thousand calls that compiler costs more than half of what a call does, and gains little later. Loops over
 * samples, which need it, pass the higher threshold within a second. The memory allocator looks so often for pages to
 * give back to the system that it is a twentieth of what a call costs. Bun collects garbage every second, needed or not:
 * all audio waits for it, that of 200 calls for 10 ms. `docs/PERFORMANCE.md` has the figures.
 *
 * @module
 */

import process from "node:process";

/** What is set, where its user has not chosen otherwise. */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  // How often code runs before the engine's most thorough compiler looks at it; its own value is 64,000
  ["BUN_JSC_thresholdForFTLOptimizeAfterWarmUp", "1000000"],
  // Milliseconds between two looks for memory to give back; by itself it looks some ten times a second
  ["MIMALLOC_PURGE_HOLES_MIN_INTERVAL", "5000"],
  // The engine collects when enough was asked for; when nothing is left to do, `gateway/idle_memory.ts` has it collect
  ["BUN_GC_TIMER_DISABLE", "1"],
];

/** Versions of Bun that know the settings by these names. */
const KNOWN_BY = "1.4.";

/** Names the settings that are ours, and not to be handed on to children. */
const MARK = "VOICEGW_ENGINE_TUNED";

type Execve = (path: Uint8Array, argv: BigUint64Array, envp: BigUint64Array) => number;

/**
 * Starts the program anew with the settings, unless it runs with them, or with others that its user has chosen. Returns
 * where that is not possible: under another runtime, on another system, or without its C library.
 */
export async function tuneEngine(): Promise<void> {
  const ours = process.env[MARK];
  if (ours !== undefined) {
    // The engine has read them; programs that we start are none of its business
    for (const name of [MARK, ...ours.split(" ")]) delete process.env[name];
    return;
  }
  const { bun } = process.versions as Record<string, string | undefined>;
  // Another version may not know the setting, and would not start
  if (!bun?.startsWith(KNOWN_BY) || process.platform !== "linux") return;
  const wanted = SETTINGS.filter(([name]) => process.env[name] === undefined);
  if (wanted.length === 0) return;
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
    const names = wanted.map(([name]) => name).join(" ");
    const environment = { ...process.env, ...Object.fromEntries(wanted), [MARK]: names };
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
