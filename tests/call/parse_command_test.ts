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
      { command: "play", file: "a.wav", loop: 2 },
      { command: "play", url: "https://a.example/b.wav", loop: 1 },
      { command: "say", text: "Hello", language: "en-GB", voice: "f1" },
      { command: "dtmf", digits: "12#w,*A", duration_ms: 160 },
      { command: "answer" },
      { command: "ring" },
      { command: "reject", status: 486, reason: "Besetzt" },
      { command: "redirect", to: ["sip:200@pbx.example"], status: 301 },
      { command: "route", name: "support" },
      { command: "hold" },
      { command: "resume" },
      { command: "transfer", to: "sips:200@pbx.example;user=phone", replaces: "0198" },
      { command: "hangup", cause: "done" },
    ];
    for (const command of commands) expect(read({ ...command, extra: 1 })).toEqual(command);
  });

  test("that nobody knows are answered with those that there are", () => {
    expect(read({ command: "dance" })).toBe(
      'Unknown command "dance", send clear, mark, play, say, dtmf, record, answer, ring, reject, ' +
        "redirect, hold, resume, transfer, route or hangup",
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

  test("play one file or URL, once unless they say how often", () => {
    expect(read({ command: "play", file: "a" })).toEqual({ command: "play", file: "a", loop: 1 });
    for (const [loop, rounds] of [[true, Infinity], [false, 1], [7, 7]] as const) {
      expect(read({ command: "play", file: "a", loop })).toMatchObject({ loop: rounds });
    }
    for (const loop of [0, -1, 1.5, "2", null, 1e9]) {
      expect(read({ command: "play", file: "a", loop })).toMatch(/"loop" of a play must be true/);
    }
    for (const name of ["", "a\n", 5, null, "a".repeat(3_000)]) {
      expect(read({ command: "play", file: name })).toMatch(/"file" of a play must be one line/);
      expect(read({ command: "play", url: name })).toMatch(/"url" of a play must be one line/);
    }
    expect(read({ command: "play" })).toMatch(/either "file" or "url"/);
    expect(read({ command: "play", file: "a", url: "b" })).toMatch(/either "file" or "url"/);
  });

  test("say a text, in a language and voice of one line", () => {
    expect(read({ command: "say", text: "" })).toEqual({ command: "say", text: "" });
    for (const text of [undefined, 5, "a".repeat(4_001)]) {
      expect(read({ command: "say", text })).toMatch(/needs a "text" of at most 4000/);
    }
    for (const key of ["language", "voice"]) {
      for (const name of ["", "a\nb", 5, "a".repeat(129)]) {
        expect(read({ command: "say", text: "a", [key]: name })).toMatch(`"${key}" of a say must`);
      }
    }
  });

  test("redirect to one SIP URI or several, with 302 unless they say another status", () => {
    expect(read({ command: "redirect", to: "sip:a@b" })).toEqual({
      command: "redirect",
      to: ["sip:a@b"],
      status: 302,
    });
    const many = Array(11).fill("sip:a@b");
    for (const to of [undefined, [], "", "http://a", ["sip:a@b", 5], many, "sip:a@b\r\nX: 1"]) {
      expect(read({ command: "redirect", to })).toMatch(/"to" of a redirect must be a URI/);
    }
    for (const status of [200, 299, 400, "302", 302.5]) {
      expect(read({ command: "redirect", to: "sip:a@b", status })).toMatch(/from 300 to 399/);
    }
  });

  test("route to a name", () => {
    for (const name of [undefined, "", 5, "a\nb", "a".repeat(129)]) {
      expect(read({ command: "route", name })).toMatch(/needs the "name" of another route/);
    }
  });
});
