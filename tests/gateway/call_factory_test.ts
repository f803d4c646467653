import { describe, expect, test } from "bun:test";
import type { Call } from "../../src/call/call.ts";
import { configFrom } from "../../src/config/load.ts";
import { makeOutgoingCall } from "../../src/gateway/call_factory.ts";
import { RouteSlots } from "../../src/gateway/route_slots.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";

/** A call of ours to the first route of a configuration. */
function callFrom(local: string, given: Readonly<Record<string, unknown>>, taken = 0): Call {
  const remote = { address: local === "10.0.0.5" ? "10.0.0.9" : "2001:db8::9", port: 5060 };
  const flow = {
    transport: "udp",
    listener: 0,
    local: { address: local, port: 5060 },
    remote,
  } as const;
  const config = configFrom({ routes: [{ name: "echo", echo: true }], ...given });
  const slots = new RouteSlots(() => undefined);
  for (let call = 0; call < taken; call++) slots.enter(`${call}`, config.routes[0]);
  return makeOutgoingCall(
    {
      from: "<sip:a@h>",
      to: "<sip:b@h>",
      requestUri: "sip:b@h",
      headers: [],
      callId: "1",
      flow,
      route: "echo",
    },
    { config, runtime: createRuntime(), slots },
    0,
  );
}

/** The connection line of the description that a call through `local` begins with. */
function connectionFrom(local: string, given: Readonly<Record<string, unknown>>): string {
  const call = callFrom(local, given);
  const [dial] = call.rtpBound(10_000, 0);
  if (dial?.type !== "dial") throw new Error("The call sends no INVITE");
  return /^c=.*$/m.exec(new TextDecoder().decode(dial.body.bytes))?.[0].trim() ?? "";
}

describe("RFC 8866 §5.7 the address in our descriptions", () => {
  test("is the local one towards the peer", () => {
    expect(connectionFrom("10.0.0.5", {})).toBe("c=IN IP4 10.0.0.5");
  });

  test("is the advertised one, if RTP is of its family", () => {
    const given = { sip: { advertise: "203.0.113.10" } };
    expect(connectionFrom("10.0.0.5", given)).toBe("c=IN IP4 203.0.113.10");
    expect(connectionFrom("2001:db8::5", given)).toBe("c=IN IP6 2001:db8::5");
  });

  test("is that of RTP where it has one of its own", () => {
    expect(connectionFrom("10.0.0.5", { rtp: { address: "10.0.0.7" } })).toBe("c=IN IP4 10.0.0.7");
    const both = { sip: { advertise: "203.0.113.10" }, rtp: { address: "0.0.0.0" } };
    expect(connectionFrom("10.0.0.5", both)).toBe("c=IN IP4 203.0.113.10");
  });
});

describe("a call of ours", () => {
  test("takes a place of its route, and is not placed where there is none", () => {
    const given = { routes: [{ name: "echo", echo: true, max_calls: 2 }] };
    expect(callFrom("10.0.0.5", given, 1).facts.route).toBe("echo");
    expect(() => callFrom("10.0.0.5", given, 2)).toThrow(
      new RangeError('max_calls of route "echo": 2 calls are up'),
    );
  });
});
