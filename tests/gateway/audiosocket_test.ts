import { afterEach, describe, expect, test } from "bun:test";
import { AudioSocketServer } from "asterisk-audiosocket";
import { peerTest } from "../support/peers.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { RawCaller, rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";

const EXAMPLE = new URL("../../examples/audiosocket/server.py", import.meta.url).pathname;
const CODE = 0x20;

let open: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.reverse()) await close();
  open = [];
});

/** A call through a gateway to an AudioSocket server. */
async function callTo(
  port: number,
  { rate = 8000, idle = "0s" }: { readonly rate?: number; readonly idle?: string } = {},
) {
  const server: RunningGateway = await startGateway({
    routes: [{ audiosocket: { url: `tcp://127.0.0.1:${port}`, idle }, rate }],
  });
  const caller = await RawCaller.open(server.udp);
  const phone = await RtpPeer.open();
  open.push(() => server.stop(), () => caller.close(), () => phone.close());
  const { call, answer } = await caller.establish({ sdp: sdpOf("127.0.0.1", phone.port) });
  expect(answer.statusCode).toBe(200);
  const press = (key: string, sequence: number) =>
    caller.info(call, answer, { type: "application/dtmf", body: key, sequence });
  return { server, caller, phone, call, answer, press, target: rtpTargetOf(answer) };
}

describe("the package asterisk-audiosocket takes a call", () => {
  test("with its UUID, its audio both ways and its end", async () => {
    const bot = new AudioSocketServer({ port: 0 });
    const told: string[] = [];
    bot.on("connection", (call) => {
      call.on("id", (uuid: string) => void told.push(uuid));
      call.on("audio", (pcm: Buffer) => call.writeFrame(pcm));
      call.on("hangup", () => void told.push("hangup"));
    });
    await bot.listen();
    open.push(() => bot.close());
    const { server, caller, phone, call, answer, target } = await callTo(bot.address?.port ?? 0);
    await phone.stream(target, CODE, 25);
    await until(() => phone.countOf(CODE) >= 22, 3000, () => `${phone.countOf(CODE)} frames`);
    caller.bye(call, answer);
    const [record] = await server.ended(1);
    expect(told[0]).toBe(record?.call.id);
    await until(() => told.includes("hangup"), 3000, () => told.join());
    await server.idle();
  });
});

describe("a server of one rate", () => {
  const kinds = [[8000, 0x10], [16_000, 0x12], [24_000, 0x13], [32_000, 0x14], [48_000, 0x16]];
  for (const [rate = 0, kind = 0] of kinds) {
    test(`gets and gives frames of 20 ms at ${rate} Hz`, async () => {
      const heads: number[][] = [];
      const bot = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: {
          data: (socket, data) => {
            // On loopback each frame is one read, but for those that came while this was busy
            const head = [...data.subarray(0, 3)];
            if (head[0] !== 0x01) heads.push(head);
            if (head[0] === kind) socket.write(data);
          },
        },
      });
      open.push(() => bot.stop(true));
      const { server, caller, phone, call, answer, target } = await callTo(bot.port, { rate });
      await phone.stream(target, CODE, 25);
      await until(() => phone.countOf(CODE) >= 15, 3000, () => `${phone.countOf(CODE)} frames`);
      const bytes = rate / 25;
      expect(heads[0]).toEqual([kind, bytes >> 8, bytes & 0xff]);
      caller.bye(call, answer);
      await server.ended(1);
      await server.idle();
    });
  }
});

/** A program in Python that prints `listening on` and its port. */
async function python(...command: readonly string[]) {
  const program = Bun.spawn(["python3", ...command], { stdout: "pipe" });
  const output = { said: "" };
  const reading = (async () => {
    for await (const text of program.stdout.pipeThrough(new TextDecoderStream())) {
      output.said += text;
    }
  })();
  open.push(async () => {
    // A stopped program ends by this signal alone
    program.kill("SIGKILL");
    await program.exited;
    await reading;
  });
  await until(() => /listening on \d+/.test(output.said), 5000, () => output.said);
  return { program, output, port: Number(/listening on (\d+)/.exec(output.said)?.[1]) };
}

describe("the example in Python", () => {
  peerTest("says what it hears, and ends with #", ["python3"], async () => {
    const { output, port } = await python(EXAMPLE, "0");
    const { server, caller, phone, call, press, target } = await callTo(port);
    await phone.stream(target, CODE, 50);
    await until(() => phone.countOf(CODE) >= 20, 3000, () => `${phone.countOf(CODE)} frames`);
    press("#", 2);
    await caller.request(call, "BYE");
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "handler_hangup", handler: "audiosocket" });
    expect(output.said).toContain(`call ${record?.call.id}`);
    expect(output.said).toContain("key #");
    await server.idle();
  });

  peerTest("is given up when it is stopped in the middle of a call", ["python3"], async () => {
    const { program, port } = await python(EXAMPLE, "0");
    const { server, caller, phone, call, target } = await callTo(port, { idle: "1s" });
    await phone.stream(target, CODE, 30);
    program.kill("SIGSTOP");
    await caller.request(call, "BYE");
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "handler_failed" });
    expect(record?.detail).toContain("it sent nothing for 1 s");
    await server.idle();
  });
});

/** Its queue of connections is full, and it takes none. */
const FULL = `
import socket, time
server = socket.create_server(("127.0.0.1", 0), backlog=0)
port = server.getsockname()[1]
waiting = []
for _ in range(4):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", port))
    waiting.append(one)
time.sleep(0.2)
print(f"listening on {port}", flush=True)
time.sleep(60)
`;

describe("a call to a server that cannot be reached", () => {
  /** What a call to that port comes to, with the time that it took. */
  async function refusal(port: number) {
    const server = await startGateway({
      routes: [{
        audiosocket: { url: `tcp://127.0.0.1:${port}`, timeout: "300ms" },
        on_error: { reject: 480 },
      }],
    });
    const caller = await RawCaller.open(server.udp);
    open.push(() => server.stop(), () => caller.close());
    const begun = performance.now();
    const { answer } = await caller.establish();
    const took = performance.now() - begun;
    await server.idle();
    return { status: answer.statusCode, took, logged: server.logs.join("\n") };
  }

  peerTest("since it takes no connections: after the time-out", ["python3"], async () => {
    const { port } = await python("-c", FULL);
    const { status, took, logged } = await refusal(port);
    expect(status).toBe(480);
    expect(took).toBeGreaterThan(290);
    expect(took).toBeLessThan(3000);
    expect(logged).toContain(`tcp://127.0.0.1:${port}: it did not answer in time`);
  });

  test("since nothing listens there", async () => {
    const gone = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    const { port } = gone;
    gone.stop(true);
    const { status, logged } = await refusal(port);
    expect(status).toBe(480);
    expect(logged).toContain(`tcp://127.0.0.1:${port}: nothing listens there`);
  });
});
