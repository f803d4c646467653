/**
 * Runs Linphone's console on this machine: its sound from a WAV file, what it hears kept in
 * another, its commands on standard input and what it says read from standard output.
 *
 * @module
 */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseWav, serializeWav } from "../../src/audio/wav.ts";
import { freePort, freePortPair } from "./free_port.ts";
import { PeerOutput } from "./peer_output.ts";
import { RATE } from "./sound.ts";

/** What is to be run. */
export interface LinphoneOptions {
  readonly transport: "udp" | "tcp" | "tls";
  /** Where it listens, at SIP's own port. Default: any port of 127.0.0.1. */
  readonly address?: string;
  /** What it says, at {@link RATE}; silence follows. */
  readonly sound: Int16Array;
  /** Whether it takes calls by itself. Default: it rings. */
  readonly answers?: boolean;
  /** What it proves itself with when it is asked in the realm `voicegw`. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** It is killed after that. Default: 25 s. */
  readonly timeoutMs?: number;
}

type Child = Bun.Subprocess<"pipe", "pipe", "pipe">;

const TIMEOUT_MS = 25_000;
const START_MS_MAX = 8_000;
const SIP_PORT = 5060;
const PROMPT = /linphonec> /;

/** Certificates that it trusts. */
const TLS = new URL("../support/tls/", import.meta.url).pathname;

/** A Linphone that is ready. */
export class Linphone {
  /** Whom to call to reach it. */
  readonly uri: string;
  readonly #folder: string;
  readonly #child: Child;
  readonly #output: PeerOutput;

  private constructor(uri: string, folder: string, child: Child) {
    this.uri = uri;
    this.#folder = folder;
    this.#child = child;
    this.#output = new PeerOutput("Linphone", [child.stdout, child.stderr]);
  }

  /** Starts it, bound to 127.0.0.1, and waits until it takes commands. */
  static async start(options: LinphoneOptions): Promise<Linphone> {
    const folder = mkdtempSync(`${tmpdir()}/voicegw-linphone-`);
    // Without a place for its calls it does not even listen
    mkdirSync(`${folder}/.local/share/linphone`, { recursive: true });
    mkdirSync(`${folder}/.config/linphone`, { recursive: true });
    const { address } = options;
    const at = {
      address: address ?? "127.0.0.1",
      port: address === undefined ? await freePort() : SIP_PORT,
      rtpPort: await freePortPair(),
    };
    writeFileSync(`${folder}/sound.wav`, serializeWav(options.sound, RATE));
    writeFileSync(`${folder}/configuration`, configuration(options, at));
    const { transport, answers = false } = options;
    const uri = `sip:linphone@${at.address}:${at.port};transport=${transport}`;
    const auto = answers ? ["-a"] : [];
    const child = Bun.spawn(["linphonec", "-c", "configuration", ...auto], {
      cwd: folder,
      env: { ...process.env, HOME: folder },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const linphone = new Linphone(uri, folder, child);
    try {
      await linphone.says(PROMPT, START_MS_MAX);
      linphone.command("soundcard use files");
      linphone.command(`play ${folder}/sound.wav`);
      linphone.command(`record ${folder}/heard.wav`);
      return linphone;
    } catch (error) {
      await linphone.stop();
      throw error;
    }
  }

  /** All that it said so far. */
  get output(): string {
    return this.#output.text;
  }

  /** Has it do something, such as `call sip:…`, `answer`, `pause`, `resume`, `transfer`, `1`. */
  command(command: string): void {
    this.#child.stdin.write(`${command}\n`);
    void this.#child.stdin.flush();
  }

  /** Waits until it says so, or finds that it has. */
  says(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    return this.#output.says(pattern, timeoutMs);
  }

  /** Ends it, which hangs up, and returns what it heard. Its files are removed. */
  async finish(): Promise<Int16Array> {
    try {
      this.command("quit");
      await this.#child.exited;
      const path = `${this.#folder}/heard.wav`;
      return existsSync(path) ? parseWav(readFileSync(path)).samples : new Int16Array(0);
    } finally {
      await this.stop();
    }
  }

  /** Ends it at once, whatever it does. Calling it again is harmless. */
  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    await this.#output.ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configuration(
  { transport, credentials }: LinphoneOptions,
  at: { readonly address: string; readonly port: number; readonly rtpPort: number },
): string {
  const port = (name: string) => transport === name ? at.port : 0;
  return [
    "[sip]",
    `sip_port=${port("udp")}`,
    `sip_tcp_port=${port("tcp")}`,
    `sip_tls_port=${port("tls")}`,
    `bind_address=${at.address}`,
    `contact=sip:linphone@${at.address}`,
    `root_ca=${TLS}ca.pem`,
    // Its TLS library knows no addresses in certificates
    "verify_server_cn=0",
    `client_cert_chain=${TLS}server.pem`,
    `client_cert_key=${TLS}server.key`,
    "use_ipv6=0",
    "ipv6_migration_done=1",
    "[rtp]",
    `audio_rtp_port=${at.rtpPort}`,
    "[net]",
    // Else it looks for it for a second before each call
    "mtu=1500",
    "[sound]",
    "echocancellation=0",
    "agc=0",
    ...(credentials === undefined ? [] : [
      "[auth_info_0]",
      `username=${credentials.username}`,
      `passwd=${credentials.password}`,
      "realm=voicegw",
    ]),
    "",
  ].join("\n");
}
