/**
 * Sends INVITEs from one address as fast as it is told to, and acknowledges nothing. A program of
 * its own, so that it does not share a thread with whom it sends to.
 *
 *     bun tests/support/invite_flood.ts 127.0.0.1:5060 127.0.0.2 2000 3000
 *
 * The arguments are where to, the address that it sends from, INVITEs a second, and milliseconds.
 * It prints how many it sent and how many datagrams came back, as JSON.
 *
 * @module
 */

/** What it prints. */
export interface FloodReport {
  readonly sent: number;
  readonly received: number;
}

const PROGRAM = new URL(import.meta.url).pathname;
const STEP_MS = 2;
/** For what is still on its way back. */
const LINGER_MS = 200;

/** Starts it; resolves when it is over. */
export async function flood(
  target: string,
  from: string,
  { perSecond, ms }: { readonly perSecond: number; readonly ms: number },
): Promise<FloodReport> {
  const child = Bun.spawn(
    [process.execPath, PROGRAM, target, from, `${perSecond}`, `${ms}`],
    { stdio: ["ignore", "pipe", "inherit"], timeout: ms + 10_000, killSignal: "SIGKILL" },
  );
  const output = await new Response(child.stdout).text();
  return JSON.parse(output) as FloodReport;
}

function inviteOf(target: string, from: string, port: number, index: number): string {
  const sdp = [
    "v=0",
    `o=- 1 1 IN IP4 ${from}`,
    "s=-",
    `c=IN IP4 ${from}`,
    "t=0 0",
    "m=audio 9 RTP/AVP 0",
    "",
  ].join("\r\n");
  return [
    `INVITE sip:${index}@${target} SIP/2.0`,
    `Via: SIP/2.0/UDP ${from}:${port};branch=z9hG4bK-flood-${process.pid}-${index}`,
    "Max-Forwards: 70",
    `From: <sip:flood@${from}>;tag=${index}`,
    `To: <sip:${index}@${target}>`,
    `Call-ID: flood-${process.pid}-${index}`,
    "CSeq: 1 INVITE",
    `Contact: <sip:flood@${from}:${port}>`,
    "Content-Type: application/sdp",
    `Content-Length: ${sdp.length}`,
    "",
    sdp,
  ].join("\r\n");
}

async function main(args: readonly string[]): Promise<void> {
  const [target = "", from = "", perSecond, ms] = args;
  const [host = "", port] = target.split(":");
  let received = 0;
  const socket = await Bun.udpSocket({
    hostname: from,
    port: 0,
    socket: {
      data: () => {
        received++;
      },
      error: () => {},
    },
  });
  const start = performance.now();
  let sent = 0;
  for (;;) {
    const passed = performance.now() - start;
    if (passed > Number(ms)) break;
    const due = Math.floor((passed * Number(perSecond)) / 1000);
    for (; sent < due; sent++) {
      socket.send(inviteOf(target, from, socket.port, sent), Number(port), host);
    }
    await Bun.sleep(STEP_MS);
  }
  await Bun.sleep(LINGER_MS);
  socket.close();
  console.log(JSON.stringify({ sent, received }));
}

if (import.meta.main) await main(process.argv.slice(2));
