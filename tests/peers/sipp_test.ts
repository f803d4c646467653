import { describeSipp, type SippRow, UDP } from "./sipp_rows.ts";

const HANGUP = { cause: "caller_hangup", sip_status: 200 } as const;

const ROWS: readonly SippRow[] = [
  // 50 calls of 200 ms in all: the caller that SIPp brings along
  { scenario: "uac", calls: 50, extra: ["-d", "200"], record: HANGUP },
  { scenario: "basic_call.xml", record: HANGUP },
  { scenario: "bye_before_ack.xml", transports: UDP, record: HANGUP },
  {
    scenario: "cancel_after_180.xml",
    room: "slow",
    record: { cause: "caller_cancel", sip_status: 487, duration_ms: 0 },
  },
  { scenario: "hold.xml", record: HANGUP },
  { scenario: "lost_200.xml", transports: UDP, record: HANGUP },
  { scenario: "lost_ack.xml", transports: UDP, record: { cause: "ack_timeout", sip_status: 200 } },
  { scenario: "options.xml", record: undefined },
  { scenario: "payload_97.xml", record: HANGUP },
  { scenario: "reject.xml", room: "busy", keys: { status: "486" }, record: undefined },
  { scenario: "retransmitted_invite_after_answer.xml", transports: UDP, record: HANGUP },
  {
    scenario: "retransmitted_invite_before_answer.xml",
    transports: UDP,
    room: "slow",
    record: { cause: "caller_cancel", sip_status: 487 },
  },
  { scenario: "same_session_id.xml", calls: 2, record: HANGUP, records: 1 },
  {
    scenario: "server_bye.xml",
    room: "short",
    record: { cause: "handler_hangup", sip_status: 200 },
  },
  { scenario: "two_m_lines.xml", record: HANGUP },
  { scenario: "unknown_method.xml", record: undefined },
  { scenario: "wrong_tags.xml", record: HANGUP },
];

describeSipp({
  title: "SIPp calls the gateway",
  routes: ({ silence }) => [
    { when: { "X-Room-ID": "slow" }, play: silence },
    { when: { "X-Room-ID": "busy" }, reject: 486 },
    { when: { "X-Room-ID": "short" }, exec: ["true"] },
  ],
  rows: ROWS,
});
