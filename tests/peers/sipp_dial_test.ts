import { describe, expect } from "bun:test";
import type { CallRecord } from "../../src/call/call_record.ts";
import type { OutgoingAnswer, OutgoingCallOptions } from "../../src/gateway/outbound.ts";
import { startGateway } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { type SippTransport, startSippCallee } from "./sipp.ts";
import { ALL, expectSuccess, LISTEN, UDP } from "./sipp_rows.ts";
import { sdp, SippScript } from "./sipp_script.ts";
import { find, headerOf, nth, received, type WireMessage } from "./wire_message.ts";

/** A call that the gateway places over a trunk, whose servers are SIPps. */
interface DialRow {
  readonly name: string;
  /** What each server of the trunk does, in their order. */
  readonly servers: readonly SippScript[];
  /** Default: all three. */
  readonly transports?: readonly SippTransport[];
  readonly given?: Partial<OutgoingCallOptions>;
  readonly answer: Partial<OutgoingAnswer>;
  readonly record: Partial<CallRecord>;
  /** Looks at what the last server has seen. */
  readonly check?: (messages: readonly WireMessage[]) => void;
}

const SDP = { sdp: sdp() };
const ANSWERED = { answered: true, statusCode: 200 } as const;
const HANGUP = { cause: "handler_hangup", sip_status: 200, codec: "PCMU" } as const;

function answering(): SippScript {
  return SippScript.callee().respond("FIRST", 180).respond("FIRST", 200, SDP).receive("ACK");
}

const ROWS: readonly DialRow[] = [
  {
    name: "RFC 3261 §13.2.2.4 whoever answers gets the handler",
    servers: [answering().answer("BYE")],
    answer: ANSWERED,
    record: HANGUP,
    check: (messages) => {
      expect(received(messages)).toEqual(["INVITE", "ACK", "BYE"]);
      expect(find(messages, "INVITE").head).toMatch(/^INVITE sip:200@127\.0\.0\.1:/);
      expect(headerOf(find(messages, "INVITE"), "X-Trunk")).toBe("yes");
      expect(headerOf(find(messages, "BYE"), "Reason")).toContain("cause=16");
    },
  },
  {
    name: "RFC 3262 §5 the answer in a reliable 183 holds where the 200 has none",
    servers: [
      SippScript.callee()
        .respond("FIRST", 183, { ...SDP, headers: ["Require: 100rel", "RSeq: 1"] })
        .answer("PRACK").respond("FIRST", 200).receive("ACK").answer("BYE"),
    ],
    answer: ANSWERED,
    record: HANGUP,
  },
  {
    name: "RFC 3261 §13.2.1 a 183 and a 200 that describe the same",
    servers: [
      SippScript.callee().respond("FIRST", 183, SDP).pause(50)
        .respond("FIRST", 200, SDP).receive("ACK").answer("BYE"),
    ],
    answer: ANSWERED,
    record: HANGUP,
  },
  {
    name: "RFC 4028 §6 a server that wants a longer interval: 422, then Min-SE is kept",
    servers: [
      SippScript.callee().respond("FIRST", 422, { headers: ["Min-SE: 3600"] }).receive("ACK")
        .again().respond("FIRST", 200, {
          ...SDP,
          headers: ["Require: timer", "Session-Expires: 3600;refresher=uas"],
        }).receive("ACK").answer("BYE"),
    ],
    answer: ANSWERED,
    record: HANGUP,
    check: (messages) => {
      expect(headerOf(nth(messages, "INVITE", 0), "Session-Expires")).toBe("1800");
      const second = nth(messages, "INVITE", 1);
      expect(headerOf(second, "Session-Expires")).toBe("3600");
      expect(headerOf(second, "Min-SE")).toBe("3600");
    },
  },
  {
    name: "RFC 3263 §4.3 the first server is out of order: 503, then the second",
    servers: [
      SippScript.callee().respond("FIRST", 503).receive("ACK"),
      answering().answer("BYE"),
    ],
    answer: ANSWERED,
    record: HANGUP,
  },
  {
    name: "RFC 3261 §22.3 a trunk that asks for a password: 407",
    servers: [
      SippScript.callee().respond("FIRST", 407, {
        headers: ['Proxy-Authenticate: Digest realm="sipp", nonce="abc", qop="auth"'],
      }).receive("ACK").again().respond("FIRST", 200, SDP).receive("ACK").answer("BYE"),
    ],
    answer: ANSWERED,
    record: HANGUP,
    check: (messages) =>
      expect(headerOf(nth(messages, "INVITE", 1), "Proxy-Authorization"))
        .toMatch(/^Digest username="ann", realm="sipp"/),
  },
  {
    name: "§21.4.24 whoever is called is busy, and no other server is asked",
    servers: [SippScript.callee().respond("FIRST", 486).receive("ACK")],
    answer: { answered: false, statusCode: 486 },
    record: { cause: "dial_failed", sip_status: 486, duration_ms: 0 },
  },
  {
    name: "§9.1 nobody answers in time: CANCEL",
    servers: [
      SippScript.callee().respond("FIRST", 180).answer("CANCEL").respond("FIRST", 487)
        .receive("ACK"),
    ],
    given: { ringTimeout: 300 },
    answer: { answered: false, statusCode: 408 },
    record: { cause: "dial_failed", sip_status: 408, duration_ms: 0 },
  },
  {
    name: "RFC 3326 whoever was called hangs up and says why",
    servers: [answering().bye({ headers: ['Reason: SIP;cause=200;text="Enough"'] })],
    answer: ANSWERED,
    record: { cause: "callee_hangup", detail: "Enough (SIP 200)" },
  },
  {
    name: "RFC 3311 §5.2 hold by an UPDATE of whoever was called",
    servers: [
      answering().request("UPDATE", { sdp: sdp({ version: 2, direction: "sendonly" }) })
        .expect(200).answer("BYE"),
    ],
    answer: ANSWERED,
    record: HANGUP,
    check: (messages) => expect(find(messages, "200 UPDATE").body).toContain("a=recvonly"),
  },
  {
    name: "RFC 3261 §18.1.1 more than 1300 bytes, where nobody listens for TCP: UDP after all",
    servers: [answering().answer("BYE")],
    transports: UDP,
    given: { headers: { "X-Padding": "0123456789".repeat(160) } },
    answer: ANSWERED,
    record: HANGUP,
    check: (messages) => expect(headerOf(find(messages, "INVITE"), "X-Padding")).toHaveLength(1600),
  },
];

describe("SIPp is called by the gateway", () => {
  for (const row of ROWS) {
    for (const transport of row.transports ?? ALL) {
      peerTest(`${row.name} over ${transport}`, ["sipp"], async () => {
        const servers = await Promise.all(
          row.servers.map((scenario) => startSippCallee({ scenario, transport })),
        );
        const gateway = await startGateway({
          // Half a second of sound
          routes: [{ name: "bot", exec: ["head", "-c", "8000", "/dev/zero"] }],
          sip: LISTEN,
          trunks: {
            sipp: {
              uri: servers.map(({ uri }) => uri.replace("100@", "")),
              username: "ann",
              password: "secret",
              headers: { "X-Trunk": "yes" },
            },
          },
        });
        try {
          const call = await gateway.gateway.dial({
            to: "200",
            trunk: "sipp",
            route: "bot",
            ...row.given,
          });
          expect(await call.answer).toMatchObject(row.answer);
          const runs = await Promise.all(servers.map(({ result }) => result));
          for (const run of runs) expectSuccess(run);
          expect(await gateway.ended(1)).toMatchObject([row.record]);
          await gateway.idle();
          expect(gateway.gateway.counters.get("internal_errors")).toBe(0);
          row.check?.(runs.at(-1)?.messages ?? []);
        } finally {
          await gateway.stop();
        }
      }, { isConcurrent: true });
    }
  }
});
