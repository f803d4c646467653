import { describe, expect, test } from "bun:test";
import { parseHandlerCommand } from "../../src/call/parse_command.ts";

/** What a message is taken for, or the text of its refusal. */
function read(value: unknown): unknown {
  const parsed = parseHandlerCommand(value);
  return parsed.ok ? parsed.command : parsed.message;
}

describe("commands of a handler", () => {
  test("are taken with their fields, and no others", () => {
    const commands = [
      { command: "clear" },
      { command: "mark", name: "a" },
      { command: "dtmf", digits: "12#w,*A", duration_ms: 160 },
      { command: "answer" },
      { command: "ring" },
      { command: "reject", status: 486, reason: "Besetzt" },
      { command: "hold" },
      { command: "resume" },
      { command: "transfer", to: "sips:200@pbx.example;user=phone", replaces: "0198" },
      { command: "hangup", cause: "done" },
    ];
    for (const command of commands) expect(read({ ...command, extra: 1 })).toEqual(command);
  });

  test("that nobody knows are answered with those that there are", () => {
    expect(read({ command: "dance" })).toBe(
      'Unknown command "dance", send clear, mark, dtmf, record, answer, ring, reject, ' +
        "hold, resume, transfer or hangup",
    );
    for (const value of [null, 7, [], "clear", {}]) expect(typeof read(value)).toBe("string");
  });

  test("reject with 603 unless they say another final status", () => {
    expect(read({ command: "reject" })).toEqual({ command: "reject", status: 603 });
    for (const status of [200, 302, 399, 700, 486.5, "486", null]) {
      expect(read({ command: "reject", status })).toMatch(/from 400 to 699/);
    }
  });

  test("press keys of 0-9, *, #, A-D with pauses, for 160 ms unless they say another length", () => {
    expect(read({ command: "dtmf", digits: "1dW,#" })).toEqual({
      command: "dtmf",
      digits: "1Dw,#",
      duration_ms: 160,
    });
    for (const digits of ["", "x", "1 2", "1\r\n", "w,", 12, undefined, "1".repeat(65)]) {
      expect(read({ command: "dtmf", digits })).toMatch(/"digits" of a dtmf must be/);
    }
    for (const duration_ms of [40, 2000]) {
      expect(read({ command: "dtmf", digits: "1", duration_ms })).toMatchObject({ duration_ms });
    }
    for (const duration_ms of [39, 2001, NaN, "160", null]) {
      expect(read({ command: "dtmf", digits: "1", duration_ms })).toMatch(/from 40 to 2000/);
    }
  });

  test("begin, interrupt and end the recording", () => {
    for (const action of ["start", "pause", "resume", "stop"]) {
      expect(read({ command: "record", action })).toEqual({ command: "record", action });
    }
    for (const action of ["", "START", "toString", 1, null, undefined]) {
      expect(read({ command: "record", action })).toMatch(/"action" of a record must be start/);
    }
  });

  test("can put no line of their own into a message", () => {
    expect(read({ command: "reject", reason: "No\r\nX-Evil: 1" })).toMatch(/one line/);
    for (const to of ["sip:a@b\r\nX-Evil: 1", "sip:a@b>\nX: 1", "<sip:a@b>", 'sip:"a"@b']) {
      expect(read({ command: "transfer", to })).toMatch(/must be a URI/);
    }
  });

  test("transfer to SIP and telephone URIs, or to the far end of another call", () => {
    for (const to of ["sip:200@pbx.example", "SIP:pbx.example", "tel:+49-30-1234;ext=5"]) {
      expect(read({ command: "transfer", to })).toEqual({ command: "transfer", to });
    }
    expect(read({ command: "transfer", replaces: "0198" })).toEqual({
      command: "transfer",
      replaces: "0198",
    });
    for (const to of ["200", "trunk:berlin/200", "http://a", "sip:", "", 5, "x".repeat(2000)]) {
      expect(read({ command: "transfer", to })).toMatch(/must be a URI/);
    }
    expect(read({ command: "transfer" })).toMatch(/needs "to"/);
    expect(read({ command: "transfer", replaces: 5 })).toMatch(/id of another call/);
  });
});
