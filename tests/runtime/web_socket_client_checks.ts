import net from "node:net";
import type {
  WebSocketClient,
  WebSocketEvents,
  WebSocketOptions,
} from "../../src/runtime/client_ports.ts";
import { HttpHeadReader } from "../../src/runtime/http_head.ts";
import type { Runtime } from "../../src/runtime/ports.ts";
import { encodeFrame, OPCODE } from "../../src/runtime/web_socket_frames.ts";
import { answerUpgrade } from "../../src/runtime/web_socket_handshake.ts";
import { startWsServer, type WsPeer, type WsServer } from "../handler/websocket/ws_server.ts";
import { tlsIdentity, tlsServer, tlsText } from "../support/tls_fixtures.ts";
import { type Check, holds, same, until, wait } from "./check.ts";
import { bytes } from "./stream_pair.ts";

/** A client that keeps what it hears. */
class Heard implements WebSocketEvents {
  readonly client: WebSocketClient;
  readonly texts: string[] = [];
  readonly binaries: Uint8Array[] = [];
  opens = 0;
  pongs = 0;
  drains = 0;
  why: string | undefined;
  status: number | undefined;
  end: readonly [number, string] | undefined;
  onText: (text: string) => void = () => {};

  constructor(runtime: Runtime, url: string, options: Partial<WebSocketOptions> = {}) {
    this.client = runtime.connectWebSocket({
      url,
      headers: {},
      timeout: 2_000,
      messageMax: 100_000,
      ...options,
    }, this);
    same([this.opens, this.why], [0, undefined]);
  }

  get isOver(): boolean {
    return this.why !== undefined || this.end !== undefined;
  }

  get binaryBytes(): number {
    return this.binaries.reduce((sum, each) => sum + each.length, 0);
  }

  opened(): void {
    holds(!this.isOver && this.opens === 0, "it is opened once");
    this.opens++;
  }

  text(text: string): void {
    holds(!this.isOver, "nothing comes after the end");
    this.texts.push(text);
    this.onText(text);
  }

  binary(data: Uint8Array): void {
    holds(!this.isOver, "nothing comes after the end");
    this.binaries.push(data.slice());
  }

  pong(): void {
    this.pongs++;
  }

  drained(): void {
    this.drains++;
  }

  failed(why: string, status?: number): void {
    holds(!this.isOver && this.opens === 0, "it fails once, and was not opened");
    this.why = why;
    this.status = status;
  }

  closed(code: number, reason: string): void {
    holds(!this.isOver && this.opens === 1, "it is closed once, and was opened");
    this.end = [code, reason];
  }
}

interface Pair {
  readonly server: WsServer;
  readonly peer: WsPeer;
  readonly heard: Heard;
}

/** A client and its server, connected. */
async function connected(
  runtime: Runtime,
  options: Partial<WebSocketOptions> = {},
  path = "",
): Promise<Pair> {
  const server = await startWsServer();
  const heard = new Heard(runtime, server.url + path, options);
  await until(() => heard.opens === 1 && server.peers.length === 1, "it is connected");
  return { server, peer: server.peers[0] as WsPeer, heard };
}

/** Why there is no connection. */
async function failure(
  runtime: Runtime,
  url: string,
  options: Partial<WebSocketOptions> = {},
): Promise<readonly [string, number | undefined]> {
  const heard = new Heard(runtime, url, options);
  await until(() => heard.isOver, "it has failed");
  return [heard.why ?? "", heard.status];
}

/** A server of bytes: says something to whoever says something. */
async function answering(answer: (request: string, socket: net.Socket) => void): Promise<{
  readonly url: string;
  stop(): Promise<void>;
}> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", (data) => answer(String(data), socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/`,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A server of frames: bytes behind the handshake. */
function framing(frames: (socket: net.Socket) => void) {
  return answering((request, socket) => {
    socket.write(accepted(request));
    frames(socket);
  });
}

function accepted(request: string): Uint8Array {
  const read = new HttpHeadReader("request").receive(bytes(request));
  if (read === undefined) throw new Error("Not complete");
  return answerUpgrade(read.head, undefined).bytes;
}

/** Checks of WebSockets that handlers open. RFC 6455 */
export const WEB_SOCKET_CLIENT_CHECKS: Readonly<Record<string, Check>> = {
  "ws client: text and binary of any size pass both ways, whole and in order": async (runtime) => {
    const { server, peer, heard } = await connected(runtime);
    const sizes = [0, 1, 3, 125, 126, 127, 320, 65_535, 65_536, 99_999];
    for (const size of sizes) {
      const data = Uint8Array.from({ length: size }, (_, index) => index * 7 + size);
      heard.client.sendBinary(data);
      heard.client.sendText("ü".repeat(size % 1_000));
      await until(() => peer.messages.length === 2, "both came");
      same([...(peer.messages[0] as Uint8Array)].join(), [...data].join());
      same(peer.messages[1], "ü".repeat(size % 1_000));
      peer.socket.send(data);
      peer.socket.send("ü".repeat(size % 1_000));
      await until(() => heard.texts.length === 1, "both came back");
      same([...(heard.binaries[0] as Uint8Array)].join(), [...data].join());
      same(heard.texts[0], "ü".repeat(size % 1_000));
      peer.messages.length = heard.texts.length = heard.binaries.length = 0;
    }
    heard.client.destroy();
    await until(() => peer.closed !== undefined, "it is gone");
    same([heard.end, peer.closed?.code], [undefined, 1006]);
    await server.stop();
  },

  "ws client: headers, query and credentials arrive; a subprotocol is agreed": async (runtime) => {
    const server = await startWsServer({ handleProtocols: (offered) => [...offered][0] ?? false });
    const url = server.url.replace("//", "//us%3Aer:p%40ss@") + "bot?room=a%20b&x=1";
    const headers = { "X-Tenant": "acme", "User-Agent": "voicegw" };
    const heard = new Heard(runtime, url, { headers, subprotocol: "voicegw.v1" });
    await until(() => heard.opens === 1, "it is open");
    const { request, socket } = server.peers[0] as WsPeer;
    same(request.url, "/bot?room=a%20b&x=1");
    same(request.headers["x-tenant"], "acme");
    same(request.headers.host, `127.0.0.1:${server.port}`);
    same(request.headers.authorization, `Basic ${btoa("us:er:p@ss")}`);
    same(socket.protocol, "voicegw.v1");
    heard.client.destroy();
    await server.stop();
  },

  "ws client: a server that picks no subprotocol is taken, one that picks another is not": async (
    runtime,
  ) => {
    const silent = await startWsServer({ handleProtocols: () => false });
    const heard = new Heard(runtime, silent.url, { subprotocol: "voicegw.v1" });
    await until(() => heard.opens === 1, "it is open");
    heard.client.destroy();
    await silent.stop();
    const other = await startWsServer({ handleProtocols: () => "mqtt" });
    const failed = await failure(runtime, other.url, { subprotocol: "voicegw.v1" });
    same(failed, ['it speaks the subprotocol "mqtt", for which nobody asked', 101]);
    await other.stop();
  },

  "ws client: why there is no connection is said in words, with the status": async (runtime) => {
    const refusing = await startWsServer({
      verifyClient: (_, done) => done(false, 401, "Who are you?"),
    });
    same(await failure(runtime, refusing.url), ["it answered 401 Unauthorized", 401]);
    const { port } = refusing;
    await refusing.stop();
    same(await failure(runtime, `ws://127.0.0.1:${port}/`), ["nothing listens there", undefined]);
    const answers = [
      [
        "HTTP/1.1 302 Found\r\nLocation: https://a.test/\r\n\r\n",
        'it answered 302 Found, and sends us to "https://a.test/"',
        302,
      ],
      ["HTTP/1.1 503 \r\n\r\n", "it answered 503", 503],
      ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "it does not speak HTTP there", undefined],
      ["x".repeat(20_000), "it does not speak HTTP there", undefined],
      ["", "it closed the connection before it answered", undefined],
    ] as const;
    for (const [answer, why, status] of answers) {
      const server = await answering((_, socket) => socket.end(answer));
      same(await failure(runtime, server.url), [why, status]);
      await server.stop();
    }
    for (const url of ["http://127.0.0.1/", "nonsense"]) {
      same(await failure(runtime, url), ["the URL is none of ws:// or wss://", undefined]);
    }
    const headers = { "X-A": "a\r\nX-B: b" };
    same(await failure(runtime, "ws://127.0.0.1:9/", { headers }), [
      'the header "X-A" cannot be sent',
      undefined,
    ]);
  },

  "ws client: a server that never answers is given up in time": async (runtime) => {
    const server = await answering((_, socket) => socket.write("HTTP/1.1 101 Switching"));
    const began = runtime.now();
    same(await failure(runtime, server.url, { timeout: 150 }), [
      "it did not answer in time",
      undefined,
    ]);
    holds(runtime.now() - began < 1_000, "it takes no longer than it may");
    const heard = new Heard(runtime, server.url, { timeout: 150 });
    heard.client.destroy();
    await wait(250);
    same([heard.opens, heard.why], [0, undefined]);
    const closed = new Heard(runtime, server.url, { timeout: 5_000 });
    closed.client.close(1000, "");
    await until(() => closed.why === "we gave it up", "it is told later");
    await server.stop();
  },

  "ws client: an address that is refused is not connected to": async (runtime) => {
    const server = await startWsServer();
    const asked: string[] = [];
    const refuseAddress = (address: string): string => {
      asked.push(address);
      return `its address ${address} is not public`;
    };
    const [why] = await failure(runtime, server.url, { refuseAddress });
    same([why, asked], ["its address 127.0.0.1 is not public", ["127.0.0.1"]]);
    same(server.peers.length, 0);
    await server.stop();
  },

  "ws client: TLS, with an authority of ours and a certificate to show": async (runtime) => {
    const server = await startWsServer({ tlsOptions: tlsServer("server", "require") });
    const tls = { ca: tlsText("ca.pem"), verify: true };
    const heard = new Heard(runtime, server.url, {
      tls: { ...tls, identity: tlsIdentity("client") },
    });
    heard.onText = (text) => heard.client.sendText(`${text}!`);
    await until(() => heard.opens === 1 && server.peers.length === 1, "it is open");
    const [peer] = server.peers as [WsPeer];
    peer.socket.send("hello");
    await until(() => peer.texts.length === 1, "it is answered");
    same(peer.texts, ["hello!"]);
    heard.client.destroy();
    const [untrusted] = await failure(runtime, server.url);
    same(untrusted, "no authority that we trust signs its certificate");
    // TLS 1.3 may tell only after the handshake
    const unknown = new Heard(runtime, server.url, { tls });
    await until(() => unknown.isOver, "who shows no certificate is not let in");
    same(unknown.opens, 0);
    await server.stop();
  },

  "ws client: pings are answered, and ours is": async (runtime) => {
    const { server, peer, heard } = await connected(runtime);
    peer.socket.ping("are you there?");
    heard.client.ping();
    await until(() => peer.pongs === 1 && heard.pongs === 1, "both are answered");
    same(peer.pings, 1);
    heard.client.destroy();
    await server.stop();
  },

  "ws client: both sides can say goodbye": async (runtime) => {
    const cases = [[1000, "done"], [1001, ""], [1011, "größer"], [4000, "x".repeat(123)]] as const;
    for (const [code, reason] of cases) {
      const { server, peer, heard } = await connected(runtime);
      peer.socket.send("last words");
      peer.socket.close(code, reason);
      await until(() => heard.isOver, "it is closed");
      same([heard.end, heard.texts], [[code, reason], ["last words"]]);
      await until(() => peer.closed !== undefined, "it is answered");
      same(peer.closed?.code, code);
      await server.stop();
    }
    for (const reason of ["", "that is all", `${"ä".repeat(61)}é`]) {
      const { server, peer, heard } = await connected(runtime);
      heard.client.sendText("last words");
      heard.client.close(1000, reason);
      heard.client.sendText("too late");
      await until(() => heard.isOver && peer.closed !== undefined, "it is closed");
      const cut = reason.startsWith("ä") ? "ä".repeat(61) : reason;
      same([heard.end?.[0], peer.closed, peer.texts], [1000, { code: 1000, reason: cut }, [
        "last words",
      ]]);
      await server.stop();
    }
    const { server, peer, heard } = await connected(runtime);
    peer.socket.close();
    await until(() => heard.isOver, "it is closed without a code");
    same(heard.end, [1005, ""]);
    await server.stop();
  },

  "ws client: a server that dies, or does not say goodbye, is noticed": async (runtime) => {
    const dying = await connected(runtime);
    dying.peer.socket.terminate();
    await until(() => dying.heard.isOver, "it is noticed");
    same(dying.heard.end?.[0], 1006);
    await dying.server.stop();
    const mute = await framing(() => {});
    const heard = new Heard(runtime, mute.url);
    await until(() => heard.opens === 1, "it is open");
    const began = runtime.now();
    heard.client.close(1000, "");
    await until(() => heard.isOver, "it is given up");
    holds(runtime.now() - began < 2_500, "it takes no longer than two seconds");
    same(heard.end?.[0], 1006);
    await mute.stop();
  },

  "ws client: what comes with the answer to the handshake is not lost": async (runtime) => {
    const server = await answering((request, socket) => {
      socket.write(
        new Uint8Array([...accepted(request), ...encodeFrame(OPCODE.text, bytes("early"))]),
      );
    });
    const heard = new Heard(runtime, server.url);
    await until(() => heard.texts.length === 1, "it came");
    same(heard.texts, ["early"]);
    heard.client.destroy();
    await server.stop();
  },

  "ws client: what breaks the rules, or is too long, ends the connection and is told why": async (
    runtime,
  ) => {
    const cases = [
      [encodeFrame(OPCODE.text, new Uint8Array([0xff])), 1007, "The text is no UTF-8"],
      [encodeFrame(OPCODE.binary, new Uint8Array(1_001)), 1009, "The message is too long"],
      [new Uint8Array([0x82, 0x7f, 0, 0, 1, 0, 0, 0, 0, 0]), 1009, "The message is too long"],
      [encodeFrame(OPCODE.text, bytes("x"), bytes("mask")), 1002, "The mask is not as due"],
      [new Uint8Array([0xc1, 0]), 1002, "A reserved bit is set"],
    ] as const;
    for (const [frame, code, reason] of cases) {
      const { server, peer, heard } = await connected(runtime, { messageMax: 1_000 });
      peer.stream.write(frame);
      peer.socket.send("unheard");
      await until(() => heard.isOver && peer.closed !== undefined, "it is closed");
      same([heard.end, peer.closed, heard.texts], [[code, reason], { code, reason }, []]);
      await server.stop();
    }
  },

  "ws client: fragments become messages, with pings between them": async (runtime) => {
    const { server, peer, heard } = await connected(runtime);
    for (let round = 0; round < 3; round++) {
      peer.socket.send("Hä", { fin: false });
      peer.socket.ping();
      peer.socket.send("ll", { fin: false });
      peer.socket.send("o", { fin: true });
    }
    await until(() => heard.texts.length === 3, "they came");
    same(heard.texts, ["Hällo", "Hällo", "Hällo"]);
    await until(() => peer.pongs === 3, "pings were answered");
    heard.client.destroy();
    await server.stop();
  },

  "ws client: a server that does not read is noticed, and told of when it does": async (
    runtime,
  ) => {
    const { server, peer, heard } = await connected(runtime, { messageMax: 200_000 });
    peer.socket.pause();
    const piece = new Uint8Array(100_000).fill(7);
    let sent = 0;
    while (heard.client.queuedBytes === 0 && sent < 200) {
      heard.client.sendBinary(piece);
      sent++;
      await wait(1);
    }
    holds(heard.client.queuedBytes > 0, "what does not fit into the system's buffers is counted");
    // Each piece may be changed at once
    piece.fill(9);
    const drains = heard.drains;
    peer.socket.resume();
    await until(() => heard.client.queuedBytes === 0 && heard.drains > drains, "it has left");
    await until(() => peer.messages.length === sent, "all of it came");
    same(peer.messages.every((each) => (each as Uint8Array).every((byte) => byte === 7)), true);
    heard.client.destroy();
    await server.stop();
  },

  "ws client: nothing is read while it is paused": async (runtime) => {
    const { server, peer, heard } = await connected(runtime);
    heard.client.pause();
    const piece = new Uint8Array(64_000);
    for (let count = 0; count < 200; count++) peer.socket.send(piece);
    await wait(150);
    holds(heard.binaryBytes < 4 << 20, "what was read is what one read brings");
    holds(peer.stream.writableLength > 0, "the server notices");
    heard.client.resume();
    await until(() => heard.binaryBytes === 200 * piece.length, "all of it comes");
    // Goodbyes are heard in any case
    heard.client.pause();
    heard.client.close(1000, "");
    await until(() => heard.isOver, "it is closed");
    same(heard.end?.[0], 1000);
    await server.stop();
  },

  "ws client: it may be ended from within any event": async (runtime) => {
    const server = await framing((socket) => {
      const frame = encodeFrame(OPCODE.text, bytes("x"));
      socket.write(new Uint8Array([...frame, ...frame, ...frame]));
    });
    const heard = new Heard(runtime, server.url);
    heard.onText = () => heard.client.destroy();
    await until(() => heard.texts.length === 1, "the first one came");
    await wait(50);
    same([heard.texts.length, heard.end], [1, undefined]);
    await server.stop();
  },
};
