import { describe, expect, test } from "bun:test";
import { configFrom } from "../../src/config/load.ts";
import { Counters } from "../../src/gateway/counters.ts";
import { Door } from "../../src/gateway/door.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { parseMessage } from "../../src/sip/message/parse.ts";
import type { SipRequest } from "../../src/sip/message/message.ts";
import type { Flow, SipTransport } from "../../src/sip/transport/flow.ts";

interface Opened {
  readonly door: Door;
  readonly counters: Counters;
  readonly lines: readonly string[];
}

function open(sip: Readonly<Record<string, unknown>>): Opened {
  const counters = new Counters();
  const lines: string[] = [];
  const door = new Door({
    config: configFrom({ sip, routes: [{ echo: true }] }),
    runtime: { ...createRuntime(), now: () => 0 },
    counters,
    log: (_level, message) => void lines.push(message),
    expects: () => false,
    registrationOf: () => undefined,
  });
  return { door, counters, lines };
}

function flowFrom(address: string, transport: SipTransport): Flow {
  const local = { address: "192.0.2.1", port: 5060 };
  return { transport, listener: 0, local, remote: { address, port: 40_000 } };
}

function request(method: string, userAgent = "phone"): SipRequest {
  return parseMessage(new TextEncoder().encode([
    `${method} sip:100@192.0.2.1 SIP/2.0`,
    "Via: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bKa",
    "From: <sip:a@198.51.100.7>;tag=1",
    "To: <sip:100@192.0.2.1>",
    "Call-ID: a@198.51.100.7",
    `CSeq: 1 ${method}`,
    `User-Agent: ${userAgent}`,
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n"))) as SipRequest;
}

const STRANGER = "198.51.100.7";

describe("the door", () => {
  test("shuts a scanner out that speaks over a connection, and says so once", () => {
    const { door, counters, lines } = open({ allow: ["any"] });
    const flow = flowFrom(STRANGER, "tcp");
    expect(door.admits(STRANGER)).toBe(true);
    expect(door.admitsMessage(request("OPTIONS", "friendly-scanner"), flow, 1)).toBe(false);
    expect(door.admits(STRANGER)).toBe(false);
    expect(counters.get("scanners_dropped")).toBe(1);
    expect(lines.join()).toContain("friendly-scanner");
  });

  test("answers a scanner nothing, but blocks nobody for what a datagram says", () => {
    const { door } = open({ allow: ["any"] });
    const flow = flowFrom(STRANGER, "udp");
    expect(door.admitsMessage(request("OPTIONS", "friendly-scanner"), flow, 1)).toBe(false);
    expect(door.admits(STRANGER)).toBe(true);
  });

  test("never blocks a source that is exempt", () => {
    const { door } = open({ allow: ["any"], block: { failures: 1, exempt: [STRANGER] } });
    const flow = flowFrom(STRANGER, "tcp");
    door.admitsMessage(request("OPTIONS", "friendly-scanner"), flow, 1);
    door.malformed(flow, 1);
    expect(door.admits(STRANGER)).toBe(true);
    const other = flowFrom("198.51.100.8", "tcp");
    door.malformed(other, 1);
    expect(door.admits("198.51.100.8")).toBe(false);
  });

  test("drops new requests beyond what one source may send, and lets the others through", () => {
    const { door, counters } = open({ allow: ["any"], per_source: { requests_per_second: 10 } });
    const passed = (address: string) => {
      let count = 0;
      for (let index = 0; index < 50; index++) {
        if (door.admitsMessage(request("INVITE"), flowFrom(address, "udp"), 1000)) count++;
      }
      return count;
    };
    expect(passed(STRANGER)).toBe(10);
    expect(passed("198.51.100.8")).toBe(10);
    expect(counters.get("requests_limited")).toBe(80);
    // Whoever is in a call can always end it
    expect(door.admitsMessage(request("ACK"), flowFrom(STRANGER, "udp"), 1000)).toBe(true);
  });

  test("takes no more calls of a source that acknowledges none", () => {
    const { door } = open({ allow: ["any"], per_source: { requests_per_second: 3 } });
    const flow = flowFrom(STRANGER, "udp");
    for (let index = 0; index < 100; index++) {
      const invite = {
        session: `s${index}`,
        request: request("INVITE"),
        flow,
        replaces: undefined,
      };
      expect(door.enter({ type: "invite", ...invite }, 0)).toMatchObject({ authUser: "" });
    }
    expect(door.admitsMessage(request("INVITE"), flow, 60_000)).toBe(false);
    expect(door.admitsMessage(request("INVITE"), flowFrom("198.51.100.8", "udp"), 60_000)).toBe(
      true,
    );
    door.acknowledged("s0");
    expect(door.admitsMessage(request("INVITE"), flow, 60_000)).toBe(true);
  });
});
