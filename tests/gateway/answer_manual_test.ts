import { afterEach, describe, expect, test } from "bun:test";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";
import { RawPeer, shell, textOf } from "./raw_peer.ts";

/** A mu-law code: what the caller says. */
const OURS = 0x9f;

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

/** A gateway whose calls go to a shell script that answers by itself; its events are in the log. */
async function startManual(script: string): Promise<{ server: RunningGateway; peer: RawPeer }> {
  const exec = shell(`cat <&3 >&2 & ${script}`);
  const server = await startGateway({ routes: [{ exec, answer: "manual" }] });
  open.push({ close: () => server.stop() });
  const peer = await RawPeer.open(server.udp);
  open.push(peer);
  return { server, peer };
}

async function openRtp(): Promise<RtpPeer> {
  const rtp = await RtpPeer.open("127.0.0.1");
  open.push(rtp);
  return rtp;
}

/** Speaks until something of it comes back. */
async function speakUntilHeard(rtp: RtpPeer, target: { address: string; port: number }) {
  const before = rtp.countOf(OURS);
  for (let round = 0; round < 100 && rtp.countOf(OURS) < before + 5; round++) {
    await rtp.stream(target, OURS, 5);
  }
  expect(rtp.countOf(OURS)).toBeGreaterThan(before + 4);
}

const ECHO = "exec cat";
const ANSWER = `'{"command":"answer"}'`;
/** Answers when the caller presses a key. */
const ANSWERS_KEY = `(sed -u -n '/dtmf/q' <&3; echo ${ANSWER} >&3) & exec cat`;

describe("a route with answer: manual", () => {
  test("lets both sides be heard before the 200, by a 183 (RFC 3261 §13.2.1)", async () => {
    const exec = shell(ANSWERS_KEY);
    const server = await startGateway({ routes: [{ exec, answer: "manual" }] });
    open.push({ close: () => server.stop() });
    const peer = await RawPeer.open(server.udp);
    open.push(peer);
    const rtp = await openRtp();
    const call = peer.invite({ sdp: sdpOf("127.0.0.1", rtp.port) });
    const early = await call.response("INVITE", 183);
    await speakUntilHeard(rtp, rtpTargetOf(early));
    expect(call.isAnswered).toBe(false);
    call.request("INFO", { contentType: "application/dtmf", body: "1" });
    const answer = await call.response("INVITE", 200);
    expect(textOf(answer)).toBe(textOf(early));
    call.request("ACK");
    await speakUntilHeard(rtp, rtpTargetOf(answer));
    call.request("BYE");
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "caller_hangup", sip_status: 200 });
  });

  test("is refused as the handler says", async () => {
    const { server, peer } = await startManual(
      `echo '{"command":"reject","status":486,"reason":"Not now"}' >&3; ${ECHO}`,
    );
    const call = peer.invite({ sdp: sdpOf("127.0.0.1", 9) });
    expect((await call.response("INVITE", 486)).reasonPhrase).toBe("Not now");
    call.request("ACK");
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "rejected", sip_status: 486, duration_ms: 0 });
    await server.idle();
  });

  test("is declined with 603 when the handler hangs up", async () => {
    const { server, peer } = await startManual(`echo '{"command":"hangup"}' >&3; ${ECHO}`);
    const call = peer.invite({ sdp: sdpOf("127.0.0.1", 9) });
    await call.response("INVITE", 603);
    expect((await server.ended(1))[0]).toMatchObject({ cause: "handler_hangup", sip_status: 603 });
  });

  test("plays what the handler wrote before it ended, then declines", async () => {
    const { server, peer } = await startManual("head -c 3200 /dev/zero");
    const rtp = await openRtp();
    const call = peer.invite({ sdp: sdpOf("127.0.0.1", rtp.port) });
    await call.response("INVITE", 183);
    await call.response("INVITE", 603);
    // Where the machine was late, a silent packet is left out
    await until(() => rtp.received.length >= 8, 2000, () => `${rtp.received.length} packets`);
    const { played_ms = 0, skipped_ms = 0 } = (await server.ended(1))[0]?.statistics ?? {};
    expect(played_ms + skipped_ms).toBe(200);
  });

  test("gives the caller's CANCEL its 487, with the reason in the record (RFC 3326)", async () => {
    const { server, peer } = await startManual(ECHO);
    const call = peer.invite({ sdp: sdpOf("127.0.0.1", 9) });
    await call.response("INVITE", 183);
    cancel(peer);
    await call.response("INVITE", 487);
    expect((await server.ended(1))[0]).toMatchObject({
      cause: "caller_cancel",
      detail: "Call completed elsewhere (SIP 200)",
      sip_status: 487,
    });
    await server.idle();
  });
});

describe("RFC 3262 reliable early media", () => {
  test("is acknowledged by PRACK before the 200, which has no description then", async () => {
    const { server, peer } = await startManual(
      `head -c 640 /dev/zero; sleep 0.3; echo ${ANSWER} >&3; ${ECHO}`,
    );
    const call = peer.invite({ sdp: sdpOf("127.0.0.1", 9), headers: ["Supported: 100rel"] });
    const early = await call.response("INVITE", 183);
    expect(early.headers.get("Require")).toBe("100rel");
    expect(textOf(early)).toContain("m=audio");
    call.request("PRACK", { headers: [`RAck: ${early.headers.get("RSeq")} 1 INVITE`] });
    await call.response("PRACK", 200);
    expect(textOf(await call.response("INVITE", 200))).toBe("");
    call.request("ACK");
    call.request("BYE");
    expect((await server.ended(1))[0]).toMatchObject({ cause: "caller_hangup" });
  });

  test("carries our offer when the INVITE has none, and the PRACK its answer (§5)", async () => {
    const { server, peer } = await startManual(`head -c 640 /dev/zero; ${ECHO}`);
    const rtp = await openRtp();
    const call = peer.invite({ headers: ["Supported: 100rel"] });
    const early = await call.response("INVITE", 183);
    expect(textOf(early)).toContain("m=audio");
    expect(rtp.received).toHaveLength(0);
    call.request("PRACK", {
      headers: [`RAck: ${early.headers.get("RSeq")} 1 INVITE`],
      sdp: sdpOf("127.0.0.1", rtp.port),
    });
    await call.response("PRACK", 200);
    await speakUntilHeard(rtp, rtpTargetOf(early));
    expect(call.isAnswered).toBe(false);
    cancel(peer);
    await call.response("INVITE", 487);
    await server.ended(1);
    await server.idle();
  });

  test("waits for the answer where the caller does not know of it", async () => {
    const { server, peer } = await startManual(
      `head -c 3200 /dev/zero; sleep 0.2; echo ${ANSWER} >&3; ${ECHO}`,
    );
    const rtp = await openRtp();
    const call = peer.invite();
    const answer = await call.response("INVITE", 200);
    expect(rtp.received).toHaveLength(0);
    expect(peer.received.some((message) => "statusCode" in message && message.statusCode === 183))
      .toBe(false);
    call.request("ACK", { sdp: sdpOf("127.0.0.1", rtp.port) });
    await until(() => rtp.received.length >= 10, 2000, () => `${rtp.received.length} packets`);
    await speakUntilHeard(rtp, rtpTargetOf(answer));
    call.request("BYE");
    await server.ended(1);
  });
});

/** Cancels the one INVITE of a peer, and says why. */
function cancel(peer: RawPeer): void {
  const ringing = peer.received.find((message) => message.type === "response");
  const copied = ["Via", "From", "Call-ID"].map((name) => `${name}: ${ringing?.headers.get(name)}`);
  const to = (ringing?.headers.get("To") ?? "").replace(/;tag=.*/, "");
  peer.send([
    `CANCEL ${/<([^>]+)>/.exec(to)?.[1]} SIP/2.0`,
    ...copied,
    `To: ${to}`,
    "CSeq: 1 CANCEL",
    "Max-Forwards: 70",
    'Reason: SIP;cause=200;text="Call completed elsewhere"',
  ], "");
}
