import { createHash, createHmac } from "node:crypto";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import twilio from "twilio";
import { parseTwiml } from "../../src/twilio/parse_twiml.ts";
import { signRequest } from "../../src/twilio/signature.ts";

const TOKEN = "12345";

function hmac(_name: "SHA-1", key: Uint8Array, data: Uint8Array): Uint8Array {
  return createHmac("sha1", key).update(data).digest();
}

function sign(url: string, parameters: readonly (readonly [string, string])[]): string {
  return signRequest({ authToken: TOKEN, url, parameters, hmac });
}

describe("X-Twilio-Signature", () => {
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
