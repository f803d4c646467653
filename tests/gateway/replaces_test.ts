import { afterEach, describe, expect, test } from "bun:test";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";
import { RawPeer, shell } from "./raw_peer.ts";

/** Mu-law codes: what the first caller says, and what the one says who takes its place. */
const OURS = 0x9f;
const THEIRS = 0xaa;

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

async function start(route: Readonly<Record<string, unknown>> = { echo: true }) {
  const server: RunningGateway = await startGateway({ routes: [route], sip: { t1: "50ms" } });
  open.push({ close: () => server.stop() });
  const [first, second] = [await RawPeer.open(server.udp), await RawPeer.open(server.udp)];
  open.push(first, second);
  const [rtp, other] = [await RtpPeer.open("127.0.0.1"), await RtpPeer.open("127.0.0.1")];
  open.push(rtp, other);
  const call = first.invite({ sdp: sdpOf("127.0.0.1", rtp.port) });
  const answer = await call.response("INVITE", 200);
  call.request("ACK");
  return { server, second, rtp, other, call, target: rtpTargetOf(answer) };
}

describe("RFC 3891 an INVITE that takes a caller's place", () => {
  test("gets the same port and handler, the caller a BYE, and the call one record", async () => {
    const { server, second, rtp, other, call, target } = await start();
    await rtp.stream(target, OURS, 5);
    const taken = second.invite({
      sdp: sdpOf("127.0.0.1", other.port),
      headers: [`Replaces: ${call.replaces}`, "Require: replaces"],
    });
    const answer = await taken.response("INVITE", 200);
    taken.request("ACK");
    expect(rtpTargetOf(answer)).toEqual(target);
    await call.next("BYE");
    await other.stream(target, THEIRS, 15);
    await until(() => other.countOf(THEIRS) >= 10, 2000, () => `${other.countOf(THEIRS)} echoed`);
    expect(server.gateway.calls).toBe(1);
    taken.request("BYE");
    const [record] = await server.ended(1);
    expect(record?.call.sip_call_id).toBe(call.callId);
    await server.idle();
    expect(server.records).toHaveLength(1);
  });

  test("is heard though the one before goes on speaking, who is heard no more", async () => {
    const { server, second, rtp, other, call, target } = await start();
    await rtp.stream(target, OURS, 5);
    await until(() => rtp.countOf(OURS) > 0, 2000, () => "nothing echoed");
    const taken = second.invite({
      sdp: sdpOf("127.0.0.1", other.port),
      headers: [`Replaces: ${call.replaces}`],
    });
    // The old one's packets come first, from the same host
    const both = rtp.stream(target, OURS, 15);
    await taken.response("INVITE", 200);
    taken.request("ACK");
    await Promise.all([both, other.stream(target, THEIRS, 15)]);
    await until(() => other.countOf(THEIRS) >= 10, 2000, () => `${other.countOf(THEIRS)} echoed`);
    taken.request("BYE");
    await server.ended(1);
  });

  test("may leave the offer to us", async () => {
    const { server, second, other, call, target } = await start();
    const taken = second.invite({ headers: [`Replaces: ${call.replaces}`] });
    const answer = await taken.response("INVITE", 200);
    expect(rtpTargetOf(answer)).toEqual(target);
    taken.request("ACK", { sdp: sdpOf("127.0.0.1", other.port) });
    await call.next("BYE");
    await other.stream(target, THEIRS, 15);
    await until(() => other.countOf(THEIRS) >= 10, 2000, () => `${other.countOf(THEIRS)} echoed`);
    taken.request("BYE");
    await server.ended(1);
    await server.idle();
  });

  test("may be replaced itself", async () => {
    const { server, second, other, call } = await start();
    const sdp = sdpOf("127.0.0.1", other.port);
    const taken = second.invite({ sdp, headers: [`Replaces: ${call.replaces}`] });
    await taken.response("INVITE", 200);
    taken.request("ACK");
    await call.next("BYE");
    const again = second.invite({ sdp, headers: [`Replaces: ${taken.replaces}`] });
    await again.response("INVITE", 200);
    again.request("ACK");
    await taken.next("BYE");
    again.request("BYE");
    expect(await server.ended(1)).toHaveLength(1);
    await server.idle();
  });

  test("that cannot be answered leaves the call as it was", async () => {
    const { server, second, rtp, call, target } = await start();
    const refused = second.invite({
      sdp: sdpOf("127.0.0.1", 9, { formats: "18", lines: [] }),
      headers: [`Replaces: ${call.replaces}`],
    });
    await refused.response("INVITE", 488);
    refused.request("ACK");
    await rtp.stream(target, OURS, 15);
    await until(() => rtp.countOf(OURS) >= 10, 2000, () => `${rtp.countOf(OURS)} echoed`);
    call.request("BYE");
    await server.ended(1);
    await server.idle();
  });

  test("for a call that is over or rings is refused, and makes no call of its own", async () => {
    const { server, second, call } = await start();
    call.request("BYE");
    await server.ended(1);
    const late = second.invite({
      sdp: sdpOf("127.0.0.1", 9),
      headers: [`Replaces: ${call.replaces}`],
    });
    await late.response("INVITE", 481);
    expect(server.gateway.calls).toBe(0);
  });

  test("is ended by the handler's hangup like any other", async () => {
    const exec = shell(`(sed -u -n '/dtmf/q' <&3; echo '{"command":"hangup"}' >&3) & exec cat`);
    const { server, second, other, call } = await start({ exec });
    const taken = second.invite({
      sdp: sdpOf("127.0.0.1", other.port),
      headers: [`Replaces: ${call.replaces}`],
    });
    await taken.response("INVITE", 200);
    taken.request("ACK");
    taken.request("INFO", { contentType: "application/dtmf", body: "1" });
    await taken.next("BYE");
    expect((await server.ended(1))[0]?.cause).toBe("handler_hangup");
    await server.idle();
  });
});
