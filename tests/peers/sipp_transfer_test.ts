import { describe, expect } from "bun:test";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { RtpPeer } from "../support/rtp_peer.ts";
import { runSipp, startSippCallee } from "./sipp.ts";
import {
  ALL,
  describeSipp,
  expectSuccess,
  LISTEN,
  listenerOf,
  type Seen,
  type SippRow,
} from "./sipp_rows.ts";
import { sdp, SippScript } from "./sipp_script.ts";
import { find, headerOf, nth, received, type WireMessage } from "./wire_message.ts";

const HANGUP = { cause: "caller_hangup", sip_status: 200 } as const;

/** Tells how a REFER goes: RFC 3515 §2.4.4. */
function notify(script: SippScript, status: string, state: string): SippScript {
  return script.request("NOTIFY", {
    headers: [
      "Event: refer",
      `Subscription-State: ${state}`,
      "Content-Type: message/sipfrag;version=2.0",
    ],
    body: [`SIP/2.0 ${status}`],
  }).expect(200);
}

/** A call whose handler has it transferred, up to our answer to the REFER. */
function referred(status: number): SippScript {
  return SippScript.caller().establish().receive("REFER").respond("REFER", status);
}

function transfers({ events }: Seen): readonly unknown[] {
  return events.filter(({ event }) => event === "transfer")
    .map(({ status, sip_status }) => [status, sip_status]);
}

const BY_HANDLER: readonly SippRow[] = [
  {
    name: "RFC 3515 §2.4 the handler's transfer: REFER, 202, NOTIFYs, and our BYE",
    scenario: notify(
      notify(
        notify(referred(202), "100 Trying", "active;expires=60"),
        "180 Ringing",
        "active;expires=60",
      ),
      "200 OK",
      "terminated;reason=noresource",
    ).answer("BYE").pause(100),
    room: "transferred",
    record: { cause: "transferred", sip_status: 200 },
    check: (seen) => {
      const refer = find(seen.messages, "REFER");
      expect(headerOf(refer, "Refer-To")).toBe("<sip:200@pbx.example>");
      expect(headerOf(refer, "Contact")).toMatch(/^<sip:/);
      expect(headerOf(find(seen.messages, "BYE"), "Reason")).toContain("cause=16");
      expect(transfers(seen)).toEqual([
        ["trying", 202],
        ["trying", 100],
        ["trying", 180],
        ["accepted", 200],
      ]);
    },
  },
  {
    name: "§2.4.2 a REFER that is refused leaves the call as it is",
    scenario: referred(603).pause(150).request("OPTIONS").expect(200).bye().pause(100),
    room: "transferred",
    record: HANGUP,
    check: (seen) => expect(transfers(seen)).toEqual([["failed", 603]]),
  },
  {
    name: "§2.4.4 a transfer to somebody who is busy leaves the call as it is",
    scenario: notify(referred(202), "486 Busy Here", "terminated;reason=noresource")
      .pause(150).bye().pause(100),
    room: "transferred",
    record: HANGUP,
    check: (seen) => expect(transfers(seen)).toEqual([["trying", 202], ["failed", 486]]),
  },
  {
    name: "RFC 3515 §2.4.4 a NOTIFY for no REFER of ours: 481",
    scenario: SippScript.caller().establish().request("NOTIFY", {
      headers: ["Event: refer", "Subscription-State: active"],
    }).expect(481).bye(),
    record: HANGUP,
  },
];

const BY_PEER: readonly SippRow[] = [
  {
    name: "RFC 3515 §2.4.2 a caller's REFER is declined where sip.refer does not allow it",
    scenario: SippScript.caller().establish()
      .request("REFER", { headers: ["Refer-To: <sip:200@127.0.0.1>"] }).expect(603).bye(),
    record: HANGUP,
  },
  {
    name: "RFC 3891 §3 an INVITE with Replaces takes the call over",
    scenario: SippScript.caller().invite({ sdp: sdp() })
      .expect(200, { keep: { theirs: ["To:", "tag=.*"] } }).ack().pause(150)
      .inAnotherDialog()
      .invite({
        sdp: sdp({ formats: ["8"] }),
        headers: [
          "Require: replaces",
          "Replaces: [call_id];to-[$theirs];from-tag=[pid]-[call_number]",
        ],
        // The BYE to the one before does not wait for the ACK
      }).expect(200).answer("BYE").ack().pause(150).bye(),
    record: { ...HANGUP, codec: "PCMA" },
    check: ({ messages }) => {
      const bye = find(messages, "BYE");
      expect(headerOf(bye, "Call-ID")).not.toContain("other///");
      expect(headerOf(nth(messages, "200 INVITE", 1), "Call-ID")).toContain("other///");
    },
  },
  {
    name: "§3 Replaces that names no call of ours: 481",
    scenario: SippScript.caller().invite({
      sdp: sdp(),
      headers: ["Require: replaces", "Replaces: nobody@nowhere;to-tag=1;from-tag=2"],
    }).expect(481).ackRefusal().pause(50),
    record: undefined,
  },
];

describeSipp({
  title: "SIPp calls the gateway: transfers",
  routes: ({ exec }) => [
    {
      when: { "X-Room-ID": "transferred" },
      exec: exec(
        `sleep 0.2; echo '{"command":"transfer","to":"sip:200@pbx.example"}' >&3; exec cat`,
      ),
    },
  ],
  rows: [...BY_HANDLER, ...BY_PEER],
});

/** One SIPp that refers the gateway to another one. */
interface Referral {
  readonly server: RunningGateway;
  readonly caller: readonly WireMessage[];
  readonly callee: readonly WireMessage[];
}

describe("SIPp refers the gateway to another SIPp", () => {
  /** `callee` is what the one does to whom we are referred; `told`: the statuses of our NOTIFYs. */
  async function refer(
    transport: (typeof ALL)[number],
    { callee, told, hangs }: {
      readonly callee: SippScript;
      readonly told: number;
      /** The caller hangs up by itself when it was told. */
      readonly hangs: boolean;
    },
    during: (server: RunningGateway) => Promise<void>,
  ): Promise<Referral> {
    const server = await startGateway({
      routes: [{ exec: ["cat"] }],
      sip: { ...LISTEN, refer: "any" },
    });
    try {
      const second = await startSippCallee({ scenario: callee, transport });
      const script = SippScript.caller().establish().request("REFER", {
        headers: [`Refer-To: <${second.uri}>`, "Referred-By: <sip:boss@example.com>"],
      }).expect(202);
      for (let index = 0; index < told; index++) script.answer("NOTIFY");
      const [first] = await Promise.all([
        runSipp({
          scenario: hangs ? script.bye() : script,
          target: listenerOf(server, transport),
          transport,
        }),
        during(server),
      ]);
      const { messages, ...result } = await second.result;
      expectSuccess(first);
      expectSuccess({ ...result, messages });
      await server.idle();
      expect(server.gateway.counters.get("internal_errors")).toBe(0);
      return { server, caller: first.messages, callee: messages };
    } finally {
      await server.stop();
    }
  }

  for (const transport of ALL) {
    peerTest(`RFC 3515, RFC 3892: it takes the caller's place, over ${transport}`, [
      "sipp",
    ], async () => {
      const rtp = await RtpPeer.open();
      try {
        const callee = SippScript.callee().respond("FIRST", 180).pause(100)
          .respond("FIRST", 200, { sdp: sdp({ port: rtp.port }) }).receive("ACK").pause(600).bye();
        const { server, ...seen } = await refer(
          transport,
          { callee, told: 3, hangs: true },
          () => until(() => rtp.received.length > 10, 8000, () => `${rtp.received.length} packets`),
        );
        const invite = find(seen.callee, "INVITE");
        expect(headerOf(invite, "Referred-By")).toBe("<sip:boss@example.com>");
        const statuses = [0, 1, 2].map((index) => nth(seen.caller, "NOTIFY", index));
        expect(statuses.map(({ body }) => body)).toEqual([
          "SIP/2.0 100 Trying",
          "SIP/2.0 180 Ringing",
          "SIP/2.0 200 OK",
        ]);
        expect(statuses.map((message) => headerOf(message, "Subscription-State")?.split(";")[0]))
          .toEqual(["active", "active", "terminated"]);
        expect(server.records).toMatchObject([{ cause: "caller_hangup", sip_status: 200 }]);
      } finally {
        rtp.close();
      }
    }, { isConcurrent: true });

    peerTest(`RFC 3515 §2.4.4: the caller hears of its refusal and goes on, over ${transport}`, [
      "sipp",
    ], async () => {
      const callee = SippScript.callee().respond("FIRST", 486).receive("ACK");
      const { server, caller } = await refer(
        transport,
        { callee, told: 2, hangs: true },
        () => Promise.resolve(),
      );
      expect(nth(caller, "NOTIFY", 1).body).toBe("SIP/2.0 486 Busy Here");
      expect(received(caller).at(-1)).toBe("200 BYE");
      expect(server.records).toMatchObject([{ cause: "caller_hangup", sip_status: 200 }]);
    }, { isConcurrent: true });
  }
});
