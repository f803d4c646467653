import { afterEach, describe, expect, test } from "bun:test";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";
import { type RawDialog, RawPeer, shell, textOf } from "./raw_peer.ts";

/** A mu-law code: what the caller says. */
const OURS = 0x9f;

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

/** A call to an echo that gives one command after the other, each once a key is pressed. */
async function startCall(...commands: readonly string[]) {
  const steps = commands.map((command) =>
    `sed -u -n '/dtmf/q' <&3; echo '{"command":"${command}"}' >&3;`
  ).join(" ");
  // What comes after the last key is for the log
  const exec = shell(`(${steps} cat <&3 >&2) & exec cat`);
  const server = await startGateway({ routes: [{ exec }], sip: { t1: "50ms" } });
  open.push({ close: () => server.stop() });
  const peer = await RawPeer.open(server.udp);
  open.push(peer);
  const rtp = await RtpPeer.open("127.0.0.1");
  open.push(rtp);
  const call = peer.invite({ sdp: sdpOf("127.0.0.1", rtp.port) });
  const answer = await call.response("INVITE", 200);
  call.request("ACK");
  return { server, peer, rtp, call, target: rtpTargetOf(answer), answer };
}

function press(call: RawDialog): void {
  call.request("INFO", { contentType: "application/dtmf", body: "1" });
}

function direction(rtp: RtpPeer, word: string): string {
  return sdpOf("127.0.0.1", rtp.port, { lines: ["a=rtpmap:0 PCMU/8000", `a=${word}`] });
}

async function hangUp(server: RunningGateway, call: RawDialog): Promise<void> {
  call.request("BYE");
  await server.ended(1);
  await server.idle();
}

describe("hold and resume by the handler (RFC 3264 §8.4)", () => {
  test("change the direction by re-INVITEs; the second lets the caller be heard again", async () => {
    const { server, rtp, call, target, answer } = await startCall("hold", "resume");
    press(call);
    const held = await call.next("INVITE");
    expect(textOf(held)).toContain("a=sendonly");
    expect(versionOf(textOf(held))).toBe(versionOf(textOf(answer)) + 1);
    call.answer(held, 200, { sdp: direction(rtp, "recvonly") });
    await call.next("ACK");
    await rtp.stream(target, OURS, 10);
    // What the caller says on hold is not heard, so there is no echo of it
    expect(rtp.countOf(OURS)).toBe(0);
    press(call);
    const resumed = await call.next("INVITE");
    expect(textOf(resumed)).toContain("a=sendrecv");
    call.answer(resumed, 200, { sdp: direction(rtp, "sendrecv") });
    await call.next("ACK");
    for (let round = 0; round < 50 && rtp.countOf(OURS) < 5; round++) {
      await rtp.stream(target, OURS, 5);
    }
    expect(rtp.countOf(OURS)).toBeGreaterThan(4);
    await hangUp(server, call);
  });

  test("are tried again after 491, the offer being the same (RFC 3261 §14.1)", async () => {
    const { server, rtp, call } = await startCall("hold");
    press(call);
    const first = await call.next("INVITE");
    call.answer(first, 491);
    const second = await call.next("INVITE");
    expect(textOf(second)).toBe(textOf(first));
    expect(second.headers.cseq.sequence).toBeGreaterThan(first.headers.cseq.sequence);
    call.answer(second, 200, { sdp: direction(rtp, "recvonly") });
    await hangUp(server, call);
  });

  test("that the caller refuses leave the call as it was; the handler hears of it", async () => {
    const { server, rtp, call, target } = await startCall("hold");
    press(call);
    call.answer(await call.next("INVITE"), 488);
    const told = () => server.logs.find((line) => line.includes('"event":"error"'));
    await until(() => told() !== undefined, 3000, () => server.logs.join("\n"));
    expect(JSON.parse(told() ?? "")).toEqual({
      event: "error",
      command: "hold",
      message: "The caller refused with 488",
    });
    await rtp.stream(target, OURS, 15);
    await until(() => rtp.countOf(OURS) >= 10, 2000, () => `${rtp.countOf(OURS)} echoed`);
    await hangUp(server, call);
  });
});

describe("hold by the caller", () => {
  test("in an UPDATE is answered and told like one in a re-INVITE (RFC 3311 §5.2)", async () => {
    const { server, rtp, call, answer } = await startCall("mark");
    press(call);
    call.request("UPDATE", { sdp: direction(rtp, "sendonly") });
    const held = await call.response("UPDATE", 200);
    expect(textOf(held)).toContain("a=recvonly");
    expect(versionOf(textOf(held))).toBe(versionOf(textOf(answer)) + 1);
    const told = (event: string) => server.logs.some((line) => line.includes(`"event":"${event}"`));
    await until(() => told("hold"), 3000, () => server.logs.join("\n"));
    call.request("UPDATE", { sdp: direction(rtp, "sendrecv") });
    expect(textOf(await call.response("UPDATE", 200))).toContain("a=sendrecv");
    await until(() => told("resume"), 3000, () => server.logs.join("\n"));
    await hangUp(server, call);
  });

  test("with a codec that we lack is refused with a Warning, and the call goes on", async () => {
    const { server, rtp, call, target } = await startCall("mark");
    call.request("UPDATE", { sdp: sdpOf("127.0.0.1", rtp.port, { formats: "18", lines: [] }) });
    const refused = await call.response("UPDATE", 488);
    expect(refused.headers.get("Warning")).toMatch(/^305 /);
    await rtp.stream(target, OURS, 15);
    await until(() => rtp.countOf(OURS) >= 10, 2000, () => `${rtp.countOf(OURS)} echoed`);
    await hangUp(server, call);
  });
});

function versionOf(sdp: string): number {
  return Number(/^o=\S+ \S+ (\d+)/m.exec(sdp)?.[1]);
}
