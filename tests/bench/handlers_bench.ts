/**
 * Prints what a call costs with each kind of handler: `rtpload` places calls, servers in a process
 * of their own send the sound back, and only the gateway's process is charged.
 *
 * ```
 * bun tests/bench/handlers_bench.ts [--calls 200] [--seconds 15] [--rate 40]
 * ```
 *
 * Needs `rtpload` on the path. It is a program, not a test: figures depend on the machine, and are
 * to be compared within one run. One pair is a packet received and a packet sent.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Until a server listens and has warmed up. */
const START_MS = 2500;

/** What is asked of each kind, in microseconds for a pair. */
const AIMS = { echo: 30, audiosocket: 65, voicegw: 75, twilio: 90 } as const;

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "200" },
    seconds: { type: "string", default: "15" },
    rate: { type: "string", default: "40" },
  },
});

/** What of rtpload's report is read. */
interface Report {
  readonly calls: { readonly clean: number };
  readonly server: { readonly media_cpu_us_per_packet_pair: number; readonly rss_mib: number };
  readonly ms: { readonly rtt: { readonly p50: number; readonly p99: number } };
}

interface Ports {
  readonly audiosocket: number;
  readonly voicegw: number;
  readonly twilio: number;
}

async function measure(user: string, folder: string): Promise<Report> {
  const serve = Bun.spawn(["bun", "cli/main.ts", "serve", "--config", `${folder}/routes.yaml`], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "ignore"],
  });
  try {
    await Bun.sleep(START_MS);
    const load = Bun.spawn([
      ...["rtpload", "--target", "127.0.0.1:5070", "--pid", `${serve.pid}`, "--quiet"],
      ...["--calls", values.calls, "--seconds", values.seconds, "--rate", values.rate],
      ...["--user", user, "--max-wall", "120"],
    ], { stdout: "pipe" });
    return await new Response(load.stdout).json() as Report;
  } finally {
    serve.kill();
    await serve.exited;
  }
}

function routesOf({ audiosocket, voicegw, twilio }: Ports): string {
  return `
sip: { listen: ["udp://127.0.0.1:5070"] }
rtp: { ports: 30000-33000 }
limits: { calls: 2000, calls_per_second: 1000 }
routes:
  - when: { user: audiosocket }
    audiosocket: tcp://127.0.0.1:${audiosocket}
  - when: { user: voicegw }
    websocket: ws://127.0.0.1:${voicegw}/
  - when: { user: twilio }
    websocket: { url: "ws://127.0.0.1:${twilio}/", protocol: twilio }
  - echo: true
`;
}

const folder = mkdtempSync(`${tmpdir()}/voicegw-bench-`);
const servers = Bun.spawn([process.execPath, `${ROOT}tests/bench/echo_servers.ts`], {
  stdout: "pipe",
});
try {
  const reader = servers.stdout.getReader();
  const { value } = await reader.read();
  const ports = JSON.parse(new TextDecoder().decode(value)) as Ports;
  await Bun.write(`${folder}/routes.yaml`, routesOf(ports));
  for (const [kind, aim] of Object.entries(AIMS)) {
    const { calls, server, ms } = await measure(kind, folder);
    const cost = server.media_cpu_us_per_packet_pair.toFixed(1);
    console.log(
      `${kind.padEnd(12)} ${calls.clean} of ${values.calls} clean, ${cost} us a pair ` +
        `(aim ${aim}), round trip p50 ${ms.rtt.p50.toFixed(1)} p99 ${ms.rtt.p99.toFixed(1)} ms, ` +
        `${server.rss_mib.toFixed(0)} MiB`,
    );
  }
} finally {
  servers.kill();
  rmSync(folder, { recursive: true });
}
