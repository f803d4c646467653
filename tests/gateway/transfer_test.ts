import { afterEach, describe, expect, test } from "bun:test";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { rtpTargetOf, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";
import { type RawDialog, RawPeer, shell, textOf } from "./raw_peer.ts";

/** Mu-law codes: what the first caller says, and what the one says who takes its place. */
const OURS = 0x9f;
const THEIRS = 0xaa;

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

async function start(
  routes: readonly unknown[],
  sip: Readonly<Record<string, unknown>> = {},
): Promise<RunningGateway> {
  const server = await startGateway({ routes, sip: { t1: "50ms", ...sip } });
  open.push({ close: () => server.stop() });
  return server;
}

async function openPeer(server: RunningGateway): Promise<RawPeer> {
  const peer = await RawPeer.open(server.udp);
  open.push(peer);
  return peer;
}

async function openRtp(): Promise<RtpPeer> {
  const rtp = await RtpPeer.open("127.0.0.1");
  open.push(rtp);
  return rtp;
}

/** A call that is up. */
async function establish(peer: RawPeer, port = 9, headers: readonly string[] = []) {
  const call = peer.invite({ sdp: sdpOf("127.0.0.1", port), headers });
  const answer = await call.response("INVITE", 200);
  call.request("ACK");
  return { call, answer, target: rtpTargetOf(answer) };
}

function notify(call: RawDialog, status: string, state: string): void {
  call.request("NOTIFY", {
    headers: ["Event: refer", `Subscription-State: ${state}`],
    contentType: "message/sipfrag;version=2.0",
    body: `SIP/2.0 ${status}\r\n`,
  });
}

/** Transfer events in the log, in order. */
function transfers(server: RunningGateway): unknown[] {
  return server.logs.filter((line) => line.includes('"event":"transfer"'))
    .map((line) => JSON.parse(line));
}

describe("transfer by the handler (RFC 3515)", () => {
  const asks = shell(`cat <&3 >&2 & echo '{"command":"transfer","to":"$1"}' >&3; exec cat`);
  const TO = "sip:200@pbx.example;user=phone";
  const route = { exec: [...asks.map((part) => part.replace("$1", TO))] };

  test("sends a REFER, tells how it goes, and hangs up with its Reason", async () => {
    const server = await start([route]);
    const { call } = await establish(await openPeer(server));
    const refer = await call.next("REFER");
    expect(refer.headers.get("Refer-To")).toBe(`<${TO}>`);
    call.answer(refer, 202);
    notify(call, "180 Ringing", "active;expires=60");
    await call.response("NOTIFY", 200);
    notify(call, "200 OK", "terminated;reason=noresource");
    const bye = await call.next("BYE");
    expect(bye.headers.get("Reason")).toBe('Q.850;cause=16;text="Call transferred"');
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "transferred", sip_status: 200 });
    await server.idle();
    expect(transfers(server)).toEqual([
      { event: "transfer", status: "trying", sip_status: 202 },
      { event: "transfer", status: "trying", sip_status: 180 },
      { event: "transfer", status: "accepted", sip_status: 200 },
    ]);
  });

  test("that fails leaves the call up, with its media", async () => {
    const server = await start([route]);
    const rtp = await openRtp();
    const { call, target } = await establish(await openPeer(server), rtp.port);
    call.answer(await call.next("REFER"), 202);
    notify(call, "486 Busy Here", "terminated;reason=noresource");
    await until(() => transfers(server).length === 2, 3000, () => server.logs.join("\n"));
    expect(transfers(server)[1]).toMatchObject({ status: "failed", sip_status: 486 });
    await rtp.stream(target, OURS, 15);
    await until(() => rtp.countOf(OURS) >= 10, 2000, () => `${rtp.countOf(OURS)} echoed`);
    call.request("BYE");
    expect((await server.ended(1))[0]?.cause).toBe("caller_hangup");
  });

  test("that the caller does not know of fails", async () => {
    const server = await start([route]);
    const { call } = await establish(await openPeer(server));
    call.answer(await call.next("REFER"), 405);
    await until(() => transfers(server).length === 1, 3000, () => server.logs.join("\n"));
    expect(transfers(server)).toMatchObject([{ status: "failed", sip_status: 405 }]);
    call.request("BYE");
    await server.ended(1);
  });

  test("joins the caller with the far end of another call (RFC 3891)", async () => {
    const joins = shell(
      `cat <&3 >&2 & echo "{\\"command\\":\\"transfer\\",\\"replaces\\":\\"$1\\"}" >&3; exec cat`,
    );
    const server = await start([
      { when: { "X-Other": true }, exec: [...joins, "{X-Other}"] },
      { exec: shell("cat <&3 >&2 & exec cat") },
    ]);
    const far = await openPeer(server);
    const first = await establish(far);
    const started = () => server.logs.find((line) => line.includes('"event":"start"'));
    await until(() => started() !== undefined, 3000, () => server.logs.join("\n"));
    const { id } = JSON.parse(started() ?? "").call;
    const { call } = await establish(await openPeer(server), 9, [`X-Other: ${id}`]);
    const refer = await call.next("REFER");
    const [uri, replaces = ""] = (refer.headers.get("Refer-To") ?? "").slice(1, -1).split("?");
    expect(uri).toBe(far.uri);
    const tag = (text: string) => /;tag=([^;>]+)/.exec(text)?.[1];
    expect(decodeURIComponent(replaces)).toBe(
      `Replaces=${first.call.callId};to-tag=${tag(first.call.local)};from-tag=${
        tag(first.call.remote)
      }`,
    );
    call.request("BYE");
    first.call.request("BYE");
    await server.ended(2);
  });

  test("to the far end of a call that there is not is an error", async () => {
    const exec = shell(
      `cat <&3 >&2 & echo '{"command":"transfer","replaces":"nobody"}' >&3; exec cat`,
    );
    const server = await start([{ exec }]);
    const { call } = await establish(await openPeer(server));
    const told = () => server.logs.find((line) => line.includes('"event":"error"'));
    await until(() => told() !== undefined, 3000, () => server.logs.join("\n"));
    expect(told()).toContain("There is no other live call");
    call.request("BYE");
    await server.ended(1);
  });
});

describe("REFER of the caller (RFC 3515 §2.4.2)", () => {
  test("is declined unless sip.refer allows it, and the call goes on", async () => {
    const server = await start([{ echo: true }]);
    const { call } = await establish(await openPeer(server));
    call.request("REFER", { headers: ["Refer-To: <sip:bob@127.0.0.1:9>"] });
    await call.response("REFER", 603);
    call.request("BYE");
    expect((await server.ended(1))[0]?.cause).toBe("caller_hangup");
  });

  test("brings the call to another peer, its handler and port going on", async () => {
    const server = await start([{ echo: true }], { refer: "any" });
    const [caller, callee] = [await openPeer(server), await openPeer(server)];
    const [rtp, other] = [await openRtp(), await openRtp()];
    const { call, target } = await establish(caller, rtp.port);
    await rtp.stream(target, OURS, 5);
    call.request("REFER", {
      headers: [`Refer-To: <${callee.uri}>`, "Referred-By: <sip:boss@pbx.example>"],
    });
    await call.response("REFER", 202);
    const trying = await call.next("NOTIFY");
    expect(textOf(trying)).toContain("SIP/2.0 100");
    call.answer(trying, 200);
    const invite = await callee.request("INVITE");
    expect(invite.headers.get("Referred-By")).toBe("<sip:boss@pbx.example>");
    // The same port, in a session of its own
    expect(rtpTargetOf(invite)).toEqual(target);
    const joined = callee.dialogOf(invite);
    joined.answer(invite, 180);
    const ringing = await call.next("NOTIFY");
    expect(textOf(ringing)).toContain("SIP/2.0 180");
    call.answer(ringing, 200);
    joined.answer(invite, 200, { sdp: sdpOf("127.0.0.1", other.port) });
    await joined.next("ACK");
    const done = await call.next("NOTIFY");
    expect(textOf(done)).toContain("SIP/2.0 200");
    expect(done.headers.get("Subscription-State")).toMatch(/^terminated/);
    call.answer(done, 200);
    await Promise.all([other.stream(target, THEIRS, 20), rtp.stream(target, OURS, 20)]);
    await until(() => other.countOf(THEIRS) >= 15, 2000, () => `${other.countOf(THEIRS)} echoed`);
    expect(other.countOf(OURS)).toBe(0);
    call.request("BYE");
    await call.response("BYE", 200);
    expect(server.records).toHaveLength(0);
    joined.request("BYE");
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "caller_hangup", call: { sip_call_id: call.callId } });
    await server.idle();
  });

  test("reaches the servers of trunks alone where sip.refer says so, whatever its maddr", async () => {
    const server = await startGateway({
      routes: [{ echo: true }],
      sip: { t1: "50ms", refer: "trunks" },
      trunks: { carrier: { uri: "sip:trunk.example", headers: { "X-Account": "7" } } },
    });
    open.push({ close: () => server.stop() });
    const [caller, stranger] = [await openPeer(server), await openPeer(server)];
    const { call } = await establish(caller);
    for (
      const target of [
        stranger.uri,
        `sip:bob@trunk.example:${stranger.port};maddr=127.0.0.1`,
        `sip:bob@127.0.0.1:${stranger.port};maddr=trunk.example`,
      ]
    ) {
      call.request("REFER", { headers: [`Refer-To: <${target}>`] });
      await call.response("REFER", 202);
      call.answer(await call.next("NOTIFY"), 200);
      const declined = await call.next("NOTIFY");
      expect(textOf(declined)).toContain("SIP/2.0 603");
      call.answer(declined, 200);
    }
    expect(stranger.received).toEqual([]);
    call.request("BYE");
    await server.ended(1);
    await server.idle();
  });

  test("that leads nowhere is told to the caller, who keeps the call", async () => {
    const server = await start([{ echo: true }], { refer: "any" });
    const [caller, callee] = [await openPeer(server), await openPeer(server)];
    const rtp = await openRtp();
    const { call, target } = await establish(caller, rtp.port);
    call.request("REFER", { headers: [`Refer-To: <${callee.uri}>`] });
    call.answer(await call.next("NOTIFY"), 200);
    const invite = await callee.request("INVITE");
    callee.dialogOf(invite).answer(invite, 486);
    const failed = await call.next("NOTIFY");
    expect(textOf(failed)).toContain("SIP/2.0 486");
    call.answer(failed, 200);
    await rtp.stream(target, OURS, 15);
    await until(() => rtp.countOf(OURS) >= 10, 2000, () => `${rtp.countOf(OURS)} echoed`);
    call.request("BYE");
    await server.ended(1);
    await server.idle();
  });

  test("is given up with the call: who rings is cancelled", async () => {
    const server = await start([{ echo: true }], { refer: "any" });
    const [caller, callee] = [await openPeer(server), await openPeer(server)];
    const { call } = await establish(caller);
    call.request("REFER", { headers: [`Refer-To: <${callee.uri}>`] });
    const invite = await callee.request("INVITE");
    const joined = callee.dialogOf(invite);
    joined.answer(invite, 180);
    call.answer(await call.next("NOTIFY"), 200);
    call.request("BYE");
    await server.ended(1);
    const cancel = await callee.request("CANCEL");
    joined.answer(cancel, 200);
    joined.answer(invite, 487);
    await server.idle();
  });
});
