import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseWav, serializeWav } from "../../../src/audio/wav.ts";
import { tone } from "../../../src/audio/tone.ts";
import { dtmf, END, START } from "../recording_host.ts";
import { type Answer, Rig, type RigOptions, WebStub } from "./rig.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

function setUp(answer: Answer, options: RigOptions = {}): { web: WebStub; rig: Rig } {
  const web = new WebStub(answer);
  const rig = new Rig(web.url, options);
  open.push(web, { close: () => rig.handler.kill() });
  return { web, rig };
}

/** Answers the beginning of the call with this, and everything else with 204. */
function begins(...actions: unknown[]): Answer {
  return ({ type }) => type === "call.incoming" ? actions : undefined;
}

const TONE = tone(440, 300, 8000);

function wav(): Response {
  return new Response(serializeWav(TONE, 8000), { headers: { "content-type": "audio/wav" } });
}

const PAUSE = { action: "pause", duration_ms: 20 };
const GATHER = { action: "gather", input: ["dtmf"], digits: 2, timeout_ms: 60_000 };

describe("a webhook's call", () => {
  test("is told of before it is answered, and refused as the web server says", async () => {
    const { web, rig } = setUp(begins({ action: "reject", status: 486 }));
    expect(rig.host.heard[0]).toEqual({ type: "started" });
    await rig.until(() => rig.commands.length > 0);
    expect(rig.commands).toEqual(["reject"]);
    const [asked] = web.asked;
    expect(asked?.type).toBe("call.incoming");
    expect(asked?.data.call).toMatchObject({ id: START.call.id });
  });

  test("is answered by the first action that needs it, and ends when nothing is left", async () => {
    const { rig } = setUp(begins(PAUSE));
    await rig.until(() => rig.commands.includes("hangup"));
    expect(rig.commands).toEqual(["hangup"]);
    const answered = setUp(begins({ action: "answer" }, PAUSE)).rig;
    await answered.until(() => answered.commands.includes("hangup"));
    expect(answered.commands).toEqual(["answer", "hangup"]);
    expect(answered.host.audioBytes).toBe(320);
  });

  test("is not answered twice, where another handler has done it", async () => {
    const { rig } = setUp(begins({ action: "answer" }, PAUSE), { start: { answered: true } });
    await rig.until(() => rig.commands.includes("hangup"));
    expect(rig.commands).toEqual(["hangup"]);
  });

  test("waits for the web server audibly to dead_air, and then no more", async () => {
    const { rig } = setUp(begins(GATHER));
    expect(rig.host.isWaiting).toBe(true);
    await rig.until(() => rig.commands.includes("answer"));
    // One wait may lead to the next at once, so that the end of it is told a turn later
    await rig.until(() => !rig.host.isWaiting, 100);
    expect(rig.host.isWaiting).toBe(false);
  });

  test("ends with a last word to the web server", async () => {
    const { web, rig } = setUp(begins(GATHER));
    await rig.until(() => rig.commands.includes("answer"));
    rig.handler.stop(END);
    expect(await rig.host.untilEnded()).toEqual({ type: "stopped" });
    expect(web.types).toEqual(["call.incoming", "call.ended"]);
    expect(web.of("call.ended")?.data).toMatchObject({ cause: "caller_hangup" });
  });

  test("ends in time where the web server is silent", async () => {
    const never = new Promise<undefined>(() => {});
    const answer: Answer = ({ type }) => type === "call.ended" ? never : [GATHER];
    const { rig } = setUp(answer, { spec: { timeout: 200 } });
    await rig.until(() => rig.commands.includes("answer"));
    const before = performance.now();
    rig.handler.stop(END);
    await rig.host.untilEnded();
    expect(performance.now() - before).toBeLessThan(1000);
  });

  test("is over at once when it is killed", () => {
    const { rig } = setUp(() => new Promise(() => {}));
    rig.handler.kill();
    expect(rig.host.end).toEqual({ type: "stopped" });
  });
});

describe("a web server that cannot be followed", () => {
  test.each(
    [
      ["is down", undefined, "nothing listens there"],
      ["answers 404", () => new Response("no", { status: 404 }), "answered 404"],
      ["answers HTML", () => new Response("<!DOCTYPE html><html>"), "HTML"],
      ["answers bad JSON", () => new Response("{"), "bad JSON"],
      ["sends too much", () => new Response("x".repeat(300_000)), "256 KiB"],
      ["asks for what there is not", () => [{ action: "dance" }], 'Unknown action "dance"'],
    ] as const,
  )("%s: the next of on_error takes over", async (_, answer, why) => {
    const { web, rig } = setUp(answer ?? (() => undefined));
    let used = rig;
    if (answer === undefined) {
      const { url } = web;
      await web.close();
      used = new Rig(url);
      rig.handler.kill();
    }
    const end = await used.host.untilEnded();
    expect(end).toMatchObject({ type: "failed" });
    expect(end.type === "failed" ? end.reason : "").toContain(why);
  });

  test("goes round in a circle", async () => {
    const { web, rig } = setUp(() => [{ action: "redirect", url: "/again" }]);
    expect(await rig.host.untilEnded()).toMatchObject({ type: "failed" });
    expect(web.asked.length).toBeLessThan(30);
  });

  test("brings its own errors on, again and again", async () => {
    const { web, rig } = setUp(() => [{ action: "say", text: "nothing speaks here" }, GATHER]);
    const end = await rig.host.untilEnded();
    expect(end.type === "failed" ? end.reason : "").toContain("round in a circle");
    expect(web.asked.length).toBeLessThan(40);
  });

  test("does no harm by a bad answer to what happened by the way", async () => {
    const answer: Answer = ({ type }) => type === "call.incoming" ? [GATHER] : new Response("{");
    const { web, rig } = setUp(answer);
    await rig.until(() => rig.commands.includes("answer"));
    rig.event({ event: "hold" });
    await rig.until(() => rig.host.logged.some((line) => line.includes("bad JSON")));
    expect(web.types).toContain("call.hold");
    expect(rig.host.end).toBeUndefined();
  });
});

describe("what happens in a call", () => {
  test("is told to the web server, whose answer comes first", async () => {
    const { web, rig } = setUp(({ type }) => {
      if (type === "call.incoming") return [{ action: "pause", duration_ms: 3_600_000 }, GATHER];
      return type === "call.dtmf" ? [{ action: "hangup" }] : undefined;
    });
    await rig.until(() => rig.host.isWaiting === false && web.asked.length === 1);
    rig.key("7");
    await rig.until(() => rig.commands.includes("hangup"));
    expect(web.of("call.dtmf")?.data).toMatchObject({ digit: "7", source: "rfc4733" });
  });

  test("may be answered with commands, which change nothing else", async () => {
    const { rig } = setUp(({ type }) => {
      if (type === "call.incoming") return [GATHER];
      return type === "call.hold" ? [{ command: "mark", name: "m" }] : undefined;
    });
    await rig.until(() => rig.commands.includes("answer"));
    rig.event({ event: "hold" });
    await rig.until(() => rig.commands.includes("mark"));
    rig.key("1");
    rig.key("2");
    await rig.until(() => rig.commands.includes("hangup"));
  });
});

describe("the action gather", () => {
  test("sends the keys where the action says, and follows the answer", async () => {
    const { web, rig } = setUp(({ type, path }) => {
      if (type === "call.incoming") return [{ ...GATHER, url: "/menu" }, { action: "pause" }];
      return type === "call.gathered" && path === "/menu" ? [{ action: "hangup" }] : undefined;
    });
    await rig.until(() => rig.commands.includes("answer"));
    rig.key("4");
    rig.key("2");
    await rig.until(() => rig.commands.includes("hangup"));
    expect(web.of("call.gathered")?.data).toMatchObject({ digits: "42", finished_by: "digits" });
    // What it took is not told twice
    expect(web.types).toEqual(["call.incoming", "call.gathered"]);
  });

  test("ends its prompts at the first key, in two steps", async () => {
    const { web, rig } = setUp(({ type, path }) => {
      if (path === "/long.wav") return wav();
      const prompts = [{ action: "pause", duration_ms: 60_000 }];
      return type === "call.incoming" ? [{ ...GATHER, digits: 1, prompts }] : undefined;
    });
    rig.holdMarks = true;
    await rig.until(() => rig.host.audioBytes > 0);
    rig.key("1");
    const heard = rig.host.heard.map((each) => each.type === "command" ? each.command.command : "");
    expect(rig.host.of("clearAudio")).toHaveLength(1);
    expect(heard.filter((name) => name === "clear")).toHaveLength(1);
    await rig.until(() => web.types.includes("call.gathered"));
    expect(web.types).not.toContain("call.cleared");
  });

  test("counts time from when the prompts were heard", async () => {
    const prompts = [{ action: "pause", duration_ms: 20 }];
    const { web, rig } = setUp(
      begins({ ...GATHER, timeout_ms: 50, prompts, on_empty: true }),
    );
    rig.holdMarks = true;
    await rig.until(() => rig.host.audioBytes > 0);
    await Bun.sleep(150);
    expect(web.types).toEqual(["call.incoming"]);
    rig.played();
    await rig.until(() => web.types.includes("call.gathered"));
    expect(web.of("call.gathered")?.data).toMatchObject({ digits: "", finished_by: "timeout" });
  });

  test("goes on with the next action when nothing came", async () => {
    const { web, rig } = setUp(
      begins({ ...GATHER, timeout_ms: 20 }, { action: "dtmf", digits: "5" }),
    );
    await rig.until(() => rig.commands.includes("dtmf"));
    expect(web.types).toEqual(["call.incoming"]);
  });
});

describe("the action gather with speech", () => {
  const SPEECH = { ...GATHER, input: ["speech", "dtmf"], speech_timeout_ms: 100 };
  const stt = {
    exec: ["sh", "-c", 'cat >/dev/null; echo \'{"text":"yes please","confidence":0.9}\''],
    rate: 8000,
    timeout: 2000,
  };

  test("sends what a program understood, once the caller is silent", async () => {
    const { web, rig } = setUp(begins(SPEECH), { context: { speech: { stt } } });
    await rig.until(() => rig.commands.includes("answer"));
    rig.event({ event: "speech", state: "started", at_ms: 0 });
    rig.hear(400);
    rig.event({ event: "speech", state: "stopped", at_ms: 400 });
    await rig.until(() => web.types.includes("call.gathered"));
    expect(web.of("call.gathered")?.data).toMatchObject({
      digits: "",
      speech: "yes please",
      confidence: 0.9,
      finished_by: "speech",
    });
    expect(web.types).toEqual(["call.incoming", "call.gathered"]);
  });

  test("takes keys alone where nothing understands speech, and says so", async () => {
    const { web, rig } = setUp(begins(SPEECH));
    await rig.until(() => web.types.includes("call.error"));
    expect(web.of("call.error")?.data.message).toContain("speech.stt");
    rig.key("1");
    rig.key("2");
    await rig.until(() => web.types.includes("call.gathered"));
    expect(web.of("call.gathered")?.data).toMatchObject({ digits: "12" });
  });
});

describe("a caller who speaks over the sound", () => {
  const LONG = { action: "pause", duration_ms: 60_000 };

  test("ends it, and what would have followed as sound alone", async () => {
    const { rig } = setUp(
      begins({ action: "answer" }, LONG, LONG, { action: "dtmf", digits: "7" }),
    );
    rig.host.queueBytesMax = 16_000;
    await rig.until(() => rig.host.audioBytes > 0);
    rig.handler.discardAudio();
    await rig.until(() => rig.commands.includes("dtmf"));
    expect(rig.host.of("audioDiscarded")).toHaveLength(1);
    // Nothing of the second one was given
    expect(rig.host.audioBytes).toBeLessThan(20_000);
  });

  test("is told to the web server by the call's own event", async () => {
    const { web, rig } = setUp(begins({ action: "answer" }, LONG));
    rig.host.queueBytesMax = 16_000;
    await rig.until(() => rig.host.audioBytes > 0);
    rig.event({ event: "cleared", reason: "barge_in", played_ms: 300, dropped_ms: 700 });
    await rig.until(() => web.types.includes("call.cleared"));
    expect(web.of("call.cleared")?.data).toMatchObject({ played_ms: 300, dropped_ms: 700 });
  });
});

describe("the action record", () => {
  function recordings(): string {
    const folder = mkdtempSync(join(tmpdir(), "voicegw-webhook-"));
    open.push({ close: () => rmSync(folder, { recursive: true }) });
    return folder;
  }

  const RECORD = { action: "record", beep: false, max_ms: 5000, silence_ms: 0 };

  test("writes what the caller says until a key, and tells of it", async () => {
    const folder = recordings();
    const { web, rig } = setUp(begins({ ...RECORD, finish_key: "#" }), {
      spec: { recordings: folder },
    });
    await rig.until(() => rig.commands.includes("answer"));
    rig.hear(500, 7);
    rig.event(dtmf("1"));
    rig.hear(500, 8);
    rig.event(dtmf("#"));
    await rig.until(() => web.types.includes("call.recorded"));
    const data = web.of("call.recorded")?.data;
    expect(data).toMatchObject({ duration_ms: 1000, finished_by: "key", digits: "#" });
    expect(data?.file).toBe(join(folder, `${START.call.id}-1.wav`));
    const { samples } = parseWav(readFileSync(String(data?.file)));
    expect([samples[0], samples.at(-1)]).toEqual([0x0707, 0x0808]);
  });

  test("ends after so much sound", async () => {
    const { web, rig } = setUp(begins(RECORD), { spec: { recordings: recordings() } });
    await rig.until(() => rig.commands.includes("answer"));
    rig.hear(9000);
    await rig.until(() => web.types.includes("call.recorded"));
    expect(web.of("call.recorded")?.data).toMatchObject({ duration_ms: 5000, finished_by: "max" });
  });

  test("ends after so much silence, behind the caller's last word", async () => {
    const { web, rig } = setUp(begins({ ...RECORD, silence_ms: 60 }), {
      spec: { recordings: recordings() },
    });
    await rig.until(() => rig.commands.includes("answer"));
    rig.event({ event: "speech", state: "started", at_ms: 0 });
    rig.hear(200);
    await Bun.sleep(120);
    expect(web.types).toEqual(["call.incoming"]);
    rig.event({ event: "speech", state: "stopped", at_ms: 200 });
    await rig.until(() => web.types.includes("call.recorded"));
    expect(web.of("call.recorded")?.data).toMatchObject({ finished_by: "silence" });
  });

  test("is complete when the call ends in the middle, and told of before the end", async () => {
    const { web, rig } = setUp(begins(RECORD), { spec: { recordings: recordings() } });
    await rig.until(() => rig.commands.includes("answer"));
    rig.hear(300);
    rig.handler.stop(END);
    await rig.host.untilEnded();
    expect(web.types).toEqual(["call.incoming", "call.recorded", "call.ended"]);
    const { file, finished_by } = web.of("call.recorded")?.data ?? {};
    expect(finished_by).toBe("hangup");
    expect(parseWav(readFileSync(String(file))).samples).toHaveLength(2400);
  });

  test("that cannot be written is trouble, and the next action follows", async () => {
    const { web, rig } = setUp(
      begins({ ...RECORD, max_ms: 1000 }, { action: "dtmf", digits: "5" }),
      {
        spec: { recordings: "/proc/none" },
      },
    );
    await rig.until(() => rig.commands.includes("answer"));
    rig.hear(1000);
    await rig.until(() => rig.commands.includes("dtmf") && web.types.includes("call.error"));
    expect(web.of("call.error")?.data.message).toContain("/proc/none");
  });
});

describe("the action exec", () => {
  const CAT = { programs: { cat: ["cat"], sh: ["sh", "-c", "exit 3"] } };

  test("gives the caller's audio to a program until it ends, and asks what is next", async () => {
    const { web, rig } = setUp(begins({ action: "exec", program: "head" }), {
      spec: { programs: { head: ["head", "-c", "640"] } },
    });
    await rig.until(() => rig.commands.includes("answer"));
    rig.hear(100, 9);
    await rig.until(() => web.types.includes("call.completed"));
    expect(rig.host.audioBytes).toBe(640);
    expect(web.of("call.completed")?.data).toMatchObject({ handler: "exec", status: "completed" });
  });

  test("tells of a program that fails; the call goes on", async () => {
    const { web, rig } = setUp(begins({ action: "exec", program: "sh" }), { spec: CAT });
    await rig.until(() => web.types.includes("call.completed"));
    expect(web.of("call.completed")?.data).toMatchObject({ status: "failed" });
    await rig.until(() => rig.commands.includes("hangup"));
  });

  test("that gives way to other actions is told so, and gone at the end", async () => {
    const { rig } = setUp(({ type }) => {
      if (type === "call.incoming") return [{ action: "exec", program: "cat" }];
      return type === "call.hold" ? [GATHER] : undefined;
    }, { spec: CAT });
    await rig.until(() => rig.commands.includes("answer"));
    rig.hear(100, 9);
    await rig.until(() => rig.host.audioBytes > 0);
    rig.handler.stop(END);
    expect(await rig.host.untilEnded()).toEqual({ type: "stopped" });
  });

  test("that the route does not know is trouble", async () => {
    const { web, rig } = setUp(begins({ action: "exec", program: "rm" }), { spec: CAT });
    await rig.until(() => rig.commands.includes("hangup"));
    await rig.until(() => web.types.includes("call.error"));
    expect(web.of("call.error")?.data.message).toContain('no program "rm"');
  });
});

describe("the action websocket", () => {
  function far(): { url: string; heard: () => number; texts: string[]; close(): void } {
    let bytes = 0;
    const texts: string[] = [];
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, self) => self.upgrade(request) ? undefined : new Response("no"),
      websocket: {
        message: (socket, message) => {
          if (typeof message === "string") return void texts.push(message);
          bytes += message.length;
          socket.sendBinary(message);
          if (bytes >= 3200) socket.close(1000);
        },
      },
    });
    const made = {
      url: `ws://127.0.0.1:${server.port}/talk`,
      heard: () => bytes,
      texts,
      close: () => void server.stop(true),
    };
    open.push(made);
    return made;
  }

  const ANYWHERE = { context: { http: { targets: "any" } } } as const;

  test("joins the caller with a server until it closes, and asks what is next", async () => {
    const { url, texts } = far();
    const { web, rig } = setUp(begins({ action: "websocket", url }), ANYWHERE);
    await rig.until(() => texts.some((text) => text.includes('"start"')));
    expect(rig.commands).toEqual(["answer"]);
    rig.hear(200, 1);
    await rig.until(() => web.types.includes("call.completed"));
    expect(rig.host.audioBytes).toBe(3200);
    expect(web.of("call.completed")?.data).toMatchObject({
      handler: "websocket",
      status: "completed",
    });
  });

  test("that only listens hears the caller beside the actions, and says nothing", async () => {
    const { url, texts, heard } = far();
    const { rig } = setUp(begins({ action: "websocket", url, both: false }, GATHER), ANYWHERE);
    await rig.until(() => rig.commands.includes("answer"));
    await rig.until(() => texts.some((text) => text.includes('"start"')));
    rig.hear(200, 1);
    await rig.until(() => heard() === 3200);
    expect(rig.host.audioBytes).toBe(0);
    rig.handler.stop(END);
    await rig.host.untilEnded();
  });

  test("leads nowhere that is neither public nor the web server's own", async () => {
    const { url } = far();
    const { web, rig } = setUp(begins({ action: "websocket", url }));
    await rig.until(() => web.types.includes("call.completed"));
    expect(web.of("call.completed")?.data.reason).toContain("http.targets");
  });
});

describe("utterances", () => {
  function speak(rig: Rig, at: number, ms: number): void {
    rig.event({ event: "speech", state: "started", at_ms: at });
    rig.hear(ms, 5);
    rig.event({ event: "speech", state: "stopped", at_ms: at + ms });
  }

  test("are sent as WAV files, numbered, and a WAV that comes back is played", async () => {
    const { web, rig } = setUp(
      ({ headers }) => headers.has("x-voicegw-utterance") ? wav() : undefined,
      { spec: { audio: "utterances" } },
    );
    await rig.until(() => rig.commands.includes("answer"));
    rig.hear(1000);
    speak(rig, 1000, 500);
    await rig.until(() => rig.host.audioBytes >= TONE.length * 2);
    const said = web.asked.find(({ headers }) => headers.has("x-voicegw-utterance"));
    expect(said?.headers.get("content-type")).toBe("audio/wav");
    expect(said?.headers.get("x-voicegw-utterance")).toBe("1");
    expect(said?.headers.get("x-voicegw-at-ms")).toBe("700");
    expect(parseWav(said?.bytes ?? new Uint8Array(0)).samples).toHaveLength(800 * 8);
    expect(rig.commands).toEqual(["answer"]);
  });

  test("may be answered with actions, and with nothing", async () => {
    let count = 0;
    const { rig } = setUp(({ headers }) => {
      if (!headers.has("x-voicegw-utterance")) return undefined;
      return count++ === 0 ? undefined : [{ action: "hangup" }];
    }, { spec: { audio: "utterances" } });
    await rig.until(() => rig.commands.includes("answer"));
    speak(rig, 0, 200);
    await rig.until(() => count === 1);
    speak(rig, 200, 200);
    await rig.until(() => rig.commands.includes("hangup"));
  });
});
