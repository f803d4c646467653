import { createHash, createHmac } from "node:crypto";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import twilio from "twilio";
import { parseTwiml } from "../../src/twilio/parse_twiml.ts";
import {
  callParameters,
  formEncode,
  statusParameters,
} from "../../src/twilio/request_parameters.ts";
import { callSid } from "../../src/twilio/sids.ts";
import { signRequest } from "../../src/twilio/signature.ts";
import { FACTS } from "../support/call_facts.ts";

const TOKEN = "12345";

function hmac(_name: "SHA-1", key: Uint8Array, data: Uint8Array): Uint8Array {
  return createHmac("sha1", key).update(data).digest();
}

function sign(url: string, parameters: readonly (readonly [string, string])[]): string {
  return signRequest({ authToken: TOKEN, url, parameters, hmac });
}

describe("X-Twilio-Signature", () => {
  test("is that of Twilio's examples", () => {
    const parameters = [
      ["CallSid", "CA1234567890ABCDE"],
      ["Caller", "+14158675309"],
      ["Digits", "1234"],
      ["From", "+14158675309"],
      ["To", "+18005551212"],
    ] as const;
    expect(sign("https://mycompany.com/myapp.php?foo=1&bar=2", parameters))
      .toBe("RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    expect(sign("https://customer.example/cb", [])).toBe("+xE6fKV5OcQGR58lHUAbQmwfuO8=");
  });

  test("is valid to Twilio's package, whatever is signed", () => {
    const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
    const record = fc.dictionary(word, fc.string({ unit: "grapheme", maxLength: 40 }));
    fc.assert(fc.property(record, (values) => {
      const url = "https://bot.example.com/voice?room=1";
      const signature = sign(url, Object.entries(values));
      expect(twilio.validateRequest(TOKEN, signature, url, values)).toBe(true);
      expect(twilio.validateRequest("another", signature, url, values)).toBe(false);
    }));
  });

  test("of a body that is no form is that of its hash in the URL", () => {
    const body = '{"a":1}';
    const url = `https://bot.example.com/cb?bodySHA256=${
      createHash("sha256").update(body).digest("hex")
    }`;
    expect(twilio.validateRequestWithBody(TOKEN, sign(url, []), url, body)).toBe(true);
  });
});

describe("what Twilio's package writes", () => {
  test("is read", () => {
    const response = new twilio.twiml.VoiceResponse();
    response.say({ voice: "Polly.Amy", language: "en-GB" }, "Grüße & <welcome>");
    response.play({ loop: 2 }, "https://example.com/a.wav?x=1&y=2");
    const gather = response.gather({
      input: ["dtmf", "speech"],
      numDigits: 1,
      action: "/menu",
      method: "POST",
      timeout: 3,
    });
    gather.say("Press one");
    response.pause({ length: 2 });
    response.record({ action: "/recorded", maxLength: 30, finishOnKey: "#", playBeep: false });
    response.connect().stream({ url: "wss://bot.example.com" }).parameter({
      name: "a",
      value: "b",
    });
    response.start().stream({ url: "wss://listen.example.com", name: "ear" });
    response.refer().sip("sip:200@example.com");
    response.redirect({ method: "GET" }, "/again");
    response.reject({ reason: "busy" });
    response.hangup();
    const parsed = parseTwiml(response.toString());
    expect(parsed.ok ? parsed.actions.map(({ action }): string => action) : parsed.message).toEqual(
      [
        ...["say", "play", "gather", "pause", "record", "websocket", "websocket", "transfer"],
        ...["fetch", "reject", "hangup"],
      ],
    );
    if (parsed.ok) {
      expect(parsed.actions[0]).toMatchObject({ text: "Grüße & <welcome>", voice: "Polly.Amy" });
      expect(parsed.actions[2]).toMatchObject({ digits_max: 1, next: { url: "/menu" } });
      expect(parsed.actions[5]).toMatchObject({ parameters: { a: "b" }, ways: "both" });
    }
  });

  test("with a Dial is refused, which says what there is instead", () => {
    const response = new twilio.twiml.VoiceResponse();
    response.dial("+15551234");
    const parsed = parseTwiml(response.toString());
    expect(parsed.ok ? "" : parsed.message).toContain("use <Refer>");
  });
});

describe("parameters of a call", () => {
  test("are Twilio's, with every X- header", () => {
    const facts = { ...FACTS, x_headers: { "X-Room-ID": "blue room" } };
    const accountSid = `AC${"1".repeat(32)}`;
    const parameters = callParameters({
      facts,
      accountSid,
      status: "ringing",
      extra: [["Digits", "1"]],
    });
    const form = new URLSearchParams(new TextDecoder().decode(formEncode(parameters)));
    expect(form.get("CallSid")).toBe(callSid(facts.id));
    expect(form.get("CallSid")).toMatch(/^CA[\da-f]{32}$/);
    expect(Object.fromEntries(form)).toMatchObject({
      AccountSid: accountSid,
      CallStatus: "ringing",
      ApiVersion: "2010-04-01",
      Direction: "inbound",
      SipCallId: facts.sip_call_id,
      "SipHeader_X-Room-ID": "blue room",
      Digits: "1",
    });
    expect(form.get("From")).toBe(form.get("Caller"));
  });

  test("of a change of its status tell when, in which order, and how it ended", () => {
    expect(statusParameters({ at: 0, sequence: 0 })).toEqual([
      ["Timestamp", "Thu, 01 Jan 1970 00:00:00 +0000"],
      ["SequenceNumber", "0"],
      ["CallbackSource", "call-progress-events"],
    ]);
    const end = { durationMs: 1200, sipStatus: 200 };
    expect(statusParameters({ at: 0, sequence: 3, end }).slice(3)).toEqual([
      ["CallDuration", "2"],
      ["SipResponseCode", "200"],
    ]);
  });
});
