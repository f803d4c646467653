import { afterAll, describe, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { levelOf } from "../../src/audio/tone.ts";
import { ClipStore } from "../../src/handler/builtin/clip_store.ts";
import { Recognizer } from "../../src/handler/speech/recognizer.ts";
import { play, runtime, tts } from "../handler/sound/sound_fixture.ts";
import { peerTest } from "../support/peers.ts";

const RATE = 16_000;
const FRAME_BYTES = 640;
const ESPEAK = ["espeak-ng", "-v", "{language}", "-s", "140", "--stdout", "{text}"];

const folder = mkdtempSync(`${tmpdir()}/voicegw-speech-`);
const grammar = `${folder}/words.gram`;
writeFileSync(
  grammar,
  "#JSGF V1.0;\ngrammar words;\npublic <word> = yes | goodbye | what time is it;\n",
);
afterAll(() => rmSync(folder, { recursive: true }));

const MODEL = "/usr/share/pocketsphinx/model/en-us";
/** It opens its input by name, which a socket does not allow; a pipe does. */
const SPHINX = `cat | exec pocketsphinx_continuous -infile /dev/stdin -logfn /dev/null \
  -hmm ${MODEL}/en-us -dict ${MODEL}/cmudict-en-us.dict -jsgf ${grammar}`;

/** Speaks a text; at a rate that recognizers like, unless told otherwise. */
async function speak(text: string, language = "en-us", rate = RATE): Promise<Int16Array> {
  const heard = await play({ type: "say", text, language, loop: 1 }, {
    ...tts(ESPEAK, 5_000),
    rate,
  });
  expect(heard.end).toBe("ended");
  return heard.samples;
}

/** What the program understood of it. */
function understand(samples: Int16Array): Promise<string> {
  const texts: string[] = [];
  return new Promise((resolve, reject) => {
    const recognizer = new Recognizer({
      stt: { exec: ["sh", "-c", SPHINX], rate: RATE, timeout: 15_000 },
      rate: RATE,
      runtime,
      environment: process.env as Record<string, string>,
      log: () => {},
      events: {
        result: ({ text }) => texts.push(text),
        ended: () => resolve(texts.join(" ")),
        failed: (reason) => reject(new Error(reason)),
      },
    });
    const pcm = new Uint8Array(samples.buffer);
    for (let at = 0; at < pcm.length; at += FRAME_BYTES) {
      recognizer.receiveAudio(pcm.subarray(at, at + FRAME_BYTES));
    }
    recognizer.finish();
  });
}

describe("programs that speak and listen", () => {
  peerTest("espeak-ng speaks texts as they are, at a rate of its own", ["espeak-ng"], async () => {
    const spoken = await speak("The quick brown fox jumps over the lazy dog");
    expect(spoken.length / RATE).toBeGreaterThan(1.5);
    expect(spoken.length / RATE).toBeLessThan(5);
    expect(levelOf(spoken)).toBeGreaterThan(-30);
    const number = await speak("-5; $(id) --voices");
    expect(levelOf(number)).toBeGreaterThan(-30);
    expect(await speak("sieben", "de")).not.toEqual(await speak("sieben", "en"));
  });

  peerTest("espeak-ng is not asked twice for the same text", ["espeak-ng"], async () => {
    const clips = new ClipStore(runtime);
    const say = { type: "say", text: "Press one for sales", loop: 1 } as const;
    const first = await play(say, { ...tts(ESPEAK), clips });
    const broken = tts(["sh", "-c", "exit 1", "{text}"]);
    expect((await play(say, { ...broken, clips })).end).toMatch(/status 1/);
    const startedAt = performance.now();
    const again = await play(say, { ...tts(ESPEAK), clips });
    expect(performance.now() - startedAt).toBeLessThan(5);
    expect(again.samples).toEqual(first.samples);
  });

  peerTest("pocketsphinx understands what espeak-ng says", [
    "espeak-ng",
    "pocketsphinx",
    "pocketsphinx-en-us",
  ], async () => {
    const pause = new Int16Array(RATE / 2);
    for (const word of ["yes", "goodbye", "what time is it"]) {
      const samples = Int16Array.from([...pause, ...await speak(word), ...pause]);
      expect(await understand(samples)).toBe(word);
    }
  });
});
