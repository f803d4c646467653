import { describe, expect, test } from "bun:test";
import type { CallFacts } from "../../src/route/call_facts.ts";
import {
  callParameters,
  dateText,
  formEncode,
  type Parameters,
  statusParameters,
  streamParameters,
} from "../../src/twilio/request_parameters.ts";
import { callSid } from "../../src/twilio/sids.ts";
import { FACTS } from "../support/call_facts.ts";

const ACCOUNT = `AC${"1".repeat(32)}`;

function parametersOf(facts: Partial<CallFacts>, extra: Parameters = []): Parameters {
  const status = "ringing";
  return callParameters({ facts: { ...FACTS, ...facts }, accountSid: ACCOUNT, status, extra });
}

function formOf(facts: Partial<CallFacts>): Readonly<Record<string, string>> {
  return Object.fromEntries(parametersOf(facts));
}

/** Somebody with that name before the @. */
function party(user: string): CallFacts["from"] {
  return { uri: `sip:${user}@pbx.example`, user, host: "pbx.example", display_name: "" };
}

describe("parameters of a call", () => {
  test("are Twilio's, in order, with every X- header, and more of them last", () => {
    expect(parametersOf({}, [["Digits", "1"]])).toEqual([
      ["CallSid", "CA0198c0de000070008000000000000001"],
      ["AccountSid", ACCOUNT],
      ["From", "sip:alice@example.com"],
      ["To", "100"],
      ["Caller", "sip:alice@example.com"],
      ["Called", "100"],
      ["CallStatus", "ringing"],
      ["ApiVersion", "2010-04-01"],
      ["Direction", "inbound"],
      ["CallerName", "Alice"],
      ["SipDomain", "gw.example"],
      ["SipCallId", "abc@pbx"],
      ["SipSourceIp", "192.0.2.1"],
      ["SipHeader_X-Tenant-ID", "acme"],
      ["SipHeader_X-Room-ID", "support-7"],
      ["Digits", "1"],
    ]);
  });

  test("name numbers as such, and others by their URI", () => {
    for (
      const [user, name] of [
        ["+4930123456", "+4930123456"],
        ["200", "200"],
        ["200#", "sip:200#@pbx.example"],
        ["", "sip:@pbx.example"],
      ] as const
    ) {
      expect(formOf({ from: party(user) })).toMatchObject({ From: name, Caller: name });
    }
  });

  test("tell who sent the call on, where somebody did", () => {
    const diversion = [
      { uri: "sip:300@pbx.example", user: "300", reason: "no-answer" },
      { uri: "sip:bob@pbx.example", user: "bob", reason: "unknown" },
    ];
    expect(formOf({ diversion })["ForwardedFrom"]).toBe("300");
    expect(formOf({ diversion: diversion.slice(1) })["ForwardedFrom"]).toBe("sip:bob@pbx.example");
    expect(formOf({})).not.toHaveProperty("ForwardedFrom");
  });

  test("have the name of a user who has proved it, and of no other", () => {
    expect(formOf({ auth_user: "alice-7" })["SipUsername"]).toBe("alice-7");
    expect(formOf({ auth_user: "" })).not.toHaveProperty("SipUsername");
  });

  test("have the address of an IPv6 source without its brackets", () => {
    expect(formOf({ source: "[2001:db8::1]:5060" })["SipSourceIp"]).toBe("2001:db8::1");
  });
});

describe("parameters of a change", () => {
  test("of a call's status tell when, in which order, and how it ended", () => {
    expect(statusParameters({ at: 0, sequence: 0 })).toEqual([
      ["Timestamp", "Thu, 01 Jan 1970 00:00:00 +0000"],
      ["SequenceNumber", "0"],
      ["CallbackSource", "call-progress-events"],
    ]);
    const end = { durationMs: 1200, sipStatus: 200 };
    expect(statusParameters({ at: 0, sequence: 3, end }).slice(3)).toEqual([
      ["CallDuration", "2"],
      ["SipResponseCode", "200"],
    ]);
  });

  test("of a stream name it, and what went wrong", () => {
    const streamSid = `MZ${"2".repeat(32)}`;
    const stream = { facts: FACTS, accountSid: ACCOUNT, streamSid, name: "ear", at: 0 };
    const started = streamParameters({ ...stream, event: "stream-started" });
    expect(started).toEqual([
      ["AccountSid", ACCOUNT],
      ["CallSid", callSid(FACTS.id)],
      ["StreamSid", streamSid],
      ["StreamName", "ear"],
      ["StreamEvent", "stream-started"],
      ["Timestamp", "1970-01-01T00:00:00.000Z"],
    ]);
    const failed = streamParameters({ ...stream, event: "stream-error", error: "it is down" });
    expect(failed).toContainEqual(["StreamError", "it is down"]);
  });
});

test("dates are written in UTC, RFC 2822 §3.3", () => {
  expect(dateText(Date.UTC(2026, 1, 3, 4, 5, 6))).toBe("Tue, 03 Feb 2026 04:05:06 +0000");
});

test("forms keep every letter of names and values", () => {
  const parameters: Parameters = [
    ["a b", "c+d&e=f"],
    ["SipHeader_X-Näme", "blau 🟦\u0000"],
    ["twice", "1"],
    ["twice", "2"],
  ];
  const text = new TextDecoder().decode(formEncode(parameters));
  expect(text).toMatch(/^[\x21-\x7e]+$/);
  expect([...new URLSearchParams(text)]).toEqual(parameters.map((each) => [...each]));
});
