import { expect } from "bun:test";
import { describeSipp, FAST_TIMERS, type SippRow, UDP } from "./sipp_rows.ts";
import { sdp, SippScript } from "./sipp_script.ts";
import { find, headerOf, nth, received } from "./wire_message.ts";

const HANGUP = { cause: "caller_hangup", sip_status: 200, codec: "PCMU" } as const;

const SUPPORTED = { headers: ["Supported: 100rel"] };
const REQUIRED = { headers: ["Require: 100rel"] };
const RSEQ = { keep: { rseq: ["RSeq:", "[0-9]+"] } } as const;
const RACK = "RAck: [$rseq] 1 INVITE";

/** Is heard at once, and answered half a second later. */
const EARLY = "early";
const ANSWER = `echo '{"command":"answer"}' >&3; exec cat`;

const ROWS: readonly SippRow[] = [
  {
    name: "RFC 3261 §13.2.1 early media for a caller without 100rel",
    scenario: SippScript.caller().invite({ sdp: sdp() }).expect(183).expect(200).ack().bye(),
    room: EARLY,
    record: HANGUP,
    check: ({ messages }) => {
      const early = find(messages, "183");
      expect(headerOf(early, "RSeq")).toBeUndefined();
      // The 183 may be lost: the 200 says the same once more
      expect(find(messages, "200 INVITE").body).toBe(early.body);
    },
  },
  {
    name: "RFC 3262 §3 100rel supported: the 183 is reliable, and the 200 comes after its PRACK",
    scenario: SippScript.caller().invite({ sdp: sdp(), ...SUPPORTED }).expect(183, RSEQ)
      .request("PRACK", { headers: [RACK] }).expect(200)
      .expect(200).ack().bye(),
    room: EARLY,
    record: HANGUP,
    check: ({ messages }) => {
      const early = find(messages, "183");
      expect(headerOf(early, "Require")).toBe("100rel");
      expect(early.body).toContain("m=audio");
      expect(received(messages).slice(-4)).toEqual([
        "183 INVITE",
        "200 PRACK",
        "200 INVITE",
        "200 BYE",
      ]);
      expect(find(messages, "200 INVITE").body).toBe("");
    },
  },
  {
    name: "§3 100rel required: the 180 is reliable, too",
    scenario: SippScript.caller().invite({ sdp: sdp(), ...REQUIRED }).expect(180, RSEQ)
      .request("PRACK", { headers: [RACK] }).expect(200)
      .expect(183, { keep: { later: ["RSeq:", "[0-9]+"] } })
      .request("PRACK", { headers: ["RAck: [$later] 1 INVITE"] }).expect(200)
      .expect(200).ack().bye(),
    room: "ringing",
    record: HANGUP,
    check: ({ messages }) => {
      const numbers = [find(messages, "180"), find(messages, "183")]
        .map((message) => Number(headerOf(message, "RSeq")));
      expect(numbers[1]).toBe((numbers[0] ?? 0) + 1);
    },
  },
  {
    name: "§3 a PRACK that fits nothing: 481, and the one that fits still counts",
    scenario: SippScript.caller().invite({ sdp: sdp(), ...SUPPORTED }).expect(183, RSEQ)
      .request("PRACK", { headers: ["RAck: 4711 1 INVITE"] }).expect(481)
      .request("PRACK", { headers: [RACK] }).expect(200)
      .expect(200).ack().bye(),
    room: EARLY,
    record: HANGUP,
  },
  {
    name: "§5 our offer in the 183, and its answer in the PRACK",
    scenario: SippScript.caller().invite(SUPPORTED).expect(183, RSEQ)
      .request("PRACK", {
        headers: [RACK],
        sdp: sdp({ formats: ["8"] }),
      }).expect(200)
      .expect(200).ack().bye(),
    room: EARLY,
    record: { ...HANGUP, codec: "PCMA" },
    check: ({ messages }) => {
      expect(find(messages, "183").body).toMatch(/^m=audio \d+ RTP\/AVP 0 8 101$/m);
      expect(find(messages, "200 INVITE").body).toBe("");
    },
  },
  {
    name: "§5 a new offer in the PRACK is answered in its 200",
    scenario: SippScript.caller().invite({ sdp: sdp(), ...SUPPORTED }).expect(183, RSEQ)
      .request("PRACK", {
        headers: [RACK],
        sdp: sdp({ version: 2, formats: ["8"] }),
      }).expect(200)
      .expect(200).ack().bye(),
    room: EARLY,
    record: { ...HANGUP, codec: "PCMA" },
    check: ({ messages }) =>
      expect(find(messages, "200 PRACK").body).toMatch(/^m=audio \d+ RTP\/AVP 8$/m),
  },
  {
    name: "RFC 3311 §5.1 an UPDATE before the answer changes the description",
    scenario: SippScript.caller().invite({ sdp: sdp(), ...SUPPORTED }).expect(183, RSEQ)
      .request("PRACK", { headers: [RACK] }).expect(200)
      .request("UPDATE", { sdp: sdp({ version: 2, direction: "sendonly" }) }).expect(200)
      .expect(200).ack().bye(),
    room: EARLY,
    record: HANGUP,
    check: ({ messages }) => expect(find(messages, "200 UPDATE").body).toContain("a=recvonly"),
  },
  {
    name: "RFC 3261 §9.2 CANCEL after the reliable 183",
    scenario: SippScript.caller().invite({ sdp: sdp(), ...SUPPORTED }).expect(183, RSEQ)
      .request("PRACK", { headers: [RACK] }).expect(200)
      .cancel().expect(200).expect(487).ackRefusal().pause(50),
    room: "undecided",
    record: { cause: "caller_cancel", sip_status: 487, duration_ms: 0 },
  },
  {
    name: "RFC 3262 §3 the 200 waits for the PRACK of the 183",
    scenario: SippScript.caller().invite({ sdp: sdp(), ...SUPPORTED, isRepeated: false })
      .expect(183, RSEQ).pause(400)
      .request("PRACK", { headers: [RACK] }).expect(200)
      .expect(200).ack().bye(),
    room: "hasty",
    record: HANGUP,
  },
];

describeSipp({
  title: "SIPp calls the gateway: early media and 100rel",
  routes: ({ exec }) => [
    {
      when: { "X-Room-ID": EARLY },
      exec: exec(`head -c 1600 /dev/zero; sleep 0.5; ${ANSWER}`),
      answer: "manual",
    },
    {
      when: { "X-Room-ID": "ringing" },
      exec: exec(
        `echo '{"command":"ring"}' >&3; sleep 0.2; head -c 1600 /dev/zero; sleep 0.3; ${ANSWER}`,
      ),
      answer: "manual",
    },
    {
      when: { "X-Room-ID": "hasty" },
      exec: exec(`head -c 1600 /dev/zero; sleep 0.1; ${ANSWER}`),
      answer: "manual",
    },
    {
      when: { "X-Room-ID": "undecided" },
      exec: exec("head -c 1600 /dev/zero; cat >/dev/null"),
      answer: "manual",
    },
  ],
  rows: ROWS,
});

describeSipp({
  title: "SIPp calls the gateway: early media that is never acknowledged",
  config: { sip: FAST_TIMERS },
  routes: ({ exec }) => [
    {
      when: { "X-Room-ID": "undecided" },
      exec: exec("head -c 1600 /dev/zero; cat >/dev/null"),
      answer: "manual",
    },
  ],
  rows: [
    {
      name: "§3 the 183 is repeated until 64*T1, then the INVITE fails with 504",
      scenario: SippScript.caller().invite({ sdp: sdp(), ...SUPPORTED, isRepeated: false })
        .expect(183).expect(504).ackRefusal().pause(50),
      transports: UDP,
      room: "undecided",
      record: { cause: "prack_timeout", sip_status: 504, duration_ms: 0 },
      check: ({ messages }) => expect(nth(messages, "183 INVITE", 3).cseq).toBe("1 INVITE"),
    },
  ],
});
