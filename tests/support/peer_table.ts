/**
 * The programs that tests call or are called by, and how to see that one is there.
 *
 * @module
 */

import { existsSync } from "node:fs";

/** A program of others that tests need. */
export interface Peer {
  /** What tests and reports call it. */
  readonly name: string;
  /** The Debian packages that bring it. */
  readonly packages: readonly string[];
  /** Any of these commands on the path shows that it is there. */
  readonly commands?: readonly string[];
  /** Any of these files shows that it is there. */
  readonly files?: readonly string[];
}

/** Every peer. */
export const PEERS: readonly Peer[] = [
  { name: "sipp", packages: ["sip-tester"], commands: ["sipp"] },
  // The core package has every module needed: account, menu, ctrl_tcp, g711, aufile, ausine.
  { name: "baresip", packages: ["baresip-core"], commands: ["baresip"] },
  { name: "kamailio", packages: ["kamailio"], commands: ["kamailio"] },
  {
    name: "kamailio-tls",
    packages: ["kamailio-tls-modules"],
    files: ["x86_64", "aarch64"].map((machine) =>
      `/usr/lib/${machine}-linux-gnu/kamailio/modules/tls.so`
    ),
  },
  { name: "linphone", packages: ["linphone-cli"], commands: ["linphonec"] },
  { name: "sipvicious", packages: ["sipvicious"], commands: ["svmap"] },
  { name: "sipsak", packages: ["sipsak"], commands: ["sipsak"] },
  { name: "tshark", packages: ["tshark"], commands: ["tshark"] },
  { name: "espeak-ng", packages: ["espeak-ng"], commands: ["espeak-ng"] },
  {
    name: "pocketsphinx",
    packages: ["pocketsphinx"],
    commands: ["pocketsphinx_continuous", "pocketsphinx"],
  },
  {
    name: "pocketsphinx-en-us",
    packages: ["pocketsphinx-en-us"],
    files: ["/usr/share/pocketsphinx/model/en-us"],
  },
  { name: "curl", packages: ["curl"], commands: ["curl"] },
  { name: "python3", packages: ["python3"], commands: ["python3"] },
  { name: "sox", packages: ["sox"], commands: ["sox"] },
  { name: "ffmpeg", packages: ["ffmpeg"], commands: ["ffmpeg"] },
  {
    name: "libsrtp",
    packages: ["python3-pylibsrtp"],
    files: ["/usr/lib/python3/dist-packages/pylibsrtp/__init__.py"],
  },
];

/** Daemons live in `sbin`, which is not on every user's path. */
const EXTRA_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Finds a command; `undefined` when it is not installed. */
export function findCommand(command: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(":"), ...EXTRA_FOLDERS];
  return folders.filter((folder) => folder !== "").map((folder) => `${folder}/${command}`)
    .find((path) => existsSync(path));
}

/** Tells whether a peer is installed. */
export function isInstalled(peer: Peer): boolean {
  const { commands = [], files = [] } = peer;
  return commands.some((command) => findCommand(command) !== undefined) ||
    files.some((file) => existsSync(file));
}

/**
 * Names those of `names` that are not installed.
 *
 * @throws {RangeError} A name is not in the table.
 */
export function missingPeers(names: readonly string[]): readonly string[] {
  return names.filter((name) => {
    const peer = PEERS.find((candidate) => candidate.name === name);
    if (peer === undefined) throw new RangeError(`There is no peer "${name}" in the table`);
    return !isInstalled(peer);
  });
}
