import { afterEach, describe, expect, test } from "bun:test";
import {
  callIds,
  closeAll,
  closedPort,
  eventually,
  openClient,
  openPeer,
  openRig,
  optionsRequest,
  type Rig,
} from "./sockets.ts";

afterEach(closeAll);

/** The flow of a request to a port of loopback. */
async function flowTo(rig: Rig, port: number) {
  const to = { address: "127.0.0.1", port };
  const flow = await rig.signalling.flowTo("tcp", to);
  if (flow === undefined) throw new Error("There is no flow");
  return { flow, to };
}

describe("RFC 3261 §18.1.1 connections that we open", () => {
  test("carry what was sent while they were opened, in order, over one connection", async () => {
    const peer = await openPeer();
    const rig = await openRig();
    const { flow, to } = await flowTo(rig, peer.port);
    for (const id of ["a", "b", "c"]) rig.signalling.send(flow, to, optionsRequest(id));
    await eventually("three requests", () => (peer.heard[0] ?? "").includes("Call-ID: c"));
    expect(peer.heard[0]?.match(/Call-ID: ./g)).toEqual(["Call-ID: a", "Call-ID: b", "Call-ID: c"]);
    rig.signalling.send(flow, to, optionsRequest("d"));
    await eventually("a fourth", () => (peer.heard[0] ?? "").includes("Call-ID: d"));
    expect(peer.sockets).toHaveLength(1);
    expect(rig.signalling.connections).toBe(1);
    expect(rig.count("connections_opened")).toBe(1);
  });

  test("fail for every flow that waited, and never within send", async () => {
    const rig = await openRig();
    const { flow, to } = await flowTo(rig, await closedPort());
    rig.signalling.send(flow, to, optionsRequest("a"));
    expect(rig.failed).toEqual([]);
    await eventually("a failure", () => rig.failed.length > 0);
    expect(rig.failed).toEqual([flow]);
    expect(rig.count("messages_unsent")).toBe(1);
    expect(rig.count("connections_failed")).toBe(1);
  });

  test("hold so many messages while they are opened, and lose the others", async () => {
    const peer = await openPeer();
    const rig = await openRig();
    const { flow, to } = await flowTo(rig, peer.port);
    for (let index = 0; index < 70; index++) {
      rig.signalling.send(flow, to, optionsRequest(`m${index}`));
    }
    expect(rig.count("messages_unsent")).toBe(6);
    await eventually("64 requests", () => (peer.heard[0] ?? "").includes("Call-ID: m63"));
    expect(peer.heard[0]).not.toContain("Call-ID: m64");
  });

  test("fail for the flows that they carried, and are opened again", async () => {
    const peer = await openPeer();
    const rig = await openRig();
    const { flow, to } = await flowTo(rig, peer.port);
    rig.signalling.send(flow, to, optionsRequest("a"));
    await eventually("a request", () => (peer.heard[0] ?? "") !== "");
    peer.sockets[0]?.destroy();
    await eventually("failures", () => rig.failed.length === 2);
    expect(rig.failed[0]?.connection).toBe(1);
    expect(rig.failed[1]).toEqual(flow);
    rig.signalling.send(flow, to, optionsRequest("b"));
    await eventually("another connection", () => (peer.heard[1] ?? "").includes("Call-ID: b"));
  });

  test("bring requests of the peer, and carry messages of their own flow", async () => {
    const peer = await openPeer();
    const rig = await openRig();
    const { flow, to } = await flowTo(rig, peer.port);
    rig.signalling.send(flow, to, optionsRequest("a"));
    await eventually("a request", () => (peer.heard[0] ?? "") !== "");
    peer.sockets[0]?.write(optionsRequest("theirs"));
    await eventually("theirs", () => rig.received.length === 1);
    const theirs = rig.received[0]?.flow;
    expect(theirs?.remote).toEqual(to);
    if (theirs === undefined) throw new Error("no flow");
    rig.signalling.send(theirs, { address: "127.0.0.1", port: 1 }, optionsRequest("answer"));
    await eventually("our answer", () => (peer.heard[0] ?? "").includes("Call-ID: answer"));
    expect(peer.sockets).toHaveLength(1);
  });
});

describe("RFC 3261 §18.2.2 connections that we accepted", () => {
  test("carry what is sent over their flow, or to their address", async () => {
    const rig = await openRig();
    const client = await openClient(rig.port());
    client.socket.write(optionsRequest("a"));
    await eventually("a request", () => rig.received.length === 1);
    const flow = rig.received[0]?.flow;
    if (flow === undefined) throw new Error("no flow");
    rig.signalling.send(flow, flow.remote, optionsRequest("b"));
    const other = await flowTo(rig, flow.remote.port);
    rig.signalling.send(other.flow, other.to, optionsRequest("c"));
    await eventually("both", () => client.text.includes("Call-ID: c"));
    expect(client.text).toContain("Call-ID: b");
    expect(rig.signalling.connections).toBe(1);
  });

  test("are replaced by one to the address in the Via when they are gone", async () => {
    const peer = await openPeer();
    const rig = await openRig();
    const client = await openClient(rig.port());
    client.socket.write(optionsRequest("a"));
    await eventually("a request", () => rig.received.length === 1);
    const flow = rig.received[0]?.flow;
    if (flow === undefined) throw new Error("no flow");
    client.socket.destroy();
    await eventually("the end of the connection", () => rig.signalling.connections === 0);
    rig.signalling.send(flow, { address: "127.0.0.1", port: peer.port }, optionsRequest("b"));
    await eventually("b", () => (peer.heard[0] ?? "").includes("Call-ID: b"));
  });

  test("are closed when no SIP comes within the time for it; pings are none", async () => {
    const rig = await openRig({ limits: { proof: 120 } });
    const silent = await openClient(rig.port());
    const useful = await openClient(rig.port());
    useful.socket.write(optionsRequest("a"));
    silent.socket.write("\r\n\r\n");
    await eventually("its end", () => silent.closed);
    expect(silent.text).toBe("\r\n");
    expect(rig.count("connections_silent")).toBe(1);
    expect(useful.closed).toBe(false);
    expect(rig.signalling.connections).toBe(1);
  });

  test("are limited in number, all together and of one source", async () => {
    for (const limits of [{ connectionsMax: 2 }, { connectionsPerSourceMax: 2 }]) {
      const rig = await openRig({ limits });
      const first = await openClient(rig.port());
      await openClient(rig.port());
      await eventually("two", () => rig.signalling.connections === 2);
      const third = await openClient(rig.port());
      await eventually("its end", () => third.closed);
      expect(rig.count("connections_refused")).toBe(1);
      first.socket.destroy();
      await eventually("one less", () => rig.signalling.connections === 1);
      const fourth = await openClient(rig.port());
      fourth.socket.write(optionsRequest("d"));
      await eventually("a request", () => callIds(rig).includes("d"));
    }
  });

  test("are closed for sources that may not speak, also when they no more may", async () => {
    let admitted = false;
    const rig = await openRig({ admits: () => admitted });
    const refused = await openClient(rig.port());
    await eventually("its end", () => refused.closed);
    admitted = true;
    const client = await openClient(rig.port());
    client.socket.write(optionsRequest("a"));
    await eventually("a request", () => rig.received.length === 1);
    admitted = false;
    client.socket.write(optionsRequest("b"));
    await eventually("its end", () => client.closed);
    expect(callIds(rig)).toEqual(["a"]);
    expect(rig.count("sources_refused")).toBe(2);
  });

  test("are closed when they were idle for long; a ping of the peer counts", async () => {
    const rig = await openRig({ limits: { idle: 250 } });
    const idle = await openClient(rig.port());
    const pinging = await openClient(rig.port());
    idle.socket.write(optionsRequest("a"));
    pinging.socket.write(optionsRequest("b"));
    const timer = setInterval(() => pinging.socket.write("\r\n\r\n"), 80);
    try {
      await eventually("its end", () => idle.closed);
      expect(pinging.closed).toBe(false);
      expect(rig.count("connections_idle")).toBe(1);
    } finally {
      clearInterval(timer);
    }
    await eventually("the other's", () => pinging.closed);
  });

  test("are closed when the end of a message cannot be known", async () => {
    const rig = await openRig();
    const client = await openClient(rig.port());
    client.socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await eventually("its end", () => client.closed);
    expect(rig.malformed).toHaveLength(1);
    expect(rig.signalling.connections).toBe(0);
  });
});

describe("RFC 5626 §4.4.1 keep-alive on connections that we opened", () => {
  test("pings, and takes a peer for dead that answered before and no more does", async () => {
    const peer = await openPeer();
    const rig = await openRig({ keepAlive: 60, limits: { pong: 150 } });
    const { flow, to } = await flowTo(rig, peer.port);
    rig.signalling.send(flow, to, optionsRequest("a"));
    await eventually("a ping", () => (peer.heard[0] ?? "").endsWith("\r\n\r\n\r\n\r\n"));
    peer.sockets[0]?.write("\r\n");
    await eventually("a failure", () => rig.failed.length === 2);
    expect(rig.count("connections_dead")).toBe(1);
    expect(rig.signalling.connections).toBe(0);
  });

  test("does not expect answers of a peer that never gave one", async () => {
    const peer = await openPeer();
    const rig = await openRig({ keepAlive: 40, limits: { pong: 20 } });
    const { flow, to } = await flowTo(rig, peer.port);
    rig.signalling.send(flow, to, optionsRequest("a"));
    await eventually("pings", () => (peer.heard[0] ?? "").endsWith("\r\n".repeat(8)));
    expect(rig.count("connections_dead")).toBe(0);
    expect(rig.signalling.connections).toBe(1);
  });

  test("answers pings of the peer there as well", async () => {
    const peer = await openPeer();
    const rig = await openRig();
    const { flow, to } = await flowTo(rig, peer.port);
    rig.signalling.send(flow, to, optionsRequest("a"));
    await eventually("a request", () => (peer.heard[0] ?? "") !== "");
    peer.sockets[0]?.write("\r\n\r\n");
    await eventually("a pong", () => (peer.heard[0] ?? "").endsWith("\r\n\r\n\r\n"));
  });

  test("does not keep an idle connection open, unless its flow is kept", async () => {
    const peer = await openPeer();
    const rig = await openRig({ keepAlive: 30, limits: { idle: 200 } });
    const hop = await flowTo(rig, peer.port);
    rig.signalling.keepFlow(hop);
    rig.signalling.keepFlow(hop);
    rig.signalling.send(hop.flow, hop.to, optionsRequest("a"));
    await eventually("pings", () => (peer.heard[0] ?? "").endsWith("\r\n".repeat(24)));
    rig.signalling.releaseFlow(hop);
    expect(rig.count("connections_idle")).toBe(0);
    rig.signalling.releaseFlow(hop);
    await eventually("the end of it", () => rig.count("connections_idle") === 1);
  });
});
