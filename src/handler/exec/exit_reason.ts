/**
 * Says in a person's words why a program failed.
 *
 * @module
 */

import type { ProcessStartError } from "../../runtime/ports.ts";

/** What is quoted of the last line on standard error. */
const QUOTED_LENGTH_MAX = 200;

/** How a program ended. Neither code nor signal is known when the system never said. */
export interface ProcessExit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** What may have ended it, such as `limits.cpu is 5 s`. */
  readonly limit?: string | undefined;
}

/** Why a program could not be started, with the fix where there is one. */
export function startFailure(
  program: string,
  error: ProcessStartError,
  cwd: string | undefined,
): string {
  return `exec "${program}": ${startFix(error, cwd)}`;
}

function startFix(error: ProcessStartError, cwd: string | undefined): string {
  switch (error.code) {
    case "ENOENT":
      return "not found, install it or give its full path" +
        (cwd === undefined ? "" : `, and see that the directory "${cwd}" exists`);
    case "EACCES":
    case "EPERM":
      return "not allowed to run, make it executable with chmod +x";
    case "ENOEXEC":
      return "not a program, begin it with a line such as #!/bin/sh";
    case "ENOTDIR":
      return "a part of its path is no directory";
    case "E2BIG":
      return "its arguments and environment are too long";
    case "EAGAIN":
    case "ENOMEM":
    case "EMFILE":
    case "ENFILE":
      return `no room for another process (${error.code}), raise the system's limits`;
    default:
      return `cannot start: ${error.message}`;
  }
}

/** Why a program that ran failed; the last line of its standard error may tell more. */
export function exitFailure(program: string, exit: ProcessExit, lastLine: string): string {
  const how = exit.signal !== undefined
    ? `was killed by ${exit.signal}`
    : exit.code !== undefined
    ? `exited with status ${exit.code}`
    : "was lost";
  const quoted = lastLine === "" ? "" : `: ${lastLine.slice(0, QUOTED_LENGTH_MAX)}`;
  const limit = exit.limit === undefined ? "" : ` (${exit.limit})`;
  return `exec "${program}": ${how}${limit}${quoted}`;
}
