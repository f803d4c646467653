/**
 * Runs the tools of sipvicious against this machine, as they are or under another User-Agent.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

/** `svmap` looks for hosts, `svwar` for users, `svcrack` for passwords. */
export type SipviciousTool = "svmap" | "svwar" | "svcrack";

/** How one is run. */
export interface SipviciousOptions {
  /** Default: what it calls itself. */
  readonly userAgent?: string;
  /** It is killed after that. Default: 15 s. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 15_000;
const OUTPUT_CHARACTERS_MAX = 10_000;
const PYTHON = "/usr/bin/python3";
const PACKAGES = "/usr/share/sipvicious";

/**
 * Runs one, and returns all that it printed. It sends from 127.0.0.1.
 *
 * @param target `127.0.0.1:port`.
 */
export async function sipvicious(
  tool: SipviciousTool,
  target: string,
  args: readonly string[],
  options: SipviciousOptions = {},
): Promise<string> {
  const { userAgent, timeoutMs = TIMEOUT_MS } = options;
  const [host = "", port = ""] = target.split(":");
  // It keeps its sessions there
  const home = mkdtempSync(`${tmpdir()}/voicegw-sipvicious-`);
  const command = userAgent === undefined ? [tool] : disguised(tool, userAgent);
  try {
    const child = Bun.spawn([...command, "-x", "127.0.0.1", "-p", port, ...args, host], {
      cwd: home,
      env: { ...process.env, HOME: home },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return `${stdout}${stderr}`.slice(0, OUTPUT_CHARACTERS_MAX);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** There is no option for it: the default of the function that writes requests is another. */
function disguised(tool: SipviciousTool, userAgent: string): readonly string[] {
  const program = [
    "import sys",
    `sys.path.insert(0, "${PACKAGES}")`,
    "from sipvicious.libs.svhelper import makeRequest as make",
    "own = 'friendly-scanner'",
    `make.__defaults__ = tuple("${userAgent}" if d == own else d for d in make.__defaults__)`,
    `from sipvicious import ${tool}`,
    `${tool}.main()`,
  ].join("\n");
  return [PYTHON, "-c", program];
}
