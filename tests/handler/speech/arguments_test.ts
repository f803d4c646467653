import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  fillArguments,
  SPOKEN_LENGTH_MAX,
  spokenText,
} from "../../../src/handler/speech/arguments.ts";

const ESPEAK = ["espeak-ng", "-v", "{voice}", "--language={language}", "--stdout", "{text}"];

/** What could mean something else than itself, or nothing at all. */
const SIGNS = [
  ..."-- {}'\"$`;\\aÄ😀\n\r\t\0\u001b\u007f\u0085\u2028\u200b",
  "{text}",
  "{{",
  "\ud800",
];

function fill(argv: readonly string[], values: Parameters<typeof fillArguments>[1]): unknown {
  const filled = fillArguments(argv, values);
  return filled.ok ? filled.command : filled.reason;
}

describe("arguments of programs that speak", () => {
  test("take text, language and voice", () => {
    expect(fill(ESPEAK, { text: "Hi", language: "de", voice: "f1" })).toEqual(
      ["espeak-ng", "-v", "f1", "--language=de", "--stdout", "Hi"],
    );
    expect(fill(["say", "<{text}> {{text} {other}"], { text: "Hi" })).toEqual(
      ["say", "<Hi> {text} {other}"],
    );
  });

  test("without a value are left out, with the option before them", () => {
    expect(fill(ESPEAK, { text: "Hi" })).toEqual(["espeak-ng", "--stdout", "Hi"]);
    expect(fill(["a", "b", "{voice}", "--", "{text}"], { text: "Hi" })).toEqual([
      "a",
      "b",
      "--",
      "Hi",
    ]);
    expect(fill(["a", "--x=1", "{voice}"], { text: "Hi" })).toEqual(["a", "--x=1"]);
    expect(fill(["{voice}", "{voice}"], { text: "Hi" })).toEqual(["{voice}"]);
  });

  test("say whether the text is among them", () => {
    expect(fillArguments(["piper"], { text: "Hi" })).toMatchObject({ hasText: false });
    expect(fillArguments(["say", "{text}"], { text: "Hi" })).toMatchObject({ hasText: true });
    expect(fillArguments(["say", "{{text}"], { text: "Hi" })).toMatchObject({ hasText: false });
  });

  test("stay as many, and no text becomes an option or a placeholder", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...SIGNS), maxLength: 20 }), (raw) => {
        const text = spokenText(raw);
        const filled = fillArguments(["say", "-a", "{text}", "--b={text}", "c"], { text });
        const command = filled.ok ? filled.command : [];
        expect(command).toHaveLength(5);
        expect(command[2]?.startsWith("-")).toBe(false);
        expect(command[2]?.trim()).toBe(text);
        expect(command[3]).toBe(`--b=${text}`);
        // deno-lint-ignore no-control-regex
        expect(/[\u0000-\u001f\u007f-\u009f]/.test(command.join(""))).toBe(false);
      }),
    );
  });

  test("take names of voices as they are, or not at all", () => {
    for (const voice of ["en-us+f3", "Polly.Joanna-Neural", "mb/mb-de2", "Zoë", "a b", "en@x"]) {
      expect(fill(["say", "{voice}"], { voice })).toEqual(["say", voice]);
    }
    for (const voice of ["", "-v", "/etc", "a/../b", "..", "a\nb", "a;b", "a".repeat(200)]) {
      expect(fill(["say", "{voice}"], { voice })).toMatch(/^There is no voice of the name/);
      expect(fill(["say", "{language}"], { language: voice })).toMatch(/^There is no language/);
    }
  });

  test("get a text of bounded length", () => {
    expect(spokenText("a".repeat(9_000))).toHaveLength(SPOKEN_LENGTH_MAX);
    expect(spokenText("  \u0007Hello,\r\n\tworld\u2028! ")).toBe("Hello, world !");
    expect(spokenText(`${"a".repeat(SPOKEN_LENGTH_MAX - 1)}😀`)).toHaveLength(
      SPOKEN_LENGTH_MAX - 1,
    );
  });
});
