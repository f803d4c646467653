/**
 * Lets a handler stop itself at random instants while the gateway carries other calls, and measures
 * on the wire how long it is still heard.
 *
 * ```
 * bun tests/soak/clear_under_load.ts [--clears 100] [--calls 100] [--late 10]
 * ```
 *
 * The gateway is `bun cli/main.ts serve` in a process of its own, on loopback. The other calls are
 * echoes: those of `rtpload` where that is installed, else of this process, which then measures its
 * own work as well. For each clear must hold:
 *
 * - the last packet with sound comes at most a packet time, and `--late` ms for the scheduling of
 *   three processes, after the command was sent;
 * - the `played_ms` of the answer is exactly the sound that came in packets.
 *
 * It ends with 0 when all of it holds, and takes about a second for each clear.
 *
 * @module
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { PCMU } from "../../src/audio/g711.ts";
import { emptyRtpHeader, parseRtp, writeRtpHeader } from "../../src/rtp/packet.ts";
import { startServe } from "../support/command.ts";
import { RawCaller, rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";

const PTIME = 20;
const FRAME = 160;
/** Louder than what a fade ends with. */
const QUIET = 16;
/** Sound so long after an answer is of the handler's next words. */
const SETTLED_MS = 100;
const HANDLER = new URL("clearing_handler.ts", import.meta.url).pathname;

/** A clear as the handler saw it. Instants are those of the wall clock. */
interface Clear {
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly playedMs: number;
  readonly droppedMs: number;
}

/** A packet with sound. */
interface Heard {
  readonly at: number;
  readonly samples: number;
}

const { values } = parseArgs({
  options: {
    clears: { type: "string", default: "100" },
    calls: { type: "string", default: "100" },
    late: { type: "string", default: "10" },
  },
});
const clears = Number(values.clears);
const late = Number(values.late);
const folder = mkdtempSync(`${tmpdir()}/voicegw-clear-`);
const seconds = clears * 1.2 + 30;

try {
  const answers = `${folder}/answers.jsonl`;
  writeFileSync(answers, "");
  writeFileSync(`${folder}/routes.yaml`, configuration(answers));
  const { server, at } = await startServe(`${folder}/routes.yaml`, {
    timeoutMs: (seconds + 60) * 1000,
  });
  const endLoad = await load(at, Number(values.calls));
  const heard = await listen(at);
  await endLoad();
  server.signal("SIGTERM");
  const isGood = await server.exited === 0;
  const found = readFileSync(answers, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  process.exitCode = report(found, heard) && isGood ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function configuration(answers: string): string {
  return `sip: { listen: ["udp://127.0.0.1:0"] }
rtp: { ports: 33000-33999 }
limits: { calls_per_second: 1000 }
routes:
  - when: { user: talker }
    exec: ${JSON.stringify([process.execPath, HANDLER, answers, values.clears, "3"])}
  - echo: true
`;
}

/** Starts the other calls. Resolves, once they are up, with what ends them. */
async function load(at: string, calls: number): Promise<() => Promise<void>> {
  if (calls === 0) return () => Promise.resolve();
  if (Bun.which("rtpload") !== null) {
    const args = ["--target", at, "--calls", `${calls}`, "--seconds", `${seconds}`, "--rate", "50"];
    const child = Bun.spawn(["rtpload", ...args, "--quiet"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    await Bun.sleep((calls / 50) * 1000 + 1000);
    return async () => {
      child.kill("SIGINT");
      await child.exited;
    };
  }
  const frames = (seconds * 1000) / PTIME;
  const open = await Promise.all(Array.from({ length: calls }, async (_, index) => {
    await Bun.sleep(index * 20);
    const caller = await RawCaller.open(at);
    const peer = await RtpPeer.open();
    const { answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", peer.port) });
    peer.stream(rtpTargetOf(answer), 0x90, frames);
    return { caller, peer };
  }));
  return () => {
    for (const { caller, peer } of open) {
      peer.close();
      caller.close();
    }
    return Promise.resolve();
  };
}

/** Calls the talking handler, and resolves with all that was heard once it hangs up. */
async function listen(at: string): Promise<readonly Heard[]> {
  const heard: Heard[] = [];
  const header = emptyRtpHeader();
  const samples = new Int16Array(4096);
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (_socket, data) => {
        const now = performance.timeOrigin + performance.now();
        const packet = new Uint8Array(data);
        if (!parseRtp(packet, header)) return;
        const { payloadOffset, payloadLength } = header;
        const count = PCMU.decode(packet, payloadOffset, payloadLength, samples);
        const loud = samples.subarray(0, count).filter((sample) => Math.abs(sample) > QUIET).length;
        if (loud > 0) heard.push({ at: now, samples: loud });
      },
      // ICMP: the other side has closed its port
      error: () => {},
    },
  });
  const caller = await RawCaller.open(at);
  const uri = `sip:talker@${at}`;
  const { call, answer } = await caller.establish({ uri, sdp: sdpOf("127.0.0.1", socket.port) });
  const target = rtpTargetOf(answer);
  const packet = new Uint8Array(12 + FRAME).fill(0xff, 12);
  let sent = 0;
  const speaking = setInterval(() => {
    const timestamp = sent * FRAME;
    writeRtpHeader(packet, { ...emptyRtpHeader(), sequenceNumber: sent++ & 0xffff, timestamp });
    socket.send(packet, target.port, target.address);
  }, PTIME);
  const over = () => caller.requests.some(({ method }) => method === "BYE");
  const end = performance.now() + seconds * 1000;
  while (!over() && performance.now() < end) await Bun.sleep(100);
  clearInterval(speaking);
  if (!over()) caller.bye(call, answer);
  caller.close();
  socket.close();
  return heard;
}

/** Prints what was measured. Returns whether all is as it must be. */
function report(found: readonly Clear[], heard: readonly Heard[]): boolean {
  const delays: number[] = [];
  const wrong: string[] = [];
  let next = 0;
  let samples = 0;
  for (const [index, { sentAt, answeredAt, playedMs }] of found.entries()) {
    let last = -Infinity;
    for (; next < heard.length; next++) {
      const packet = heard[next] as Heard;
      if (packet.at > answeredAt + SETTLED_MS) break;
      samples += packet.samples;
      last = packet.at;
    }
    delays.push(last - sentAt);
    const wire = Math.round(samples / 8);
    if (wire !== playedMs) {
      wrong.push(`clear ${index}: ${playedMs} ms played, ${wire} ms on the wire`);
    }
  }
  const answers = found.map(({ sentAt, answeredAt }) => answeredAt - sentAt);
  console.log(`${found.length} clears beside ${values.calls} calls`);
  console.log(`last sound after the command: ${percentiles(delays)}`);
  console.log(`the answer after the command: ${percentiles(answers)}`);
  for (const line of wrong) console.log(`FAILED: ${line}`);
  const slow = delays.filter((delay) => delay > PTIME + late).length;
  if (slow > 0) console.log(`FAILED: ${slow} later than ${PTIME} + ${late} ms`);
  if (found.length !== clears) console.log(`FAILED: ${clears} clears were asked for`);
  return wrong.length === 0 && slow === 0 && found.length === clears;
}

function percentiles(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const of = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN).toFixed(1);
  return `p50 ${of(0.5)} ms, p99 ${of(0.99)} ms, max ${of(1)} ms`;
}
