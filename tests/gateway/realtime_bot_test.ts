import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { levelOf, tone } from "../../src/audio/tone.ts";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ProgramLines } from "../support/program_lines.ts";

/** The greeting of the stand-in, and what the caller says. */
const GREETING_MS = 1600;
const VOICE = 1300;

/** How late a busy machine may be. */
const SLACK_MS = 100;

/** The URL that a program of the example listens on. */
async function urlOf(program: ProgramLines): Promise<string> {
  return (await program.says(/ws:\S+/, 5000))[0];
}

/** A number out of a line. */
async function numberOf(program: ProgramLines, line: RegExp): Promise<number> {
  return Number((await program.says(line, 3000))[1]);
}

/** How long there is sound of the caller's own pitch, or of any other. */
function heardMs(heard: Int16Array, isOwn: boolean): number {
  const frame = RATE / 50;
  let frames = 0;
  for (let at = 0; at + frame <= heard.length; at += frame) {
    const piece = heard.subarray(at, at + frame);
    if (levelOf(piece) > -40 && isOfVoice(piece) === isOwn) frames++;
  }
  return frames * 20;
}

/** Whether a piece has the pitch of the caller: it changes its sign so often. */
function isOfVoice(piece: Int16Array): boolean {
  let changes = 0;
  for (let index = 1; index < piece.length; index++) {
    if ((piece[index] as number) * (piece[index - 1] as number) < 0) changes++;
  }
  return changes > 2 * 1100 / 50;
}

/** Silence, a word, and silence. */
function sound(before: number, word: number, after: number): Int16Array {
  const samples = new Int16Array((before + word + after) * RATE / 1000);
  samples.set(tone(VOICE, word, RATE), before * RATE / 1000);
  return samples;
}

describe("examples/realtime-bot", () => {
  const programs: ProgramLines[] = [];
  let server: RunningGateway;

  async function start(
    file: string,
    env: Readonly<Record<string, string>>,
  ): Promise<ProgramLines> {
    const program = new ProgramLines([process.execPath, `examples/realtime-bot/${file}`], env);
    programs.push(program);
    await urlOf(program);
    return program;
  }

  beforeAll(async () => {
    const model = await start("realtime_stand_in.ts", { REALTIME_PORT: "0" });
    const bot = await start("bot.ts", {
      BOT_PORT: "0",
      OPENAI_REALTIME_URL: await urlOf(model),
    });
    server = await startGateway({
      routes: [{
        name: "realtime-bot",
        websocket: {
          url: await urlOf(bot),
          protocol: "twilio",
          parameters: { caller: "{from.user}" },
        },
      }],
    });
  });

  afterAll(async () => {
    await server.stop();
    for (const program of programs) await program.close();
  });

  test.concurrent("greets, and repeats what the caller says", async () => {
    const said = sound(GREETING_MS + 200, 400, 1200);
    const { statusCode, heard } = await callRoom(server.udp, "a", { sound: said });
    expect(statusCode).toBe(200);
    expect(heardMs(heard, false)).toBeGreaterThan(GREETING_MS - 200);
    expect(heardMs(heard, true)).toBeGreaterThan(300);
  });

  test.concurrent("is interrupted, and knows how much was heard", async () => {
    const { heard } = await callRoom(server.udp, "b", { sound: sound(500, 400, 1200) });
    const greeted = heardMs(heard, false);
    expect(greeted).toBeLessThan(1100);
    expect(heardMs(heard, true)).toBeGreaterThan(300);
    const [model, bot] = programs as [ProgramLines, ProgramLines];
    const told = await numberOf(model, /was heard for (\d+) ms/);
    expect(await numberOf(bot, /Interrupted: (\d+) of 1600 ms/)).toBe(told);
    // Whole pieces of 100 ms have come back
    expect(greeted - told).toBeGreaterThan(-SLACK_MS);
    expect(greeted - told).toBeLessThan(100 + SLACK_MS);
  });
});
