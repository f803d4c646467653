/**
 * SRTP against two implementations of others: libsrtp, packet by packet, and FFmpeg, over UDP.
 *
 * @module
 */

import { describe, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { emptyRtpHeader, parseRtp } from "../../src/rtp/packet.ts";
import { SrtpReceiver } from "../../src/rtp/srtp_receiver.ts";
import { SrtpSender } from "../../src/rtp/srtp_sender.ts";
import type { SrtpSuite } from "../../src/rtp/srtp_suite.ts";
import { srtpCrypto } from "../../src/runtime/srtp_crypto.ts";
import { formatCryptoAttribute } from "../../src/sdp/crypto_attribute.ts";
import { fromHex, keyOf, rtcpPacket, rtpPacket, SUITES, toHex } from "../rtp/srtp_fixtures.ts";
import { peerTest } from "../support/peers.ts";
import { freePortPair } from "./free_port.ts";

const LIMIT_MS = 15_000;

/** Reads lines of an operation and a packet; prints what comes of each, or what is wrong with it. */
const LIBSRTP = `
import sys
from pylibsrtp import Error, Policy, Session
name, key = sys.argv[1], bytes.fromhex(sys.argv[2])
profile = getattr(Policy, "SRTP_PROFILE_" + name)
def open_session(direction):
    return Session(Policy(key=key, ssrc_type=direction, srtp_profile=profile))
sender, receiver = open_session(Policy.SSRC_ANY_OUTBOUND), open_session(Policy.SSRC_ANY_INBOUND)
for line in sys.stdin:
    operation, packet = line.split()
    session = sender if operation.startswith("protect") else receiver
    try:
        print(getattr(session, operation)(bytes.fromhex(packet)).hex())
    except Error as error:
        print(error)
`;

const PROFILES: Readonly<Record<SrtpSuite, string>> = {
  AES_CM_128_HMAC_SHA1_80: "AES128_CM_SHA1_80",
  AES_CM_128_HMAC_SHA1_32: "AES128_CM_SHA1_32",
  AEAD_AES_128_GCM: "AEAD_AES_128_GCM",
  AEAD_AES_256_GCM: "AEAD_AES_256_GCM",
};

type Operation = "protect" | "unprotect" | "protect_rtcp" | "unprotect_rtcp";

/** Around two wraps, with losses. */
const SEQUENCE_NUMBERS = [
  ...[32000, 60000, 65533, 65534, 65535, 0, 1, 2, 5],
  ...[30000, 60000, 65535, 3, 4, 6],
];

describe("RFC 3711 and RFC 7714 with libsrtp", () => {
  for (const suite of SUITES) {
    peerTest(`${suite}: libsrtp opens what we protect`, ["libsrtp"], () => {
      const sender = new SrtpSender(keyOf(suite), srtpCrypto);
      const plain = SEQUENCE_NUMBERS.map(plainRtp);
      const reports = [1, 2, 3].map((ssrc) => rtcpPacket(ssrc));
      const sealed = plain.map(({ packet, length }) => {
        const copy = packet.slice();
        return copy.subarray(0, sender.protect(copy, length));
      });
      const sealedReports = reports.map(({ packet, length }) => {
        const copy = packet.slice();
        return copy.subarray(0, sender.protectRtcp(copy, length));
      });
      const opened = runLibsrtp(suite, [
        ...sealed.map((packet) => ["unprotect", packet] as const),
        ...sealedReports.map((packet) => ["unprotect_rtcp", packet] as const),
      ]);
      expect(opened).toEqual(
        [...plain, ...reports].map(({ packet, length }) => toHex(packet.subarray(0, length))),
      );
    });

    peerTest(`${suite}: we open what libsrtp protects`, ["libsrtp"], () => {
      const receiver = new SrtpReceiver(keyOf(suite), srtpCrypto);
      const plain = SEQUENCE_NUMBERS.map(plainRtp);
      const reports = [1, 2, 3].map((ssrc) => rtcpPacket(ssrc));
      const sealed = runLibsrtp(suite, [
        ...plain.map(({ packet, length }) => ["protect", packet.subarray(0, length)] as const),
        ...reports.map(({ packet, length }) =>
          ["protect_rtcp", packet.subarray(0, length)] as const
        ),
      ]).map(fromHex);
      for (const [at, { packet, length }] of [...plain, ...reports].entries()) {
        const received = sealed[at]!;
        const opened = at < plain.length
          ? receiver.unprotect(received)
          : receiver.unprotectRtcp(received);
        expect(opened).toBe(length);
        expect(toHex(received.subarray(0, opened))).toBe(toHex(packet.subarray(0, length)));
      }
    });
  }
});

describe("RFC 3711 with FFmpeg", () => {
  for (const suite of ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"] as const) {
    peerTest(`${suite}: we hear the tone that FFmpeg sends`, ["ffmpeg"], async () => {
      const receiver = new SrtpReceiver(keyOf(suite), srtpCrypto);
      const levels: number[] = [];
      let refused = 0;
      let reports = 0;
      let refusedReports = 0;
      const header = emptyRtpHeader();
      const rtp = await Bun.udpSocket({
        hostname: "127.0.0.1",
        socket: {
          data(_socket, packet) {
            const length = receiver.unprotect(packet);
            const isRead = length > 0 && parseRtp(packet.subarray(0, length), header);
            const { payloadType, payloadOffset: start, payloadLength } = header;
            if (!isRead || payloadType !== 0) refused++;
            else levels.push(loudest(packet.subarray(start, start + payloadLength)));
          },
        },
      });
      const rtcp = await Bun.udpSocket({
        hostname: "127.0.0.1",
        socket: {
          data(_socket, packet) {
            if (receiver.unprotectRtcp(packet) >= 8 && packet[1] === 200) reports++;
            else refusedReports++;
          },
        },
      });
      try {
        const output = `srtp://127.0.0.1:${rtp.port}?rtcpport=${rtcp.port}&pkt_size=172`;
        const keys = ["-srtp_out_suite", suite, "-srtp_out_params", inlineOf(suite)];
        const tone = ["-re", "-f", "lavfi", "-i", "sine=frequency=440:duration=0.6"];
        const sound = ["-ar", "8000", "-ac", "1", "-c:a", "pcm_mulaw", "-f", "rtp"];
        const { exitCode } = await runFfmpeg([...tone, ...sound, ...keys, output]).ended;
        expect(exitCode).toBe(0);
        await Bun.sleep(100);
      } finally {
        rtp.close();
        rtcp.close();
      }
      expect(refused).toBe(0);
      expect(levels.length).toBeGreaterThan(20);
      // FFmpeg's sine has an eighth of full scale.
      expect(levels.every((level) => level > 3500 && level < 4500)).toBe(true);
      // FFmpeg cuts the tags of RTCP too, which RFC 4568 §6.2 and libsrtp do not.
      const isCut = suite === "AES_CM_128_HMAC_SHA1_32";
      expect(isCut ? refusedReports : reports).toBeGreaterThan(0);
      expect(isCut ? reports : refusedReports).toBe(0);
    });

    peerTest(`${suite}: FFmpeg hears the square wave that we send`, ["ffmpeg"], async () => {
      const folder = mkdtempSync(`${tmpdir()}/voicegw-srtp-`);
      const port = await freePortPair();
      // Until FFmpeg listens, the kernel says that nobody does.
      const socket = await Bun.udpSocket({
        hostname: "127.0.0.1",
        socket: { data() {}, error() {} },
      });
      try {
        writeFileSync(`${folder}/in.sdp`, descriptionOf(suite, port));
        const input = ["-protocol_whitelist", "file,udp,rtp,srtp", "-i", `${folder}/in.sdp`];
        const child = runFfmpeg([...input, "-t", "0.3", "-f", "s16le", "-ar", "8000", "-"]);
        const sender = new SrtpSender(keyOf(suite), srtpCrypto);
        let sequenceNumber = 100;
        // Mu-law 0x9f and 0x1f: plus and minus 3900, four samples each: 1000 Hz.
        const payload = new Uint8Array(160).map((_, at) => at % 8 < 4 ? 0x9f : 0x1f);
        const timer = setInterval(() => {
          const { packet, length } = rtpPacket({ sequenceNumber, payload });
          new DataView(packet.buffer).setUint32(4, sequenceNumber * 160);
          sequenceNumber++;
          socket.send(packet.subarray(0, sender.protect(packet, length)), port, "127.0.0.1");
        }, 20);
        const { stdout } = await child.ended.finally(() => clearInterval(timer));
        const samples = new Int16Array(stdout.slice(0, stdout.byteLength & ~1));
        expect(samples.length).toBeGreaterThan(2000);
        expect(new Set(samples.map(Math.abs)).size).toBe(1);
        expect(Math.abs(samples[0]!)).toBeGreaterThan(3000);
        const rises = samples.filter((sample, at) => sample > 0 && (samples[at - 1] ?? 0) < 0);
        expect(rises.length / samples.length).toBeCloseTo(1 / 8, 2);
      } finally {
        socket.close();
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});

function plainRtp(sequenceNumber: number) {
  const payload = new Uint8Array(sequenceNumber % 200).map((_, at) => at ^ sequenceNumber);
  return rtpPacket({ sequenceNumber, payload });
}

/** Has libsrtp do it, in one session a direction, and returns hexadecimal. */
function runLibsrtp(
  suite: SrtpSuite,
  work: readonly (readonly [Operation, Uint8Array])[],
): readonly string[] {
  const { masterKey, masterSalt } = keyOf(suite);
  const key = toHex(masterKey) + toHex(masterSalt);
  const lines = work.map(([operation, packet]) => `${operation} ${toHex(packet)}\n`).join("");
  const { stdout, stderr } = Bun.spawnSync(
    ["/usr/bin/python3", "-c", LIBSRTP, PROFILES[suite], key],
    { stdin: new TextEncoder().encode(lines), timeout: LIMIT_MS },
  );
  expect(stderr.toString()).toBe("");
  return stdout.toString().trim().split("\n");
}

function inlineOf(suite: SrtpSuite): string {
  const { masterKey, masterSalt } = keyOf(suite);
  return btoa(String.fromCharCode(...masterKey, ...masterSalt));
}

function descriptionOf(suite: SrtpSuite, port: number): string {
  const { masterKey, masterSalt } = keyOf(suite);
  const key = Uint8Array.from([...masterKey, ...masterSalt]);
  return [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    `m=audio ${port} RTP/SAVP 0`,
    `a=crypto:${formatCryptoAttribute({ tag: 1, suite, key })}`,
    "",
  ].join("\r\n");
}

function runFfmpeg(args: readonly string[]) {
  const child = Bun.spawn(["ffmpeg", "-hide_banner", "-loglevel", "error", ...args], {
    stdio: ["ignore", "pipe", "ignore"],
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const ended = Promise.all([new Response(child.stdout).arrayBuffer(), child.exited])
    .then(([stdout, exitCode]) => ({ stdout, exitCode }));
  return { ended };
}

/** The highest magnitude of mu-law. ITU-T G.711 §3. */
function loudest(payload: Uint8Array): number {
  return payload.reduce((most, code) => {
    const inverted = ~code & 0x7f;
    return Math.max(most, ((((inverted & 0x0f) << 3) + 0x84) << (inverted >> 4)) - 0x84);
  }, 0);
}
