import { afterEach, describe, expect, test } from "bun:test";
import type { NaptrRecord, SrvRecord } from "../../../src/base/dns_record.ts";
import type { Hop } from "../../../src/sip/transport/flow.ts";
import {
  callIds,
  closeAll,
  closedPort,
  eventually,
  openPeer,
  openRig,
  optionsRequest,
} from "./sockets.ts";

afterEach(closeAll);

const UDP = { transport: "udp", address: "127.0.0.1", port: 0 } as const;
const TCP = { transport: "tcp", address: "127.0.0.1", port: 0 } as const;

/** `transport address:port` of each hop. */
function described(hops: readonly Hop[]): string[] {
  return hops.map(({ flow, to }) => `${flow.transport} ${to.address}:${to.port}`);
}

/** A name server that counts what it is asked. */
function nameServer(zone: {
  readonly naptr?: Readonly<Record<string, readonly NaptrRecord[]>>;
  readonly srv?: Readonly<Record<string, readonly SrvRecord[]>>;
  readonly host?: Readonly<Record<string, readonly string[]>>;
}) {
  const asked: string[] = [];
  const answer = async <T>(kind: string, name: string, found: readonly T[] | undefined) => {
    asked.push(`${kind} ${name}`);
    await Promise.resolve();
    return found ?? [];
  };
  return {
    asked,
    names: {
      resolveNaptr: (name: string) => answer("naptr", name, zone.naptr?.[name]),
      resolveSrv: (name: string) => answer("srv", name, zone.srv?.[name]),
      resolveHost: async (name: string) => {
        const found = await answer("host", name, zone.host?.[name]);
        if (found.length === 0) throw new Error(`Cannot find the address of "${name}"`);
        return found;
      },
    },
  };
}

function srv(priority: number, port: number, target: string): SrvRecord {
  return { priority, weight: 0, port, target };
}

describe("RFC 3263 §4 where requests go", () => {
  test("every hop has the flow of the listener for its transport", async () => {
    const rig = await openRig({ listen: [UDP, TCP] });
    const [udp] = await rig.signalling.locate("sip:127.0.0.1:5080");
    expect(udp).toEqual({
      flow: {
        transport: "udp",
        listener: 0,
        local: { address: "127.0.0.1", port: rig.port(0) },
        remote: { address: "127.0.0.1", port: 5080 },
      },
      to: { address: "127.0.0.1", port: 5080 },
    });
    const [tcp] = await rig.signalling.locate("sip:127.0.0.1:5080;transport=tcp");
    expect(tcp?.flow.listener).toBe(1);
    expect(tcp?.flow.local.port).toBe(rig.port(1));
  });

  test("the first route decides, as a URI or as a header's value (RFC 3261 §8.1.2)", async () => {
    const rig = await openRig({ listen: [UDP, TCP] });
    const locate = async (route: string) =>
      described(await rig.signalling.locate("sip:192.0.2.1", { routes: [route, "sip:192.0.2.3"] }));
    expect(await locate("sip:192.0.2.2:5070;transport=tcp;lr")).toEqual(["tcp 192.0.2.2:5070"]);
    expect(await locate("<sip:192.0.2.2:5070;transport=tcp;lr>")).toEqual(["tcp 192.0.2.2:5070"]);
    expect(await locate("<nonsense")).toEqual([]);
    expect(await rig.signalling.locate("tel:100")).toEqual([]);
  });

  test("records are asked for once in a while, and by all who ask at once", async () => {
    const { asked, names } = nameServer({
      srv: { "_sip._udp.example.test": [srv(1, 5060, "a.example.test")] },
      host: { "a.example.test": ["192.0.2.1"] },
    });
    const rig = await openRig({ listen: [UDP], names });
    const [first, second] = await Promise.all([
      rig.signalling.locate("sip:example.test"),
      rig.signalling.locate("sip:100@example.test"),
    ]);
    const third = await rig.signalling.locate("sip:200@example.test");
    for (const hops of [first, second, third]) {
      expect(described(hops)).toEqual(["udp 192.0.2.1:5060"]);
    }
    expect(asked).toEqual([
      "naptr example.test",
      "srv _sip._udp.example.test",
      "host a.example.test",
    ]);
  });

  test("name servers that fail are as good as names without records", async () => {
    const down = () => Promise.reject(new Error("No name server answers"));
    const names = {
      resolveNaptr: down,
      resolveSrv: down,
      resolveHost: () => Promise.resolve(["192.0.2.1"]),
    };
    const rig = await openRig({ listen: [UDP], names });
    expect(described(await rig.signalling.locate("sip:pbx"))).toEqual(["udp 192.0.2.1:5060"]);
  });

  test("a name that does not exist leads nowhere, and is counted", async () => {
    const rig = await openRig({ listen: [UDP] });
    expect(await rig.signalling.locate("sip:nobody.example.test")).toEqual([]);
    expect(rig.count("names_not_found")).toBe(1);
  });

  test("what failed lately is tried last (§4.3)", async () => {
    const { names } = nameServer({
      srv: {
        "_sip._udp.example.test": [srv(1, 5060, "192.0.2.1"), srv(2, 5060, "192.0.2.2")],
      },
    });
    const rig = await openRig({ listen: [UDP], names });
    const hops = await rig.signalling.locate("sip:example.test");
    rig.signalling.markFailed(hops[0] as Hop);
    expect(described(await rig.signalling.locate("sip:example.test")))
      .toEqual(["udp 192.0.2.2:5060", "udp 192.0.2.1:5060"]);
  });

  test("a connection that could not be opened counts as failed, until one is opened", async () => {
    const port = await closedPort();
    const { names } = nameServer({ host: { "pbx.example.test": ["127.0.0.1", "192.0.2.1"] } });
    const rig = await openRig({ listen: [TCP], names });
    const uri = `sip:pbx.example.test:${port}`;
    const [first] = await rig.signalling.locate(uri);
    if (first === undefined) throw new Error("no hop");
    expect(first.to.address).toBe("127.0.0.1");
    rig.signalling.send(first.flow, first.to, optionsRequest("a"));
    await eventually("a failure", () => rig.failed.length === 1);
    expect((await rig.signalling.locate(uri))[0]?.to.address).toBe("192.0.2.1");
    const peer = await openPeer(port);
    rig.signalling.send(first.flow, first.to, optionsRequest("b"));
    await eventually("b", () => (peer.heard[0] ?? "").includes("Call-ID: b"));
    expect((await rig.signalling.locate(uri))[0]?.to.address).toBe("127.0.0.1");
  });

  test("where nothing listens for a transport, its connection is opened ahead", async () => {
    const peer = await openPeer();
    const refused = await closedPort();
    const rig = await openRig({ listen: [UDP] });
    const [hop] = await rig.signalling.locate(`sip:127.0.0.1:${peer.port};transport=tcp`);
    if (hop === undefined) throw new Error("no hop");
    expect(rig.signalling.connections).toBe(1);
    await eventually("the connection", () => peer.sockets.length === 1);
    expect(rig.signalling.identity(hop.flow)).toEqual({
      address: "127.0.0.1",
      port: peer.sockets[0]?.remotePort ?? 0,
    });
    rig.signalling.send(hop.flow, hop.to, optionsRequest("a"));
    await eventually("a", () => (peer.heard[0] ?? "").includes("Call-ID: a"));
    const [lost] = await rig.signalling.locate(`sip:127.0.0.1:${refused};transport=tcp`);
    expect(lost?.flow.connection).toBeUndefined();
    expect(lost?.flow.listener).toBe(-1);
  });
});

describe("RFC 3263 §4.2 names within a dialog", () => {
  test("a name is looked up while the sender goes on, and messages keep their order", async () => {
    const receiver = await openRig({ listen: [UDP] });
    const { asked, names } = nameServer({ host: { "pbx.example.test": ["127.0.0.1"] } });
    const rig = await openRig({ listen: [UDP], names });
    const to = { address: "pbx.example.test", port: receiver.port() };
    const flow = await rig.signalling.flowTo("udp", { address: "127.0.0.1", port: 1 });
    if (flow === undefined) throw new Error("no flow");
    const ids = ["a", "b", "c", "d"];
    for (const id of ids) rig.signalling.send(flow, to, optionsRequest(id, "UDP"));
    await eventually("four", () => receiver.received.length === 4);
    expect(callIds(receiver)).toEqual(ids);
    expect(asked).toEqual(["host pbx.example.test"]);
  });

  test("port 0 means SRV of the transport, and what is sent in a row goes one way", async () => {
    const one = await openPeer();
    const other = await openPeer();
    const { names } = nameServer({
      srv: {
        "_sip._tcp.example.test": [
          { priority: 1, weight: 1, port: one.port, target: "h.example.test" },
          { priority: 1, weight: 1, port: other.port, target: "h.example.test" },
        ],
      },
      host: { "h.example.test": ["127.0.0.1"] },
    });
    const rig = await openRig({ listen: [TCP], names });
    const to = { address: "example.test", port: 0 };
    const flow = await rig.signalling.flowTo("tcp", { address: "127.0.0.1", port: 1 });
    if (flow === undefined) throw new Error("no flow");
    for (let index = 0; index < 8; index++) {
      rig.signalling.send(flow, to, optionsRequest(`m${index}`));
    }
    const heard = () => `${one.heard[0] ?? ""}${other.heard[0] ?? ""}`;
    await eventually("all", () => heard().includes("Call-ID: m7"));
    expect(one.sockets.length + other.sockets.length).toBe(1);
  });

  test("a name that nobody knows leads back to the peer, or fails without one", async () => {
    const receiver = await openRig({ listen: [UDP] });
    const rig = await openRig({ listen: [UDP] });
    const remote = { address: "127.0.0.1", port: receiver.port() };
    const flow = await rig.signalling.flowTo("udp", remote);
    if (flow === undefined) throw new Error("no flow");
    const to = { address: "inside.example.test", port: 0 };
    rig.signalling.send(flow, to, optionsRequest("a", "UDP"));
    await eventually("a", () => receiver.received.length === 1);
    const nowhere = { ...flow, remote: to };
    rig.signalling.send(nowhere, to, optionsRequest("b", "UDP"));
    await eventually("a failure", () => rig.failed.length === 1);
    expect(rig.failed[0]).toBe(nowhere);
  });
});

describe("RFC 3261 §18.1.1 large requests", () => {
  test("have a hop over TCP to the same place", async () => {
    const rig = await openRig({ listen: [UDP, TCP] });
    const [hop] = await rig.signalling.locate("sip:127.0.0.1:5080");
    if (hop === undefined) throw new Error("no hop");
    const stream = rig.signalling.streamHop(hop);
    expect(stream?.to).toEqual(hop.to);
    expect(stream?.flow).toEqual({
      transport: "tcp",
      listener: 1,
      local: { address: "127.0.0.1", port: rig.port(1) },
      remote: hop.to,
    });
  });

  test("have none where nothing listens for TCP, or the peer refused it lately", async () => {
    const alone = await openRig({ listen: [UDP] });
    const [hop] = await alone.signalling.locate("sip:127.0.0.1:5080");
    if (hop === undefined) throw new Error("no hop");
    expect(alone.signalling.streamHop(hop)).toBeUndefined();
    const rig = await openRig({ listen: [UDP, TCP] });
    const stream = rig.signalling.streamHop(hop);
    if (stream === undefined) throw new Error("no hop over TCP");
    rig.signalling.markFailed(stream);
    expect(rig.signalling.streamHop(hop)).toBeUndefined();
  });
});
