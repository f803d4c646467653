import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { signWebhook } from "../../../src/handler/http/standard_webhooks.ts";
import { bytes, runtime } from "./web_server.ts";

const OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

describe("Standard Webhooks", () => {
  test("the vector of the specification's reference is met", () => {
    const message = {
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      at: 1_614_265_330_000,
      body: bytes('{"test": 2432232314}'),
    };
    expect(signWebhook(runtime, message, [OLD])).toEqual({
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  test("each secret verifies what several have signed", () => {
    const body = bytes('{"type":"call.incoming","name":"Jürgen"}');
    const headers = signWebhook(runtime, { id: "msg_1", at: Date.now(), body }, [NEW, OLD]);
    const text = new TextDecoder().decode(body);
    for (const secret of [NEW, OLD]) {
      expect(new Webhook(secret).verify(text, headers)).toEqual(JSON.parse(text));
    }
    expect(() => new Webhook(OLD).verify(`${text} `, headers)).toThrow();
    expect(headers["webhook-signature"]?.split(" ")).toHaveLength(2);
  });

  test("what is no text is signed byte by byte", () => {
    const body = new Uint8Array([0x52, 0x49, 0x46, 0x46, 0xff, 0xfe, 0x00, 0x80]);
    const headers = signWebhook(runtime, { id: "msg_1", at: 1_000_999, body }, [OLD]);
    const key = Uint8Array.fromBase64(OLD.slice("whsec_".length));
    const expected = createHmac("sha256", key).update("msg_1.1000.").update(body).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${expected}`);
  });

  test("without secrets nothing is signed", () => {
    expect(signWebhook(runtime, { id: "msg_1", at: 0, body: bytes("") }, [])).toEqual({});
  });
});
