/**
 * A WebSocket server by hand, right up to the handshake, and frames of all kinds. RFC 6455
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { type RawServer, serveRaw } from "./hostile_call.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Frame types. §5.2 */
export const [TEXT, BINARY, CLOSE, PING] = [1, 2, 8, 9] as const;

/** Takes connections up to their handshake, and does with them what it is told. */
export function serveUpgraded(
  opened: (socket: Socket) => void,
  answer: (key: string) => string = accepted,
): Promise<RawServer> {
  return serveRaw((socket) => {
    let head = "";
    socket.on("data", function read(data: Buffer) {
      head += data.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", read);
      // What comes then is read and thrown away
      socket.on("data", () => {});
      socket.write(answer(/^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? ""));
      opened(socket);
    });
  });
}

/** The right answer. §4.2.2 */
export function accepted(key: string): string {
  const accept = createHash("sha1").update(key + GUID).digest("base64");
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/** A frame as a server sends it; `isMasked` as it must not. §5.1 */
export function frame(type: number, payload: Uint8Array | string, isMasked = false): Buffer {
  const body = Buffer.from(payload as string);
  const { length } = body;
  const mask = isMasked ? 0x80 : 0;
  const size = length < 126
    ? Buffer.of(mask | length)
    : length < 1 << 16
    ? Buffer.of(mask | 126, length >> 8, length & 0xff)
    : Buffer.concat([Buffer.of(mask | 127), lengthOf(length)]);
  const key = isMasked ? Buffer.alloc(4) : Buffer.alloc(0);
  return Buffer.concat([Buffer.of(0x80 | type), size, key, body]);
}

/** A close frame. §5.5.1 */
export function closing(code: number, reason = ""): Buffer {
  return frame(CLOSE, Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason)]));
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}
