/**
 * A program behind the exec handler that echoes, keeps what it is told in a file, and gives commands
 * when the caller presses keys.
 *
 * @module
 */

import { existsSync, readFileSync } from "node:fs";

/** An event that a handler was told. */
export type ToldEvent = Readonly<Record<string, unknown>>;

/** What a key does: commands to be given, a file that holds some, or seconds to wait in between. */
export type KeySteps = readonly (Readonly<Record<string, string>> | string | number)[];

/**
 * The command line.
 *
 * @param file Where a line is written for every event.
 * @param keys What to do on each key.
 */
export function keyedEcho(
  file: string,
  keys: Readonly<Record<string, KeySteps>> = {},
): readonly string[] {
  const cases = Object.entries(keys).map(([key, steps]) => {
    const doing = steps.map((step) => {
      if (typeof step === "number") return `sleep ${step};`;
      return typeof step === "string"
        ? `cat '${step}' >&3;`
        : `echo '${JSON.stringify(step)}' >&3;`;
    });
    return `*'"digit":"${key}"'*) ${doing.join(" ")};`;
  });
  const loop = [
    "while IFS= read -r line; do",
    `printf '%s\\n' "$line" >>'${file}';`,
    `case "$line" in ${cases.join(" ")} esac;`,
    "done <&3",
  ].join(" ");
  // Braces are placeholders of the configuration
  return ["sh", "-c", `( ${loop} ) & exec cat`.replaceAll("{", "{{")];
}

/** What such a program was told so far. */
export function toldEvents(file: string): readonly ToldEvent[] {
  if (!existsSync(file)) return [];
  // A line may be on its way
  return readFileSync(file, "utf8").split("\n").slice(0, -1)
    .map((line) => JSON.parse(line) as ToldEvent);
}
