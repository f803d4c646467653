/**
 * Runs `voicegw call` as a user does, in a process of its own.
 *
 * @module
 */

/** How it ended. */
export interface VoicegwCallResult {
  /** 0: the call was answered and sound came back. */
  readonly exitCode: number;
  readonly output: string;
}

const COMMAND = new URL("../../cli/main.ts", import.meta.url).pathname;
const TIMEOUT_MS = 15_000;

/** Where it offers to hear. Nothing else in the tests uses these, and the kernel gives them to nobody. */
export const CALL_PORTS = { first: 29_740, last: 29_799 };

/** Calls and waits for the end. */
export async function voicegwCall(
  uri: string,
  options: readonly string[] = [],
): Promise<VoicegwCallResult> {
  const child = Bun.spawn([
    process.execPath,
    COMMAND,
    "call",
    uri,
    ...["--local", "127.0.0.1", "--ports", `${CALL_PORTS.first}-${CALL_PORTS.last}`],
    ...options,
  ], { stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT_MS, killSignal: "SIGKILL" });
  const [exitCode, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode, output: `${stdout}\n${stderr}` };
}
