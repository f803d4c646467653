/**
 * Runs Kamailio on this machine: with the configuration of `examples/kamailio` before gateways, or
 * as a registrar that asks for passwords.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import type { SocketAddress } from "../../src/base/socket_address.ts";
import { findCommand } from "../support/peer_table.ts";
import { tlsPath } from "../support/tls_fixtures.ts";
import { freePortPair } from "./free_port.ts";
import { PeerOutput } from "./peer_output.ts";

/** A Kamailio that listens. */
export interface RunningKamailio {
  /** Where it listens, over UDP and TCP; over TLS one port above. */
  readonly address: SocketAddress;
  /** Its log so far. */
  readonly log: () => string;
  /** Ends it and waits for that. Its log, for a test that failed. */
  stop(): Promise<string>;
}

/** A registrar as `kamailio_pbx.cfg` describes it. */
export interface KamailioPbxOptions {
  /** Default: any that is free. */
  readonly port?: number;
  readonly transports?: readonly ("udp" | "tcp" | "tls")[];
  /** What everybody has to prove. */
  readonly password: string;
  readonly algorithm?: "MD5" | "SHA-256";
  /** Whether callers are asked for it as well. */
  readonly asksCallers?: boolean;
  /** Registrations for less, in seconds, are answered with 423. */
  readonly minExpires?: number;
  /** URI where calls go that are for nobody who is registered. */
  readonly gateway?: string;
}

const EXAMPLE = new URL("../../examples/kamailio/kamailio.cfg", import.meta.url).pathname;
const PBX = new URL("./kamailio_pbx.cfg", import.meta.url).pathname;
const START_MS_MAX = 8_000;
const LIFE_MS_MAX = 90_000;

/**
 * Starts it before some gateways.
 *
 * @param gateways `address:port` of the UDP listener of each.
 */
export function startKamailio(gateways: readonly string[]): Promise<RunningKamailio> {
  return run(EXAMPLE, undefined, (folder) => {
    const list = `${folder}/dispatcher.list`;
    writeFileSync(list, gateways.map((gateway) => `1 sip:${gateway}\n`).join(""));
    return [`VOICEGWS="${list}"`];
  });
}

/** Starts it as a registrar. */
export function startKamailioPbx(options: KamailioPbxOptions): Promise<RunningKamailio> {
  const { port, password, algorithm, asksCallers = false, minExpires, gateway } = options;
  return run(PBX, port, (_folder, address) => [
    `PASSWORD="${password}"`,
    `LISTEN_TLS=tls:${address.address}:${address.port + 1}`,
    `TLS_CERTIFICATE="${tlsPath("server.pem")}"`,
    `TLS_KEY="${tlsPath("server.key")}"`,
    `TLS_CA="${tlsPath("ca.pem")}"`,
    ...(algorithm === undefined ? [] : [`ALGORITHM="${algorithm}"`]),
    ...(asksCallers ? ["ASK_CALLERS"] : []),
    ...(minExpires === undefined ? [] : [`MIN_EXPIRES=${minExpires}`]),
    ...(gateway === undefined ? [] : [`GATEWAY_URI="${gateway}"`]),
  ]);
}

async function run(
  configuration: string,
  port: number | undefined,
  definitions: (folder: string, address: SocketAddress) => readonly string[],
): Promise<RunningKamailio> {
  const folder = mkdtempSync(`${tmpdir()}/voicegw-kamailio-`);
  const address = { address: "127.0.0.1", port: port ?? await freePortPair() };
  const listen = `${address.address}:${address.port}`;
  const defined = [`LISTEN_UDP=udp:${listen}`, `LISTEN_TCP=tcp:${listen}`];
  const child = Bun.spawn([
    findCommand("kamailio") ?? "kamailio",
    ...["-f", configuration, "-w", folder, "-Y", folder, "-DD", "-E"],
    // Megabytes shared by all of its processes, and of each
    ...["-m", "32", "-M", "8"],
    ...[...defined, ...definitions(folder, address)].flatMap((text) => ["-A", text]),
  ], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
    timeout: LIFE_MS_MAX,
    killSignal: "SIGTERM",
  });
  const output = new PeerOutput("Kamailio", [child.stderr]);
  const stop = async (): Promise<string> => {
    child.kill("SIGTERM");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
    await output.ended;
    return output.text;
  };
  const giveUpAt = performance.now() + START_MS_MAX;
  // Its UDP sockets are there before those for TCP listen.
  while (!await takesConnections(address)) {
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      throw new Error(`Kamailio does not start: ${await stop()}`);
    }
    await Bun.sleep(50);
  }
  return { address, log: () => output.text, stop };
}

function takesConnections({ address, port }: SocketAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
