/**
 * Runs Linphone's console on this machine: its sound from a WAV file, what it hears kept in
 * another, its commands on standard input and what it says read from standard output.
 *
 * @module
 */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { resample } from "../../src/audio/resampler.ts";
import { parseWav, serializeWav } from "../../src/audio/wav.ts";
import { freePort, freePortPair } from "./free_port.ts";
import { PeerOutput } from "./peer_output.ts";
import { RATE } from "./sound.ts";

/** The codecs that it has, as SDP names them. */
export type LinphoneCodec = "PCMU" | "PCMA" | "G722" | "opus" | "L16/44100";

/** The suites that it has for encrypted audio. */
export type LinphoneSuite = "AES_CM_128_HMAC_SHA1_80" | "AES_CM_128_HMAC_SHA1_32";

/** What is to be run. */
export interface LinphoneOptions {
  readonly transport: "udp" | "tcp" | "tls";
  /** Where it listens, at SIP's own port. Default: any port of 127.0.0.1. */
  readonly address?: string;
  /** What it says, at `rate`; silence follows. */
  readonly sound: Int16Array;
  /** Samples a second of `sound`. Default: {@link RATE}. */
  readonly rate?: number;
  /** The one codec that it has. Default: all that it has by itself. */
  readonly codec?: LinphoneCodec;
  /** It offers and takes nothing but audio that is encrypted so. Default: in the clear. */
  readonly suite?: LinphoneSuite;
  /** Whether it takes calls by itself. Default: it rings. */
  readonly answers?: boolean;
  /** What it proves itself with when it is asked in the realm `voicegw`. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** It is killed after that. Default: 25 s. */
  readonly timeoutMs?: number;
}

type Child = Bun.Subprocess<"pipe", "pipe", "pipe">;

interface Running {
  readonly child: Child;
  readonly rate: number;
}

/** How its list shows them. */
const CODECS: Readonly<Record<LinphoneCodec, string>> = {
  PCMU: "PCMU (8000)",
  PCMA: "PCMA (8000)",
  G722: "G722 (8000)",
  opus: "opus (48000)",
  "L16/44100": "L16 (44100)",
};

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
  readonly #rate: number;

  private constructor(uri: string, folder: string, { child, rate }: Running) {
    this.uri = uri;
    this.#rate = rate;
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
    writeFileSync(`${folder}/sound.wav`, serializeWav(options.sound, options.rate ?? RATE));
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
    const linphone = new Linphone(uri, folder, { child, rate: options.rate ?? RATE });
    try {
      await linphone.says(PROMPT, START_MS_MAX);
      if (options.codec !== undefined) await linphone.#keepCodec(options.codec);
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

  /** Its list numbers the codecs; the same name is there once for each count of channels. */
  async #keepCodec(codec: LinphoneCodec): Promise<void> {
    this.command("codec list");
    await this.says(/\d+: L16[^]*linphonec> /);
    for (const [, index = "", name = ""] of this.output.matchAll(/^ *(\d+): (\S+ \(\d+\))/gm)) {
      this.command(`codec ${name === CODECS[codec] ? "enable" : "disable"} ${index}`);
    }
  }

  /**
   * Ends it, which hangs up, and returns what it heard, at the rate of its sound. Its files are
   * removed.
   */
  async finish(): Promise<Int16Array> {
    try {
      this.command("quit");
      await this.#child.exited;
      const path = `${this.#folder}/heard.wav`;
      if (!existsSync(path)) return new Int16Array(0);
      // As many samples a second as the codec has
      const { samples, sampleRate } = parseWav(readFileSync(path));
      return resample(samples, sampleRate, this.#rate);
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
  { transport, credentials, suite }: LinphoneOptions,
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
    ...(suite === undefined ? [] : [
      "media_encryption=srtp",
      "media_encryption_mandatory=1",
      `srtp_crypto_suites=${suite}`,
    ]),
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
