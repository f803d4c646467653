import { describe, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { serializeRtcp } from "../../src/rtp/rtcp.ts";
import { peerTest } from "../support/peers.ts";

const PORT = 40_001;
const READ_MS_MAX = 20_000;
/** A frame of a capture begins with an IPv4 header. */
const LINK_TYPE_IPV4 = 228;

const PACKET = serializeRtcp([
  {
    type: "senderReport",
    ssrc: 0x0102_0304,
    ntp: { seconds: 0xe000_0001, fraction: 0x8000_0000 },
    rtpTimestamp: 4_000_000_000,
    packets: 1000,
    octets: 160_000,
    reports: [{
      ssrc: 0xdead_beef,
      fractionLost: 64,
      cumulativeLost: -3,
      highestSequence: 0x2_0007,
      jitter: 33,
      lastSenderReport: 0x0001_8000,
      delaySinceLast: 65_536,
    }],
  },
  { type: "sourceDescription", ssrc: 0x0102_0304, cname: "gateway" },
  {
    type: "extendedReport",
    ssrc: 0x0102_0304,
    referenceTime: { seconds: 0xe000_0002, fraction: 0 },
    delays: [{ ssrc: 0xdead_beef, lastReference: 77, delaySinceLast: 88 }],
    voip: {
      ssrc: 0xdead_beef,
      lossRate: 128,
      discardRate: 64,
      burstDensity: 32,
      gapDensity: 16,
      burstDuration: 500,
      gapDuration: 6000,
      roundTripDelay: 70,
      endSystemDelay: 80,
      rFactor: 93,
      mosListening: 44,
      mosConversational: 43,
      bufferNominal: 20,
      bufferMax: 200,
    },
  },
  { type: "goodbye", ssrcs: [0x0102_0304], reason: "done" },
]);

/** A capture of one UDP packet, as libpcap writes it. */
function captureOf(payload: Uint8Array): Uint8Array {
  const length = 28 + payload.length;
  const bytes = new Uint8Array(24 + 16 + length);
  const view = new DataView(bytes.buffer);
  [0xa1b2_c3d4, 0x0002_0004, 0, 0, 65_535, LINK_TYPE_IPV4, 0, 0, length, length]
    .forEach((word, index) => view.setUint32(index * 4, word));
  // IPv4, no options, UDP, 127.0.0.1 to itself; checksums are not looked at
  [0x4500_0000 | length, 0, 0x4011_0000, 0x7f00_0001, 0x7f00_0001]
    .forEach((word, index) => view.setUint32(40 + index * 4, word >>> 0));
  view.setUint32(60, (PORT << 16 | PORT) >>> 0);
  view.setUint16(64, 8 + payload.length);
  bytes.set(payload, 68);
  return bytes;
}

/** What Wireshark reads, by the name of the field; one that is there twice is separated by `,`. */
function dissect(payload: Uint8Array, fields: readonly string[]): Record<string, string> {
  const folder = mkdtempSync(`${tmpdir()}/voicegw-rtcp-`);
  try {
    writeFileSync(`${folder}/one.pcap`, captureOf(payload));
    const wanted = fields.flatMap((field) => ["-e", field]);
    const { exitCode, stdout, stderr } = Bun.spawnSync([
      "tshark",
      ...["-n", "-r", `${folder}/one.pcap`, "-d", `udp.port==${PORT},rtcp`],
      ...["-T", "fields", ...wanted],
    ], { timeout: READ_MS_MAX });
    if (exitCode !== 0) throw new Error(`tshark failed: ${stderr.toString().slice(0, 1000)}`);
    const values = stdout.toString().replace("\n", "").split("\t");
    return Object.fromEntries(fields.map((field, index) => [field, values[index] ?? ""]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const READ_BY_WIRESHARK: Readonly<Record<string, string>> = {
  "rtcp.pt": "200,202,207,203",
  "rtcp.timestamp.ntp.msw": String(0xe000_0001),
  "rtcp.timestamp.ntp.lsw": String(0x8000_0000),
  "rtcp.timestamp.rtp": "4000000000",
  "rtcp.sender.packetcount": "1000",
  "rtcp.sender.octetcount": "160000",
  // The second one is the loss rate of the extended report
  "rtcp.ssrc.fraction": "64,128",
  "rtcp.ssrc.cum_nr": "-3",
  "rtcp.ssrc.high_seq": "7",
  "rtcp.ssrc.high_cycles": "2",
  "rtcp.ssrc.jitter": "33",
  "rtcp.ssrc.lsr": String(0x0001_8000),
  "rtcp.ssrc.dlsr": "65536",
  // The second one is the reason of the goodbye
  "rtcp.sdes.text": "gateway,done",
  "rtcp.bye_reason_not_padded": "",
  "rtcp.xr.bt": "4,5,7",
  "rtcp.xr.voipmetrics.burstduration": "500",
  "rtcp.xr.voipmetrics.gapduration": "6000",
  "rtcp.xr.voipmetrics.rtdelay": "70",
  "rtcp.xr.voipmetrics.esdelay": "80",
  "rtcp.xr.voipmetrics.gmin": "16",
  "rtcp.xr.voipmetrics.rfactor": "93",
  "rtcp.xr.voipmetrics.moslq": "4.4",
  "rtcp.xr.voipmetrics.moscq": "4.3",
  // Standard, adaptive: §4.7.6
  "rtcp.xr.voipmetrics.plc": "3",
  "rtcp.xr.voipmetrics.jba": "3",
  "rtcp.xr.voipmetrics.jbnominal": "20",
  "rtcp.xr.voipmetrics.jbmax": "200",
  "rtcp.xr.voipmetrics.jbabsmax": "200",
  "_ws.malformed": "",
};

describe("RFC 3550 §6, RFC 3611: what we write, as Wireshark reads it", () => {
  peerTest("a sender report, a name, an extended report and a goodbye", ["tshark"], () => {
    expect(dissect(PACKET, Object.keys(READ_BY_WIRESHARK))).toEqual({ ...READ_BY_WIRESHARK });
  });
});
