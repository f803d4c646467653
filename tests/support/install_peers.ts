/**
 * Installs the programs that the peer tests need, where that can be done unasked: on Debian and its
 * kin, as root. Elsewhere it only says what is missing. It never fails a run.
 *
 * @module
 */

import { isInstalled, PEERS } from "./peer_table.ts";

const UPDATE_TIMEOUT_MS = 60_000;
const INSTALL_TIMEOUT_MS = 240_000;

/** Installs what is missing, and prints one line that says what is there and what is not. */
export function installPeers(): void {
  const absent = PEERS.filter((peer) => !isInstalled(peer));
  if (absent.length > 0 && process.getuid?.() === 0 && Bun.which("apt-get") !== null) {
    aptGet(["update", "-qq"], UPDATE_TIMEOUT_MS);
    install(absent.flatMap((peer) => peer.packages));
  }
  const names = (installed: boolean) =>
    PEERS.filter((peer) => isInstalled(peer) === installed).map((peer) => peer.name).join(" ");
  const missing = names(false);
  console.log(`peers: ${names(true) || "none"}${missing === "" ? "" : `; missing: ${missing}`}`);
}

/** Installs all at once, and if that fails one by one: a missing package costs only itself. */
function install(packages: readonly string[]): void {
  const command = ["install", "-y", "-qq", "--no-install-recommends"];
  if (aptGet([...command, ...packages], INSTALL_TIMEOUT_MS) || packages.length === 1) return;
  for (const name of packages) aptGet([...command, name], INSTALL_TIMEOUT_MS / packages.length);
}

function aptGet(args: readonly string[], timeoutMs: number): boolean {
  const result = Bun.spawnSync(["apt-get", ...args], {
    // RUNLEVEL=1 keeps services from being started: a Kamailio would take the SIP port.
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: timeoutMs,
  });
  if (result.success) return true;
  const reason = result.stderr.toString().trim().split("\n").at(-1) || "timed out";
  console.log(`peers: apt-get ${args[0]} failed: ${reason}`);
  return false;
}

if (import.meta.main) installPeers();
