import { describeSipp, FAST_TIMERS, type RouteHelpers, type SippRow, UDP } from "./sipp_rows.ts";

const HANGUP = { cause: "caller_hangup", sip_status: 200 } as const;
const CANCEL = { cause: "caller_cancel", sip_status: 487, duration_ms: 0 } as const;

function routes({ silence }: RouteHelpers): readonly unknown[] {
  return [
    { when: { "X-Room-ID": "slow" }, play: silence },
    { when: { "X-Room-ID": "busy" }, reject: 486 },
    { when: { "X-Room-ID": "short" }, exec: ["true"] },
  ];
}

const ROWS: readonly SippRow[] = [
  // 50 calls of 200 ms in all: the caller that SIPp brings along
  { scenario: "uac", calls: 50, extra: ["-d", "200"], record: HANGUP },
  { scenario: "basic_call.xml", record: HANGUP },
  { scenario: "cancel_after_180.xml", room: "slow", record: CANCEL },
  { scenario: "hold.xml", record: HANGUP },
  { scenario: "options.xml", record: undefined },
  { scenario: "payload_97.xml", record: HANGUP },
  { scenario: "reject.xml", room: "busy", keys: { status: "486" }, record: undefined },
  { scenario: "same_session_id.xml", calls: 2, record: HANGUP, records: 1 },
  { scenario: "server_bye.xml", room: "short", record: { cause: "handler_hangup" } },
  { scenario: "two_m_lines.xml", record: HANGUP },
  { scenario: "unknown_method.xml", record: undefined },
  { scenario: "wrong_tags.xml", record: HANGUP },
];

/** What is repeated, and what is not. */
const REPETITIONS: readonly SippRow[] = [
  { scenario: "bye_before_ack.xml", record: HANGUP },
  { scenario: "lost_200.xml", record: HANGUP },
  { scenario: "lost_ack.xml", record: { cause: "ack_timeout", sip_status: 200 } },
  { scenario: "retransmitted_invite_after_answer.xml", record: HANGUP },
  { scenario: "retransmitted_invite_before_answer.xml", room: "slow", record: CANCEL },
];

describeSipp({ title: "SIPp calls the gateway", routes, rows: ROWS });

describeSipp({
  title: "SIPp calls the gateway: repetitions",
  routes,
  rows: REPETITIONS.map((row) => ({ ...row, transports: UDP })),
  config: { sip: FAST_TIMERS },
});
