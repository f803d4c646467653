import { describe, expect, test } from "bun:test";
import { configFrom } from "../../src/config/load.ts";
import { makeOutgoingCall } from "../../src/gateway/call_factory.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";

/** The connection line of the description that a call through `local` begins with. */
function connectionFrom(local: string, given: Readonly<Record<string, unknown>>): string {
  const remote = { address: local === "10.0.0.5" ? "10.0.0.9" : "2001:db8::9", port: 5060 };
  const flow = {
    transport: "udp",
    listener: 0,
    local: { address: local, port: 5060 },
    remote,
  } as const;
  const config = configFrom({ ...given, routes: [{ name: "echo", echo: true }] });
  const call = makeOutgoingCall(
    {
      from: "<sip:a@h>",
      to: "<sip:b@h>",
      requestUri: "sip:b@h",
      headers: [],
      callId: "1",
      flow,
      route: "echo",
    },
    { config, runtime: createRuntime() },
    0,
  );
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
