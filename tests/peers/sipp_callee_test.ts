import { describe, expect } from "bun:test";
import { createHash } from "node:crypto";
import type {
  OutboundCallOptions,
  OutboundCallResult,
} from "../../src/gateway/outbound_options.ts";
import { callRoom } from "../support/caller.ts";
import { peerTest } from "../support/peers.ts";
import { tlsText } from "../support/tls_fixtures.ts";
import { type SippTransport, startSippCallee } from "./sipp.ts";
import { ALL, expectSuccess, UDP } from "./sipp_rows.ts";
import { sdp, SippScript } from "./sipp_script.ts";
import { find, headerOf, headersOf, nth, received, type WireMessage } from "./wire_message.ts";
import { voicegwCall } from "./voicegw_call.ts";

/** What was called, and what is known of it. */
interface CalleeRow {
  readonly name: string;
  readonly scenario: SippScript;
  /** Whom the first one redirects us to, if anybody. */
  readonly others?: readonly SippScript[];
  /** Default: all three. */
  readonly transports?: readonly SippTransport[];
  readonly given?: Partial<OutboundCallOptions>;
  readonly extra?: readonly string[];
  readonly result: Partial<OutboundCallResult>;
  readonly check?: (messages: readonly WireMessage[], result: OutboundCallResult) => void;
}

const ANSWERED = { statusCode: 200, answered: true, endedBy: "caller", codec: "PCMU" } as const;
const PROXY = "<sip:proxy@[local_ip]:[local_port];transport=[transport];lr>";
const SDP = { sdp: sdp() };

/** Answers, and waits until the other side hangs up. */
function answering(): SippScript {
  return SippScript.callee().respond("FIRST", 180).respond("FIRST", 200, SDP).receive("ACK");
}

/** A challenge that only the right password answers. */
function challenge(status: 401 | 407, header: string): SippScript {
  return SippScript.callee()
    .respond("FIRST", status, {
      headers: [`${header}: Digest realm="sipp", nonce="abc", qop="auth"`],
    })
    .receive("ACK").again().respond("FIRST", 200, SDP).receive("ACK").answer("BYE");
}

const ANSWERS: readonly CalleeRow[] = [
  {
    name: "RFC 3261 §13.2.2.4 a call that is answered, with sound both ways",
    scenario: answering().answer("BYE"),
    extra: ["-rtp_echo"],
    result: ANSWERED,
    check: (messages, { firstAudioMs, heard }) => {
      expect(received(messages)).toEqual(["INVITE", "ACK", "BYE"]);
      expect(headerOf(find(messages, "BYE"), "Reason")).toContain("cause=16");
      expect(firstAudioMs).toBeDefined();
      expect(heard.length).toBeGreaterThan(1000);
    },
  },
  {
    name: "RFC 3262 §4 a reliable 183 gets its PRACK",
    scenario: SippScript.callee()
      .respond("FIRST", 183, { ...SDP, headers: ["Require: 100rel", "RSeq: 4711"] })
      .answer("PRACK").respond("FIRST", 200).receive("ACK").answer("BYE"),
    result: ANSWERED,
    check: (messages) => {
      expect(headerOf(find(messages, "INVITE"), "Supported")).toContain("100rel");
      expect(headerOf(find(messages, "PRACK"), "RAck")).toBe("4711 1 INVITE");
    },
  },
  {
    name: "RFC 3261 §13.2.1 a 183 with a description, which the 200 repeats",
    scenario: SippScript.callee().respond("FIRST", 183, SDP).pause(100)
      .respond("FIRST", 200, SDP).receive("ACK").answer("BYE"),
    result: ANSWERED,
  },
  {
    name: "RFC 3960 §3.1 one fork describes its announcement in a 183, and another answers",
    scenario: SippScript.callee()
      .respond("FIRST", 183, { sdp: sdp({ formats: ["0"] }), fork: "-fork" }).pause(50)
      .respond("FIRST", 200, { sdp: sdp({ formats: ["8"] }) }).receive("ACK").answer("BYE"),
    given: { codecs: ["PCMU", "PCMA"] },
    result: { ...ANSWERED, codec: "PCMA" },
  },
  {
    name: "RFC 3326 the callee hangs up and says why",
    scenario: answering().pause(100)
      .bye({ headers: ['Reason: Q.850;cause=31;text="Normal, unspecified"'] }),
    result: {
      ...ANSWERED,
      endedBy: "callee",
      peerReason: 'Q.850;cause=31;text="Normal, unspecified"',
    },
  },
  {
    name: "RFC 3261 §12.1.2 ACK and BYE take the route that the 200 recorded",
    scenario: SippScript.callee()
      .respond("FIRST", 200, { ...SDP, headers: [`Record-Route: ${PROXY}`] })
      .receive("ACK").answer("BYE"),
    result: ANSWERED,
    check: (messages) => {
      for (const name of ["ACK", "BYE"]) {
        const request = find(messages, name);
        expect(request.head).toMatch(new RegExp(`^${name} sip:sipp@127\\.0\\.0\\.1:`));
        expect(headersOf(request, "Route")).toHaveLength(1);
        expect(headerOf(request, "Route")).toMatch(/^<sip:proxy@127\.0\.0\.1:\d+;.*lr>$/);
      }
    },
  },
  {
    name: "§13.2.2.4 two forks answer: the second one is acknowledged and ended",
    scenario: SippScript.callee()
      .respond("FIRST", 200, { ...SDP, isRepeated: false })
      .respond("FIRST", 200, { ...SDP, fork: "-fork", isRepeated: false })
      .receive("ACK").receive("ACK").answer("BYE").answer("BYE"),
    transports: UDP,
    result: ANSWERED,
    check: (messages) => {
      const tags = ["ACK", "ACK", "BYE", "BYE"].map((name, index) => {
        const to = headerOf(nth(messages, name, index % 2), "To") ?? "";
        return to.endsWith("-fork") ? "second" : "first";
      });
      expect(tags).toEqual(["first", "second", "second", "first"]);
    },
  },
];

const CHANGES: readonly CalleeRow[] = [
  {
    name: "RFC 3261 §14.2 a re-INVITE of the callee",
    scenario: answering().pause(50)
      .request("INVITE", { sdp: sdp({ version: 2, direction: "sendonly" }) }).expect(200).ack()
      .answer("BYE"),
    result: ANSWERED,
    check: (messages) => expect(find(messages, "200 INVITE").body).toContain("a=recvonly"),
  },
  {
    name: "RFC 3311 §5.2 an UPDATE of the callee",
    scenario: answering().pause(50)
      .request("UPDATE", { sdp: sdp({ version: 2, direction: "inactive" }) }).expect(200)
      .answer("BYE"),
    result: ANSWERED,
    check: (messages) => expect(find(messages, "200 UPDATE").body).toContain("a=inactive"),
  },
  {
    name: "RFC 4028 §9 the callee brings in a session timer, and refreshes",
    scenario: SippScript.callee()
      .respond("FIRST", 200, {
        ...SDP,
        headers: ["Require: timer", "Session-Expires: 600;refresher=uas"],
      }).receive("ACK")
      .request("UPDATE", {
        headers: ["Supported: timer", "Session-Expires: 600;refresher=uac"],
      }).expect(200).answer("BYE"),
    result: ANSWERED,
    check: (messages) => {
      expect(headerOf(find(messages, "INVITE"), "Supported")).toContain("timer");
      expect(headerOf(find(messages, "200 UPDATE"), "Session-Expires")).toBe("600;refresher=uac");
    },
  },
  {
    name: "RFC 3515 §2.4.2 a REFER of the callee is declined",
    scenario: answering().pause(50)
      .request("REFER", { headers: ["Refer-To: <sip:300@127.0.0.1>"] }).expect(603).answer("BYE"),
    result: ANSWERED,
  },
];

const REFUSALS: readonly CalleeRow[] = [
  {
    name: "RFC 3261 §21.4.24 a callee that is busy",
    scenario: SippScript.callee().respond("FIRST", 486).receive("ACK"),
    result: { statusCode: 486, answered: false, endedBy: "nobody" },
  },
  {
    name: "§9.1 nobody answers: CANCEL",
    scenario: SippScript.callee().respond("FIRST", 180)
      .answer("CANCEL").respond("FIRST", 487).receive("ACK"),
    given: { ringTimeout: 400 },
    result: { statusCode: 408, answered: false, responded: true },
    check: (messages) => {
      const [invite, cancel] = [find(messages, "INVITE"), find(messages, "CANCEL")];
      expect(headerOf(cancel, "Via")).toBe(headerOf(invite, "Via"));
      expect(cancel.cseq).toBe("1 CANCEL");
    },
  },
  {
    name: "§9.1 a 200 that crosses the CANCEL is acknowledged and ended",
    scenario: SippScript.callee().respond("FIRST", 180).answer("CANCEL")
      .respond("FIRST", 200, { ...SDP, isRepeated: false }).receive("ACK").answer("BYE"),
    given: { ringTimeout: 400 },
    result: { statusCode: 408, answered: false },
  },
  {
    name: "RFC 7616 §3.4 a callee that asks for a password: 401",
    scenario: challenge(401, "WWW-Authenticate"),
    given: { credentials: { username: "ann", password: "secret" } },
    result: ANSWERED,
    check: (messages) => expectProof(nth(messages, "INVITE", 1), "Authorization"),
  },
  {
    name: "§3.4 a proxy that asks for a password: 407",
    scenario: challenge(407, "Proxy-Authenticate"),
    given: { credentials: { username: "ann", password: "secret" } },
    result: ANSWERED,
    check: (messages) => expectProof(nth(messages, "INVITE", 1), "Proxy-Authorization"),
  },
  {
    name: "§3.4 a password that is not taken is not tried twice",
    scenario: SippScript.callee()
      .respond("FIRST", 401, { headers: ['WWW-Authenticate: Digest realm="sipp", nonce="abc"'] })
      .receive("ACK").again()
      .respond("FIRST", 401, { headers: ['WWW-Authenticate: Digest realm="sipp", nonce="def"'] })
      .receive("ACK"),
    given: { credentials: { username: "ann", password: "secret" } },
    result: { statusCode: 401, answered: false },
    check: (messages) => expect(received(messages)).toEqual(["INVITE", "ACK", "INVITE", "ACK"]),
  },
];

const ELSEWHERE: readonly CalleeRow[] = [
  {
    name: "RFC 3261 §8.1.3.4 a redirection to another SIPp",
    scenario: SippScript.callee().respond("FIRST", 302, { contact: "<[other0]>" }).receive("ACK"),
    others: [answering().answer("BYE")],
    result: ANSWERED,
    check: (_messages, { attempts }) => expect(attempts).toMatchObject([{ statusCode: 302 }]),
  },
  {
    name: "§8.1.3.4 the first of two alternatives is out of order: 503, then the second",
    scenario: SippScript.callee()
      .respond("FIRST", 302, { contact: "<[other1]>;q=0.2, <[other0]>;q=0.7" }).receive("ACK"),
    others: [
      SippScript.callee().respond("FIRST", 503).receive("ACK"),
      answering().answer("BYE"),
    ],
    result: ANSWERED,
    check: (_messages, { attempts }) =>
      expect(attempts.map(({ statusCode }) => statusCode)).toEqual([302, 503]),
  },
  {
    name: "§18.1.1 an INVITE of more than 1300 bytes",
    scenario: answering().answer("BYE"),
    given: { headers: [["X-Padding", "0123456789".repeat(160)]] },
    result: ANSWERED,
    check: (messages) => expect(headerOf(find(messages, "INVITE"), "X-Padding")).toHaveLength(1600),
  },
];

const NAMED = { name: "SIPp is called", rows: [...ANSWERS, ...CHANGES, ...REFUSALS, ...ELSEWHERE] };

describe(NAMED.name, () => {
  for (const row of NAMED.rows) {
    for (const transport of row.transports ?? ALL) {
      peerTest(`${row.name} over ${transport}`, ["sipp"], async () => {
        const others = await Promise.all(
          (row.others ?? []).map((scenario) => startSippCallee({ scenario, transport })),
        );
        const callee = await startSippCallee({
          scenario: row.scenario,
          transport,
          keys: Object.fromEntries(others.map(({ uri }, index) => [`other${index}`, uri])),
          ...(row.extra === undefined ? {} : { extra: row.extra }),
        });
        const result = await callRoom("", "sipp", {
          target: callee.uri,
          tls: { ca: tlsText("ca.pem"), verify: true },
          ...row.given,
        });
        const runs = await Promise.all([callee, ...others].map((one) => one.result));
        for (const run of runs) expectSuccess(run);
        const { heard: _heard, early: _early, ...told } = result;
        expect(told).toMatchObject(row.result);
        row.check?.(runs[0]?.messages ?? [], result);
      }, { isConcurrent: true });
    }
  }

  peerTest("by the command, which says how it went", ["sipp"], async () => {
    const callee = await startSippCallee({
      scenario: answering().answer("BYE"),
      extra: ["-rtp_echo"],
    });
    const { exitCode, output } = await voicegwCall(callee.uri, ["--duration", "500ms"]);
    expectSuccess(await callee.result);
    expect({ exitCode, output: exitCode === 0 ? "" : output }).toEqual({ exitCode: 0, output: "" });
    expect(output).toContain("the call worked");
  });
});

/** Whether an INVITE proves that its sender knows the password, by another digest than ours. */
function expectProof(invite: WireMessage, header: string): void {
  const value = headerOf(invite, header) ?? "";
  const of = (name: string) => new RegExp(`\\b${name}="?([^",]+)"?`).exec(value)?.[1] ?? "";
  const md5 = (...parts: readonly string[]) =>
    createHash("md5").update(parts.join(":")).digest("hex");
  const secret = md5("ann", "sipp", "secret");
  const method = md5("INVITE", of("uri"));
  expect(of("uri")).toBe(/^INVITE (\S+) /.exec(invite.head)?.[1] ?? "");
  expect(of("response"))
    .toBe(md5(secret, "abc", of("nc"), of("cnonce"), "auth", method));
}
