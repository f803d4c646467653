/**
 * Facts of a call, for tests that need some.
 *
 * @module
 */

import type { CallFacts } from "../../src/route/call_facts.ts";

/** Facts of a call as a PBX would send it. */
export const FACTS: CallFacts = {
  id: "0198c0de-0000-7000-8000-000000000001",
  sip_call_id: "abc@pbx",
  room_id: "support-7",
  session_id: "s1",
  participant_id: "s1",
  from: { uri: "sip:alice@example.com", user: "alice", host: "example.com", display_name: "Alice" },
  to: { uri: "sip:100@gw.example", user: "100", host: "gw.example", display_name: "" },
  asserted_identity: null,
  diversion: [],
  request_uri: "sip:100@gw.example",
  user: "100",
  source: "192.0.2.1:5060",
  transport: "udp",
  auth_user: "",
  registration: "",
  reason: "",
  method: "INVITE",
  x_headers: { "X-Tenant-ID": "acme", "X-Room-ID": "support-7" },
  route: "support",
  match: {},
};
