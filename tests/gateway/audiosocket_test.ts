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
async function callTo(port: number, rate = 8000) {
  const server: RunningGateway = await startGateway({
    routes: [{ audiosocket: `tcp://127.0.0.1:${port}`, rate }],
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
      const { server, caller, phone, call, answer, target } = await callTo(bot.port, rate);
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

describe("the example in Python", () => {
  peerTest("says what it hears, and ends with #", ["python3"], async () => {
    const bot = Bun.spawn(["python3", EXAMPLE, "0"], { stdout: "pipe" });
    let said = "";
    const reading = (async () => {
      for await (const text of bot.stdout.pipeThrough(new TextDecoderStream())) said += text;
    })();
    open.push(async () => {
      bot.kill();
      await bot.exited;
      await reading;
    });
    await until(() => /listening on \d+/.test(said), 5000, () => said);
    const port = Number(/listening on (\d+)/.exec(said)?.[1]);
    const { server, caller, phone, call, press, target } = await callTo(port);
    await phone.stream(target, CODE, 50);
    await until(() => phone.countOf(CODE) >= 20, 3000, () => `${phone.countOf(CODE)} frames`);
    press("#", 2);
    await caller.request(call, "BYE");
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "handler_hangup", handler: "audiosocket" });
    expect(said).toContain(`call ${record?.call.id}`);
    expect(said).toContain("key #");
    await server.idle();
  });
});
