/**
 * One user agent at a virtual clock, with a peer of hand-written messages: it sends what the test
 * writes, and what the agent sends and tells its owner is kept.
 *
 * @module
 */

import { SeededRandom } from "../../src/base/random.ts";
import type { SocketAddress } from "../../src/base/socket_address.ts";
import type { Millis } from "../../src/base/units.ts";
import type { SipMessage, SipRequest, SipResponse } from "../../src/sip/message/message.ts";
import { parseMessage } from "../../src/sip/message/parse.ts";
import { SipParseError } from "../../src/sip/message/parse_error.ts";
import type { Flow, Hop, SipTransport } from "../../src/sip/transport/flow.ts";
import type { InviteOptions } from "../../src/sip/user_agent/client_side.ts";
import type { SessionId, SipBody, UserAgentOutput } from "../../src/sip/user_agent/output.ts";
import { UserAgent, type UserAgentOptions } from "../../src/sip/user_agent/user_agent.ts";
import { hash } from "./two_agents.ts";

const US: SocketAddress = { address: "192.0.2.1", port: 5060 };
const PEER: SocketAddress = { address: "192.0.2.2", port: 5060 };

/** Stands for a session description. */
export const SDP: SipBody = {
  bytes: new TextEncoder().encode("v=0\r\n"),
  contentType: "application/sdp",
};

/** A message that the agent sent, and when. */
export interface Sent {
  readonly at: Millis;
  readonly flow: Flow;
  readonly to: SocketAddress;
  readonly message: SipMessage;
}

/** A dialog as the peer sees it. */
export interface PeerDialog {
  readonly session: SessionId;
  readonly callId: string;
  readonly peerTag: string;
  readonly ourTag: string;
  /** Of the peer's last request. */
  cseq: number;
}

/** What the peer's message says besides what it must. */
export interface PeerWords {
  /** Whole header lines. */
  readonly lines?: readonly string[];
  readonly body?: string;
  /** Default: `application/sdp`. */
  readonly contentType?: string;
  /** Default: that of a well-behaved peer; a blank is none. */
  readonly contact?: string;
  readonly flow?: Flow;
}

/** A request of the peer. */
export interface PeerRequestWords extends PeerWords {
  /** Default: one higher than the last. */
  readonly cseq?: number;
  readonly uri?: string;
  readonly branch?: string;
}

/** A response of the peer. */
export interface PeerResponseWords extends PeerWords {
  readonly tag?: string;
}

type OutputType = UserAgentOutput["type"];
type Told<T extends OutputType> = Extract<UserAgentOutput, { readonly type: T }>;

/** A way between the agent and a peer; a stream is a connection. */
export function flowTo(remote: SocketAddress = PEER, transport: SipTransport = "udp"): Flow {
  const flow = { transport, listener: 0, local: US, remote };
  return transport === "udp" ? flow : { ...flow, connection: remote.port };
}

/** A hop to an address, over UDP unless told otherwise. */
export function hopTo(address: string, port = 5060, transport: SipTransport = "udp"): Hop {
  const to = { address, port };
  return { flow: flowTo(to, transport), to };
}

/** A message in a word or two: `INVITE`, `200 INVITE`. */
export function nameOf(message: SipMessage): string {
  return message.type === "request"
    ? message.method
    : `${message.statusCode} ${message.headers.cseq.method}`;
}

/** The agent and its peer. */
export class OneAgent {
  now: Millis = 0;
  readonly agent: UserAgent;
  /** Everything that went out, with retransmissions. */
  readonly sent: Sent[] = [];
  /** Everything that the owner was told, and when. */
  readonly outputs: { readonly at: Millis; readonly output: UserAgentOutput }[] = [];
  #taken = 0;
  #branch = 0;

  constructor(options: Partial<UserAgentOptions> = {}) {
    const random = new SeededRandom(7);
    this.agent = new UserAgent({ random, identity: (flow) => flow.local, hash, ...options });
  }

  /** Keeps what a method of the agent returned. */
  perform(outputs: readonly UserAgentOutput[]): void {
    for (const output of outputs) {
      if (output.type === "send") {
        const { flow, to, bytes } = output;
        this.sent.push({ at: this.now, flow, to, message: parseMessage(bytes.slice()) });
      } else this.outputs.push({ at: this.now, output });
    }
  }

  /** Has the agent do something at the present instant. */
  act(what: (agent: UserAgent, now: Millis) => readonly UserAgentOutput[]): void {
    this.perform(what(this.agent, this.now));
  }

  /** Lets time pass, deadline by deadline. */
  run(until: Millis): void {
    for (;;) {
      const { deadline } = this.agent;
      if (deadline === undefined || deadline > until) break;
      this.now = Math.max(this.now, deadline);
      this.perform(this.agent.timeout(this.now));
    }
    this.now = Math.max(this.now, until);
  }

  /** What was sent since the last time this was asked. */
  take(): Sent[] {
    const news = this.sent.slice(this.#taken);
    this.#taken = this.sent.length;
    return news;
  }

  /** The same, as names. */
  takeNames(): string[] {
    return this.take().map(({ message }) => nameOf(message));
  }

  /** When messages of this name went out. */
  instants(name: string): Millis[] {
    return this.sent.filter(({ message }) => nameOf(message) === name).map(({ at }) => at);
  }

  /** The last message of this name; fails when there is none. */
  last(name: string): Sent {
    const found = this.sent.findLast(({ message }) => nameOf(message) === name);
    if (found === undefined) throw new Error(`No ${name} was sent`);
    return found;
  }

  /** The last request of this method that went out. */
  lastRequest(method: string): SipRequest {
    return this.last(method).message as SipRequest;
  }

  /** What the owner was told of this type. */
  told<T extends OutputType>(type: T): Told<T>[] {
    return this.outputs.map(({ output }) => output)
      .filter((output): output is Told<T> => output.type === type);
  }

  /** When the owner was told that. */
  toldAt(type: OutputType): Millis[] {
    return this.outputs.filter(({ output }) => output.type === type).map(({ at }) => at);
  }

  /** Places a call to `bob`. */
  call(options: Partial<InviteOptions> = {}): SessionId {
    const { session, outputs } = this.agent.invite({
      requestUri: "sip:bob@192.0.2.2",
      from: "<sip:us@192.0.2.1>",
      to: "<sip:bob@192.0.2.2>",
      hops: [hopTo(PEER.address)],
      body: SDP,
      ...options,
    }, this.now);
    this.perform(outputs);
    return session;
  }

  /** Places a call that `bob` answers at once. */
  callAnswered(
    options: Partial<InviteOptions> = {},
    words: PeerResponseWords = {},
  ): PeerDialog {
    const session = this.call(options);
    const invite = this.lastRequest("INVITE");
    this.answer(invite, 200, { tag: "bob", body: "v=0\r\n", ...words });
    this.take();
    return this.peerDialog(session, invite, words.tag ?? "bob");
  }

  /** The dialog that a request of ours has with the fork that this tag names. */
  peerDialog(session: SessionId, request: SipRequest, peerTag: string): PeerDialog {
    const { callId, from } = request.headers;
    return { session, callId, peerTag, ourTag: from.tag as string, cseq: 0 };
  }

  /** The peer answers a request of ours. */
  answer(request: SipRequest, statusCode: number, words: PeerResponseWords = {}): void {
    const { headers } = request;
    const to = headers.get("To") as string;
    const tag = words.tag === undefined || to.includes(";tag=") ? "" : `;tag=${words.tag}`;
    const { cseq } = headers;
    const isDialog = ["INVITE", "UPDATE"].includes(cseq.method) && statusCode < 300;
    const contact = words.contact ?? (isDialog && statusCode > 100 ? "<sip:bob@192.0.2.2>" : "");
    this.feed([
      `SIP/2.0 ${statusCode} Whatever`,
      ...headers.getAll("Via").map((via) => `Via: ${via}`),
      `From: ${headers.get("From")}`,
      `To: ${to}${tag}`,
      `Call-ID: ${headers.callId}`,
      `CSeq: ${cseq.sequence} ${cseq.method}`,
      ...contact.trim() === "" ? [] : [`Contact: ${contact}`],
    ], words);
  }

  /** `ann` calls. */
  called(words: PeerRequestWords & { readonly callId?: string } = {}): PeerDialog {
    const callId = words.callId ?? "call-1";
    const before = this.told("invite").length;
    this.feed(
      this.#requestLines("INVITE", {
        ...words,
        cseq: words.cseq ?? 1,
        contact: words.contact ?? "<sip:ann@192.0.2.2>",
        callId,
        peerTag: "ann",
        to: "<sip:bot@192.0.2.1>",
      }),
      words,
    );
    const session = this.told("invite")[before]?.session ?? "";
    return { session, callId, peerTag: "ann", ourTag: session, cseq: words.cseq ?? 1 };
  }

  /** `ann` calls, and the call is up. */
  calledAnswered(words: PeerRequestWords = {}): PeerDialog {
    const dialog = this.called({ body: "v=0\r\n", ...words });
    this.act((agent, now) => agent.answer(dialog.session, { statusCode: 200, body: SDP }, now));
    this.ask(dialog, "ACK", { cseq: dialog.cseq });
    this.take();
    return dialog;
  }

  /**
   * The peer sends a request within a dialog.
   *
   * @returns What the agent answers at once.
   */
  ask(
    dialog: PeerDialog,
    method: string,
    words: PeerRequestWords = {},
  ): SipResponse | undefined {
    const cseq = words.cseq ?? ++dialog.cseq;
    const { callId, peerTag, ourTag } = dialog;
    const from = this.sent.length;
    const to = `<sip:bot@192.0.2.1>;tag=${ourTag}`;
    this.feed(this.#requestLines(method, { ...words, cseq, callId, peerTag, to }), words);
    const answer = this.sent.slice(from).find(({ message }) =>
      message.type === "response" && message.headers.cseq.method === method &&
      message.statusCode !== 100
    );
    return answer?.message as SipResponse | undefined;
  }

  /** The peer sends a request outside of dialogs. */
  askOutside(method: string, words: PeerRequestWords = {}): SipResponse | undefined {
    const dialog = {
      session: "",
      callId: `outside-${this.#branch}`,
      peerTag: "ann",
      ourTag: "",
      cseq: 0,
    };
    const from = this.sent.length;
    const parts = { ...words, ...dialog, cseq: 1, to: "<sip:bot@192.0.2.1>" };
    this.feed(this.#requestLines(method, parts), words);
    const answer = this.sent.slice(from)[0];
    return answer?.message as SipResponse | undefined;
  }

  /** A message comes from the wire. */
  feed(lines: readonly string[], words: PeerWords = {}): void {
    const { body = "", contentType = "application/sdp" } = words;
    const text = [
      ...lines,
      ...words.lines ?? [],
      ...body === "" ? [] : [`Content-Type: ${contentType}`],
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n");
    const flow = words.flow ?? flowTo();
    let message: SipMessage;
    try {
      message = parseMessage(new TextEncoder().encode(text));
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      return this.perform(this.agent.receiveMalformed(error, flow));
    }
    this.perform(this.agent.receive(message, flow, this.now));
  }

  #requestLines(
    method: string,
    words: PeerRequestWords & {
      readonly cseq: number;
      readonly callId: string;
      readonly peerTag: string;
      readonly to: string;
    },
  ): string[] {
    const flow = words.flow ?? flowTo();
    const { address, port } = flow.remote;
    const branch = words.branch ?? `z9hG4bKpeer${this.#branch++}`;
    return [
      `${method} ${words.uri ?? "sip:bot@192.0.2.1"} SIP/2.0`,
      `Via: SIP/2.0/${flow.transport.toUpperCase()} ${address}:${port};branch=${branch}`,
      "Max-Forwards: 70",
      `From: <sip:ann@192.0.2.2>;tag=${words.peerTag}`,
      `To: ${words.to}`,
      `Call-ID: ${words.callId}`,
      `CSeq: ${words.cseq} ${method}`,
      ...words.contact === undefined ? [] : [`Contact: ${words.contact}`],
    ];
  }
}
