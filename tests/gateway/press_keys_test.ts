import { afterEach, describe, expect, test } from "bun:test";
import type { SipRequest } from "../../src/sip/message/message.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { RawCaller, sdpOf } from "../support/raw_caller.ts";
import { RtpPeer } from "../support/rtp_peer.ts";

/** Gives one command, and writes the events that it gets into the log. */
function presser(digits: string, duration: number): readonly string[] {
  const command = JSON.stringify({ command: "dtmf", digits, duration_ms: duration });
  // The configuration has placeholders in braces
  const escaped = command.replace("{", "{{");
  return ["sh", "-c", `echo '${escaped}' >&3; cat <&3 >&2`];
}

const EVENTS = ["a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"];

describe("keys that a handler presses", () => {
  let server: RunningGateway | undefined;
  let caller: RawCaller | undefined;
  let peer: RtpPeer | undefined;

  afterEach(async () => {
    caller?.close();
    peer?.close();
    await server?.stop();
  });

  test("reach the caller as telephone-events, RFC 4733", async () => {
    server = await startGateway({ routes: [{ exec: presser("1#", 80) }] });
    caller = await RawCaller.open(server.udp);
    peer = await RtpPeer.open();
    const sdp = sdpOf("127.0.0.1", peer.port, { formats: "0 101", lines: EVENTS });
    const { call, answer } = await caller.establish({ sdp });
    const { received } = peer;
    const keys = () => received.filter(({ header }) => header.payloadType === 101);
    await until(() => keys().length >= 12, 5000, () => `${keys().length} packets of keys came`);
    const told = keys().map(({ header, payload }) => ({
      code: payload[0],
      isEnd: (payload[1] as number) >= 0x80,
      units: ((payload[2] as number) << 8) | (payload[3] as number),
      marker: header.marker,
    }));
    expect(told.filter(({ marker }) => marker).map(({ code }) => code)).toEqual([1, 11]);
    expect(told.filter(({ isEnd }) => isEnd).map(({ code }) => code)).toEqual([
      ...[1, 1, 1],
      ...[11, 11, 11],
    ]);
    expect(told.filter(({ isEnd }) => isEnd).every(({ units }) => units === 640)).toBe(true);
    caller.bye(call, answer);
    await server.ended(1);
    await server.idle();
  });

  test("reach a caller without telephone-events as INFOs, one after another", async () => {
    server = await startGateway({ routes: [{ exec: presser("5*", 40) }] });
    caller = await RawCaller.open(server.udp);
    const { call, answer } = await caller.establish();
    const infos = () => {
      const found = caller?.requests.filter(({ method }) => method === "INFO") ?? [];
      // A retransmission is no other request
      return [...new Map(found.map((info) => [info.headers.cseq.sequence, info])).values()];
    };
    await until(() => infos().length === 1, 5000, () => "no INFO came");
    await Bun.sleep(200);
    expect(infos()).toHaveLength(1);
    respond(caller, infos()[0] as SipRequest, "200 OK");
    await until(() => infos().length === 2, 5000, () => "no second INFO came");
    respond(caller, infos()[1] as SipRequest, "405 Method Not Allowed");
    const bodies = infos().map(({ body }) => new TextDecoder().decode(body));
    expect(bodies).toEqual(["Signal=5\r\nDuration=40\r\n", "Signal=*\r\nDuration=40\r\n"]);
    expect(infos()[0]?.headers.get("Content-Type")).toBe("application/dtmf-relay");
    const isTold = () => server?.logs.some((line) => line.includes('"event":"error"')) ?? false;
    await until(isTold, 5000, () => "the handler was not told of the refusal");
    caller.bye(call, answer);
    await server.ended(1);
    await server.idle();
  });
});

/** Answers a request of the gateway. */
function respond(caller: RawCaller, request: SipRequest, status: string): void {
  const copied = ["Via", "From", "To", "Call-ID", "CSeq"].flatMap((name) =>
    request.headers.getAll(name).map((value) => `${name}: ${value}`)
  );
  caller.send([`SIP/2.0 ${status}`, ...copied, "Content-Length: 0", "", ""].join("\n"));
}
