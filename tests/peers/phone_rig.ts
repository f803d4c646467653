/**
 * What a test with phones needs: a gateway that listens over every transport, phones, and a program
 * that echoes and notes what it is told. Everything is ended at once.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  type GatewayConfig,
  type RunningGateway,
  startGateway,
  until,
} from "../support/gateway.ts";
import { tlsPath } from "../support/tls_fixtures.ts";
import { Baresip, type BaresipOptions } from "./baresip.ts";
import { keyedEcho, type KeySteps, type ToldEvent, toldEvents } from "./keyed_echo.ts";
import { Linphone, type LinphoneOptions } from "./linphone.ts";
import { correlations, RATE, sweep } from "./sound.ts";

/** How a phone speaks SIP. */
export type PhoneTransport = "udp" | "tcp" | "tls";

/** All of them. */
export const PHONE_TRANSPORTS: readonly PhoneTransport[] = ["udp", "tcp", "tls"];

/** It listens on a port of each transport. */
export interface PhoneGateway extends RunningGateway {
  /** `address:port` of a listener. */
  at(transport: PhoneTransport): string;
}

/** Sound of a phone, when nothing else is said: longer than any call. */
const SOUND_MS = 15_000;
const TOLD_MS_MAX = 5_000;

/** Packets that are lost when a call changes hands. */
const EARLY_MS_MAX = 200;

/** The things of one test. */
export class PhoneRig {
  readonly #folder = mkdtempSync(`${tmpdir()}/voicegw-phones-`);
  readonly #open: { stop(): Promise<unknown> }[] = [];

  /** Starts a gateway on free ports of 127.0.0.1. */
  async gateway(given: GatewayConfig): Promise<PhoneGateway> {
    const server = await startGateway({
      ...given,
      sip: {
        listen: PHONE_TRANSPORTS.map((transport) => `${transport}://127.0.0.1:0`),
        tls: {
          certificate: tlsPath("server.pem"),
          key: tlsPath("server.key"),
          ca: tlsPath("ca.pem"),
        },
        ...given.sip,
      },
    });
    this.#open.push(server);
    const at = (transport: PhoneTransport): string => {
      const found = server.gateway.listeners.find((text) => text.startsWith(`${transport}:`));
      return found?.split("//")[1] ?? "";
    };
    return { ...server, at };
  }

  /** Starts a baresip. */
  async baresip(options: Partial<BaresipOptions> = {}): Promise<Baresip> {
    const sound = options.sound ?? sweep(SOUND_MS);
    const phone = await Baresip.start({ transport: "udp", codec: "PCMU", ...options, sound });
    this.#open.push(phone);
    return phone;
  }

  /** Starts a Linphone. */
  async linphone(options: Partial<LinphoneOptions> = {}): Promise<Linphone> {
    const sound = options.sound ?? sweep(SOUND_MS);
    const phone = await Linphone.start({ transport: "udp", ...options, sound });
    this.#open.push(phone);
    return phone;
  }

  /** A program that echoes and gives commands when keys are pressed. */
  echo(keys: Readonly<Record<string, KeySteps>> = {}, name = "events"): readonly string[] {
    return keyedEcho(`${this.#folder}/${name}`, keys);
  }

  /** A file of commands for a key, which is written once it is known what to command. */
  commandFile(command: Readonly<Record<string, string>> = {}): string {
    const path = `${this.#folder}/commands`;
    writeFileSync(path, `${JSON.stringify(command)}\n`);
    return path;
  }

  /** What it was told; of some kinds, or everything. */
  told(kinds: readonly string[] = [], name = "events"): readonly ToldEvent[] {
    const all = toldEvents(`${this.#folder}/${name}`);
    return kinds.length === 0 ? all : all.filter(({ event }) => kinds.includes(String(event)));
  }

  /** Waits until it is told of something. */
  async untilTold(kind: string, count = 1, name = "events"): Promise<void> {
    await until(
      () => this.told([kind], name).length >= count,
      TOLD_MS_MAX,
      () => `the handler is not told of "${kind}", but ${JSON.stringify(this.told([], name))}`,
    );
  }

  /** Ends everything, the last one first. */
  async close(): Promise<void> {
    for (const item of this.#open.splice(0).reverse()) await item.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

/**
 * Looks for a sound in what was heard of it after a call has begun or changed hands: its first
 * packets may be lost, so that all is heard too early.
 *
 * @returns As {@linkcode correlations}, without the first piece.
 */
export function laterCorrelations(
  sent: Int16Array,
  heard: Int16Array,
  { rate = RATE }: { readonly rate?: number } = {},
): readonly number[] {
  const later = new Int16Array(heard.length + (EARLY_MS_MAX * rate) / 1000);
  later.set(heard, later.length - heard.length);
  return correlations(sent, later, { rate }).slice(1);
}
