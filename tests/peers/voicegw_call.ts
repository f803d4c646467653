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

/** Calls and waits for the end. The ports that it offers are those of `ports`. */
export async function voicegwCall(
  uri: string,
  options: readonly string[] = [],
): Promise<VoicegwCallResult> {
  const child = Bun.spawn([
    process.execPath,
    COMMAND,
    "call",
    uri,
    ...["--local", "127.0.0.1", "--ports", "39000-39499"],
    ...options,
  ], { stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT_MS, killSignal: "SIGKILL" });
  const [exitCode, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode, output: `${stdout}\n${stderr}` };
}
