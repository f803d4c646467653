import { afterEach, describe, expect, test } from "bun:test";
import { callIds, closeAll, eventually, openRig, optionsRequest, type Rig } from "./sockets.ts";

const browsers: WebSocket[] = [];

afterEach(() => {
  closeAll();
  for (const browser of browsers.splice(0)) browser.close();
});

const WS = { transport: "ws", address: "127.0.0.1", port: 0 } as const;

/** A WebSocket client as browsers have it, and each message that it heard. */
async function openBrowser(rig: Rig) {
  const socket = new WebSocket(`ws://127.0.0.1:${rig.port()}/`, "sip");
  browsers.push(socket);
  const heard: string[] = [];
  const state = { socket, heard, closed: false };
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => {
    heard.push(typeof data === "string" ? data : new TextDecoder().decode(data as ArrayBuffer));
  });
  socket.addEventListener("close", () => {
    state.closed = true;
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("no connection")));
  });
  return state;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

describe("RFC 7118 WebSockets", () => {
  test("§5.2.4: each message is a whole SIP message, with or without Content-Length", async () => {
    const rig = await openRig({ listen: [WS] });
    const browser = await openBrowser(rig);
    browser.socket.send(text(optionsRequest("a", "WS", false)));
    browser.socket.send(optionsRequest("b", "WS"));
    await eventually("both", () => rig.received.length === 2);
    expect(callIds(rig)).toEqual(["a", "b"]);
    const flow = rig.received[0]?.flow;
    if (flow === undefined) throw new Error("no flow");
    expect(flow.transport).toBe("ws");
    rig.signalling.send(flow, flow.remote, optionsRequest("c", "WS"));
    rig.signalling.send(flow, flow.remote, optionsRequest("d", "WS"));
    await eventually("two messages", () => browser.heard.length === 2);
    expect(browser.heard).toEqual([
      text(optionsRequest("c", "WS")),
      text(optionsRequest("d", "WS")),
    ]);
  });

  test("§6: a ping is answered, and a lone CRLF is not", async () => {
    const rig = await openRig({ listen: [WS] });
    const browser = await openBrowser(rig);
    browser.socket.send("\r\n");
    browser.socket.send("\r\n\r\n");
    await eventually("a pong", () => browser.heard.length === 1);
    expect(browser.heard).toEqual(["\r\n"]);
    expect(rig.malformed).toEqual([]);
  });

  test("§5: what is for a browser that is gone is lost, and nobody is called back", async () => {
    const rig = await openRig({ listen: [WS] });
    const browser = await openBrowser(rig);
    browser.socket.send(optionsRequest("a", "WS"));
    await eventually("a", () => rig.received.length === 1);
    browser.socket.close();
    await eventually("the end", () => rig.signalling.connections === 0);
    const flow = rig.received[0]?.flow;
    if (flow === undefined) throw new Error("no flow");
    const before = rig.failed.length;
    rig.signalling.send(flow, flow.remote, optionsRequest("b", "WS"));
    await eventually("a failure", () => rig.failed.length === before + 1);
    expect(rig.count("connections_failed")).toBe(0);
    expect(rig.count("messages_unsent")).toBe(1);
  });

  test("a message that is no SIP is told and leaves the connection open", async () => {
    const rig = await openRig({ listen: [WS] });
    const browser = await openBrowser(rig);
    browser.socket.send("nonsense");
    browser.socket.send(optionsRequest("a", "WS"));
    await eventually("a", () => rig.received.length === 1);
    expect(rig.malformed).toHaveLength(1);
    expect(browser.closed).toBe(false);
  });

  test("are opened by us where a URI asks for it, and answered on the same way", async () => {
    const server = await openRig({ listen: [WS] });
    const rig = await openRig({ listen: [WS] });
    const uri = `sip:127.0.0.1:${server.port()};transport=ws`;
    const [hop] = await rig.signalling.locate(uri);
    if (hop === undefined) throw new Error("no hop");
    rig.signalling.send(hop.flow, hop.to, optionsRequest("a", "WS"));
    await eventually("a", () => server.received.length === 1);
    const flow = server.received[0]?.flow;
    if (flow === undefined) throw new Error("no flow");
    server.signalling.send(flow, flow.remote, optionsRequest("b", "WS"));
    await eventually("b", () => callIds(rig).includes("b"));
    expect(rig.signalling.connections).toBe(1);
  });
});
