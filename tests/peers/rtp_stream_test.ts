import { afterAll, describe, expect } from "bun:test";
import { tone } from "../../src/audio/tone.ts";
import { CODEC_NAMES, type CodecName, CODECS } from "../../src/sdp/codec_name.ts";
import { callRoom } from "../support/caller.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { Prepared } from "../support/prepared.ts";
import { Capture, captureTest } from "./capture.ts";

const PEERS = ["tshark"];
/** Of the gateway; nothing else in the tests uses these, and the kernel gives them to nobody. */
const GATEWAY_PORTS = { first: 20_002, last: 20_049 };
/** Of those who call it. */
const CALLER_PORTS = { first: 20_050, last: 20_099 };
const RATE = 16_000;
const SOUND_MS = 1200;
/** Long enough for a report between the first packet and the goodbye. */
const DURATION_MS = 1500;
/** Packets that start-up costs, and those of the last moment. */
const MISSING_MS_MAX = 300;
/** What Wireshark says of a marker that is set. */
const TRUE = "1";

/** What one packet says of itself. */
interface Packet {
  readonly port: number;
  readonly ssrc: string;
  readonly sequence: number;
  readonly timestamp: number;
  readonly payloadType: number;
  readonly hasMarker: boolean;
}

/** What one side of a call has described. */
interface Described {
  readonly port: number;
  readonly payloadType: number;
}

/** Both sides of one call. */
interface CallOfCodec {
  readonly codec: CodecName;
  readonly caller: Described;
  readonly gateway: Described;
}

/** What the tests look at. */
interface Seen {
  readonly capture: Capture;
  readonly calls: readonly CallOfCodec[];
  /** All audio. */
  readonly packets: readonly Packet[];
}

describe("RFC 3550 streams of ours, as Wireshark reads them", () => {
  const seen = new Prepared<Seen>(async (held) => {
    const server = await startGateway({
      rtp: {
        ports: `${GATEWAY_PORTS.first}-${GATEWAY_PORTS.last}`,
        codecs: CODEC_NAMES,
        rtcp_interval: "500ms",
      },
      routes: [{ echo: true, rate: RATE }],
    });
    held(() => server.stop());
    const [udp, tcp] = [server.udp, server.tcp].map((at) => Number(at.split(":")[1]));
    const capture = await Capture.start(
      `udp port ${udp} or udp portrange ${GATEWAY_PORTS.first}-${CALLER_PORTS.last}`,
      { udp: udp as number, tcp: tcp as number },
    );
    held(() => capture.remove());
    const calls = await Promise.all(CODEC_NAMES.map((codec) => callWith(codec, server)));
    await server.ended(CODEC_NAMES.length);
    await capture.stop();
    return { capture, calls, packets: rtpOf(capture) };
  });

  const captured = (name: string, body: (seen: Seen) => void) =>
    captureTest(name, PEERS, seen, body);

  afterAll(() => seen.release());

  for (const codec of CODEC_NAMES) {
    const { clockRate } = CODECS[codec];
    captured(
      `${codec}: in order, none missing, by a clock of ${clockRate} Hz`,
      ({ calls, packets }) => {
        const { caller, gateway } = calls.find((call) => call.codec === codec) as CallOfCodec;
        for (const { port, payloadType } of [caller, gateway]) {
          const stream = packets.filter((packet) => packet.port === port);
          expect(new Set(stream.map(({ ssrc }) => ssrc)).size).toBe(1);
          expect([...new Set(stream.map((packet) => packet.payloadType))]).toEqual([payloadType]);
          expectSteady(stream, codec);
        }
      },
    );
  }

  captured("nothing else is sent", ({ calls, packets }) => {
    const ports = calls.flatMap(({ caller, gateway }) => [caller.port, gateway.port]);
    expect([...new Set(packets.map(({ port }) => port))].sort()).toEqual(ports.sort());
  });

  captured(
    "reports name their sender, end with a goodbye, and nothing in them is wrong",
    ({ capture }) => {
      const { wrong, types } = reportsOf(capture);
      expect(wrong).toEqual([]);
      expect(types.size).toBe(2 * CODEC_NAMES.length);
      for (const [sender, reports] of types) {
        // SR or RR first, then SDES, §6.1; XR may follow; BYE stands at the end, §6.6
        for (const report of reports) expect([sender, report]).toEqual([sender, valid(report)]);
        expect(reports.some((report) => report.startsWith("200,202"))).toBe(true);
        expect(reports.filter((report) => report.includes("203"))).toHaveLength(1);
        expect(reports.at(-1)).toEndWith("203");
      }
    },
  );
});

/** Plays a tone to the echo in one codec. */
async function callWith(codec: CodecName, server: RunningGateway): Promise<CallOfCodec> {
  const described = new Map<string, Described>();
  const result = await callRoom(server.udp, "any", {
    codecs: [codec],
    rate: RATE,
    ports: CALLER_PORTS,
    sound: tone(440, SOUND_MS, RATE),
    duration: DURATION_MS,
    onMessage: (direction, message) => {
      const text = new TextDecoder().decode(message.body);
      const [, port, payloadType] = /^m=audio (\d+) \S+ (\d+)/m.exec(text) ?? [];
      if (port === undefined) return;
      described.set(direction, { port: Number(port), payloadType: Number(payloadType) });
    },
  });
  expect(result.codec).toBe(codec);
  return {
    codec,
    caller: described.get("sent") as Described,
    gateway: described.get("received") as Described,
  };
}

/** All audio, in the order of its arrival. */
function rtpOf(capture: Capture): readonly Packet[] {
  const fields = [
    "udp.srcport",
    "rtp.ssrc",
    "rtp.seq",
    "rtp.timestamp",
    "rtp.p_type",
    "rtp.marker",
  ];
  return capture.packets("rtp and not rtcp", fields)
    .map(([port, ssrc = "", sequence, timestamp, payloadType, marker]) => ({
      port: Number(port),
      ssrc,
      sequence: Number(sequence),
      timestamp: Number(timestamp),
      payloadType: Number(payloadType),
      hasMarker: marker === TRUE,
    }));
}

/** §5.1: sequence numbers rise by one, timestamps by the clock; where they jump, there is a marker. */
function expectSteady(stream: readonly Packet[], codec: CodecName): void {
  const { clockRate, packetTimes } = CODECS[codec];
  const ptime = Math.max(...packetTimes.filter((time) => time <= 20));
  const units = (clockRate * ptime) / 1000;
  expect(stream.length * ptime).toBeGreaterThan(SOUND_MS - MISSING_MS_MAX);
  expect(stream[0]?.hasMarker).toBe(true);
  for (const [index, packet] of stream.entries()) {
    const before = stream[index - 1];
    if (before === undefined) continue;
    expect((packet.sequence - before.sequence) & 0xffff).toBe(1);
    const step = (packet.timestamp - before.timestamp) >>> 0;
    if (packet.hasMarker) expect(step).toBeGreaterThanOrEqual(units);
    else expect(step).toBe(units);
  }
}

/** Kinds of packets in each report, by who sent it; and the reports that Wireshark complains of. */
function reportsOf(capture: Capture) {
  const wrong = capture.packets(
    'rtcp and (_ws.malformed or _ws.expert.severity >= "Warning" or rtcp.length_check == 0)',
    ["frame.number", "_ws.expert.message"],
  );
  const types = new Map<string, string[]>();
  for (const [ssrc = "", kinds = ""] of capture.packets("rtcp", ["rtcp.senderssrc", "rtcp.pt"])) {
    const sender = ssrc.split(",")[0] ?? "";
    types.set(sender, [...types.get(sender) ?? [], kinds]);
  }
  return { wrong, types };
}

/** The report as it is, when it is one that may be. */
function valid(report: string): string {
  return /^20[01],202(,207)?(,203)?$/.test(report) ? report : "SR or RR, SDES, XR, BYE";
}
