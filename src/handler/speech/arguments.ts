/**
 * Fills in what a program that speaks or listens is to do: `{text}`, `{language}`, `{voice}`.
 *
 * argv is a list and stays one, and nothing is seen by a shell. What a caller or a web server chose
 * becomes neither an option nor another argument.
 *
 * @module
 */

/** What can stand between braces. */
export interface SpeechValues {
  readonly text?: string | undefined;
  readonly language?: string | undefined;
  readonly voice?: string | undefined;
}

/** What came of filling in. `reason` is for a person. */
export type FilledArguments =
  | {
    readonly ok: true;
    readonly command: readonly string[];
    /** Whether the text stands in one of them; else it goes to standard input. */
    readonly hasText: boolean;
  }
  | { readonly ok: false; readonly reason: string };

/** Longest text that is spoken in one piece, in characters. */
export const SPOKEN_LENGTH_MAX = 4_000;

/** `{{` is a brace. */
const PLACEHOLDER = /\{\{|\{(text|language|voice)\}/g;

/** What languages and voices are named like; no path leads upwards or begins at the root. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} _.:+@/-]{0,127}$/u;

/**
 * Fills in the arguments. One that holds a language or voice which is not given is left out, and so
 * is an option right before it: `[espeak-ng, -v, "{voice}", --stdout, "{text}"]` does without both.
 *
 * @param argv The program, which is the operator's alone, and its arguments.
 */
export function fillArguments(argv: readonly string[], values: SpeechValues): FilledArguments {
  for (const key of ["language", "voice"] as const) {
    const name = values[key];
    if (name === undefined || (NAME.test(name) && !name.includes(".."))) continue;
    return { ok: false, reason: `There is no ${key} of the name ${JSON.stringify(name)}` };
  }
  const command: string[] = argv.slice(0, 1);
  let hasText = false;
  for (const template of argv.slice(1)) {
    const used = [...template.matchAll(PLACEHOLDER)].map((match) => match[1]);
    if (
      used.some((name) => name !== undefined && values[name as keyof SpeechValues] === undefined)
    ) {
      const before = command.at(-1) ?? "";
      if (command.length > 1 && /^\{\w+\}$/.test(template) && isOption(before)) command.pop();
      continue;
    }
    hasText ||= used.includes("text");
    const filled = template.replaceAll(
      PLACEHOLDER,
      (_, name?: string) => name === undefined ? "{" : values[name as keyof SpeechValues] ?? "",
    );
    // A space is not heard, and no option begins with one
    command.push(filled.startsWith("-") && !template.startsWith("-") ? ` ${filled}` : filled);
  }
  return { ok: true, command, hasText };
}

/** Takes out what cannot be spoken: control characters, and what is too long. */
export function spokenText(text: string): string {
  return text.slice(0, SPOKEN_LENGTH_MAX)
    .replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, " ")
    .trim();
}

function isOption(argument: string): boolean {
  return /^-{1,2}[^-=]/.test(argument) && !argument.includes("=");
}
