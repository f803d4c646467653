import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dtmf, END, START } from "../recording_host.ts";
import { FACTS } from "../../support/call_facts.ts";
import { untilNoneWith } from "../../support/processes.ts";
import { openPipes, prepare, shell, wait } from "./exec_fixture.ts";

describe("exec handler, start", () => {
  test("reports a missing program with the fix", async () => {
    const { handler, host } = prepare(["voicegw-no-such-program"]);
    handler.start(START);
    expect(await host.untilEnded()).toEqual({
      type: "failed",
      reason: 'exec "voicegw-no-such-program": not found, install it or give its full path',
    });
    expect(host.of("started")).toHaveLength(0);
  });

  test("reports a file that is not executable, and a missing directory", async () => {
    const path = join(tmpdir(), "voicegw-not-executable");
    writeFileSync(path, "x", { mode: 0o600 });
    const first = prepare([path]);
    first.handler.start(START);
    expect(await first.host.untilEnded()).toMatchObject({
      reason: expect.stringContaining("make it executable"),
    });
    const second = prepare(["cat"], { cwd: "/voicegw/no/such" });
    second.handler.start(START);
    expect(await second.host.untilEnded()).toMatchObject({
      reason: expect.stringContaining('the directory "/voicegw/no/such" exists'),
    });
  });

  test("gives the facts of the call in the environment", async () => {
    const { handler, host } = prepare(
      [
        "sh",
        "-c",
        'echo "$VOICEGW_CALL_ID $VOICEGW_ROOM_ID $VOICEGW_FROM $VOICEGW_RATE $SIP_X_TENANT_ID $MINE' +
        ' $VOICEGW_CONTROL_FD" >&2',
      ],
      { env: { MINE: "of {X-Tenant-ID}" } },
    );
    handler.start(START);
    await host.untilEnded();
    expect(host.logged).toEqual([
      `${FACTS.id} support-7 sip:alice@example.com 8000 acme of acme 3`,
    ]);
  });

  test("hands hostile values over as they are: as one argument, and one variable", async () => {
    const lines = fc.string({ unit: "binary", maxLength: 30 })
      // Control characters are refused before, and lone surrogates come in no message
      .map((text) => new TextDecoder().decode(new TextEncoder().encode(text)))
      .map((text) => text.replaceAll(/\p{Cc}/gu, ""));
    const hostile = fc.oneof(lines, fc.constantFrom("$(id)", "`id`", "; id", "'\"", "{room_id}"));
    await fc.assert(
      fc.asyncProperty(hostile, async (value) => {
        const facts = { ...FACTS, x_headers: { "X-Evil": value } };
        const script = 'printf "=%s\\n" "$#" "$1" "$SIP_X_EVIL" "$MINE" >&2';
        const command = ["sh", "-c", script, "sh", "--a={X-Evil}"];
        const { handler, host } = prepare(command, { facts, env: { MINE: "{X-Evil}" } });
        handler.start({ ...START, call: facts });
        expect(await host.untilEnded()).toEqual({ type: "completed" });
        expect(host.logged).toEqual(["=1", `=--a=${value}`, `=${value}`, `=${value}`]);
      }),
      { numRuns: 40 },
    );
  });

  test("refuses a header with a control character in an argument", async () => {
    const facts = { ...FACTS, x_headers: { "X-Bad": "a\nb" } };
    const { handler, host } = prepare(["echo", "{X-Bad}"], { facts });
    handler.start(START);
    expect((await host.untilEnded()).type).toBe("failed");
  });

  test("stops before its start without a process", () => {
    const { handler, host } = shell("exit 3");
    handler.stop(END);
    handler.start(START);
    expect(host.heard).toEqual([{ type: "ended", end: { type: "stopped" } }]);
  });
});

describe("exec handler, exits", () => {
  test("exit 0 is completed, after all of the audio", async () => {
    const { handler, host } = shell("head -c 150001 /dev/zero; printf z");
    handler.start(START);
    expect(await host.untilEnded()).toEqual({ type: "completed" });
    expect(host.audioBytes).toBe(150_002);
  });

  test("exit 0 delivers what is left although the queue is full", async () => {
    const { handler, host } = shell("head -c 60000 /dev/zero");
    host.queueBytesMax = 1;
    handler.start(START);
    expect(await host.untilEnded()).toEqual({ type: "completed" });
    expect(host.audioBytes).toBe(60_000);
  });

  test("another status is a failure with the last line of standard error", async () => {
    const { handler, host } = shell("echo 'no such model' >&2; exit 3");
    handler.start(START);
    expect(await host.untilEnded()).toEqual({
      type: "failed",
      reason: 'exec "sh": exited with status 3: no such model',
    });
  });

  test("a signal is a failure with its name", async () => {
    const { handler, host } = shell("kill -SEGV $$");
    handler.start(START);
    expect(await host.untilEnded()).toEqual({
      type: "failed",
      reason: 'exec "sh": was killed by SIGSEGV',
    });
  });

  test("a grandchild that holds the pipes delays the end by the grace and dies", async () => {
    const marker = "VOICEGW_TEST_GRANDCHILD=1";
    const { handler, host } = shell("printf ab; sleep 30 & exit 0", {
      env: { VOICEGW_TEST_GRANDCHILD: "1" },
    });
    const before = performance.now();
    handler.start(START);
    expect(await host.untilEnded()).toEqual({ type: "completed" });
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(host.audioBytes).toBe(2);
    await untilNoneWith(marker);
  });

  test("a grandchild without pipes is killed with its group", async () => {
    const marker = "VOICEGW_TEST_DAEMON=1";
    const { handler, host } = shell("sleep 30 <&- >&- 2>&- 3>&- & exit 0", {
      env: { VOICEGW_TEST_DAEMON: "1" },
    });
    handler.start(START);
    await host.untilEnded();
    await untilNoneWith(marker);
  });
});

describe("exec handler, audio", () => {
  test("cat is an echo, also of chunks that split samples", async () => {
    const { handler, host } = prepare(["cat"]);
    host.keep = true;
    handler.start(START);
    await host.until(() => host.of("started").length === 1);
    const pcm = new Uint8Array(320);
    for (let frame = 0; frame < 10; frame++) {
      handler.receiveAudio(pcm.fill(frame));
      await wait(1);
    }
    await host.until(() => host.audioBytes === 3_200);
    handler.stop(END);
    expect(await host.untilEnded()).toEqual({ type: "stopped" });
    expect([...host.pcm.filter((_, index) => index % 320 === 0)]).toEqual([
      ...Array(10).keys(),
    ]);
  });

  test("joins samples that were written in two halves", async () => {
    const { handler, host } = shell("printf a; sleep 0.05; printf bcd; sleep 0.05; printf ef");
    host.keep = true;
    handler.start(START);
    await host.untilEnded();
    expect(new TextDecoder().decode(host.pcm)).toBe("abcdef");
  });

  test("a full queue stops reading, and room starts it again", async () => {
    const { handler, host } = prepare(["yes"]);
    host.queueBytesMax = 100_000;
    handler.start(START);
    await host.until(() => host.audioBytes >= 100_000);
    await wait(50);
    const paused = host.audioBytes;
    await wait(100);
    expect(host.audioBytes).toBe(paused);
    host.queueBytesMax = paused + 1_000_000;
    handler.resumeAudio();
    await host.until(() => host.audioBytes >= paused + 1_000_000);
    handler.kill();
    expect(await host.untilEnded()).toEqual({ type: "stopped" });
  });

  test("a program that never reads loses audio beyond a second, counted", async () => {
    const { handler, host } = prepare(["sleep", "30"]);
    handler.start(START);
    await host.until(() => host.of("started").length === 1);
    const pcm = new Uint8Array(320);
    for (let frame = 0; frame < 3_000; frame++) handler.receiveAudio(pcm);
    await wait(20);
    for (let frame = 0; frame < 3_000; frame++) handler.receiveAudio(pcm);
    expect(host.droppedBytes).toBeGreaterThan(1_000_000);
    handler.kill();
    await host.untilEnded();
  });

  test("a program that reads late misses the oldest audio and hears the newest", async () => {
    const { handler, host } = shell("sleep 0.3; exec cat");
    host.keep = true;
    handler.start(START);
    await host.until(() => host.of("started").length === 1);
    const frames = 1_000;
    for (let frame = 0; frame < frames; frame++) {
      handler.receiveAudio(new Uint8Array(new Int16Array(160).fill(frame).buffer));
      if (frame % 100 === 0) await wait(1);
    }
    expect(host.droppedBytes).toBeGreaterThan(0);
    await host.until(() => host.audioBytes + host.droppedBytes === frames * 320);
    const heard = new Int16Array(host.pcm.buffer);
    expect(heard[0]).toBe(0);
    expect(heard.at(-1)).toBe(frames - 1);
    expect(heard.every((value, index) => index === 0 || value >= (heard[index - 1] ?? 0)))
      .toBe(true);
    handler.kill();
    await host.untilEnded();
  });

  test("a program that closes its standard input goes on speaking", async () => {
    const { handler, host } = shell("exec 0<&-; sleep 0.05; printf abcd; sleep 0.1; exit 0");
    handler.start(START);
    await host.until(() => host.of("started").length === 1);
    for (let frame = 0; frame < 30; frame++) {
      handler.receiveAudio(new Uint8Array(320));
      await wait(2);
    }
    expect(await host.untilEnded()).toEqual({ type: "completed" });
    expect(host.audioBytes).toBe(4);
  });

  test("a flood on standard error neither blocks the program nor fills the log", async () => {
    const { handler, host } = shell("yes complaint | head -c 3000000 >&2; printf done");
    handler.start(START);
    expect(await host.untilEnded()).toEqual({ type: "completed" });
    expect(host.audioBytes).toBe(4);
    expect(host.logged.length).toBeLessThan(300);
    expect(host.logged.at(-1)).toMatch(/^\(\d+ lines were left out/);
  });
});

describe("exec handler, end of the call", () => {
  test("sends end on the control channel and closes standard input", async () => {
    const { handler, host } = shell(
      'read start <&3; cat; read end <&3; echo "$end" >&2; exit 7',
    );
    handler.start(START);
    await host.until(() => host.of("started").length === 1);
    handler.stop(END);
    handler.stop(END);
    expect(await host.untilEnded()).toEqual({ type: "stopped" });
    expect(JSON.parse(host.logged[0] as string)).toEqual(END);
  });

  test("SIGTERM after stop_after ends a program that does not listen", async () => {
    const { handler, host } = prepare(["sleep", "30"]);
    handler.start(START);
    await host.until(() => host.of("started").length === 1);
    const before = performance.now();
    handler.stop(END);
    expect(await host.untilEnded()).toEqual({ type: "stopped" });
    expect(performance.now() - before).toBeGreaterThan(95);
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  test("SIGKILL to the group ends a program that ignores SIGTERM", async () => {
    const { handler, host } = shell("trap '' TERM; while :; do sleep 1; done", {
      env: { VOICEGW_TEST_STUBBORN: "1" },
    });
    handler.start(START);
    await host.until(() => host.of("started").length === 1);
    await wait(50);
    const before = performance.now();
    handler.stop(END);
    expect(await host.untilEnded()).toEqual({ type: "stopped" });
    expect(performance.now() - before).toBeGreaterThan(2_000);
    expect(performance.now() - before).toBeLessThan(4_000);
    await untilNoneWith("VOICEGW_TEST_STUBBORN=1");
  });

  test("a program that floods is stopped while its output is thrown away", async () => {
    const { handler, host } = shell("trap 'exit 0' TERM; while :; do echo xxxxxxxxxxxxxxx; done");
    host.queueBytesMax = 1_000;
    handler.start(START);
    await host.until(() => host.audioBytes > 0);
    handler.stop(END);
    const { audioBytes } = host;
    expect(await host.untilEnded()).toEqual({ type: "stopped" });
    expect(host.audioBytes).toBe(audioBytes);
  });

  test("stop and kill right after start end it once", async () => {
    for (const end of ["stop", "kill"] as const) {
      const { handler, host } = prepare(["sleep", "30"]);
      handler.start(START);
      handler[end](END);
      expect(await host.untilEnded()).toEqual({ type: "stopped" });
      await wait(20);
      expect(host.heard).toHaveLength(1);
    }
  });

  test("two hundred short programs leave no pipes, sockets or processes", async () => {
    const marker = "VOICEGW_TEST_MANY=1";
    await one();
    await wait(50);
    const before = openPipes();
    for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 10 }, one));
    await wait(100);
    expect(openPipes()).toBeLessThan(before + 3);
    await untilNoneWith(marker);

    async function one(): Promise<void> {
      const { handler, host } = shell("printf ab; read x <&3", { env: { VOICEGW_TEST_MANY: "1" } });
      handler.start(START);
      handler.receiveEvent(dtmf("1"));
      handler.receiveAudio(new Uint8Array(320));
      expect(await host.untilEnded()).toEqual({ type: "completed" });
    }
  }, 20_000);
});
