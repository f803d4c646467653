/**
 * A SIP peer that says exactly what a test tells it to, in dialogs of either direction, over one
 * UDP socket.
 *
 * It repeats nothing and answers nothing by itself, but BYEs.
 *
 * @module
 */

import type { SipMessage, SipRequest, SipResponse } from "../../src/sip/message/message.ts";
import { parseMessage } from "../../src/sip/message/parse.ts";
import { until } from "../support/gateway.ts";

/** What goes into a message beside what its dialog says. */
export interface RawParts {
  /** Complete lines. */
  readonly headers?: readonly string[];
  readonly sdp?: string;
  readonly contentType?: string;
  readonly body?: string;
}

const WAIT_MS = 5000;
const encoder = new TextEncoder();
let counted = 0;

/** One SIP socket, whose far end is the gateway. */
export class RawPeer {
  readonly received: SipMessage[] = [];
  readonly port: number;
  readonly #socket: Bun.udp.Socket<"buffer">;
  readonly #gateway: { readonly host: string; readonly port: number };

  private constructor(socket: Bun.udp.Socket<"buffer">, gateway: string) {
    this.#socket = socket;
    this.port = socket.port;
    const [host = "", port = ""] = gateway.split(":");
    this.#gateway = { host, port: Number(port) };
  }

  /** @param gateway Where it listens, as `127.0.0.1:port`. */
  static async open(gateway: string): Promise<RawPeer> {
    const opened: { peer?: RawPeer } = {};
    const socket = await Bun.udpSocket({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (_socket, data) => opened.peer?.receive(new Uint8Array(data)),
        // ICMP: the other side has closed its port
        error: () => {},
      },
    });
    opened.peer = new RawPeer(socket, gateway);
    return opened.peer;
  }

  close(): void {
    this.#socket.close();
  }

  get uri(): string {
    return `sip:raw@127.0.0.1:${this.port}`;
  }

  /** Sends the INVITE of a new dialog. */
  invite(parts: RawParts = {}): RawDialog {
    counted++;
    const { host, port } = this.#gateway;
    const dialog = new RawDialog(this, {
      callId: `peer-${process.pid}-${counted}`,
      local: `<${this.uri}>;tag=peer-${counted}`,
      remote: `<sip:100@${host}:${port}>`,
    });
    dialog.request("INVITE", parts);
    return dialog;
  }

  /** The dialog of an INVITE of the gateway, seen from here. */
  dialogOf(invite: SipRequest): RawDialog {
    counted++;
    return new RawDialog(this, {
      callId: invite.headers.callId,
      local: `${invite.headers.get("To")};tag=peer-${counted}`,
      remote: invite.headers.get("From") ?? "",
    });
  }

  /** Resolves with the first request of this method, whatever dialog it is of. */
  async request(method: string): Promise<SipRequest> {
    const find = () =>
      this.received.find((message) => message.type === "request" && message.method === method);
    await until(() => find() !== undefined, WAIT_MS, () => `no ${method} came`);
    return find() as SipRequest;
  }

  send(lines: readonly string[], body: string): void {
    const text = [...lines, `Content-Length: ${encoder.encode(body).length}`, "", body].join(
      "\r\n",
    );
    this.#socket.send(encoder.encode(text), this.#gateway.port, this.#gateway.host);
  }

  /** Takes a datagram from the socket. */
  receive(data: Uint8Array): void {
    const message = parseMessage(data);
    this.received.push(message);
    if (message.type === "request" && message.method === "BYE") {
      const copied = ["Via", "From", "To", "Call-ID", "CSeq"].flatMap((name) =>
        message.headers.getAll(name).map((value) => `${name}: ${value}`)
      );
      this.send(["SIP/2.0 200 OK", ...copied], "");
    }
  }
}

/** One dialog, early or confirmed. */
export class RawDialog {
  readonly callId: string;
  readonly local: string;
  remote: string;
  readonly #peer: RawPeer;
  #sequence = 0;
  readonly #seen: SipMessage[] = [];
  #inviteSequence = 0;

  constructor(
    peer: RawPeer,
    given: { readonly callId: string; readonly local: string; readonly remote: string },
  ) {
    this.#peer = peer;
    this.callId = given.callId;
    this.local = given.local;
    this.remote = given.remote;
  }

  /** The two tags and the Call-ID as a Replaces header names this dialog to the gateway. */
  get replaces(): string {
    const tag = (text: string) => /;tag=([^;]+)/.exec(text)?.[1];
    return `${this.callId};to-tag=${tag(this.remote)};from-tag=${tag(this.local)}`;
  }

  /** Sends a request; an ACK has the sequence number of the last INVITE. */
  request(method: string, parts: RawParts = {}): void {
    const isAck = method === "ACK";
    if (!isAck) this.#sequence++;
    const number = isAck ? this.#inviteSequence : this.#sequence;
    if (method === "INVITE") this.#inviteSequence = number;
    counted++;
    const at = `127.0.0.1:${this.#peer.port}`;
    const uri = /<([^>]+)>/.exec(this.remote)?.[1] ?? "";
    this.#peer.send([
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${at};branch=z9hG4bK-peer-${counted};rport`,
      "Max-Forwards: 70",
      `From: ${this.local}`,
      `To: ${this.remote}`,
      `Call-ID: ${this.callId}`,
      `CSeq: ${number} ${method}`,
      `Contact: <${this.#peer.uri}>`,
      ...contentLines(parts),
    ], bodyOf(parts));
  }

  /** Answers a request of the gateway in this dialog. */
  answer(request: SipRequest, statusCode: number, parts: RawParts = {}): void {
    const { headers } = request;
    const copied = ["Via", "From", "Call-ID", "CSeq"].flatMap((name) =>
      headers.getAll(name).map((value) => `${name}: ${value}`)
    );
    this.#peer.send([
      `SIP/2.0 ${statusCode} Whatever`,
      ...copied,
      `To: ${this.local}`,
      `Contact: <${this.#peer.uri}>`,
      ...contentLines(parts),
    ], bodyOf(parts));
  }

  /** Resolves with a response to the last request of this method; its To becomes the dialog's. */
  async response(method: string, statusCode: number): Promise<SipResponse> {
    const find = () =>
      this.#peer.received.find((message) =>
        message.type === "response" && message.statusCode === statusCode &&
        message.headers.callId === this.callId && message.headers.cseq.method === method &&
        !this.#seen.includes(message)
      );
    await until(() => find() !== undefined, WAIT_MS, () => `no ${statusCode} to ${method}`);
    const found = find() as SipResponse;
    this.#seen.push(found);
    if (statusCode > 100 && statusCode < 300) this.remote = found.headers.get("To") ?? "";
    return found;
  }

  /** Resolves with the next request of the gateway in this dialog. */
  async next(method: string): Promise<SipRequest> {
    const find = () =>
      this.#peer.received.find((message) =>
        message.type === "request" && message.method === method &&
        message.headers.callId === this.callId && !this.#seen.includes(message)
      );
    await until(() => find() !== undefined, WAIT_MS, () => `no ${method} came`);
    const found = find() as SipRequest;
    this.#seen.push(found);
    return found;
  }

  /** Whether a final response to the INVITE has come. */
  get isAnswered(): boolean {
    return this.#peer.received.some((message) =>
      message.type === "response" && message.statusCode >= 200 &&
      message.headers.callId === this.callId && message.headers.cseq.method === "INVITE"
    );
  }
}

/** A handler that is a shell script; braces in it are no placeholders. */
export function shell(script: string, ...args: readonly string[]): readonly string[] {
  return ["sh", "-c", script.replaceAll("{", "{{"), "sh", ...args];
}

/** Text of a message's body. */
export function textOf(message: SipMessage): string {
  return new TextDecoder().decode(message.body);
}

function bodyOf({ sdp, body }: RawParts): string {
  return (sdp ?? body ?? "").replaceAll(/\r?\n/g, "\r\n");
}

function contentLines({ headers = [], sdp, contentType }: RawParts): string[] {
  const type = contentType ?? (sdp === undefined ? undefined : "application/sdp");
  return [...headers, ...type === undefined ? [] : [`Content-Type: ${type}`]];
}
