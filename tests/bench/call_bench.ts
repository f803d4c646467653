/**
 * What a call's set-up and tear-down cost in our own code: INVITE, ACK and BYE through a whole gateway whose sockets go
 * nowhere.
 *
 * ```sh
 * bun tests/bench/call_bench.ts          # microseconds a call, five runs
 * bun tests/bench/call_bench.ts --cold   # the same after a millisecond of sleep before each message, as a server has it
 * ```
 *
 * @module
 */

import { configFrom } from "../../src/config/load.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import type { Runtime, UdpOptions, UdpSocket } from "../../src/runtime/ports.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";

const IS_COLD = process.argv.includes("--cold");
const CALLS = IS_COLD ? 2000 : 5000;
const RUNS = 5;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

let signalling: UdpOptions | undefined;
let answer = "";

/** Milliseconds that our code took for each kind of message, until the answer where there is one. */
const spent = new Map<string, number>();

/** The real runtime, but for its sockets. */
function virtualRuntime(): Runtime {
  let nextPort = 5060;
  return {
    ...createRuntime(),
    bindUdp: (options): Promise<UdpSocket> => {
      const isSignalling = options.largeBuffers === true;
      if (isSignalling) signalling = options;
      const local = { address: options.address, port: options.port || nextPort++ };
      return Promise.resolve({
        local,
        send: (data) => {
          if (isSignalling && data.length > 400) answer = decoder.decode(data);
          return true;
        },
        close: () => {},
      });
    },
  };
}

/** Has a message come, and waits for what it is to bring about. */
async function send(method: string, lines: readonly string[], body = ""): Promise<void> {
  const text = [...lines, `Content-Length: ${body.length}`, "", body].join("\r\n");
  const bytes = encoder.encode(text);
  // Meanwhile others use the processor, and its caches
  if (IS_COLD) Bun.sleepSync(1);
  const begunAt = performance.now();
  signalling?.receive(bytes, 5061, "127.0.0.1");
  // The ports are bound in a later turn
  while (answer === "") await Promise.resolve();
  spent.set(method, (spent.get(method) ?? 0) + performance.now() - begunAt);
}

const OFFER = [
  "v=0",
  "o=caller 1 1 IN IP4 127.0.0.1",
  "s=-",
  "c=IN IP4 127.0.0.1",
  "t=0 0",
  "m=audio 42000 RTP/AVP 0 101",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:101 telephone-event/8000",
  "a=fmtp:101 0-15",
  "a=ptime:20",
  "",
].join("\r\n");

function headers(method: string, call: string, sequence: number, toTag: string): string[] {
  return [
    `${method} sip:echo@127.0.0.1:5060 SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:5061;rport;branch=z9hG4bK${call}${method}`,
    "Max-Forwards: 70",
    `From: <sip:bench@127.0.0.1:5061>;tag=${call}`,
    `To: <sip:echo@127.0.0.1:5060>${toTag}`,
    `Call-ID: ${call}@127.0.0.1`,
    `CSeq: ${sequence} ${method === "ACK" ? "ACK" : method}`,
  ];
}

async function placeCall(id: string): Promise<void> {
  answer = "";
  await send("INVITE", [
    ...headers("INVITE", id, 1, ""),
    "Contact: <sip:bench@127.0.0.1:5061>",
    "Content-Type: application/sdp",
  ], OFFER);
  const tag = /^To: .*(;tag=\w+)/m.exec(answer)?.[1] ?? "";
  await send("ACK", headers("ACK", id, 1, tag));
  await send("BYE", headers("BYE", id, 2, tag));
}

const gateway = new Gateway({
  runtime: virtualRuntime(),
  config: configFrom({
    sip: { listen: ["udp://127.0.0.1:5060"], t1: "10ms" },
    limits: { calls_per_second: 100_000 },
    routes: [{ echo: true }],
  }),
  environment: {},
});
await gateway.start();
for (let run = 1; run <= RUNS; run++) {
  spent.clear();
  const before = process.cpuUsage();
  for (let call = 0; call < CALLS; call++) await placeCall(`r${run}c${call}`);
  const { user, system } = process.cpuUsage(before);
  const parts = [...spent].map(([method, ms]) => `${method} ${micros(ms)}`).join(", ");
  const all = [...spent.values()].reduce((sum, ms) => sum + ms, 0);
  // Sleeping is charged too
  const cost = IS_COLD ? micros(all) : ((user + system) / CALLS).toFixed(1);
  console.log(`run ${run}: ${cost} µs a call; ${parts}`);
}
await gateway.stop();

function micros(milliseconds: number): string {
  return ((milliseconds / CALLS) * 1000).toFixed(1);
}
