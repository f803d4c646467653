/**
 * Runs baresip on this machine: one account, its sound from a WAV file, what it sends and hears
 * kept in two others, and its menu and events over its TCP control interface.
 *
 * @module
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { parseWav, serializeWav } from "../../src/audio/wav.ts";
import { until } from "../support/gateway.ts";
import { freePort, freePortPair } from "./free_port.ts";
import { NetstringReader } from "./netstring.ts";
import { PeerOutput } from "./peer_output.ts";

/** The codecs that it has, as SDP names them. */
export type BaresipCodec = "PCMU" | "PCMA" | "G722" | "opus" | "L16/16000" | "L16/44100";

/** What is to be run. */
export interface BaresipOptions {
  readonly transport: "udp" | "tcp" | "tls";
  readonly codec: BaresipCodec;
  /** What it says, at {@linkcode baresipRate} of the codec. At the end of it baresip hangs up. */
  readonly sound: Int16Array;
  /** Whether it offers and wants encrypted audio. Default: it does not know of such a thing. */
  readonly srtp?: boolean;
  /** Whether it takes calls by itself. Default: it rings. */
  readonly answers?: boolean;
  /** What it proves itself with when it is asked. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** It is killed after that. Default: 20 s. */
  readonly timeoutMs?: number;
}

/** Something that baresip says of a call. */
export interface BaresipEvent {
  /** Such as `CALL_RINGING`, `CALL_ESTABLISHED`, `CALL_CLOSED`. */
  readonly type: string;
  /** With `CALL_CLOSED`: the reason. */
  readonly param: string;
}

/** What is left when baresip has ended. */
export interface BaresipResult {
  /** All that was encoded and sent, before the encoder. */
  readonly sent: Int16Array;
  /** All that was received, after the decoder; a lost packet leaves no hole. */
  readonly heard: Int16Array;
  readonly events: readonly BaresipEvent[];
  readonly output: string;
}

/** What it calls each codec, and samples a second of its sound then. */
const CODECS: Readonly<Record<BaresipCodec, { readonly name: string; readonly rate: number }>> = {
  PCMU: { name: "PCMU", rate: 8000 },
  PCMA: { name: "PCMA", rate: 8000 },
  G722: { name: "G722/16000/1", rate: 16_000 },
  opus: { name: "opus/48000/2", rate: 48_000 },
  "L16/16000": { name: "L16/16000/1", rate: 16_000 },
  "L16/44100": { name: "L16/44100/1", rate: 44_100 },
};

const MODULES = "/usr/lib/baresip/modules";
const TIMEOUT_MS = 20_000;
const START_MS_MAX = 8_000;
const COMMAND_MS_MAX = 3_000;

/** Certificates that it trusts, and its own. */
const TLS = new URL("../support/tls/", import.meta.url).pathname;

/** Samples a second of what it says and hears with a codec. */
export function baresipRate(codec: BaresipCodec): number {
  return CODECS[codec].rate;
}

/** A baresip that is ready. */
export class Baresip {
  /** All that it said so far, in order. */
  readonly events: BaresipEvent[] = [];
  /** Whom to call to reach it. */
  readonly uri: string;
  readonly #folder: string;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #control: Socket;
  readonly #output: PeerOutput;
  readonly #responses = new Map<string, (ok: boolean) => void>();
  #nextToken = 1;

  private constructor(
    uri: string,
    folder: string,
    child: Bun.Subprocess<"ignore", "pipe", "pipe">,
    output: PeerOutput,
    control: Socket,
  ) {
    this.uri = uri;
    this.#folder = folder;
    this.#child = child;
    this.#control = control;
    this.#output = output;
    const reader = new NetstringReader();
    control.on("data", (data: Uint8Array) => {
      for (const text of reader.read(data)) this.#receive(text);
    });
    control.on("error", () => control.destroy());
  }

  /** Starts it, bound to 127.0.0.1, and waits until it takes commands. */
  static async start(options: BaresipOptions): Promise<Baresip> {
    const folder = mkdtempSync(`${tmpdir()}/voicegw-baresip-`);
    const [sipPort, controlPort] = [await freePortPair(), await freePort()];
    const { transport } = options;
    const rate = baresipRate(options.codec);
    // It takes TLS one port above the others
    const port = transport === "tls" ? sipPort + 1 : sipPort;
    const uri = `sip:baresip@127.0.0.1:${port};transport=${transport}`;
    const own = ["server.key", "server.pem"].map((file) => readFileSync(`${TLS}${file}`, "utf8"));
    writeFileSync(`${folder}/own.pem`, own.join(""));
    writeFileSync(`${folder}/sound.wav`, serializeWav(options.sound, rate));
    writeFileSync(`${folder}/config`, configuration(folder, { sipPort, controlPort, rate }));
    writeFileSync(`${folder}/accounts`, account(folder, options));
    writeFileSync(`${folder}/contacts`, "");
    const child = Bun.spawn(["baresip", "-f", folder], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const output = new PeerOutput("baresip", [child.stdout, child.stderr]);
    try {
      return new Baresip(uri, folder, child, output, await connectTo(controlPort, child, output));
    } catch (error) {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Runs a command of the menu, such as `dial`, `accept`, `hangup`, `hold`, `resume`, `sndcode`,
   * `transfer`.
   *
   * @throws {Error} baresip says that it failed, or says nothing.
   */
  async command(command: string, params = ""): Promise<void> {
    const token = `${this.#nextToken++}`;
    let ok: boolean | undefined;
    this.#responses.set(token, (value) => {
      ok = value;
    });
    const text = JSON.stringify({ command, params, token });
    this.#control.write(`${Buffer.byteLength(text)}:${text},`);
    await until(() => ok !== undefined, COMMAND_MS_MAX, () => `no response to "${command}"`);
    this.#responses.delete(token);
    if (ok !== true) throw new Error(`baresip refused "${command} ${params}"`);
  }

  /** Waits for an event, or finds it among those that were there before; `nth`: its nth. */
  async event(type: string, timeoutMs = 10_000, nth = 1): Promise<BaresipEvent> {
    const find = () => this.events.filter((event) => event.type === type)[nth - 1];
    await until(
      () => find() !== undefined,
      timeoutMs,
      () => `no ${type}, but ${JSON.stringify(this.events)}; it says: ${this.#output.text}`,
    );
    return find() as BaresipEvent;
  }

  /** Ends it, which hangs up, and says what is left. Its files are removed. */
  async finish(): Promise<BaresipResult> {
    try {
      this.#child.kill("SIGTERM");
      await this.#child.exited;
      this.#control.destroy();
      await this.#output.ended;
      return {
        sent: this.#dump("enc"),
        heard: this.#dump("dec"),
        events: this.events,
        output: this.#output.text,
      };
    } finally {
      await this.stop();
    }
  }

  /** Ends it at once, whatever it does. Calling it again is harmless. */
  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#control.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as Record<string, unknown>;
    if (message["response"] === true) {
      this.#responses.get(String(message["token"]))?.(message["ok"] === true);
    } else if (message["event"] === true) {
      const { type, param } = message;
      this.events.push({ type: String(type), param: typeof param === "string" ? param : "" });
    }
  }

  /** Of a call; several when a change of the session made baresip start a new file. */
  #dump(kind: "enc" | "dec"): Int16Array {
    const files = readdirSync(this.#folder).filter((file) => file.endsWith(`-${kind}.wav`)).sort();
    const parts = files.map((file) => parseWav(readFileSync(`${this.#folder}/${file}`)).samples);
    const samples = new Int16Array(parts.reduce((length, part) => length + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      samples.set(part, offset);
      offset += part.length;
    }
    return samples;
  }
}

function configuration(
  folder: string,
  { sipPort, controlPort, rate }: { sipPort: number; controlPort: number; rate: number },
): string {
  const audio = ["audio_player", "audio_alert"].map((key) => `${key} aubridge,nowhere`);
  const modules = [
    ...["g711", "g722", "opus", "l16", "srtp"],
    ...["account", "aufile", "aubridge", "sndfile"],
  ].map((name) => `module ${name}.so`);
  const applications = ["menu", "ctrl_tcp"].map((name) => `module_app ${name}.so`);
  return [
    `sip_listen 127.0.0.1:${sipPort}`,
    `sip_certificate ${folder}/own.pem`,
    `sip_cafile ${TLS}ca.pem`,
    "net_interface 127.0.0.1",
    "net_af ipv4",
    "rtp_ports 34000-34999",
    "jitter_buffer_delay 1-5",
    "call_local_timeout 30",
    `audio_source aufile,${folder}/sound.wav`,
    ...audio,
    ...["ausrc", "auplay"].flatMap((key) => [`${key}_srate ${rate}`, `${key}_channels 1`]),
    `module_path ${MODULES}`,
    ...modules,
    ...applications,
    `ctrl_tcp_listen 127.0.0.1:${controlPort}`,
    `snd_path ${folder}`,
    "menu_bell no",
    "ringback_disabled yes",
    "",
  ].join("\n");
}

function account(folder: string, options: BaresipOptions): string {
  const { transport, codec, answers = false, srtp = false, credentials } = options;
  return [
    `<sip:baresip@127.0.0.1;transport=${transport}>`,
    "regint=0",
    `audio_codecs=${CODECS[codec].name}`,
    ...(srtp ? ["mediaenc=srtp-mand"] : []),
    `audio_source=aufile,${folder}/sound.wav`,
    `answermode=${answers ? "auto" : "manual"}`,
    ...(credentials === undefined
      ? []
      : [`auth_user=${credentials.username}`, `auth_pass=${credentials.password}`]),
  ].join(";") + "\n";
}

/** The control interface is there when baresip is ready. */
async function connectTo(
  port: number,
  child: Bun.Subprocess,
  output: PeerOutput,
): Promise<Socket> {
  const giveUpAt = performance.now() + START_MS_MAX;
  while (child.exitCode === null && performance.now() < giveUpAt) {
    const socket = await new Promise<Socket | undefined>((resolve) => {
      const attempt = connect(port, "127.0.0.1", () => resolve(attempt));
      attempt.once("error", () => resolve(undefined));
    });
    if (socket !== undefined) return socket;
    await Bun.sleep(50);
  }
  throw new Error(`baresip does not take commands, but says: ${output.text}`);
}
