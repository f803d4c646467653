import { describe, expect, test } from "bun:test";
import type { Flow } from "../../../src/sip/transport/flow.ts";
import { responseTarget, stampVia } from "../../../src/sip/transport/response_target.ts";
import { request } from "../transaction/messages.ts";

function udp(address: string, port: number): Flow {
  const local = { address: "192.0.2.9", port: 5060 };
  return { transport: "udp", listener: 0, local, remote: { address, port } };
}

const TCP: Flow = { ...udp("192.0.2.1", 40000), transport: "tcp", connection: 3 };

/**
 * Stamps a request with this Via that came over `flow`: its Via then, and where the answer goes.
 */
function stamp(via: string, flow: Flow): { via: string | undefined; target: string } {
  const received = request("OPTIONS", { via });
  stampVia(received, flow);
  const { address, port } = responseTarget(received.headers.via, flow);
  return { via: received.headers.get("Via"), target: `${address} ${port}` };
}

describe("RFC 3261 §18.2.1, §18.2.2 Via and where responses go", () => {
  test("an honest sent-by is left alone and is where the response goes", () => {
    expect(stamp("UDP 192.0.2.1:5070;branch=z9hG4bKa", udp("192.0.2.1", 5070))).toEqual({
      via: "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKa",
      target: "192.0.2.1 5070",
    });
  });

  test("the port is that of the sent-by, not of the source, without rport", () => {
    const { target } = stamp("UDP 192.0.2.1:5070;branch=z9hG4bKa", udp("192.0.2.1", 33333));
    expect(target).toBe("192.0.2.1 5070");
  });

  test("a sent-by without port means 5060", () => {
    const { target } = stamp("UDP 192.0.2.1;branch=z9hG4bKa", udp("192.0.2.1", 33333));
    expect(target).toBe("192.0.2.1 5060");
  });

  test("another sent-by gets received, a name too", () => {
    for (const host of ["10.0.0.5", "pbx.example.com"]) {
      expect(stamp(`UDP ${host}:5062;branch=z9hG4bKa`, udp("192.0.2.1", 33333))).toEqual({
        via: `SIP/2.0/UDP ${host}:5062;branch=z9hG4bKa;received=192.0.2.1`,
        target: "192.0.2.1 5062",
      });
    }
  });

  test("a received that the sender wrote aims at nobody else", () => {
    const via = "UDP 192.0.2.1;branch=z9hG4bKa;received=203.0.113.66";
    expect(stamp(via, udp("192.0.2.1", 5060))).toEqual({
      via: "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;received=192.0.2.1",
      target: "192.0.2.1 5060",
    });
  });

  test("maddr is ignored", () => {
    const via = "UDP 192.0.2.1;branch=z9hG4bKa;maddr=203.0.113.66";
    expect(stamp(via, udp("192.0.2.1", 5060)).target).toBe("192.0.2.1 5060");
  });

  test("over a connection: where the sender listens, for when that connection is gone", () => {
    expect(stamp("TCP 192.0.2.1:5070;branch=z9hG4bKa", TCP)).toEqual({
      via: "SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bKa",
      target: "192.0.2.1 5070",
    });
    expect(stamp("TCP 192.0.2.1;rport;branch=z9hG4bKa", TCP).target).toBe("192.0.2.1 5060");
    expect(stamp("TLS 192.0.2.1;branch=z9hG4bKa", { ...TCP, transport: "tls" }).target)
      .toBe("192.0.2.1 5061");
  });

  test("RFC 5118 §4.5: an IPv6 received has no brackets, and no zone", () => {
    const via = "UDP [2001:db8::9]:5070;branch=z9hG4bKa";
    expect(stamp(via, udp("2001:db8::9", 5070)).via).toBe(`SIP/2.0/${via}`);
    expect(stamp(via, udp("fe80::1%eth0", 5070))).toEqual({
      via: `SIP/2.0/${via};received=fe80::1`,
      target: "fe80::1%eth0 5070",
    });
  });
});

describe("RFC 3581 §4 rport", () => {
  test("is filled with the source port, and received is added even to an honest sent-by", () => {
    const via = "UDP 192.0.2.1:5060;rport;branch=z9hG4bKa";
    expect(stamp(via, udp("192.0.2.1", 33333))).toEqual({
      via: "SIP/2.0/UDP 192.0.2.1:5060;rport=33333;branch=z9hG4bKa;received=192.0.2.1",
      target: "192.0.2.1 33333",
    });
  });

  test("a value that the sender wrote is overwritten", () => {
    const { via, target } = stamp("UDP 10.0.0.5;branch=z9hG4bKa;rport=53", udp("192.0.2.1", 999));
    expect(via).toBe("SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa;rport=999;received=192.0.2.1");
    expect(target).toBe("192.0.2.1 999");
  });

  test("stamping twice changes nothing, and lower Vias are not touched", () => {
    const parts = { via: "UDP a.example;branch=z9hG4bKa;rport, SIP/2.0/UDP b.example;rport" };
    const received = request("OPTIONS", parts);
    stampVia(received, udp("192.0.2.1", 5060));
    const once = received.headers.getAll("Via");
    expect(once.join()).toMatch(
      /rport=5060;received=192\.0\.2\.1, *SIP\/2\.0\/UDP b\.example;rport$/,
    );
    stampVia(received, udp("192.0.2.1", 5060));
    expect(received.headers.getAll("Via")).toEqual(once);
  });
});
