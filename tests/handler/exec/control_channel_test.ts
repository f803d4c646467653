import { describe, expect, test } from "bun:test";
import { CONTROL_LINES_MAX } from "../../../src/handler/exec/control_writer.ts";
import { dtmf, END, type Heard, START } from "../recording_host.ts";
import { prepare, shell, wait } from "./exec_fixture.ts";

const MARK = (name: string): Heard => ({ type: "command", command: { command: "mark", name } });
const CLEAR: Heard = { type: "command", command: { command: "clear" } };

describe("exec control channel", () => {
  test("carries events to a shell and its commands back", async () => {
    const { handler, host } = shell(
      'read start <&3; read key <&3; echo "$key" >&2; echo \'{"command":"hangup"}\' >&3; read end <&3',
    );
    handler.start(START);
    handler.receiveEvent(dtmf("5"));
    await host.until(() => host.of("command").length === 1);
    expect(host.of("command")[0]?.command).toEqual({ command: "hangup" });
    handler.stop(END);
    expect(await host.untilEnded()).toEqual({ type: "stopped" });
    expect(JSON.parse(host.logged[0] as string)).toEqual(dtmf("5"));
  });

  test("start is the first line, with the facts of the call", async () => {
    const { handler, host } = shell('read start <&3; echo "$start" >&2');
    handler.start(START);
    await host.untilEnded();
    expect(JSON.parse(host.logged[0] as string)).toEqual(START);
  });

  test("takes a command that comes in pieces", async () => {
    const { handler, host } = shell(
      'printf \'{"comm\' >&3; sleep 0.05; printf \'and":"hangup","cause":"done"}\\r\\n\\n\' >&3',
    );
    handler.start(START);
    await host.untilEnded();
    expect(host.of("command", "refused")).toEqual([
      { type: "command", command: { command: "hangup", cause: "done" } },
    ]);
  });

  test("refuses garbage and goes on", async () => {
    const { handler, host } = shell(
      'printf \'hello\\n[1]\\n{"command":"dance"}\\n{"command":"hangup"}\\n\' >&3',
    );
    handler.start(START);
    await host.untilEnded();
    expect(host.of("refused").map((each) => each.command)).toEqual(["", "", "dance"]);
    expect(host.of("refused")[0]?.message).toContain('Not JSON: "hello"');
    expect(host.of("command")).toHaveLength(1);
  });

  test("refuses a line without an end, once, and takes the next", async () => {
    const { handler, host } = shell(
      'head -c 5000000 /dev/zero | tr "\\0" x >&3; echo >&3; echo \'{"command":"hangup"}\' >&3',
    );
    handler.start(START);
    await host.untilEnded();
    expect(host.of("refused").map((each) => each.message)).toEqual([
      "A line is longer than 65536 bytes, send less",
    ]);
    expect(host.of("command")).toHaveLength(1);
  });

  test("refuses a flood of garbage only so many times", async () => {
    const { handler, host } = shell("yes | head -c 200000 >&3");
    handler.start(START);
    await host.untilEnded();
    expect(host.of("refused").length).toBeLessThan(100);
    expect(host.logged.at(-1)).toMatch(/^\(\d+ more messages/);
  });

  test("drops the oldest events for a program that never reads", async () => {
    const { handler, host } = prepare(["sleep", "30"]);
    handler.start(START);
    await host.until(() => host.of("started").length === 1);
    for (let count = 0; count < 20_000; count++) handler.receiveEvent(dtmf("1"));
    handler.stop(END);
    await host.untilEnded();
    const [line] = host.logged;
    expect(line).toMatch(/^\(\d+ events were dropped/);
    expect(Number(line?.match(/\d+/)?.[0])).toBeGreaterThan(10_000);
  });

  test("a slow reader gets the newest events, the last one included", async () => {
    const { handler, host } = shell(
      'sleep 0.2; while read line <&3; do last="$line"; case "$line" in *"\\"digit\\":\\"#\\""*) ' +
        'echo "$last" >&2; exit 0;; esac; done',
    );
    handler.start(START);
    await host.until(() => host.of("started").length === 1);
    for (let count = 0; count < 20 * CONTROL_LINES_MAX; count++) handler.receiveEvent(dtmf("1"));
    handler.receiveEvent(dtmf("#"));
    expect(await host.untilEnded(10_000)).toEqual({ type: "completed" });
    expect(JSON.parse(host.logged[0] as string)).toEqual(dtmf("#"));
  }, 12_000);
});

describe("exec control channel against standard output", () => {
  test("a mark comes after all audio that was written before it", async () => {
    const { handler, host } = prepare(["python3", "-c", MARKS.replaceAll("{", "{{")]);
    handler.start(START);
    expect(await host.untilEnded(10_000)).toEqual({ type: "completed" });
    const expected: Heard[] = [{ type: "started" }];
    for (const [index, bytes] of [320, 3_000_000, 64_000, 2, 1_000_000].entries()) {
      expected.push({ type: "audio", bytes }, MARK(`m${index}`));
    }
    expect(host.heard.slice(0, -1)).toEqual(expected);
  }, 12_000);

  test("a mark overtakes back pressure: what was written before it is read", async () => {
    const { handler, host } = shell(
      'head -c 40000 /dev/zero; echo \'{"command":"mark","name":"a"}\' >&3; read x <&3; cat',
    );
    host.queueBytesMax = 1;
    handler.start(START);
    await host.until(() => host.of("command").length === 1);
    expect(host.heard.slice(1)).toEqual([{ type: "audio", bytes: 40_000 }, MARK("a")]);
    handler.kill();
    await host.untilEnded();
  });

  test("a mark of a program that never stops writing comes all the same", async () => {
    const { handler, host } = shell(
      'yes & sleep 0.05; echo \'{"command":"mark","name":"a"}\' >&3; wait',
    );
    host.queueBytesMax = 1;
    handler.start(START);
    await host.until(() => host.of("command").length === 1);
    handler.kill();
    await host.untilEnded();
  });

  test("a clear stops the sound at once and ends when the pipe is empty", async () => {
    const { handler, host } = prepare(["python3", "-c", CLEARS.replaceAll("{", "{{")]);
    host.queueBytesMax = 1;
    host.onCommand = (command) => {
      if (command.command !== "clear") return;
      host.queueBytesMax = Number.POSITIVE_INFINITY;
      handler.receiveEvent({
        event: "cleared",
        reason: "command",
        played_ms: 0,
        dropped_ms: 0,
      });
    };
    handler.start(START);
    expect(await host.untilEnded()).toEqual({ type: "completed" });
    const trail = host.heard.map((each) =>
      each.type === "audio" ? `audio ${each.bytes}` : each.type
    );
    const clear = host.heard.findIndex((each) => each.type === "command");
    const stopped = host.heard.findIndex((each) => each.type === "clearAudio");
    const old = host.heard.slice(0, clear).reduce(
      (sum, each) => sum + (each.type === "audio" ? each.bytes : 0),
      0,
    );
    expect(old).toBe(50_000);
    expect(stopped).toBeGreaterThan(0);
    expect(stopped).toBeLessThan(clear);
    expect(host.heard[clear]).toEqual(CLEAR);
    expect(trail.slice(clear + 1)).toEqual(["audio 1000", "ended"]);
  });

  test("commands behind a mark keep their order", async () => {
    const { handler, host } = shell(
      'printf \'{"command":"mark","name":"a"}\\n{"command":"clear"}\\n' +
        '{"command":"mark","name":"b"}\\n{"command":"hangup"}\\n\' >&3; sleep 0.1',
    );
    handler.start(START);
    await host.untilEnded();
    const heard: readonly Heard[] = host.of("command", "clearAudio");
    expect(heard).toEqual([
      { type: "clearAudio" },
      MARK("a"),
      CLEAR,
      MARK("b"),
      { type: "command", command: { command: "hangup" } },
    ]);
  });

  test("a barge-in is answered when the pipe is empty", async () => {
    const { handler, host } = shell("head -c 50000 /dev/zero; cat");
    host.queueBytesMax = 1;
    handler.start(START);
    await host.until(() => host.audioBytes > 0);
    await wait(50);
    handler.discardAudio();
    await host.until(() => host.of("audioDiscarded").length === 1);
    expect(host.audioBytes).toBe(50_000);
    handler.kill();
    await host.untilEnded();
  });

  test("too many waiting marks are refused", async () => {
    const { handler, host } = shell('yes \'{"command":"mark","name":"a"}\' | head -n 5000 >&3');
    handler.start(START);
    await host.untilEnded();
    expect(host.of("refused")[0]).toEqual({
      type: "refused",
      message: "Too many commands wait for audio, send fewer",
      command: "mark",
    });
  });
});

/** Writes audio of many sizes, each with a mark right behind it. */
const MARKS = `
import os
def write(fd, data):
    while data: data = data[os.write(fd, data):]
for index, size in enumerate([320, 3000000, 64000, 2, 1000000]):
    write(1, b"\\0" * size)
    write(3, b'{"command":"mark","name":"m%d"}\\n' % index)
    # A program that marks waits for its mark sooner or later.
    import time; time.sleep(0.05)
`;

/** Fills the pipe, clears, waits for "cleared", then writes what must be heard. */
const CLEARS = `
import os
control = os.fdopen(3, "rb", buffering=0, closefd=False)
os.write(1, b"\\1" * 50000)
os.write(3, b'{"command":"clear"}\\n')
data = b""
while b'"cleared"' not in data: data += os.read(3, 65536)
os.write(1, b"\\2" * 1000)
`;
