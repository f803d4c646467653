import { describe, expect, test } from "bun:test";
import { callHostile, expectSorry, type HostileOutcome } from "./hostile/hostile_call.ts";

const CALL_TIMEOUT_MS = 20_000;
/** From the INVITE to the sound of `on_error`, on a machine that does much else. */
const SORRY_MS = 1500;

/** Lines of one program that are logged: a burst, and then some each second. */
const LOG_LINES_MAX = 200;

/** A call to a shell that does this; `pool` of them wait for calls. */
function callProgram(script: string, pool: number, hangUpAfter?: number): Promise<HostileOutcome> {
  const command = ["sh", "-c", script.replaceAll("{", "{{")];
  return callHostile({
    route: { exec: { command, stop_after: "200ms", ...(pool === 0 ? {} : { pool }) } },
    ...(hangUpAfter === undefined ? {} : { hangUpAfter }),
  });
}

const POOLS = [0, 2] as const;

describe.each(POOLS)("a program of a pool of %i that", (pool) => {
  test.concurrent.each(
    [
      ["dies at once", "exit 3", "3"],
      ["dies at once of a signal", "kill -SEGV $$", "SIGSEGV"],
      ["is not there", "exec /nowhere/bot", "127"],
      ["dies in the middle of a command", "sleep 0.2; printf '{\"comm' >&3; exit 4", "4"],
    ] as const,
  )("%s: the caller hears on_error", async (_, script, why) => {
    const outcome = await callProgram(script, pool);
    expectSorry(outcome, why, SORRY_MS);
    expect(outcome.record).toMatchObject({ handler: "play", sip_status: 200 });
  }, CALL_TIMEOUT_MS);

  // One at a time: each keeps a processor busy
  test.each(
    [
      ["floods its control channel with commands", 'yes \'{"command":"mark","name":"m"}\' >&3'],
      ["floods its control channel with lines", "yes >&3"],
      ["floods its control channel with a line without end", "cat /dev/zero >&3"],
      ["floods its standard error", "yes >&2"],
      [
        "floods its standard output and clears it",
        'yes & while :; do printf \'{"command":"clear"}\\n\' >&3; sleep 0.05; done',
      ],
      ["takes no commands", "exec 3>&-; cat"],
      ["neither reads nor ends", "trap '' TERM HUP INT PIPE; while :; do sleep 1; done"],
    ] as const,
  )("%s: the call goes on, and nothing is left of it", async (_, script) => {
    const { record, logs } = await callProgram(script, pool, 400);
    expect(record).toMatchObject({ handler: "exec", cause: "caller_hangup" });
    expect(logs.length).toBeLessThan((1 + pool) * LOG_LINES_MAX);
  }, CALL_TIMEOUT_MS);
});
