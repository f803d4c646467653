import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ACTIONS_MAX } from "../../src/action/action.ts";
import { parseActions, PROMPTS_MAX } from "../../src/action/parse_actions.ts";

/** What a response is read as, or the text of its refusal. */
function read(value: unknown): unknown {
  const parsed = parseActions(value);
  return parsed.ok ? parsed.actions : parsed.message;
}

/** The same for one item. */
function one(item: unknown): unknown {
  const actions = read([item]);
  return Array.isArray(actions) ? actions[0] : actions;
}

describe("actions in JSON", () => {
  test("are a list, or an object that holds one", () => {
    const hangup = [{ action: "hangup" }];
    expect(read(hangup)).toEqual(hangup);
    expect(read({ actions: hangup })).toEqual(hangup);
    expect(read([])).toEqual([]);
    expect(read({})).toEqual([]);
    expect(read({ actions: null })).toEqual([]);
  });

  test("are refused in other forms, with the form that is meant", () => {
    for (const value of [null, undefined, 7, "hangup", true]) {
      expect(read(value)).toBe(
        'The response must be a list of actions such as [{"action":"say","text":"Hello"}]',
      );
    }
    expect(read({ action: "hangup" })).toMatch(/put the action into brackets/);
    expect(read({ action: [] })).toMatch(/put the action into brackets/);
    expect(read({ actons: [] })).toBe(
      'The response: Unknown key "actons", did you mean "actions"?',
    );
    expect(read({ actions: {} })).toMatch(/"actions" must be a list/);
    expect(read([{ action: "hangup" }, "hangup"])).toBe(
      'actions[1] must be an object such as {"action":"hangup"}',
    );
  });

  test("are so many at most", () => {
    const pause = { action: "pause" };
    expect(read(Array(ACTIONS_MAX).fill(pause))).toHaveLength(ACTIONS_MAX);
    expect(read(Array(ACTIONS_MAX + 1).fill(pause))).toMatch(/send at most 100/);
  });

  test("that nobody knows are answered with the nearest, or all", () => {
    expect(one({ action: "gahter" })).toBe(
      'actions[0]: Unknown action "gahter", did you mean "gather"?',
    );
    expect(one({ action: "dance" })).toBe(
      'actions[0]: Unknown action "dance", send answer, play, say, pause, gather, record, exec, ' +
        "websocket, stop_websocket, dtmf, hangup, reject, redirect, transfer or route",
    );
    for (const action of [undefined, null, 7, {}]) {
      expect(one({ action })).toMatch(/^actions\[0\]\.action must be answer, play/);
    }
    for (const action of ["toString", "__proto__", "constructor", "fetch", "command"]) {
      expect(one({ action })).toMatch(/Unknown action/);
    }
  });

  test("with keys that nobody knows are answered with the nearest, or all", () => {
    expect(one({ action: "say", txt: "Hello" })).toBe(
      'actions[0]: Unknown key "txt", did you mean "text"?',
    );
    expect(one({ action: "hangup", when: 1 })).toBe(
      'actions[0]: Unknown key "when", "hangup" takes action or cause',
    );
    expect(one({ action: "gather", prompts: [{ action: "play", fiel: "a" }] })).toBe(
      'actions[0].prompts[0]: Unknown key "fiel", did you mean "file"?',
    );
  });
});

describe("each action in JSON", () => {
  test("play, say and pause", () => {
    expect(one({ action: "play", file: "a.wav" })).toEqual({
      action: "play",
      file: "a.wav",
      loop: 1,
    });
    expect(one({ action: "play", url: "/a.wav", loop: 3 })).toMatchObject({
      url: "/a.wav",
      loop: 3,
    });
    expect(one({ action: "play", file: "a", loop: true })).toMatchObject({ loop: Infinity });
    expect(one({ action: "play" })).toMatch(/^actions\[0\] must have either "file" or "url"/);
    expect(one({ action: "play", file: "a", url: "b" })).toMatch(/either "file" or "url"/);
    expect(one({ action: "play", file: "" })).toMatch(/file must be one line of 1 to/);
    expect(one({ action: "play", file: "a\0b" })).toMatch(/file must be one line/);
    expect(one({ action: "play", file: "a", loop: 0 })).toMatch(/loop must be a whole number/);
    expect(one({ action: "say", text: "Hi\nthere", language: "de", voice: "f1" })).toEqual({
      action: "say",
      text: "Hi\nthere",
      language: "de",
      voice: "f1",
      loop: 1,
    });
    expect(one({ action: "say", text: 5 })).toMatch(/text must be text of at most 4000/);
    expect(one({ action: "say", text: "a".repeat(4_001) })).toMatch(/at most 4000/);
    expect(one({ action: "pause" })).toEqual({ action: "pause", ms: 1_000 });
    expect(one({ action: "pause", duration: "1.5s" })).toEqual({ action: "pause", ms: 1_500 });
    expect(one({ action: "pause", duration_ms: 20 })).toEqual({ action: "pause", ms: 20 });
    expect(one({ action: "pause", duration: 3 })).toMatch(/duration must be a duration with its/);
    expect(one({ action: "pause", duration: "2h" })).toMatch(/duration must be at most/);
    expect(one({ action: "pause", duration: "1s", duration_ms: 5 })).toMatch(/either "duration"/);
  });

  test("gather, by default and in full", () => {
    expect(one({ action: "gather" })).toEqual({
      action: "gather",
      input: ["dtmf"],
      prompts: [],
      digits_max: Infinity,
      finish_keys: "#",
      timeout: 5_000,
      speech_timeout: 1_000,
      barge_in: true,
      on_empty: false,
    });
    const full = one({
      action: "gather",
      input: ["speech", "dtmf", "speech"],
      prompts: [{ action: "say", text: "Your pin" }, { action: "pause" }],
      digits: 4,
      finish_key: "",
      timeout_ms: 100,
      speech_timeout_ms: 700,
      barge_in: false,
      url: "/pin",
      method: "GET",
      language: "de-DE",
      on_empty: true,
    });
    expect(full).toEqual({
      action: "gather",
      input: ["speech", "dtmf"],
      prompts: [{ action: "say", text: "Your pin", loop: 1 }, { action: "pause", ms: 1_000 }],
      digits_max: 4,
      finish_keys: "",
      timeout: 100,
      speech_timeout: 700,
      barge_in: false,
      on_empty: true,
      language: "de-DE",
      next: { url: "/pin", method: "GET" },
    });
  });

  test("gather with values that cannot be", () => {
    const rows = [
      [{ digits: 0 }, /digits must be a whole number from 1 to 256/],
      [{ digits: "4" }, /digits must be a whole number/],
      [{ finish_key: "x" }, /finish_key must be keys of 0-9/],
      [{ timeout_ms: -1 }, /timeout_ms must be from 0 to/],
      [{ timeout_ms: "5s" }, /timeout_ms must be from 0 to/],
      [{ input: [] }, /input must be a list of "dtmf", "speech" or both/],
      [{ input: ["voice"] }, /input must be a list/],
      [{ barge_in: "no" }, /barge_in must be true or false/],
      [{ prompts: { action: "say" } }, /prompts must be a list of at most/],
      [{ prompts: [{ action: "gather" }] }, /prompts\[0\]: Unknown action "gather", send play/],
      [{ prompts: Array(PROMPTS_MAX + 1).fill({ action: "pause" }) }, /at most 50/],
      [{ method: "GET" }, /method needs an "url" beside it/],
      [{ url: "/a", method: "PUT" }, /method must be POST or GET/],
    ] as const;
    for (const [fields, message] of rows) {
      expect(one({ action: "gather", ...fields })).toMatch(message);
    }
  });

  test("record", () => {
    expect(one({ action: "record" })).toEqual({
      action: "record",
      max: 600_000,
      silence: 5_000,
      finish_keys: "#",
      beep: true,
      trim: false,
    });
    const all = { max_ms: 9_000, silence_ms: 0, finish_key: "*d", beep: false, trim: true };
    expect(one({ action: "record", ...all, url: "done" })).toEqual({
      action: "record",
      max: 9_000,
      silence: 0,
      finish_keys: "*D",
      beep: false,
      trim: true,
      next: { url: "done", method: "POST" },
    });
    expect(one({ action: "record", max_ms: 10 })).toMatch(/max_ms must be from 1000 to/);
  });

  test("exec and websocket", () => {
    expect(one({ action: "exec", program: "bot" })).toEqual({ action: "exec", program: "bot" });
    expect(one({ action: "exec" })).toMatch(/program must be one line/);
    expect(one({ action: "websocket", url: "wss://a/b?c" })).toEqual({
      action: "websocket",
      url: "wss://a/b?c",
      protocol: "voicegw",
      parameters: {},
      ways: "both",
    });
    const twilio = { protocol: "twilio", parameters: { room: "7" }, both: false, name: "tap" };
    expect(one({ action: "websocket", url: "/b", ...twilio })).toEqual({
      action: "websocket",
      url: "/b",
      protocol: "twilio",
      parameters: { room: "7" },
      ways: "inbound",
      name: "tap",
    });
    expect(one({ action: "websocket", url: "/b", protocol: "twillio" })).toMatch(
      /protocol must be voicegw or twilio, did you mean "twilio"\?/,
    );
    expect(one({ action: "websocket", url: "/b", parameters: { a: 1 } })).toMatch(
      /parameters\.a must be text/,
    );
    expect(one({ action: "stop_websocket", name: "tap" })).toEqual({
      action: "stop_websocket",
      name: "tap",
    });
  });

  test("redirect: of the caller, or to another URL", () => {
    expect(one({ action: "redirect", to: "sip:200@pbx.example" })).toEqual({
      action: "redirect",
      to: ["sip:200@pbx.example"],
      status: 302,
    });
    expect(one({ action: "redirect", url: "/next" })).toEqual({
      action: "fetch",
      next: { url: "/next", method: "POST" },
    });
    expect(one({ action: "redirect" })).toMatch(/must have either "to", a SIP URI/);
    expect(one({ action: "redirect", to: "sip:a@b", url: "/c" })).toMatch(/either "to"/);
    expect(one({ action: "redirect", url: "/c", status: 301 })).toMatch(/Unknown key "status"/);
    expect(one({ action: "redirect", to: "https://a" })).toMatch(
      /^actions\[0\]: The "to" of a redirect must be a URI/,
    );
  });

  test("what all handlers share is read as theirs", () => {
    const items = [
      { action: "answer" },
      { action: "dtmf", digits: "12#", duration_ms: 160 },
      { action: "hangup", cause: "done" },
      { action: "reject", status: 486 },
      { action: "transfer", to: "sip:200@pbx.example" },
      { action: "route", name: "support" },
    ];
    expect(read(items)).toEqual(items);
    expect(one({ action: "dtmf", digits: "x" })).toMatch(
      /^actions\[0\]: The "digits" of a dtmf must be/,
    );
    expect(one({ command: "mark", name: "a" })).toEqual({
      action: "command",
      command: { command: "mark", name: "a" },
    });
    expect(one({ command: "dance" })).toMatch(/^actions\[0\]: Unknown command "dance"/);
    expect(one({ command: "hangup", action: "hangup" })).toMatch(/either "action" or "command"/);
  });

  test("whatever comes is read or refused, and never throws", () => {
    const keys = fc.constantFrom("action", "command", "prompts", "text", "url", "loop", "to");
    const words = fc.constantFrom("say", "play", "gather", "redirect", "hangup", "x");
    const value = fc.oneof(words, fc.jsonValue() as fc.Arbitrary<unknown>, fc.double());
    const item = fc.dictionary(keys, value);
    const list = fc.oneof(fc.array(item), fc.jsonValue() as fc.Arbitrary<unknown>);
    fc.assert(
      fc.property(list, (response) => {
        const parsed = parseActions(response);
        expect(parsed.ok ? Array.isArray(parsed.actions) : parsed.message.length < 600).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
