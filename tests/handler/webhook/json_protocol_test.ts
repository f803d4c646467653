import { describe, expect, test } from "bun:test";
import { JsonProtocol } from "../../../src/handler/webhook/json_protocol.ts";
import type { WebRequest } from "../../../src/handler/webhook/web_protocol.ts";
import { END, START } from "../recording_host.ts";

const BASE = "https://bot.test/app/voice";

const protocol = new JsonProtocol({
  callId: "call-1",
  wallClock: () => Date.UTC(2024, 0, 2, 3, 4, 5, 6),
  recordingUrl: (file) => `https://gw.test/${file}`,
});

function bodyOf(request: WebRequest | undefined): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(request?.body));
}

function answer(body: string | Uint8Array, contentType = "application/json") {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return protocol.read({ status: 200, contentType, body: bytes, url: BASE });
}

describe("JSON webhooks", () => {
  test("tell of the call with everything that `start` has", () => {
    const request = protocol.incoming(START);
    const { event: _, ...data } = START;
    expect(request).toMatchObject({ method: "POST", contentType: "application/json" });
    expect(request.url).toBeUndefined();
    expect(bodyOf(request)).toEqual({
      type: "call.incoming",
      timestamp: "2024-01-02T03:04:05.006Z",
      data: JSON.parse(JSON.stringify(data)),
    });
  });

  test("tell of events with their fields and the call's id", () => {
    const told = protocol.notification({
      event: "dtmf",
      digit: "5",
      duration_ms: 80,
      source: "info",
    });
    expect(bodyOf(told)).toMatchObject({
      type: "call.dtmf",
      data: { call_id: "call-1", digit: "5", duration_ms: 80, source: "info" },
    });
    expect(bodyOf(protocol.ended(END))).toMatchObject({
      type: "call.ended",
      data: { call_id: "call-1", cause: "caller_hangup", duration_ms: 1234 },
    });
  });

  test("ask where the action says, relative to where it stood", () => {
    const result = { digits: "12", speech: "", confidence: undefined, finished_by: "key" } as const;
    const next = { url: "../menu?x=1", method: "POST" } as const;
    const request = protocol.question({ type: "gathered", result, next }, BASE);
    expect(request).toMatchObject({ url: "https://bot.test/menu?x=1", base: BASE });
    expect(bodyOf(request).data).toEqual({
      call_id: "call-1",
      digits: "12",
      speech: "",
      finished_by: "key",
    });
    expect(protocol.question({ type: "gathered", result }, BASE)?.url).toBe(BASE);
  });

  test("put what fits into the query of a GET", () => {
    const result = { digits: "1&2", speech: "", confidence: 0.5, finished_by: "key" } as const;
    const next = { url: "/menu?x=1", method: "GET" } as const;
    const request = protocol.question({ type: "gathered", result, next }, BASE);
    expect(request?.method).toBe("GET");
    expect(request?.body).toHaveLength(0);
    const { searchParams } = new URL(request?.url ?? "");
    expect(searchParams.get("digits")).toBe("1&2");
    expect(searchParams.get("x")).toBe("1");
    expect(searchParams.get("call_id")).toBe("call-1");
  });

  test("tell of recordings with the URL that others get them at", () => {
    const recording = {
      file: "a-1.wav",
      number: 1,
      duration_ms: 900,
      finished_by: "key",
      digits: "#",
    } as const;
    const request = protocol.question({ type: "recorded", recording }, BASE);
    expect(bodyOf(request)).toMatchObject({
      type: "call.recorded",
      data: {
        file: "a-1.wav",
        duration_ms: 900,
        finished_by: "key",
        digits: "#",
        url: "https://gw.test/a-1.wav",
      },
    });
  });
});

describe("answers to JSON webhooks", () => {
  test("are lists of actions, whatever they call themselves", () => {
    expect(answer('[{"action":"say","text":"hi"}]', "text/plain")).toMatchObject({
      ok: true,
      actions: [{ action: "say", text: "hi", loop: 1 }],
    });
    expect(answer('{"actions":[]}')).toEqual({ ok: true, actions: [] });
  });

  test("say nothing when they are empty", () => {
    expect(answer("")).toEqual({ ok: true, actions: undefined });
    expect(answer(" \n")).toEqual({ ok: true, actions: undefined });
  });

  test("may be a sound", () => {
    const wav = new TextEncoder().encode("RIFF....WAVEfmt ");
    expect(answer(wav, "")).toEqual({ ok: true, actions: [{ action: "wav", bytes: wav }] });
  });

  test.each([
    ["<!DOCTYPE html><html>", "text/html", "answered with text/html, send JSON"],
    ["[{", "application/json", "bad JSON"],
    ['[{"action":"dance"}]', "application/json", 'Unknown action "dance"'],
    ['"hello"', "application/json", "must be a list"],
  ])("are refused with what to send instead: %s", (body, contentType, message) => {
    const read = answer(body, contentType);
    expect(read.ok).toBe(false);
    expect(read.ok ? "" : read.message).toContain(message);
  });
});
