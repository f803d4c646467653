/**
 * Prints what one packet costs in the media session: PCMU at 20 ms received, handed to an echoing
 * handler, and sent.
 *
 * Run it with `bun tests/bench/media_bench.ts [packets]`. It is a program, not a test: figures
 * depend on the machine.
 *
 * @module
 */

import { SeededRandom } from "../../src/base/random.ts";
import { MediaSession } from "../../src/media/media_session.ts";
import { emptyRtpHeader, writeRtpHeader } from "../../src/rtp/packet.ts";

const PACKETS = Number(process.argv[2] ?? 200_000);
const SESSIONS = 100;
const PTIME = 20;

let sent = 0;
let now = 0;
const sessions: MediaSession[] = [];
for (let index = 0; index < SESSIONS; index++) {
  const session: MediaSession = new MediaSession(
    {
      codec: "PCMU",
      payloadType: 0,
      receivePayloadType: 0,
      ptime: PTIME,
      remote: { address: "127.0.0.1", port: 4000 },
      signallingAddress: "127.0.0.1",
      latch: "auto",
      direction: "sendrecv",
      timeout: 30_000,
      random: new SeededRandom(index + 1),
    },
    {
      audio: (pcm) => void session.write(pcm, now),
      packet: () => void sent++,
      report: () => {},
      event: () => {},
    },
    0,
  );
  sessions.push(session);
}

const header = emptyRtpHeader();
const packet = new Uint8Array(172);
for (let index = 12; index < packet.length; index++) packet[index] = index;

function round(count: number): void {
  let deadlines = 0;
  for (let done = 0; done < count; done += SESSIONS) {
    now += PTIME;
    header.sequenceNumber = (header.sequenceNumber + 1) & 0xffff;
    header.timestamp = (header.timestamp + 160) >>> 0;
    for (const session of sessions) {
      writeRtpHeader(packet, header);
      session.receive(packet, 4000, "127.0.0.1", now);
      if (session.deadline < now) deadlines++;
    }
  }
  if (deadlines > 0) console.log(`${deadlines} deadlines in the past`);
}

round(PACKETS);
for (let run = 1; run <= 5; run++) {
  const before = sent;
  const start = performance.now();
  round(PACKETS);
  const elapsed = performance.now() - start;
  const perPacket = (elapsed * 1e6) / PACKETS;
  console.log(`run ${run}: ${perPacket.toFixed(0)} ns a packet pair, ${sent - before} sent`);
}
