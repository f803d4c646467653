import { describe, expect, test } from "bun:test";
import { tone } from "../../../src/audio/tone.ts";
import type { SttConfig } from "../../../src/config/schema_services.ts";
import {
  type RecognizedResult,
  Recognizer,
  type RecognizerOptions,
} from "../../../src/handler/speech/recognizer.ts";
import { processesWith, untilNoneWith } from "../../support/processes.ts";
import { environment, openPipes, wait } from "../exec/exec_fixture.ts";
import { runtime } from "../sound/sound_fixture.ts";

/** Keeps what it hears. */
class Ear {
  readonly results: RecognizedResult[] = [];
  readonly logged: string[] = [];
  end: string | undefined;
  readonly recognizer: Recognizer;

  constructor(stt: Partial<SttConfig>, options: Partial<RecognizerOptions> = {}) {
    const end = (how: string): void => {
      if (this.end !== undefined) throw new Error(`${how} after ${this.end}`);
      this.end = how;
    };
    this.recognizer = new Recognizer({
      stt: { exec: [], rate: 16_000, timeout: 2_000, ...stt },
      rate: 8000,
      runtime,
      environment: environment(),
      log: (line) => this.logged.push(line),
      events: {
        result: (result) => {
          if (this.end !== undefined) throw new Error("A result after the end");
          this.results.push(result);
        },
        ended: () => end("ended"),
        failed: end,
      },
      ...options,
    });
  }

  async untilEnd(): Promise<string> {
    for (let turn = 0; turn < 500 && this.end === undefined; turn++) await wait(10);
    return this.end ?? "it never ended";
  }

  /** Says so many milliseconds, in frames of 20. */
  say(ms: number): void {
    const pcm = new Uint8Array(tone(500, 20, 8000).buffer);
    for (let at = 0; at < ms; at += 20) this.recognizer.receiveAudio(pcm);
  }
}

function listener(line: string, options: Partial<SttConfig> = {}): Ear {
  return new Ear({ exec: ["sh", "-c", line], ...options });
}

describe("a program that listens", () => {
  test("gets the caller's audio at its rate, all of it, and then the end", async () => {
    for (const [rate, bytes] of [[8000, 16_000], [16_000, 32_000]] as const) {
      const ear = listener("wc -c", { rate });
      ear.say(1_000);
      ear.recognizer.finish();
      expect(await ear.untilEnd()).toBe("ended");
      const heard = Number(ear.results[0]?.text);
      expect(heard).toBeGreaterThanOrEqual(bytes);
      expect(heard).toBeLessThan(bytes + rate * 2 * 0.006);
    }
  });

  test("says what it understood in lines of text or JSON", async () => {
    const lines = [
      "plain text",
      '{"text":"a guess","final":false}',
      '{"text":" yes ","confidence":0.9}',
      '{"text":"no","final":true,"confidence":7,"more":[]}',
      '{"partial":"nothing"}',
      "",
      '{"text":""}',
      "{not json",
    ];
    const ear = new Ear({ exec: ["sh", "-c", 'printf "%s\\n" "$@"', "sh", ...lines.map(braces)] });
    expect(await ear.untilEnd()).toBe("ended");
    expect(ear.results).toEqual([
      { text: "plain text", final: true },
      { text: "a guess", final: false },
      { text: "yes", final: true, confidence: 0.9 },
      { text: "no", final: true },
      { text: "{not json", final: true },
    ]);
  });

  test("may say it while the caller speaks, and its last word without a newline", async () => {
    const ear = listener("head -c 3200 >/dev/null; echo one; cat >/dev/null; printf two");
    ear.say(200);
    for (let turn = 0; turn < 200 && ear.results.length === 0; turn++) await wait(10);
    expect(ear.results).toEqual([{ text: "one", final: true }]);
    ear.recognizer.finish();
    ear.recognizer.finish();
    expect(await ear.untilEnd()).toBe("ended");
    expect(ear.results.map(({ text }) => text)).toEqual(["one", "two"]);
  });

  test("is told the language, where it wants to know and there is one", async () => {
    for (const [language, said] of [["de-DE", "2 --lang de-DE"], [undefined, "0"]] as const) {
      const exec = ["sh", "-c", 'echo $# "$@"', "sh", "--lang", "{language}"];
      const ear = new Ear({ exec }, { language });
      await ear.untilEnd();
      expect(ear.results[0]?.text).toBe(said);
    }
    const evil = new Ear({ exec: ["true", "{language}"] }, { language: "--config=/etc/x" });
    expect(evil.end).toBeUndefined();
    expect(await evil.untilEnd()).toMatch(/no language of the name/);
  });

  test("that never ends is ended in time, with what it said", async () => {
    const ear = listener("echo early; exec sleep 30", { timeout: 150 });
    ear.recognizer.finish();
    expect(await ear.untilEnd()).toBe("ended");
    expect(ear.results).toHaveLength(1);
    expect(ear.logged).toEqual([
      "speech.stt: did not end within 150 ms after the last audio, is it stuck?",
    ]);
  });

  test("fails with the name of the program and the fix", async () => {
    const none = new Ear({ exec: ["voicegw-none"] });
    expect(await none.untilEnd()).toMatch(/^speech\.stt: exec "voicegw-none": not found, install/);
    const broken = listener("echo no model >&2; exit 2");
    broken.say(100);
    expect(await broken.untilEnd()).toMatch(/exited with status 2: no model$/);
    expect(broken.logged).toEqual(["no model"]);
  });

  test("that does not read loses the oldest audio, and it is told", async () => {
    const ear = listener("sleep 0.2; wc -c", { rate: 8000 });
    ear.say(60_000);
    ear.recognizer.finish();
    expect(await ear.untilEnd()).toBe("ended");
    expect(Number(ear.results[0]?.text)).toBeLessThan(640_000);
    expect(ear.logged[0]).toMatch(/bytes of audio were dropped, it reads too slowly/);
  });

  test("that writes without end is heard only so often, and in short", async () => {
    const ear = listener(
      "head -c 300000 /dev/zero | tr '\\0' x; yes | head -n 20000; echo; cat >/dev/null",
    );
    ear.recognizer.finish();
    expect(await ear.untilEnd()).toBe("ended");
    expect(ear.results.length).toBeLessThan(700);
    expect(ear.results[0]?.text.length).toBe(4_000);
    expect(ear.logged.join()).toMatch(/results were left out/);
  });

  test("is gone after a stop, and says nothing more", async () => {
    const pipes = openPipes();
    const id = `voicegw-stt-${process.pid}`;
    const marker = `MARKER=${id}`;
    const ear = new Ear(
      { exec: ["sh", "-c", "trap '' TERM; sleep 30 & while :; do echo more; sleep 0.01; done"] },
      { environment: { ...environment(), MARKER: id } },
    );
    for (let turn = 0; turn < 200 && ear.results.length === 0; turn++) await wait(10);
    ear.recognizer.stop();
    ear.recognizer.stop();
    ear.say(100);
    ear.recognizer.finish();
    const { length } = ear.results;
    await untilNoneWith(marker, 2000);
    await wait(50);
    expect(processesWith(marker)).toEqual([]);
    expect(openPipes()).toBeLessThanOrEqual(pipes);
    expect(ear.results.length).toBe(length);
    expect(ear.end).toBeUndefined();
  });
});

/** Braces that are no placeholders. */
function braces(text: string): string {
  return text.replaceAll("{", "{{");
}
