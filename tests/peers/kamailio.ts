/**
 * Runs Kamailio on this machine with the configuration of `examples/kamailio`.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import type { SocketAddress } from "../../src/base/socket_address.ts";
import { findCommand } from "../support/peer_table.ts";
import { freePort } from "./free_port.ts";

/** A Kamailio that listens. */
export interface RunningKamailio {
  /** Where it listens, over UDP and TCP. */
  readonly address: SocketAddress;
  /** Ends it and waits for that. Its log, for a test that failed. */
  stop(): Promise<string>;
}

const CONFIGURATION = new URL("../../examples/kamailio/kamailio.cfg", import.meta.url).pathname;
const START_MS_MAX = 8_000;
const LIFE_MS_MAX = 90_000;
const OUTPUT_CHARACTERS_MAX = 20_000;

/**
 * Starts it before some gateways.
 *
 * @param gateways `address:port` of the UDP listener of each.
 */
export async function startKamailio(gateways: readonly string[]): Promise<RunningKamailio> {
  const folder = mkdtempSync(`${tmpdir()}/voicegw-kamailio-`);
  const list = `${folder}/dispatcher.list`;
  writeFileSync(list, gateways.map((gateway) => `1 sip:${gateway}\n`).join(""));
  const address = { address: "127.0.0.1", port: await freePort() };
  const listen = `${address.address}:${address.port}`;
  const child = Bun.spawn([
    findCommand("kamailio") ?? "kamailio",
    ...["-f", CONFIGURATION, "-w", folder, "-DD", "-E"],
    // Megabytes shared by all of its processes, and of each
    ...["-m", "32", "-M", "8"],
    ...["-A", `LISTEN_UDP=udp:${listen}`, "-A", `LISTEN_TCP=tcp:${listen}`],
    ...["-A", `VOICEGWS="${list}"`],
  ], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
    timeout: LIFE_MS_MAX,
    killSignal: "SIGTERM",
  });
  const log = new Response(child.stderr).text();
  const stop = async (): Promise<string> => {
    child.kill("SIGTERM");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
    return (await log).slice(-OUTPUT_CHARACTERS_MAX);
  };
  const giveUpAt = performance.now() + START_MS_MAX;
  // Its UDP sockets are there before those for TCP listen.
  while (!await takesConnections(address)) {
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      throw new Error(`Kamailio does not start: ${await stop()}`);
    }
    await Bun.sleep(50);
  }
  return { address, stop };
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
