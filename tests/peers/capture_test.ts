import { afterAll, describe, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { serializeWav } from "../../src/audio/wav.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { Prepared } from "../support/prepared.ts";
import { Baresip } from "./baresip.ts";
import { Capture, captureTest } from "./capture.ts";
import { runSipp } from "./sipp.ts";
import { RATE, sweep } from "./sound.ts";
import { CALL_PORTS, voicegwCall } from "./voicegw_call.ts";

const PEERS = ["tshark", "sipp", "baresip"];
/** Nothing else in the tests uses these, and the kernel gives them to nobody. */
const RTP_PORTS = { first: 29_700, last: 29_739 };
/** What Wireshark says of an end packet's three copies, and of a first packet. */
const TRUE = "1";
const FALSE = "0";

/** What the tests look at. */
interface Seen {
  readonly server: RunningGateway;
  readonly capture: Capture;
  /** Wireshark's filter for what the gateway and `voicegw call` sent. */
  readonly ours: string;
}

describe("Wireshark reads what goes over the wire", () => {
  const seen = new Prepared<Seen>(async (held) => {
    const folder = mkdtempSync(`${tmpdir()}/voicegw-peers-`);
    held(() => rmSync(folder, { recursive: true }));
    writeFileSync(`${folder}/sound.wav`, serializeWav(sweep(3000), RATE));
    const range = `${RTP_PORTS.first}-${RTP_PORTS.last}`;
    const server = await startGateway({
      rtp: { ports: range },
      routes: [
        { when: { "X-Room-ID": "play" }, play: `${folder}/sound.wav` },
        { echo: true },
      ],
    });
    held(() => server.stop());
    const [udp, tcp] = [portOf(server.udp), portOf(server.tcp)];
    const ours = `(udp.srcport == ${udp} or tcp.srcport == ${tcp} or sip.from.user == "voicegw"` +
      ` or udp.srcport in {${RTP_PORTS.first} .. ${RTP_PORTS.last}}` +
      ` or (udp.dstport in {${RTP_PORTS.first} .. ${RTP_PORTS.last}}` +
      ` and udp.srcport in {${CALL_PORTS.first} .. ${CALL_PORTS.last}}))`;
    const capture = await Capture.start(
      `udp port ${udp} or tcp port ${tcp} or udp portrange ${range}`,
      { udp, tcp },
    );
    held(() => capture.remove());
    await makeCalls(server);
    await capture.stop();
    return { server, capture, ours };
  });

  const captured = (name: string, body: (seen: Seen) => void) =>
    captureTest(name, PEERS, seen, body);

  afterAll(() => seen.release());

  captured("every call ended as its caller wanted", ({ server }) => {
    expect(server.records.map((record) => record.cause))
      .toEqual(["caller_hangup", "caller_hangup", "caller_hangup", "caller_hangup"]);
  });

  captured("no SIP, SDP or RTP of ours is malformed or doubtful", ({ capture, ours }) => {
    const fields = ["frame.number", "frame.protocols", "_ws.expert.message"];
    const wrong = `${ours} and (_ws.malformed or _ws.expert.severity >= "Error")`;
    expect(capture.packets(wrong, fields)).toEqual([]);
    // Of TCP a busy machine makes warnings itself
    const doubtful = `${ours} and udp and _ws.expert.severity >= "Warning"`;
    expect(capture.packets(doubtful, fields)).toEqual([]);
  });

  captured("every packet of ours is one of SIP, RTP or RTCP", ({ capture, ours }) => {
    const number = ["frame.number"];
    expect(capture.packets(`${ours} and udp and not (sip or rtp or rtcp)`, number)).toEqual([]);
    // Four answers of the gateway and the offer of `voicegw call`, which a busy machine may repeat
    const described = `${ours} and sdp and not sip.resend == 1`;
    expect(capture.packets(described, number)).toHaveLength(5);
    const answers = `${described} and sip.CSeq.method == "INVITE" and sip.Status-Code == 200`;
    expect(capture.packets(answers, ["sdp.media.port"])).toHaveLength(4);
  });

  captured("no packet of our streams is missing: RFC 3550 §5.1", ({ capture }) => {
    const streams = capture.streams();
    const from = ({ first, last }: typeof RTP_PORTS) =>
      streams.filter(({ sourcePort }) => sourcePort >= first && sourcePort <= last);
    const [fromGateway, fromCall] = [from(RTP_PORTS), from(CALL_PORTS)];
    expect(fromGateway.flatMap(({ payloads }) => payloads).sort())
      .toEqual(["g711A", "g711U", "g711U", "g711U"]);
    // With its keys
    expect(fromCall).toHaveLength(1);
    for (const { packets, lost } of [...fromGateway, ...fromCall]) {
      expect(lost).toBe(0);
      expect(packets).toBeGreaterThan(40);
    }
  });

  captured("keys are RTP events: RFC 4733 §2.5", ({ capture }) => {
    const events = capture.packets("rtpevent", [
      "rtpevent.event_id",
      "rtp.marker",
      "rtpevent.end_of_event",
      "rtp.timestamp",
    ]);
    const first = events.filter(([, marker]) => marker === TRUE);
    expect(first.map(([event]) => event)).toEqual(["1", "11", "9"]);
    for (const [event, , , timestamp] of first) {
      const same = events.filter((packet) => packet[3] === timestamp);
      expect(same.every(([other]) => other === event)).toBe(true);
      const ends = same.map(([, , end]) => end);
      expect(ends.slice(-4)).toEqual([FALSE, TRUE, TRUE, TRUE]);
    }
  });
});

/** Two of SIPp, one of baresip, one of our own with keys. */
async function makeCalls(server: RunningGateway): Promise<void> {
  for (const transport of ["udp", "tcp"] as const) {
    const port = portOf(transport === "udp" ? server.udp : server.tcp);
    const target = { address: "127.0.0.1", port };
    const keys = { room: "play" };
    await runSipp({ scenario: "basic_call.xml", transport, target, keys });
  }
  const caller = await Baresip.start({ transport: "tcp", codec: "PCMA", sound: sweep(1200) });
  try {
    await caller.command("dial", `sip:echo@${server.tcp}`);
    await caller.event("CALL_CLOSED");
  } finally {
    await caller.stop();
  }
  await voicegwCall(`sip:echo@${server.udp}`, ["--digits", "1#9", "--duration", "2s"]);
  await server.ended(4);
  await server.idle();
}

function portOf(listener: string): number {
  return Number(listener.split(":")[1]);
}
