import { afterEach, describe, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { callIds, closeAll, eventually, openRig, optionsRequest, type Rig } from "./sockets.ts";

const sockets: Socket[] = [];

afterEach(() => {
  closeAll();
  for (const socket of sockets.splice(0)) socket.close();
});

/** A plain UDP socket and what it heard. */
async function openSocket(type: "udp4" | "udp6") {
  const socket = createSocket(type);
  sockets.push(socket);
  const heard: string[] = [];
  socket.on("message", (data) => void heard.push(data.toString("latin1")));
  const host = type === "udp4" ? "127.0.0.1" : "::1";
  await new Promise<void>((resolve) => socket.bind(0, host, resolve));
  return { socket, heard, at: { address: host, port: socket.address().port } };
}

/** The flow of the first message that came. */
function firstFlow(rig: Rig) {
  const flow = rig.received[0]?.flow;
  if (flow === undefined) throw new Error("nothing came");
  return flow;
}

const V4 = { transport: "udp", address: "127.0.0.1", port: 0 } as const;
const V6 = { transport: "udp", address: "::1", port: 0 } as const;

describe("RFC 3261 §18 datagrams", () => {
  test("of both families go through the listener of theirs", async () => {
    const rig = await openRig({ listen: [V4, V6] });
    const v6 = await openSocket("udp6");
    v6.socket.send(optionsRequest("a", "UDP"), rig.port(1), "::1");
    await eventually("a", () => rig.received.length === 1);
    const flow = firstFlow(rig);
    expect(flow.listener).toBe(1);
    expect(rig.signalling.identity(flow)).toEqual({ address: "::1", port: rig.port(1) });
    rig.signalling.send(flow, flow.remote, optionsRequest("b", "UDP"));
    await eventually("b", () => v6.heard.length === 1);
    const v4 = await openSocket("udp4");
    // A dialog that began over IPv6, and whose Contact has an IPv4 address
    rig.signalling.send(flow, v4.at, optionsRequest("c", "UDP"));
    await eventually("c", () => v4.heard.length === 1);
    expect(rig.count("messages_unsent")).toBe(0);
  });

  test("of both families go through one listener that is bound to ::", async () => {
    const rig = await openRig({ listen: [{ transport: "udp", address: "::", port: 0 }] });
    const v4 = await openSocket("udp4");
    v4.socket.send(optionsRequest("a", "UDP"), rig.port(), "127.0.0.1");
    await eventually("a", () => rig.received.length === 1);
    const flow = firstFlow(rig);
    expect(flow.remote).toEqual(v4.at);
    expect(rig.signalling.identity(flow)).toEqual({ address: "127.0.0.1", port: rig.port() });
    rig.signalling.send(flow, flow.remote, optionsRequest("b", "UDP"));
    await eventually("b", () => v4.heard.length === 1);
    const v6 = await openSocket("udp6");
    const [hop] = await rig.signalling.locate(`sip:[::1]:${v6.at.port}`);
    if (hop === undefined) throw new Error("no hop");
    rig.signalling.send(hop.flow, hop.to, optionsRequest("c", "UDP"));
    await eventually("c", () => v6.heard.length === 1);
  });

  test("are not sent to a family that no listener has", async () => {
    const rig = await openRig({ listen: [V4] });
    expect(await rig.signalling.locate("sip:[::1]:5060")).toEqual([]);
    expect(await rig.signalling.flowTo("udp", { address: "::1", port: 5060 })).toBeUndefined();
  });

  test("come in their order from a source whose way back is still to be found", async () => {
    const rig = await openRig({ listen: [{ ...V4, address: "0.0.0.0" }] });
    const { socket } = await openSocket("udp4");
    for (const id of ["a", "b", "c"]) {
      socket.send(optionsRequest(id, "UDP"), rig.port(), "127.0.0.1");
    }
    await eventually("three", () => rig.received.length === 3);
    expect(callIds(rig)).toEqual(["a", "b", "c"]);
    expect(firstFlow(rig).local).toEqual({ address: "127.0.0.1", port: rig.port() });
  });

  test("of sources that may not speak are dropped", async () => {
    const rig = await openRig({ listen: [V4], admits: () => false });
    const { socket } = await openSocket("udp4");
    socket.send(optionsRequest("a", "UDP"), rig.port(), "127.0.0.1");
    await eventually("a refusal", () => rig.count("sources_refused") === 1);
    expect(rig.received).toEqual([]);
  });
});

describe("RFC 5626 §4.4 kept flows", () => {
  test("hear of us again and again until they are released", async () => {
    const rig = await openRig({ listen: [V4], keepAlive: 30 });
    const peer = await openSocket("udp4");
    const [hop] = await rig.signalling.locate(`sip:127.0.0.1:${peer.at.port}`);
    if (hop === undefined) throw new Error("no hop");
    rig.signalling.keepFlow(hop);
    rig.signalling.keepFlow(hop);
    await eventually("datagrams", () => peer.heard.length >= 2);
    expect(new Set(peer.heard)).toEqual(new Set(["\r\n\r\n"]));
    rig.signalling.releaseFlow(hop);
    const before = peer.heard.length;
    await eventually("more", () => peer.heard.length > before);
    rig.signalling.releaseFlow(hop);
    await Bun.sleep(20);
    const after = peer.heard.length;
    await Bun.sleep(100);
    expect(peer.heard.length).toBe(after);
    expect(rig.count("messages_sent")).toBe(0);
  });

  test("hear nothing where keep-alive is off", async () => {
    const rig = await openRig({ listen: [V4], keepAlive: 0 });
    const peer = await openSocket("udp4");
    const [hop] = await rig.signalling.locate(`sip:127.0.0.1:${peer.at.port}`);
    if (hop === undefined) throw new Error("no hop");
    rig.signalling.keepFlow(hop);
    await Bun.sleep(60);
    expect(peer.heard).toEqual([]);
  });
});
