import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import type { SignallingTls } from "../../../src/gateway/signalling.ts";
import { TlsError } from "../../../src/runtime/ports.ts";
import type { Hop } from "../../../src/sip/transport/flow.ts";
import {
  callIds,
  closeAll,
  eventually,
  openClient,
  openRig,
  optionsRequest,
  type Rig,
} from "./sockets.ts";

const clients: TLSSocket[] = [];

afterEach(() => {
  closeAll();
  for (const client of clients.splice(0)) client.destroy();
});

function pem(name: string): string {
  return readFileSync(join(import.meta.dirname, "../../support/tls", name), "utf8");
}

/** Both ends trust the authority of the tests; the server shows this certificate. */
function tls(certificate: string, options: { readonly verify?: boolean } = {}): SignallingTls {
  return {
    server: {
      certificate: pem(`${certificate}.pem`),
      key: pem(`${certificate}.key`),
      ca: pem("ca.pem"),
      clientCertificate: "none",
    },
    client: { ca: pem("ca.pem"), verify: options.verify ?? true },
  };
}

const TLS = { transport: "tls", address: "127.0.0.1", port: 0 } as const;
const UDP = { transport: "udp", address: "127.0.0.1", port: 0 } as const;
const NAMES = { resolveHost: () => Promise.resolve(["127.0.0.1"]) };

async function firstHop(rig: Rig, uri: string): Promise<Hop> {
  const [hop] = await rig.signalling.locate(uri);
  if (hop === undefined) throw new Error("no hop");
  return hop;
}

/** The common name of the certificate that a server shows. */
async function shownBy(port: number): Promise<string> {
  const client = connect({ port, host: "127.0.0.1", ca: pem("ca.pem") });
  clients.push(client);
  await new Promise<void>((resolve, reject) => {
    client.once("secureConnect", () => resolve());
    client.once("error", reject);
  });
  return String(client.getPeerCertificate().subject.CN);
}

describe("RFC 3261 §26.2.2 sips", () => {
  test("goes over TLS to a peer whose certificate has the name of the URI, and back", async () => {
    const server = await openRig({ listen: [TLS], tls: tls("server") });
    const rig = await openRig({ listen: [TLS], tls: tls("server"), names: NAMES });
    const hop = await firstHop(rig, `sips:example.test:${server.port()}`);
    expect(hop.flow.transport).toBe("tls");
    rig.signalling.send(hop.flow, hop.to, optionsRequest("a", "TLS"));
    await eventually("a", () => server.received.length === 1);
    const flow = server.received[0]?.flow;
    if (flow === undefined) throw new Error("no flow");
    expect(flow.transport).toBe("tls");
    server.signalling.send(flow, flow.remote, optionsRequest("b", "TLS"));
    await eventually("b", () => callIds(rig).includes("b"));
    expect(server.signalling.connections).toBe(1);
  });

  test("fails where the certificate has another name (RFC 5922 §7.2)", async () => {
    const server = await openRig({ listen: [TLS], tls: tls("other_name") });
    const rig = await openRig({ listen: [TLS], tls: tls("server"), names: NAMES });
    const hop = await firstHop(rig, `sips:example.test:${server.port()}`);
    rig.signalling.send(hop.flow, hop.to, optionsRequest("a", "TLS"));
    await eventually("a failure", () => rig.failed.length === 1);
    expect(rig.failed[0]).toBe(hop.flow);
    expect(server.received).toEqual([]);
  });

  test("takes any certificate where that was asked for", async () => {
    const server = await openRig({ listen: [TLS], tls: tls("foreign") });
    const own = tls("server", { verify: false });
    const rig = await openRig({ listen: [TLS], tls: own, names: NAMES });
    const hop = await firstHop(rig, `sips:anybody.test:${server.port()}`);
    rig.signalling.send(hop.flow, hop.to, optionsRequest("a", "TLS"));
    await eventually("a", () => server.received.length === 1);
  });

  test("does not take the connection of another name to the same address", async () => {
    const server = await openRig({ listen: [TLS], tls: tls("server") });
    const rig = await openRig({ listen: [TLS], tls: tls("server"), names: NAMES });
    const one = await firstHop(rig, `sips:example.test:${server.port()}`);
    const other = await firstHop(rig, `sips:stranger.invalid:${server.port()}`);
    expect(one.to).toEqual(other.to);
    rig.signalling.send(one.flow, one.to, optionsRequest("a", "TLS"));
    await eventually("a", () => server.received.length === 1);
    rig.signalling.send(other.flow, other.to, optionsRequest("b", "TLS"));
    await eventually("a failure", () => rig.failed.length === 1);
    expect(callIds(server)).toEqual(["a"]);
  });

  test("works where only others listen for TLS", async () => {
    const server = await openRig({ listen: [TLS], tls: tls("server") });
    const { client } = tls("server");
    const rig = await openRig({ listen: [UDP], tls: { client }, names: NAMES });
    const hop = await firstHop(rig, `sips:example.test:${server.port()}`);
    expect(hop.flow.connection).toBe(1);
    rig.signalling.send(hop.flow, hop.to, optionsRequest("a", "TLS"));
    await eventually("a", () => server.received.length === 1);
    expect(rig.signalling.identity(hop.flow)).toEqual(server.received[0]?.flow.remote as never);
  });
});

describe("connections that do not come to be", () => {
  test("are told of, from both sides", async () => {
    const server = await openRig({ listen: [TLS], tls: tls("server") });
    const { server: own } = tls("server");
    const client = { ca: pem("foreign_ca.pem"), verify: true };
    const rig = await openRig({ listen: [TLS], tls: { server: own, client }, names: NAMES });
    const hop = await firstHop(rig, `sips:example.test:${server.port()}`);
    rig.signalling.send(hop.flow, hop.to, optionsRequest("a", "TLS"));
    await eventually("both ends", () => server.unconnected.length + rig.unconnected.length === 2);
    expect(rig.unconnected)
      .toEqual(["opened tls: no authority that we trust signs its certificate"]);
    expect(server.unconnected[0]).toMatch(/^accepted tls: it .* not trust /);
    expect(server.count("handshakes_failed")).toBe(1);
  });

  test("of sources that may not speak are counted and no more", async () => {
    const admits = () => false;
    const server = await openRig({ listen: [TLS], tls: tls("server"), admits });
    const peer = await openClient(server.port());
    peer.socket.write("OPTIONS sip:a SIP/2.0\r\n\r\n");
    await eventually("a refusal", () => server.count("sources_refused") === 1);
    expect(server.unconnected).toEqual([]);
    expect(server.count("handshakes_failed")).toBe(0);
  });
});

describe("certificates that are replaced", () => {
  test("are shown to new connections, and open ones live on", async () => {
    const server = await openRig({ listen: [TLS], tls: tls("server") });
    expect(await shownBy(server.port())).toBe("voicegw test server");
    server.signalling.replaceTls(tls("renewed"));
    expect(await shownBy(server.port())).toBe("voicegw test server, renewed");
    expect(clients[0]?.destroyed).toBe(false);
  });

  test("stay as they were when the new ones cannot be used", async () => {
    const server = await openRig({ listen: [TLS], tls: tls("server") });
    const { client } = tls("server");
    expect(() => server.signalling.replaceTls({ client })).toThrow(TlsError);
    const broken = { ...tls("server"), server: { ...tls("server").server, key: "none" } };
    expect(() => server.signalling.replaceTls(broken as SignallingTls)).toThrow(TlsError);
    expect(await shownBy(server.port())).toBe("voicegw test server");
  });
});
