/**
 * A caller that does exactly what a test says, right or wrong: text out over UDP, messages in.
 *
 * It repeats nothing, acknowledges nothing and knows no dialogs; only a BYE is answered by itself,
 * unless the test wants to leave it unanswered.
 *
 * @module
 */

import type { SipMessage, SipRequest, SipResponse } from "../../src/sip/message/message.ts";
import { parseMessage } from "../../src/sip/message/parse.ts";
import { until } from "./gateway.ts";

/** An INVITE; what is absent has a usual value. */
export interface RawInvite {
  readonly uri?: string;
  /** Complete lines, such as `X-Room-ID: blue`. */
  readonly headers?: readonly string[];
  /** Empty: none, the offer is left to the other side. */
  readonly sdp?: string;
  readonly contentType?: string;
}

/** One INVITE and what belongs to it. */
export interface RawCall {
  readonly callId: string;
  readonly uri: string;
  /** Of the INVITE and its CANCEL. */
  readonly branch: string;
  readonly tag: string;
}

const encoder = new TextEncoder();
const WAIT_MS = 5000;
let counted = 0;

/** One SIP socket of a caller. */
export class RawCaller {
  readonly responses: SipResponse[] = [];
  /** From the other side, such as its BYE. */
  readonly requests: SipRequest[] = [];
  /** When not: a BYE stays without an answer. */
  answersBye = true;
  readonly #socket: Bun.udp.Socket<"buffer">;
  readonly #address: string;
  readonly #host: string;
  readonly #port: number;

  private constructor(socket: Bun.udp.Socket<"buffer">, address: string, target: string) {
    this.#socket = socket;
    this.#address = address;
    const [host = "", port = ""] = target.split(":");
    this.#host = host;
    this.#port = Number(port);
  }

  /** @param target Where the gateway listens, as `127.0.0.1:port`. */
  static async open(target: string, address = "127.0.0.1"): Promise<RawCaller> {
    const opened: { caller?: RawCaller } = {};
    const socket = await Bun.udpSocket({
      hostname: address,
      port: 0,
      socket: {
        data: (_socket, data) => opened.caller?.receive(new Uint8Array(data)),
        // ICMP: the other side has closed its port
        error: () => {},
      },
    });
    const caller = new RawCaller(socket, address, target);
    opened.caller = caller;
    return caller;
  }

  close(): void {
    this.#socket.close();
  }

  /** Sends a message as it is written; lines may end in a line feed alone. */
  send(text: string): void {
    this.#socket.send(encoder.encode(text.replaceAll(/\r?\n/g, "\r\n")), this.#port, this.#host);
  }

  /** Sends an INVITE. */
  invite(given: RawInvite = {}): RawCall {
    counted++;
    const call = {
      callId: `raw-${process.pid}-${counted}`,
      uri: given.uri ?? `sip:100@${this.#host}:${this.#port}`,
      branch: `z9hG4bK-raw-${counted}`,
      tag: `from-${counted}`,
    };
    const sdp = (given.sdp ?? sdpOf(this.#address, 9)).replaceAll(/\r?\n/g, "\r\n");
    const type = sdp === "" ? [] : [`Content-Type: ${given.contentType ?? "application/sdp"}`];
    this.send(this.#request("INVITE", call, { headers: [...given.headers ?? [], ...type], sdp }));
    return call;
  }

  /** Acknowledges a final response: with the branch of the INVITE when it was a refusal. */
  ack(call: RawCall, response: SipResponse, sdp = ""): void {
    const own = response.statusCode >= 300 ? call.branch : `${call.branch}-ack`;
    const headers = sdp === "" ? [] : ["Content-Type: application/sdp"];
    const uri = contactOf(response) ?? call.uri;
    const to = response.headers.get("To") ?? "";
    this.send(this.#request("ACK", { ...call, uri, branch: own }, { headers, sdp, to }));
  }

  cancel(call: RawCall): void {
    this.send(this.#request("CANCEL", call, {}));
  }

  bye(call: RawCall, response: SipResponse, sequence = 2): void {
    const uri = contactOf(response) ?? call.uri;
    const to = response.headers.get("To") ?? "";
    const branch = `${call.branch}-bye`;
    this.send(this.#request("BYE", { ...call, uri, branch }, { to, sequence }));
  }

  /** Sends an INFO within the call; `sequence` is its CSeq number. */
  info(
    call: RawCall,
    response: SipResponse,
    info: { readonly type: string; readonly body: string; readonly sequence: number },
  ): void {
    const uri = contactOf(response) ?? call.uri;
    const to = response.headers.get("To") ?? "";
    const { sequence, body } = info;
    const branch = `${call.branch}-info-${sequence}`;
    const headers = [`Content-Type: ${info.type}`];
    this.send(
      this.#request("INFO", { ...call, uri, branch }, { headers, sdp: body, to, sequence }),
    );
  }

  /** Asks whether the other side takes calls. */
  options(): RawCall {
    counted++;
    const call = {
      callId: `raw-${process.pid}-${counted}`,
      uri: `sip:${this.#host}:${this.#port}`,
      branch: `z9hG4bK-raw-${counted}`,
      tag: `from-${counted}`,
    };
    this.send(this.#request("OPTIONS", call, {}));
    return call;
  }

  /** An INVITE, its 200 and our ACK. */
  async establish(given: RawInvite = {}): Promise<{ call: RawCall; answer: SipResponse }> {
    const call = this.invite(given);
    const answer = await this.final(call);
    if (answer.statusCode === 200) this.ack(call, answer);
    return { call, answer };
  }

  /** Resolves with the final response to a request of a call; rejects after five seconds. */
  async final(call: RawCall, method = "INVITE"): Promise<SipResponse> {
    const find = () => this.#of(call, method).find(({ statusCode }) => statusCode >= 200);
    await until(() => find() !== undefined, WAIT_MS, () => `no final response to ${method}`);
    return find() as SipResponse;
  }

  /** Resolves when a response with this status came to a request of a call. */
  async status(call: RawCall, statusCode: number, method = "INVITE"): Promise<SipResponse> {
    const find = () => this.#of(call, method).find((found) => found.statusCode === statusCode);
    await until(() => find() !== undefined, WAIT_MS, () => `no ${statusCode} to ${method}`);
    return find() as SipResponse;
  }

  /** Resolves with the first request of this method that the other side sent for a call. */
  async request(call: RawCall, method: string): Promise<SipRequest> {
    const find = () =>
      this.requests.find((found) =>
        found.method === method && found.headers.callId === call.callId
      );
    await until(() => find() !== undefined, WAIT_MS, () => `no ${method} came`);
    return find() as SipRequest;
  }

  /** Takes a datagram from the socket. */
  receive(data: Uint8Array): void {
    const message: SipMessage = parseMessage(data);
    if (message.type === "response") {
      this.responses.push(message);
      return;
    }
    this.requests.push(message);
    if (message.method === "BYE" && this.answersBye) this.#answerBye(message);
  }

  #of(call: RawCall, method: string): readonly SipResponse[] {
    return this.responses.filter(({ headers }) =>
      headers.callId === call.callId && headers.cseq.method === method
    );
  }

  #answerBye(request: SipRequest): void {
    const copied = ["Via", "From", "To", "Call-ID", "CSeq"].flatMap((name) =>
      request.headers.getAll(name).map((value) => `${name}: ${value}`)
    );
    this.send(["SIP/2.0 200 OK", ...copied, "Content-Length: 0", "", ""].join("\n"));
  }

  #request(
    method: string,
    call: RawCall,
    given: {
      readonly headers?: readonly string[];
      readonly sdp?: string;
      readonly to?: string;
      readonly sequence?: number;
    },
  ): string {
    const at = `${this.#address}:${this.#socket.port}`;
    return [
      `${method} ${call.uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${at};branch=${call.branch};rport`,
      "Max-Forwards: 70",
      `From: <sip:raw@${at}>;tag=${call.tag}`,
      `To: ${given.to ?? `<${call.uri}>`}`,
      `Call-ID: ${call.callId}`,
      `CSeq: ${given.sequence ?? 1} ${method}`,
      `Contact: <sip:raw@${at}>`,
      ...given.headers ?? [],
      `Content-Length: ${encoder.encode(given.sdp ?? "").length}`,
      "",
      given.sdp ?? "",
    ].join("\n");
  }
}

/** An offer or answer with one audio stream. */
export function sdpOf(
  address: string,
  port: number,
  given: { readonly formats?: string; readonly lines?: readonly string[] } = {},
): string {
  return [
    "v=0",
    `o=raw 1 1 IN IP4 ${address}`,
    "s=-",
    `c=IN IP4 ${address}`,
    "t=0 0",
    `m=audio ${port} RTP/AVP ${given.formats ?? "0"}`,
    ...given.lines ?? ["a=rtpmap:0 PCMU/8000"],
    "",
  ].join("\n");
}

/** Where an SDP in a message wants its audio. */
export function rtpTargetOf(message: SipMessage): { address: string; port: number } {
  const text = new TextDecoder().decode(message.body);
  return {
    address: /^c=IN IP4 (\S+)/m.exec(text)?.[1] ?? "",
    port: Number(/^m=audio (\d+)/m.exec(text)?.[1]),
  };
}

function contactOf(response: SipResponse): string | undefined {
  return /<([^>]+)>/.exec(response.headers.get("Contact") ?? "")?.[1];
}
