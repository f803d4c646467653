/**
 * Calls to far ends that do what they should not: what the caller hears, and what the log says.
 *
 * @module
 */

import { expect } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serializeWav } from "../../../src/audio/wav.ts";
import type { CallRecord } from "../../../src/call/call_record.ts";
import { startGateway } from "../../support/gateway.ts";
import { RawCaller, sdpOf } from "../../support/raw_caller.ts";
import { RtpPeer, sampleOf } from "../../support/rtp_peer.ts";

/** What must be in no log. */
const SECRET = "s3cret";

/** Keys of the configuration that hold secrets. */
export const SECRETS = {
  credentials: `user:${SECRET}-password`,
  query: `token=${SECRET}-query`,
  headers: { "X-Api-Key": `${SECRET}-header` },
  secret: `whsec_${btoa(`${SECRET}-${"key".repeat(10)}`)}`,
  auth_token: `${SECRET}-token`,
} as const;

/** The code of the sound of `on_error`. */
const SORRY = 0x10;
const SORRY_FRAMES = 15;
/** The code of a sound that far ends give in these tests. */
export const HELLO = 0x20;

const folder = mkdtempSync(join(tmpdir(), "voicegw-hostile-"));
const sorry = wavFile("sorry.wav", SORRY, SORRY_FRAMES);

/** Writes such a file; tells its path. */
export function wavFile(name: string, code: number, frames: number): string {
  const path = join(folder, name);
  writeFileSync(path, wavOf(code, frames));
  return path;
}

/** A WAV file in which all samples are those of a code of mu-law. */
export function wavOf(code: number, frames: number): Uint8Array {
  return serializeWav(new Int16Array(160 * frames).fill(sampleOf(code)), 8000);
}

/** How a call is made. */
export interface HostileOptions {
  readonly route: Readonly<Record<string, unknown>>;
  /** The caller hangs up so long after the answer; else the gateway ends the call. */
  readonly hangUpAfter?: number;
}

/** What became of it. */
export interface HostileOutcome {
  readonly record: CallRecord;
  readonly logs: readonly string[];
  /** From the INVITE to the first frame of `on_error`; `Infinity`: it was not heard. */
  readonly sorryAfter: number;
  /** The same for what far ends give. */
  readonly helloAfter: number;
}

/**
 * Makes a call and sees to it that nothing is left of it, and nothing secret in its log.
 */
export async function callHostile(
  { route, hangUpAfter }: HostileOptions,
): Promise<HostileOutcome> {
  const server = await startGateway({
    routes: [{ name: "bot", on_error: { play: sorry }, ...route }],
  });
  const caller = await RawCaller.open(server.udp);
  const phone = await RtpPeer.open();
  const start = performance.now();
  const heard = new Map<number, number>();
  const receive = phone.receive.bind(phone);
  phone.receive = (data, from) => {
    receive(data, from);
    const code = data[100] ?? 0;
    if (!heard.has(code)) heard.set(code, performance.now() - start);
  };
  try {
    const { call, answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", phone.port) });
    expect(answer.statusCode).toBe(200);
    if (hangUpAfter !== undefined) {
      await Bun.sleep(hangUpAfter);
      caller.bye(call, answer);
    }
    const [record] = await server.ended(1, 8000);
    await server.idle();
    const { logs } = server;
    for (const line of logs) {
      expect(line).not.toContain(SECRET);
      expect(line).not.toContain(SECRETS.secret.slice("whsec_".length));
      expect(line).not.toContain(btoa(SECRETS.credentials));
    }
    return {
      record: record as CallRecord,
      logs: [...logs],
      sorryAfter: heard.get(SORRY) ?? Infinity,
      helloAfter: heard.get(HELLO) ?? Infinity,
    };
  } finally {
    caller.close();
    phone.close();
    await server.stop();
  }
}

/** The caller heard `on_error` in time, and the log says why. */
export function expectSorry(outcome: HostileOutcome, why: string, withinMs: number): void {
  expect(outcome.logs.find((line) => line.includes("on_error goes on with play"))).toContain(why);
  expect(outcome.sorryAfter).toBeLessThan(withinMs);
}

/** A TCP server that does what it is told with each connection. */
export interface RawServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts one. */
export async function serveRaw(take: (socket: Socket) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    take(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

/** Writes pieces as fast as the other side takes them, until it takes no more. */
export function pour(socket: Socket, piece: Uint8Array | string): void {
  const more = (): void => {
    while (!socket.destroyed && socket.writable && socket.writableLength < 1 << 20) {
      socket.write(piece);
    }
    if (!socket.destroyed && socket.writable) setTimeout(more, 1);
  };
  more();
}
