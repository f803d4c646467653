import { describe, expect, test } from "bun:test";
import { LineSplitter } from "../../src/handler/line_splitter.ts";
import { RateLimit } from "../../src/handler/rate_limit.ts";
import { SampleAligner } from "../../src/handler/sample_aligner.ts";
import { StderrLog } from "../../src/handler/exec/stderr_log.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Lines of `text`, fed in pieces of `size` bytes. */
function split(text: string, size: number, lineBytesMax = 1_000): [string, boolean][] {
  const lines: [string, boolean][] = [];
  const splitter = new LineSplitter(lineBytesMax, (line, tooLong) => lines.push([line, tooLong]));
  const data = bytes(text);
  for (let start = 0; start < data.length; start += size) {
    splitter.receive(data.slice(start, start + size));
  }
  splitter.end();
  return lines;
}

describe("LineSplitter", () => {
  test("cuts lines alike whatever the size of the pieces", () => {
    const text = `a\n\nbé€😀c\r\n${"long ".repeat(120)}\nlast`;
    const whole = split(text, 10_000);
    expect(whole.map(([line]) => line)).toEqual([
      "a",
      "",
      "bé€😀c",
      "long ".repeat(120),
      "last",
    ]);
    for (const size of [1, 2, 3, 7, 300]) expect(split(text, size)).toEqual(whole);
  });

  test("keeps the beginning of a line that is too long, once, and goes on", () => {
    for (const size of [1, 8, 1_000]) {
      expect(split(`${"x".repeat(500)}\nok\n${"y".repeat(64)}\n`, size, 64)).toEqual([
        ["x".repeat(64), true],
        ["ok", false],
        ["y".repeat(64), false],
      ]);
    }
  });

  test("makes replacement characters of bytes that are no text", () => {
    const lines: string[] = [];
    new LineSplitter(10, (line) => lines.push(line)).receive(new Uint8Array([0xff, 0x41, 0x0a]));
    expect(lines).toEqual(["\ufffdA"]);
  });
});

describe("SampleAligner", () => {
  test("gives whole samples of any pieces", () => {
    const data = new Uint8Array(1_000).map((_, index) => index & 0xff);
    for (const sizes of [[1], [3], [2, 1], [7, 2, 1]]) {
      const aligner = new SampleAligner();
      const got: number[] = [];
      for (let start = 0, turn = 0; start < data.length; turn++) {
        const size = sizes[turn % sizes.length] as number;
        const whole = aligner.align(data.slice(start, start + size));
        expect(whole.length % 2).toBe(0);
        got.push(...whole);
        start += size;
      }
      expect(got).toEqual([...data.subarray(0, got.length)]);
      expect(got.length).toBeGreaterThan(998);
    }
  });

  test("begins a new sample after a reset", () => {
    const aligner = new SampleAligner();
    aligner.align(new Uint8Array([1]));
    aligner.reset();
    expect([...aligner.align(new Uint8Array([2, 3]))]).toEqual([2, 3]);
  });
});

describe("RateLimit", () => {
  test("lets a burst through, then so many a second, and counts the rest", () => {
    const limit = new RateLimit({ perSecond: 10, burst: 5 });
    const taken = (now: number): number =>
      Array.from({ length: 20 }, () => limit.take(now)).filter(Boolean).length;
    expect(taken(1_000)).toBe(5);
    expect(taken(1_200)).toBe(2);
    expect(limit.takeRefused()).toBe(33);
    expect(limit.takeRefused()).toBe(0);
    expect(taken(100_000)).toBe(5);
  });
});

describe("StderrLog", () => {
  test("logs lines, cuts long ones, leaves out empty ones, and keeps the last", () => {
    const lines: string[] = [];
    const log = new StderrLog((line) => lines.push(line), () => 0);
    log.receive(bytes(`one\n\n${"x".repeat(5_000)}\nunfinished`));
    log.end();
    expect(lines).toEqual(["one", `${"x".repeat(2_000)}…`, "unfinished"]);
    expect(log.lastLine).toBe("unfinished");
  });

  test("counts what comes too fast", () => {
    const lines: string[] = [];
    let now = 0;
    const log = new StderrLog((line) => lines.push(line), () => now);
    for (let count = 0; count < 1_000; count++) log.receive(bytes(`line ${count}\n`));
    expect(lines).toHaveLength(100);
    now = 1_000;
    log.receive(bytes("later\n"));
    expect(lines.slice(100)).toEqual([
      "(900 lines were left out, since they came too fast)",
      "later",
    ]);
  });
});
