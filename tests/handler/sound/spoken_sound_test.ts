import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { tone } from "../../../src/audio/tone.ts";
import { serializeWav } from "../../../src/audio/wav.ts";
import { ClipStore } from "../../../src/handler/builtin/clip_store.ts";
import type { SoundContext } from "../../../src/handler/sound/create_sound.ts";
import { processesWith, untilNoneWith } from "../../support/processes.ts";
import { environment, openPipes, wait } from "../exec/exec_fixture.ts";
import { play, prepare, ramp, runtime, speaker, tts, WavFolder } from "./sound_fixture.ts";

const folder = new WavFolder();
afterAll(() => folder.remove());

const say = (text: string, loop = 1) => ({ type: "say", text, loop }) as const;

/** A file to which programs write what they were asked, and the count of them. */
function diary(name: string): { readonly path: string; lines(): readonly string[] } {
  const path = `${folder.path}/${name}`;
  writeFileSync(path, "");
  return { path, lines: () => readFileSync(path, "utf8").split("\n").slice(0, -1) };
}

describe("spoken text", () => {
  const wav = folder.write("speech.wav", ramp(2_000));

  test("is the WAV file that the program writes", async () => {
    const heard = await play(say("Hello"), speaker(`cat ${wav}`));
    expect(heard.end).toBe("ended");
    expect(heard.samples).toEqual(ramp(2_000));
  });

  test("is bare PCM at the rate of the configuration", async () => {
    const path = folder.writeBytes("bare.pcm", new Uint8Array(tone(500, 200, 16_000).buffer));
    const exec = ["sh", "-c", `cat ${path}`, "{text}"];
    const heard = await play(say("Hello"), tts(exec, 2_000, 16_000));
    expect(Math.abs(heard.samples.length - 1_600)).toBeLessThan(50);
  });

  test("is a file whose length was not known, and whose end is no sound", async () => {
    for (const length of [0, 0xffff_ffff, 0x7fff_f000]) {
      const bytes = serializeWav(ramp(1_000), 8000);
      new DataView(bytes.buffer).setUint32(40, length, true);
      const path = folder.writeBytes("pipe.wav", bytes);
      expect((await play(say("Hello"), speaker(`cat ${path}`))).samples).toEqual(ramp(1_000));
    }
    const list = new Uint8Array(
      [...serializeWav(ramp(1_000), 8000), ..."LIST0000garbage"].map(Number),
    );
    const path = folder.writeBytes("list.wav", list.map((byte) => Number.isNaN(byte) ? 7 : byte));
    expect((await play(say("Hello"), speaker(`cat ${path}`))).samples).toEqual(ramp(1_000));
  });

  test("begins with the first samples, long before the program ends", async () => {
    const { heard, sound } = prepare(say("Hello"), speaker(`head -c 844 ${wav}; sleep 5`));
    const startedAt = performance.now();
    sound.start();
    await heard.until(() => heard.bytes >= 800);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    sound.stop();
  });

  test("holds the program back while there is no room, and loses nothing", async () => {
    const { heard, sound } = prepare(say("Hello"), speaker("head -c 1000000 /dev/zero"));
    heard.bytesMax = 1;
    sound.start();
    await heard.until(() => heard.bytes > 0);
    await wait(100);
    expect(heard.bytes).toBeLessThan(300_000);
    heard.bytesMax = Infinity;
    sound.resume();
    await heard.untilEnd();
    expect(heard.bytes).toBe(1_000_000);
  });

  test("of a program that ended meanwhile is not lost", async () => {
    const { heard, sound } = prepare(say("Hello"), speaker(`cat ${wav}`));
    heard.bytesMax = 1;
    sound.start();
    await heard.until(() => heard.bytes > 0);
    await wait(800);
    expect(heard.end).toBeUndefined();
    heard.bytesMax = Infinity;
    sound.resume();
    await heard.untilEnd();
    expect(heard.samples).toEqual(ramp(2_000));
  });

  test("reaches the program as it is, as one argument that is no option", async () => {
    const asked = diary("asked");
    const line = `printf '%s|' "$@" >> ${asked.path}; echo >> ${asked.path}; cat ${wav}`;
    const exec = ["sh", "-c", line, "sh", "-v", "{voice}", "-l{language}", "{text}"];
    const texts = [
      "Hello; rm -rf /",
      "-o /etc/passwd",
      "$(id) `id` {voice} {{",
      "a\u0000b\r\nc\u001b",
    ];
    for (const text of texts) await play(say(text), tts(exec));
    await play({ ...say("Hi"), language: "de", voice: "f1" }, tts(exec));
    expect(asked.lines()).toEqual([
      "Hello; rm -rf /|",
      " -o /etc/passwd|",
      "$(id) `id` {voice} {{|",
      "a b c|",
      "-v|f1|-lde|Hi|",
    ]);
  });

  test("goes to standard input where no argument takes it", async () => {
    const asked = diary("stdin");
    const exec = ["sh", "-c", `cat >> ${asked.path}; cat ${wav}`];
    await play(say("One\nline — ünïcödé"), tts(exec));
    expect(asked.lines()).toEqual(["One line — ünïcödé"]);
  });

  test("of nothing is no sound, and no process", async () => {
    const heard = await play(say(" \n\t"), tts(["/nowhere", "{text}"]));
    expect([heard.end, heard.bytes]).toEqual(["ended", 0]);
  });

  test("is spoken once for all who want to hear it", async () => {
    const asked = diary("once");
    const clips = new ClipStore(runtime);
    const context = { ...speaker(`echo "$1" >> ${asked.path}; cat ${wav}`), clips };
    for (const loop of [1, 1, 3]) {
      expect((await play(say("Menu", loop), context)).samples.length).toBe(2_000 * loop);
    }
    await play(say("Other"), context);
    await play(say("Menu"), { ...context, rate: 16_000 });
    expect(asked.lines()).toEqual(["Menu", "Other", "Menu"]);
  });

  test("that is long is spoken anew each time", async () => {
    const asked = diary("long");
    const context = speaker(`echo "$1" >> ${asked.path}; head -c 500000 /dev/zero`);
    const heard = await play(say("Book", 2), { ...context, clips: new ClipStore(runtime) });
    expect(heard.bytes).toBe(1_000_000);
    expect(asked.lines()).toEqual(["Book", "Book"]);
  });

  test("that failed is not kept", async () => {
    const clips = new ClipStore(runtime);
    const flag = `${folder.path}/flag`;
    const context = { ...speaker(`cat ${wav}; [ -e ${flag} ] || exit 3`), clips };
    expect((await play(say("Menu"), context)).end).toMatch(/exited with status 3/);
    writeFileSync(flag, "");
    expect((await play(say("Menu"), context)).end).toBe("ended");
  });
});

describe("spoken text fails", () => {
  const rows: readonly [string, Partial<SoundContext>, RegExp][] = [
    ["without a program", {}, /name a program that does in the configuration/],
    [
      "without that program",
      tts(["voicegw-none", "{text}"]),
      /^speech\.tts: exec "voicegw-none": not found/,
    ],
    [
      "when it exits with an error",
      speaker("echo no voice >&2; exit 4"),
      /exited with status 4: no voice$/,
    ],
    ["when it writes nothing", speaker("true"), /wrote no sound/],
    ["when its file is empty", speaker("printf 'RIFF....WAVE'"), /wrote no sound/],
    [
      "when it takes too long",
      speaker("sleep 9", 100),
      /no sound for 100 ms.*raise speech\.tts\.timeout/,
    ],
    [
      "when it stops in the middle",
      speaker("head -c 800 /dev/zero; sleep 9", 100),
      /no sound for 100 ms/,
    ],
  ];
  for (const [name, context, reason] of rows) {
    test(name, async () => {
      expect((await play(say("Hello"), context)).end).toMatch(reason);
    });
  }

  test("for names of voices that no voice has", async () => {
    for (const voice of ["-o", "../../x", "/etc/x", "a\nb", "$(id)"]) {
      const heard = await play({ ...say("Hello"), voice }, speaker("true"));
      expect(heard.end).toMatch(/There is no voice of the name/);
    }
  });

  test("and tells what the program wrote to standard error", async () => {
    const heard = await play(say("Hello"), speaker("echo loading >&2; head -c 320 /dev/zero"));
    expect(heard.logged).toEqual(["loading"]);
  });
});

describe("a program that speaks", () => {
  test("is gone after a stop, with all that it started, even if it will not go", async () => {
    const pipes = openPipes();
    const id = `voicegw-tts-${process.pid}`;
    const marker = `MARKER=${id}`;
    const context = {
      ...speaker("trap '' TERM; (trap '' TERM; sleep 30) & head -c 320 /dev/zero; sleep 30"),
      environment: { ...environment(), MARKER: id },
    };
    const { heard, sound } = prepare(say("Hello"), context);
    sound.start();
    await heard.until(() => heard.bytes > 0);
    expect(processesWith(marker).length).toBeGreaterThan(1);
    sound.stop();
    sound.stop();
    await untilNoneWith(marker, 2000);
    await wait(50);
    expect(processesWith(marker)).toEqual([]);
    expect(openPipes()).toBeLessThanOrEqual(pipes);
    expect(heard.end).toBeUndefined();
  });
});
