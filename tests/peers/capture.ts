/**
 * Captures packets of the loopback interface and has them read by Wireshark's dissectors.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { findCommand, missingPeers } from "../support/peer_table.ts";
import { peerTest, unavailableTest } from "../support/peers.ts";
import type { Prepared } from "../support/prepared.ts";

/** One RTP stream, as seen on the wire. */
export interface RtpStream {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Names of Wireshark, such as `g711U`, `telephone-event`. */
  readonly payloads: readonly string[];
  readonly packets: number;
  /** Missing sequence numbers. */
  readonly lost: number;
}

/** What is not to be told from the packets alone. */
export interface SipPorts {
  readonly udp: number;
  readonly tcp: number;
}

const INTERFACE = "lo";
const LIFE_MS_MAX = 60_000;
const READ_MS_MAX = 20_000;
const PERMISSION_MS_MAX = 8_000;
/** How long packets may lie in the kernel before the capture has them. */
const FLUSH_MS = 500;

/** How long a test may take that has the calls made, and packets captured, which it looks at. */
const TIMEOUT_MS = 45_000;

/**
 * Declares a test that looks at captured packets. Before it is tried again they are captured anew.
 * Without the right to capture it is skipped by name, but failed on a build machine.
 *
 * @param peers Names of the peer table.
 */
export function captureTest<T>(
  name: string,
  peers: readonly string[],
  prepared: Prepared<T>,
  body: (seen: T) => void,
): void {
  if (missingPeers(peers).length > 0 || mayCapture()) {
    const look = async () => {
      const seen = await prepared.get();
      try {
        body(seen);
      } catch (problem) {
        await prepared.release();
        throw problem;
      }
    };
    peerTest(name, peers, look, TIMEOUT_MS);
    return;
  }
  unavailableTest(
    `${name} [needs the right to capture packets]`,
    "This user may not capture packets of the loopback interface",
  );
}

let isPermitted: boolean | undefined;

/** Tells whether this user may capture. */
function mayCapture(): boolean {
  isPermitted ??= askPermission();
  return isPermitted;
}

function askPermission(): boolean {
  const command = findCommand("dumpcap");
  if (command === undefined) return false;
  const { exitCode } = Bun.spawnSync([command, "-L", "-i", INTERFACE], {
    timeout: PERMISSION_MS_MAX,
  });
  return exitCode === 0;
}

/** A capture, running or over. */
export class Capture {
  readonly #folder: string;
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #ports: SipPorts;

  private constructor(
    folder: string,
    child: Bun.Subprocess<"ignore", "ignore", "pipe">,
    ports: SipPorts,
  ) {
    this.#folder = folder;
    this.#child = child;
    this.#ports = ports;
  }

  /**
   * Begins to capture.
   *
   * @param filter In the language of libpcap.
   * @param ports Where SIP is spoken, none of them being 5060.
   */
  static async start(filter: string, ports: SipPorts): Promise<Capture> {
    const folder = mkdtempSync(`${tmpdir()}/voicegw-capture-`);
    const child = Bun.spawn(
      ["dumpcap", "-q", "-i", INTERFACE, "-f", filter, "-w", `${folder}/packets.pcapng`],
      { stdio: ["ignore", "ignore", "pipe"], timeout: LIFE_MS_MAX, killSignal: "SIGKILL" },
    );
    const capture = new Capture(folder, child, ports);
    const reader = child.stderr.getReader();
    // The name of the file is what it says last before packets count
    let said = "";
    while (!said.includes("File:")) {
      const { done, value } = await reader.read();
      if (done) {
        await capture.remove();
        throw new Error(`Cannot capture: ${said}`);
      }
      said += new TextDecoder().decode(value);
    }
    reader.releaseLock();
    return capture;
  }

  /** Ends the capture; what was captured can be read from then on. */
  async stop(): Promise<void> {
    await Bun.sleep(FLUSH_MS);
    this.#child.kill("SIGINT");
    await this.#child.exited;
  }

  /** Removes the packets. */
  async remove(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * Finds packets.
   *
   * @param filter In the language of Wireshark.
   * @param fields What is wanted of each.
   * @returns Of each packet the fields in that order; one that is there twice is separated by `,`.
   */
  packets(filter: string, fields: readonly string[]): readonly (readonly string[])[] {
    const wanted = fields.flatMap((field) => ["-e", field]);
    return this.#tshark(["-Y", filter, "-T", "fields", ...wanted]).split("\n")
      .filter((line) => line !== "").map((line) => line.split("\t"));
  }

  /** Every RTP stream, by its analysis of sequence numbers. */
  streams(): readonly RtpStream[] {
    const row = /^ *[\d.]+ +[\d.]+ +\S+ +(\d+) +\S+ +(\d+) +0x\w+ +(.+?) +(\d+) +(-?\d+) \(/;
    const streams: RtpStream[] = [];
    for (const line of this.#tshark(["-q", "-z", "rtp,streams"]).split("\n")) {
      const parts = row.exec(line);
      if (parts === null) continue;
      const [, sourcePort, destinationPort, payloads = "", packets, lost] = parts;
      streams.push({
        sourcePort: Number(sourcePort),
        destinationPort: Number(destinationPort),
        payloads: payloads.split(", "),
        packets: Number(packets),
        lost: Number(lost),
      });
    }
    return streams;
  }

  #tshark(wanted: readonly string[]): string {
    const { udp, tcp } = this.#ports;
    const { exitCode, stdout, stderr } = Bun.spawnSync([
      "tshark",
      ...["-n", "-r", `${this.#folder}/packets.pcapng`],
      ...["-d", `udp.port==${udp},sip`, "-d", `tcp.port==${tcp},sip`],
      ...wanted,
    ], { timeout: READ_MS_MAX });
    if (exitCode !== 0) throw new Error(`tshark failed: ${stderr.toString().slice(0, 1000)}`);
    return stdout.toString();
  }
}
