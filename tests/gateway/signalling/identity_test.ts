import { describe, expect, test } from "bun:test";
import { isLiteral } from "../../../src/gateway/signalling/flow_name.ts";
import {
  identityOf,
  type Listener,
  listenerFor,
  NO_LISTENER,
} from "../../../src/gateway/signalling/listeners.ts";
import type { Flow, SipTransport } from "../../../src/sip/transport/flow.ts";

function listener(transport: SipTransport, address: string, port: number, advertise?: string) {
  const isWildcard = address === "0.0.0.0" || address === "::";
  const local = { address, port };
  const unbound: Listener = {
    transport,
    local,
    isWildcard,
    advertise,
    udp: undefined,
    stream: undefined,
  };
  return unbound;
}

function flow(transport: SipTransport, index: number, address: string, port: number): Flow {
  const remote = { address: address.includes(":") ? "2001:db8::9" : "192.0.2.9", port: 5060 };
  return { transport, listener: index, local: { address, port }, remote };
}

describe("RFC 3261 §18.1.1 what Via and Contact say of us", () => {
  const listeners = [
    listener("udp", "10.0.0.1", 5060),
    listener("tcp", "10.0.0.1", 5062),
    listener("udp", "10.0.0.2", 5070, "203.0.113.7"),
    listener("tls", "::", 5061),
  ];
  const of = (given: Flow, advertise?: string) => identityOf(listeners, given, advertise);

  test("the local address and the listener's port", () => {
    expect(of(flow("udp", 0, "10.0.0.1", 5060))).toEqual({ address: "10.0.0.1", port: 5060 });
  });

  test("the listener's port also for connections that we opened", () => {
    expect(of(flow("tcp", 1, "10.0.0.1", 40_000))).toEqual({ address: "10.0.0.1", port: 5062 });
    expect(of(flow("tls", 3, "10.0.0.1", 40_000))).toEqual({ address: "10.0.0.1", port: 5061 });
  });

  test("the connection's own port where nothing listens, else the transport's default", () => {
    expect(of(flow("ws", NO_LISTENER, "10.0.0.1", 40_000)).port).toBe(40_000);
    expect(of(flow("wss", NO_LISTENER, "10.0.0.1", 0)).port).toBe(443);
  });

  test("the listener of the transport when a dialog changes it", () => {
    expect(of(flow("tcp", 0, "10.0.0.1", 5060)).port).toBe(5062);
  });

  test("the advertised address, the listener's own before the gateway's", () => {
    const everywhere = "198.51.100.1";
    expect(of(flow("udp", 0, "10.0.0.1", 5060), everywhere).address).toBe(everywhere);
    expect(of(flow("udp", 2, "10.0.0.2", 5070), everywhere).address).toBe("203.0.113.7");
  });

  test("no advertised address of the other family", () => {
    expect(of(flow("tls", 3, "2001:db8::1", 5061), "198.51.100.1").address).toBe("2001:db8::1");
    expect(of(flow("tls", 3, "10.0.0.1", 5061), "198.51.100.1").address).toBe("198.51.100.1");
    expect(of(flow("udp", 0, "10.0.0.1", 5060), "2001:db8::5").address).toBe("10.0.0.1");
  });

  test("a listener for each family, the flow's own where it fits", () => {
    const both = [listener("udp", "10.0.0.1", 1), listener("udp", "10.0.0.2", 1)];
    expect(listenerFor(both, "udp", false, 1)).toBe(1);
    expect(listenerFor(both, "udp", false)).toBe(0);
    expect(listenerFor(both, "udp", true, 1)).toBe(NO_LISTENER);
    expect(listenerFor([...both, listener("udp", "::", 1)], "udp", true, 1)).toBe(2);
    expect(listenerFor([listener("udp", "::", 1)], "udp", false)).toBe(0);
    expect(listenerFor([listener("udp", "::1", 1)], "udp", false)).toBe(NO_LISTENER);
  });
});

describe("RFC 1123 §2.1 addresses and names", () => {
  test("are told apart without reading them closely", () => {
    for (const address of ["192.0.2.1", "::1", "2001:db8::a", "fe80::1%eth0", "::ffff:192.0.2.1"]) {
      expect([address, isLiteral(address)]).toEqual([address, true]);
    }
    for (const name of ["pbx", "pbx1", "1.example", "a.b.c.d", "10.0.0.1.nip.io", ""]) {
      expect([name, isLiteral(name)]).toEqual([name, false]);
    }
  });
});
