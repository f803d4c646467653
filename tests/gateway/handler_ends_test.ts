import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { findSound, levelDbfs } from "../../src/audio/similarity.ts";
import { tone } from "../../src/audio/tone.ts";
import { serializeWav } from "../../src/audio/wav.ts";
import type { CallRecord } from "../../src/call/call_record.ts";
import { QUEUE_MS_MAX } from "../../src/media/handler_queue.ts";
import { callRoom, RATE } from "../support/caller.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { childrenOf, openDescriptors, untilNoneWith } from "../support/processes.ts";
import { sampleOf } from "../support/rtp_peer.ts";

/** A tone whose length is no multiple of a frame. */
const JINGLE = tone(700, 613, RATE);

/** A line of shell as a route's command: its braces are no placeholders. */
function shell(line: string): Record<string, unknown> {
  return { command: ["sh", "-c", line.replaceAll("{", "{{")], stop_after: "100ms" };
}

describe("a call whose handler", () => {
  let folder: string;
  let server: RunningGateway;
  let descriptors: number;
  let children: number;

  beforeAll(async () => {
    folder = mkdtempSync(`${tmpdir()}/voicegw-handlers-`);
    writeFileSync(`${folder}/jingle.raw`, new Uint8Array(JINGLE.buffer));
    writeFileSync(`${folder}/jingle.wav`, serializeWav(JINGLE, RATE));
    const talker = new URL("./handlers/talker.ts", import.meta.url).pathname;
    const handlers: Readonly<Record<string, unknown>> = {
      warm: ["cat"],
      missing: ["no-such-program"],
      killed: shell("head -c 1600 >/dev/null; kill -9 $$"),
      exit3: shell("head -c 1600 >/dev/null; echo no model >&2; exit 3"),
      jingle: ["cat", `${folder}/jingle.raw`],
      deaf: shell("exec sleep 60"),
      flood: { command: ["yes"], stop_after: "100ms" },
      stubborn: shell("trap '' TERM; while :; do sleep 0.05; done"),
      grandchild: shell("sleep 60 & exit 0"),
      escaped: shell("sleep 60 >/dev/null 2>&1 </dev/null 3>&- & exec cat"),
      hangup: shell(`sleep 0.2; echo '{"command":"hangup","cause":"bored"}' >&3; exec sleep 60`),
      talker: { command: [process.execPath, talker, "1010", "3000", "300"] },
      keys: shell("cat <&3 >&2"),
    };
    const when = (room: string) => ({ "X-Room-ID": room });
    server = await startGateway({
      routes: [
        ...Object.entries(handlers).map(([room, exec]) => ({ name: room, when: when(room), exec })),
        { when: when("rescued"), exec: ["no-such-program"], on_error: "sorry" },
        {
          when: when("relieved"),
          exec: shell("head -c 1600 >/dev/null; exit 3"),
          on_error: "sorry",
        },
        { when: when("doomed"), play: "/nowhere/no.wav", on_error: { exec: ["no-such-program"] } },
        { when: when("silent"), play: "/nowhere/no.wav" },
        { name: "sorry", when: when("sorry"), play: `${folder}/jingle.wav` },
      ],
    });
    // What is opened once for the whole process is open from here on
    await callRoom(server.udp, "warm");
    await server.idle();
  });

  beforeEach(() => {
    server.records.length = 0;
    server.logs.length = 0;
    descriptors = openDescriptors();
    children = childrenOf().length;
  });

  afterEach(async () => {
    await server.idle();
    for (const { call } of server.records) {
      await untilNoneWith(`VOICEGW_CALL_ID=${call.id}`);
    }
    await until(
      () => openDescriptors() <= descriptors && childrenOf().length <= children,
      2000,
      () => `${openDescriptors()} descriptors, before ${descriptors}; children ${childrenOf()}`,
    );
  });

  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** The record of the only call of a test. */
  async function ended(): Promise<CallRecord> {
    const records = await server.ended(1);
    expect(records).toHaveLength(1);
    return records[0] as CallRecord;
  }

  test("is not installed gets 503 with Retry-After", async () => {
    const result = await callRoom(server.udp, "missing");
    expect(result.statusCode).toBe(503);
    const record = await ended();
    expect(record).toMatchObject({ cause: "handler_failed", sip_status: 503, duration_ms: 0 });
    expect(record.detail).toBe(
      'exec "no-such-program": not found, install it or give its full path',
    );
    expect(server.logs.join()).toContain("not found");
  });

  test("is not installed is answered by the route that on_error names", async () => {
    const result = await callRoom(server.udp, "rescued", { duration: 2000 });
    expect([result.statusCode, result.endedBy]).toEqual([200, "callee"]);
    expectJingle(result.heard);
    expect(await ended()).toMatchObject({ cause: "handler_hangup", handler: "play", detail: "" });
    expect(server.logs.join()).toContain("on_error goes on with play");
  });

  test("fails in mid-call is relieved by the route that on_error names", async () => {
    const result = await callRoom(server.udp, "relieved", { duration: 2000 });
    expect([result.statusCode, result.endedBy]).toEqual([200, "callee"]);
    expectJingle(result.heard);
    expect(await ended()).toMatchObject({ cause: "handler_hangup", handler: "play" });
  });

  test("and the one after it fail gets 503, and the reason of the last", async () => {
    const result = await callRoom(server.udp, "doomed");
    expect(result.statusCode).toBe(503);
    const record = await ended();
    expect(record).toMatchObject({ cause: "handler_failed", handler: "exec" });
    expect(record.detail).toContain("no-such-program");
    expect(server.logs.join()).toContain("/nowhere/no.wav");
  });

  test("is killed by a signal ends with BYE and Q.850 cause 41", async () => {
    const result = await callRoom(server.udp, "killed", { duration: 3000 });
    expect([result.statusCode, result.endedBy]).toEqual([200, "callee"]);
    expect(result.peerReason).toContain("cause=41");
    expect(await ended()).toMatchObject({
      cause: "handler_failed",
      sip_status: 200,
      detail: 'exec "sh": was killed by SIGKILL',
    });
  });

  test("exits with another status than 0 ends with BYE, and its last words in the record", async () => {
    const result = await callRoom(server.udp, "exit3", { duration: 3000 });
    expect(result.endedBy).toBe("callee");
    expect(result.peerReason).toContain("cause=41");
    expect((await ended()).detail).toBe('exec "sh": exited with status 3: no model');
  });

  test("exits with 0 has all of its audio played before the BYE", async () => {
    const result = await callRoom(server.udp, "jingle", { duration: 3000 });
    expect(result.endedBy).toBe("callee");
    expect(result.peerReason).toContain("cause=16");
    expectJingle(result.heard);
    const { cause, statistics } = await ended();
    expect({ cause, played: statistics.played_ms }).toEqual({
      cause: "handler_hangup",
      played: 613,
    });
  });

  test("never reads its standard input ends with the caller's BYE", async () => {
    const result = await callRoom(server.udp, "deaf");
    expect([result.statusCode, result.endedBy]).toEqual([200, "caller"]);
    expect((await ended()).cause).toBe("caller_hangup");
  });

  test("floods its standard output is heard at the pace of the clock", async () => {
    const result = await callRoom(server.udp, "flood", { duration: 1000 });
    const { cause, statistics } = await ended();
    expect(cause).toBe("caller_hangup");
    expect(statistics.packets_sent).toBeGreaterThan(44);
    expect(statistics.packets_sent).toBeLessThanOrEqual(52);
    expect(statistics.queue_ms_max).toBeLessThanOrEqual(QUEUE_MS_MAX);
    expect(statistics.dropped_ms).toBe(0);
    expect(result.statistics.packets_lost).toBe(0);
  });

  test("ignores SIGTERM is killed 2 s after it", async () => {
    await callRoom(server.udp, "stubborn");
    const record = await ended();
    const from = performance.now();
    expect(server.gateway.held).toMatchObject({ calls: 0, ports: 0, admitted: 0, handlers: 1 });
    await server.idle();
    const waited = performance.now() - from;
    // stop_after, then two seconds more
    expect(waited).toBeGreaterThan(1800);
    expect(waited).toBeLessThan(3500);
    expect(record.cause).toBe("caller_hangup");
  });

  test("leaves a grandchild behind that holds its pipes ends all the same", async () => {
    const result = await callRoom(server.udp, "grandchild", { duration: 4000 });
    expect(result.endedBy).toBe("callee");
    expect(result.durationMs).toBeLessThan(2500);
    expect((await ended()).cause).toBe("handler_hangup");
  });

  test("leaves a grandchild without its pipes takes it along", async () => {
    const result = await callRoom(server.udp, "escaped");
    expect(result.endedBy).toBe("caller");
    expect((await ended()).cause).toBe("caller_hangup");
  });

  test("is a file that is not there gets 503, and the file's name in the record", async () => {
    const result = await callRoom(server.udp, "silent");
    expect(result.statusCode).toBe(503);
    const { cause, detail } = await ended();
    expect(cause).toBe("handler_failed");
    expect(detail).toContain("/nowhere/no.wav");
  });

  test("asks to hang up is obeyed, and its word is in the record", async () => {
    const result = await callRoom(server.udp, "hangup", { duration: 3000 });
    expect(result.endedBy).toBe("callee");
    expect(result.peerReason).toContain("cause=16");
    expect(result.durationMs).toBeLessThan(1500);
    expect(await ended()).toMatchObject({ cause: "handler_hangup", detail: "bored" });
  });

  test("learns to the millisecond what was heard: marks, clear", async () => {
    const result = await callRoom(server.udp, "talker", { duration: 8000 });
    const { cause, detail, statistics } = await ended();
    expect({ cause, detail }).toEqual({ cause: "handler_hangup", detail: "said it all" });
    const [first, second, cleared] = server.logs.filter((line) => /^(mark|cleared) /.test(line));
    expect(first).toBe("mark first 1010");
    // The second mark is dropped with the audio before it, and tells the same truth as the clear
    const [, played = 0, dropped = 0] = (cleared ?? "").split(" ").map(Number);
    expect(second).toBe(`mark second ${played}`);
    expect(played + dropped).toBe(4010);
    expect(played).toBeGreaterThan(1010 + 200);
    expect(played).toBeLessThan(1010 + 1000);
    expect(statistics).toMatchObject({ played_ms: played, dropped_ms: dropped });
    const loud = result.heard.filter((sample) => sample === sampleOf(0x9f)).length;
    expect(Math.abs(loud / 8 - played)).toBeLessThanOrEqual(20);
  });

  test("reads file descriptor 3 learns the keys that the caller presses", async () => {
    await callRoom(server.udp, "keys", { digits: "12#", linger: 400 });
    await ended();
    const keys = server.logs.filter((line) => line.includes('"dtmf"')).map((line) =>
      JSON.parse(line)
    );
    expect(keys.map(({ digit }) => digit)).toEqual(["1", "2", "#"]);
    for (const { duration_ms, source } of keys) {
      expect(source).toBe("rfc4733");
      expect(Math.abs(duration_ms - 160)).toBeLessThanOrEqual(20);
    }
  });
});

/** All of the jingle was heard, and nothing after it. */
function expectJingle(heard: Int16Array): void {
  const { correlation, delayMs } = findSound(JINGLE, heard, { rate: RATE, delayMax: 1500 });
  expect(correlation).toBeGreaterThan(0.98);
  const after = heard.subarray((delayMs + 613) * 8 + 8);
  expect(after.length === 0 || levelDbfs(after) < -60).toBe(true);
}
