import { afterEach, describe, expect, test } from "bun:test";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { RawCaller } from "../support/raw_caller.ts";

/** Writes the events that it gets into the log. */
const LISTENER = ["sh", "-c", "cat <&3 >&2"];

describe("RFC 6086 keys by INFO", () => {
  let server: RunningGateway | undefined;
  let caller: RawCaller | undefined;

  afterEach(async () => {
    caller?.close();
    await server?.stop();
  });

  test("reach the handler, and other bodies get 415 with Accept", async () => {
    server = await startGateway({ routes: [{ exec: LISTENER }] });
    caller = await RawCaller.open(server.udp);
    const { call, answer } = await caller.establish();
    const relay = { type: "application/dtmf-relay", body: "Signal=5\r\nDuration=240\r\n" };
    caller.info(call, answer, { ...relay, sequence: 2 });
    expect((await caller.final(call, "INFO")).statusCode).toBe(200);
    caller.info(call, answer, { type: "text/plain", body: "5", sequence: 3 });
    const refused = await caller.status(call, 415, "INFO");
    expect(refused.headers.get("Accept")).toBe("application/dtmf-relay, application/dtmf");
    caller.bye(call, answer, 4);
    await server.ended(1);
    await server.idle();
    const keys = server.logs.filter((line) => line.includes('"event":"dtmf"'));
    expect(keys.map((line) => JSON.parse(line))).toEqual([
      { event: "dtmf", digit: "5", duration_ms: 240, source: "info" },
    ]);
  });

  test("outside a call get 481", async () => {
    server = await startGateway({ routes: [{ echo: true }] });
    caller = await RawCaller.open(server.udp);
    const { call, answer } = await caller.establish();
    caller.bye(call, answer);
    await caller.final(call, "BYE");
    const key = { type: "application/dtmf", body: "1", sequence: 3 };
    caller.info(call, answer, key);
    expect((await caller.final(call, "INFO")).statusCode).toBe(481);
  });
});
