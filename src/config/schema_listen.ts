/**
 * Addresses that signalling listens on, and name servers.
 *
 * @module
 */

import { z } from "zod";
import { formatSocketAddress, isIpAddress } from "../base/socket_address.ts";
import type { TransportWord } from "../route/call_facts.ts";
import { TRANSPORTS } from "../route/call_facts.ts";
import type { Read } from "./schema_values.ts";
import { ipAddress, readText, shorten } from "./schema_values.ts";
import { didYouMean } from "./suggestion.ts";

/** Where the SIP side listens. */
export interface ListenAddress {
  readonly transport: TransportWord;
  /** Literal IPv4 or IPv6 address, without brackets. */
  readonly address: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Literal address that this listener's Via and Contact give; it comes before the general one. */
  readonly advertise?: string;
}

/** RFC 3261 §19.1.2, RFC 7118 §5.2. */
const DEFAULT_PORTS: Readonly<Record<TransportWord, number>> = {
  udp: 5060,
  tcp: 5060,
  tls: 5061,
  ws: 80,
  wss: 443,
};

/** `udp://0.0.0.0:5060`, or a mapping of the same with an address to advertise. */
export function listenEntry() {
  const mapping = z.strictObject({
    url: listenUrl().meta({
      title: "Address",
      description: "Transport, literal address and port. Port 5060 when left out; of tls:// " +
        "5061, of ws:// 80, of wss:// 443. Port 0 takes any free one.",
      examples: ["tls://0.0.0.0:5061"],
    }),
    advertise: ipAddress({ unspecified: false }).optional().meta({
      title: "Advertised address",
      description: "The address that Via and Contact give over this listener; default: " +
        "sip.advertise.",
      examples: ["203.0.113.10"],
    }),
  });
  return z.union([listenUrl(), mapping]).transform((given): ListenAddress => {
    if (!("url" in given)) return given;
    const { url, advertise } = given;
    return advertise === undefined ? url : { ...url, advertise };
  });
}

function listenUrl() {
  return readText(parseListen);
}

function parseListen(text: string): Read<ListenAddress> {
  const parts = /^([a-z]+):\/\/(\[[^\]]*\]|[^:/[\]]*)(?::(\d{1,5}))?\/?$/.exec(text);
  if (parts === null) {
    return { reason: `"${shorten(text)}" is not an address to listen on, ${LISTEN_EXAMPLE}` };
  }
  const [, word = "", host = "", givenPort] = parts;
  const transport = TRANSPORTS.find((known) => known === word);
  if (transport === undefined) {
    const hint = didYouMean(word, TRANSPORTS) || `, use ${TRANSPORTS.join(", ")}`;
    return { reason: `Unknown transport "${shorten(word)}"${hint}` };
  }
  const address = host.startsWith("[") ? host.slice(1, -1) : host;
  if (!isIpAddress(address) || host.startsWith("[") !== address.includes(":")) {
    return { reason: `"${shorten(host)}" is not a literal address, ${LISTEN_EXAMPLE}` };
  }
  const port = givenPort === undefined ? DEFAULT_PORTS[transport] : Number(givenPort);
  if (port > 65_535) return { reason: `Port ${port} is too large, the most is 65535` };
  return { value: { transport, address, port } };
}

const LISTEN_EXAMPLE = "write such as udp://0.0.0.0:5060 or tls://[::1]:5061";

/** Writes an address to listen on as the file does. */
export function formatListen(listen: ListenAddress): string {
  return `${listen.transport}://${formatSocketAddress(listen)}`;
}

/** `10.0.0.53`, `127.0.0.1:5353`, `[2001:db8::1]:53`. */
export function nameServer() {
  return readText<string>((text) => {
    const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
    const address = isIpAddress(text) ? text : parts?.[1] ?? parts?.[2] ?? "";
    const port = Number(parts?.[3] ?? 53);
    const isBracketed = parts?.[1] !== undefined;
    const isWhole = isIpAddress(text) || isBracketed === address.includes(":");
    if (isIpAddress(address) && isWhole && port > 0 && port <= 65_535) return { value: text };
    const reason = `"${shorten(text)}" is not the address of a name server, ` +
      "write such as 10.0.0.53 or 127.0.0.1:5353";
    return { reason };
  });
}
