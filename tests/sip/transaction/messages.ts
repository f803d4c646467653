/**
 * Messages, flows and short words for outputs, for the tests of the transactions.
 *
 * @module
 */

import { createResponse } from "../../../src/sip/message/build.ts";
import type { SipMessage, SipRequest, SipResponse } from "../../../src/sip/message/message.ts";
import { parseMessage } from "../../../src/sip/message/parse.ts";
import type { TransactionOutput } from "../../../src/sip/transaction/output.ts";
import {
  DEFAULT_TIMERS,
  type TransactionTimers,
  transactionTimers,
} from "../../../src/sip/transaction/timers.ts";
import type { Flow } from "../../../src/sip/transport/flow.ts";
import type { Timed } from "../../support/virtual_clock.ts";

const LOCAL = { address: "192.0.2.9", port: 5060 };

/** A datagram from a peer whose Via tells the truth. */
export const UDP: Flow = {
  transport: "udp",
  listener: 0,
  local: LOCAL,
  remote: { address: "192.0.2.1", port: 5060 },
};

/** A connection from the same peer. */
export const TCP: Flow = {
  transport: "tcp",
  listener: 1,
  local: LOCAL,
  remote: { address: "192.0.2.1", port: 40000 },
  connection: 7,
};

export const UNRELIABLE: TransactionTimers = transactionTimers(DEFAULT_TIMERS, false);
export const RELIABLE: TransactionTimers = transactionTimers(DEFAULT_TIMERS, true);

/** What a request may say differently. */
export interface RequestParts {
  uri?: string;
  /** Everything behind `SIP/2.0/`. */
  via?: string;
  branch?: string;
  fromTag?: string;
  toTag?: string;
  callId?: string;
  cseq?: number;
  /** Whole header lines. */
  lines?: readonly string[];
}

/** A request as it comes from the wire. */
export function request(method: string, parts: RequestParts = {}): SipRequest {
  const branch = parts.branch ?? `z9hG4bK${method === "ACK" ? "invite" : method.toLowerCase()}`;
  const toTag = parts.toTag === undefined ? "" : `;tag=${parts.toTag}`;
  const text = [
    `${method} ${parts.uri ?? "sip:bot@192.0.2.9"} SIP/2.0`,
    `Via: SIP/2.0/${parts.via ?? `UDP 192.0.2.1:5060;branch=${branch}`}`,
    ...parts.lines ?? [],
    "Max-Forwards: 70",
    `From: Alice <sip:alice@192.0.2.1>;tag=${parts.fromTag ?? "alice"}`,
    `To: <sip:bot@192.0.2.9>${toTag}`,
    `Call-ID: ${parts.callId ?? "call-1"}`,
    `CSeq: ${parts.cseq ?? 1} ${method}`,
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
  return parse(text) as SipRequest;
}

/** A response to `to`, tagged like all of them. */
export function response(to: SipRequest, statusCode: number, toTag = "bot"): SipResponse {
  return createResponse(to, statusCode, statusCode > 100 ? { toTag } : {});
}

/** The text on the wire. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function parse(text: string): SipMessage {
  return parseMessage(new TextEncoder().encode(text));
}

/** An output in a few words: `send 180`, `send ACK`, `request INVITE`, `failed timeout`. */
export function brief(output: TransactionOutput): string {
  switch (output.type) {
    case "send":
      return `send ${nameOf(output.message)}`;
    case "request":
      return `request ${output.request.method}`;
    case "response":
      return `response ${output.response.statusCode}`;
    case "failed":
      return `failed ${output.cause}`;
    case "cancel":
      return output.key === undefined ? "cancel nothing" : "cancel";
    case "ignored":
      return `ignored: ${output.reason}`;
    default:
      return output.type;
  }
}

function nameOf(message: SipMessage): string {
  return message.type === "request" ? message.method : String(message.statusCode);
}

/** Outputs in a few words each. */
export function briefs(outputs: readonly TransactionOutput[]): string[] {
  return outputs.map(brief);
}

/** Instants and outputs: `[500, "send INVITE"]`. */
export function timeline(timed: readonly Timed<TransactionOutput>[]): [number, string][] {
  return timed.map(({ at, output }) => [at, brief(output)]);
}

/** The rows of a transition table: `state event → next`. */
export function rowsOf(
  table: Readonly<Record<string, Readonly<Record<string, { readonly next: string }>>>>,
): string[] {
  return Object.entries(table).flatMap(([state, row]) =>
    Object.entries(row).map(([event, { next }]) => `${state} ${event} → ${next}`)
  );
}
