/**
 * WebSockets over connected sockets: both sides of the handshake, until there is a connection or
 * none. RFC 6455 §4; RFC 7118 for SIP.
 *
 * How long it may take is left to the caller, who destroys the socket.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { RandomSource } from "../base/random.ts";
import { HttpHeadError, HttpHeadReader } from "./http_head.ts";
import { SocketConnection } from "./socket_connection.ts";
import type { ConnectionEvents } from "./socket_connection.ts";
import { WebSocketConnection } from "./web_socket_connection.ts";
import {
  answerUpgrade,
  badRequest,
  formatUpgrade,
  isUpgraded,
  type UpgradeRequest,
} from "./web_socket_handshake.ts";

/** For a client that is still sending when it is refused. */
const LINGER = 1_000;

/** Whose handshake it is, and what comes of it. */
interface Handshake {
  /** Makes the connection, whose handshake is not done, with whom hears of it until then. */
  readonly carry: (events: ConnectionEvents) => SocketConnection;
  /** Of the connection that comes of it. */
  readonly events: ConnectionEvents;
  /** Called before anything is received; `undefined` when there is no connection. Once. */
  readonly done: (connection: WebSocketConnection | undefined) => void;
  /** Says why there is no connection, before `done`; not of a peer that leaves. */
  readonly failed: (why: string) => void;
}

/** The server's side. */
export function acceptWebSocket(
  { carry, events, done, failed }: Handshake,
  subprotocol: string | undefined,
): void {
  const reader = new HttpHeadReader("request");
  const receive = (carrier: SocketConnection, data: Uint8Array): void => {
    const read = readHead(reader, data);
    if (read === undefined) return;
    const answer = read === "malformed"
      ? badRequest("This is no HTTP request")
      : answerUpgrade(read.head, subprotocol);
    const isSent = carrier.sendOwned(answer.bytes);
    if (answer.why !== undefined) failed(`it was told ${JSON.stringify(answer.why)}`);
    if (read === "malformed" || !answer.accepted || !isSent) return carrier.close(LINGER);
    const connection = new WebSocketConnection(carrier, { role: "server" }, events);
    done(connection);
    connection.receive(read.rest);
  };
  const carrier = carry({
    receive: (_, data) => receive(carrier, data),
    closed: () => done(undefined),
  });
}

/** The client's side. */
export function openWebSocket(
  { carry, events, done, failed }: Handshake,
  { random, ...asked }: Omit<UpgradeRequest, "key"> & { readonly random: RandomSource },
): void {
  const nonce = new Uint8Array(16);
  random.fill(nonce);
  const request = { ...asked, key: Buffer.from(nonce).toString("base64") };
  const reader = new HttpHeadReader("response");
  const receive = (carrier: SocketConnection, data: Uint8Array): void => {
    const read = readHead(reader, data);
    if (read === undefined) return;
    if (read === "malformed" || !isUpgraded(read.head, request)) {
      const said = read === "malformed" ? "no HTTP" : `HTTP ${read.head.start[1]}`;
      failed(`it does not open a WebSocket for SIP here: it answers with ${said}`);
      return carrier.close();
    }
    const connection = new WebSocketConnection(carrier, { role: "client", random }, events);
    done(connection);
    connection.receive(read.rest);
  };
  const carrier = carry({
    receive: (_, data) => receive(carrier, data),
    closed: () => done(undefined),
  });
  carrier.sendOwned(formatUpgrade(request));
}

function readHead(
  reader: HttpHeadReader,
  data: Uint8Array,
): ReturnType<HttpHeadReader["receive"]> | "malformed" {
  try {
    return reader.receive(data);
  } catch (error) {
    if (!(error instanceof HttpHeadError)) throw error;
    return "malformed";
  }
}
