import { expect } from "bun:test";
import { describeSipp, type SippRow, STREAMS } from "./sipp_rows.ts";
import { sdp, SippScript } from "./sipp_script.ts";
import { find, headerOf, headersOf, received } from "./wire_message.ts";

const HANGUP = { cause: "caller_hangup", sip_status: 200, codec: "PCMU" } as const;

const PROXY = "<sip:proxy@[local_ip]:[local_port];transport=[transport]";
/** More than any datagram of Ethernet carries. */
const PADDING = `X-Padding: ${"0123456789".repeat(160)}`;

/** A call with a request in it, without any pause that keeps messages apart. */
function briskCall(headers: readonly string[] = []): SippScript {
  return SippScript.caller().establish({ headers }).request("OPTIONS").expect(200).bye();
}

/** An INVITE that is refused. */
function refused(status: number, parts: Parameters<SippScript["invite"]>[0] = {}): SippScript {
  return SippScript.caller().invite({ sdp: sdp(), ...parts }).expect(status).ackRefusal().pause(50);
}

const OFFERS: readonly SippRow[] = [
  {
    name: "RFC 3264 §5 an INVITE without an offer gets ours, and the ACK answers it",
    scenario: SippScript.caller().invite().expect(200)
      .ack({ sdp: sdp({ formats: ["8"] }) }).pause(100).bye(),
    record: { ...HANGUP, codec: "PCMA" },
    check: ({ messages }) => {
      const { body } = find(messages, "200 INVITE");
      expect(body).toMatch(/^m=audio \d+ RTP\/AVP 0 8 101$/m);
    },
  },
  {
    name: "an ACK that leaves our offer unanswered ends the call",
    scenario: SippScript.caller().invite().expect(200).ack().answer("BYE"),
    record: { cause: "refused", sip_status: 200, detail: "The ACK brought no SDP answer" },
    check: ({ messages }) =>
      expect(headerOf(find(messages, "BYE"), "Reason")).toContain("cause=21"),
  },
];

const ROUTES: readonly SippRow[] = [
  {
    name: "RFC 3261 §12.2.1.1 the caller's requests come by the route that was recorded",
    scenario: briskCall([`Record-Route: ${PROXY};lr>`]),
    record: HANGUP,
    check: ({ messages }) => {
      const recorded = headersOf(find(messages, "200 INVITE"), "Record-Route");
      expect(recorded).toHaveLength(1);
      const bye = messages.find(({ name, direction }) => name === "BYE" && direction === "sent");
      expect(bye === undefined ? [] : headersOf(bye, "Route")).toEqual([...recorded]);
    },
  },
  {
    name: "§12.2.1.1 our BYE goes through a loose router to the Contact",
    scenario: SippScript.caller()
      .establish({ headers: [`Record-Route: ${PROXY};lr>`] }).answer("BYE"),
    room: "short",
    record: { cause: "handler_hangup" },
    check: ({ messages }) => {
      const bye = find(messages, "BYE");
      expect(bye.head).toMatch(/^BYE sip:sipp@127\.0\.0\.1:/);
      expect(headersOf(bye, "Route")).toHaveLength(1);
      expect(headerOf(bye, "Route")).toMatch(/^<sip:proxy@127\.0\.0\.1:\d+;.*lr>$/);
    },
  },
  {
    name: "§12.2.1.1 our BYE goes to a strict router, and its last Route is the Contact",
    scenario: SippScript.caller()
      .establish({ headers: [`Record-Route: ${PROXY}>`] }).answer("BYE"),
    room: "short",
    record: { cause: "handler_hangup" },
    check: ({ messages }) => {
      const bye = find(messages, "BYE");
      expect(bye.head).toMatch(/^BYE sip:proxy@127\.0\.0\.1:/);
      expect(headersOf(bye, "Route")).toHaveLength(1);
      expect(headerOf(bye, "Route")).toMatch(/^<sip:sipp@127\.0\.0\.1:/);
    },
  },
];

const CROSSINGS: readonly SippRow[] = [
  {
    name: "RFC 3261 §9.2 a CANCEL that crosses the 200 is answered, and changes nothing",
    scenario: SippScript.caller().invite({ sdp: sdp() }).expect(200)
      .cancel().expect(200).ack().pause(200).bye(),
    record: HANGUP,
    check: ({ messages }) => {
      expect(received(messages)).not.toContain("487 INVITE");
      expect(received(messages)).toContain("200 CANCEL");
    },
  },
  {
    name: "§9.2 a CANCEL for nothing is answered 481",
    scenario: SippScript.caller().request("CANCEL", {}, "initial").expect(481),
    record: undefined,
  },
];

const REFUSALS: readonly SippRow[] = [
  {
    name: "RFC 3261 §8.2.2.3 Require with an unknown word: 420 and Unsupported",
    scenario: refused(420, { headers: ["Require: 100rel, teleport"] }),
    record: undefined,
    check: ({ messages }) =>
      expect(headerOf(find(messages, "420"), "Unsupported")).toBe("teleport"),
  },
  {
    name: "§8.2.3 a body that nobody can read: 415 and Accept",
    scenario: SippScript.caller()
      .invite({ headers: ["Content-Type: text/plain"], body: ["Hello"] })
      .expect(415).ackRefusal().pause(50),
    record: undefined,
    check: ({ messages }) =>
      expect(headerOf(find(messages, "415"), "Accept")).toContain("application/sdp"),
  },
  {
    name: "§8.2.1 a known method that is not served: 405 and Allow",
    scenario: SippScript.caller().request("SUBSCRIBE", {}, "initial").expect(405),
    record: undefined,
    check: ({ messages }) => expect(headerOf(find(messages, "405"), "Allow")).toContain("INVITE"),
  },
  {
    name: "RFC 3264 §6 no codec in common: 488 and Warning",
    scenario: refused(488, { sdp: sdp({ formats: ["18"] }) }),
    record: undefined,
    check: ({ messages }) => expect(headerOf(find(messages, "488"), "Warning")).toMatch(/^30\d /),
  },
  ...["BYE", "UPDATE", "INFO", "PRACK", "NOTIFY"].map((method): SippRow => ({
    name: `RFC 3261 §12.2.2 ${method} without a dialog: 481`,
    scenario: SippScript.caller().request(method, {
      uri: "sip:[service]@[remote_ip]:[remote_port]",
      headers: ["RAck: 1 1 INVITE", "Event: refer"],
    }).expect(481),
    record: undefined,
  })),
];

const MESSAGES: readonly SippRow[] = [
  {
    name: "RFC 3261 §18.1.1 an INVITE of more than 1300 bytes",
    scenario: briskCall([PADDING]),
    record: HANGUP,
  },
  {
    name: "§7.5 messages in fragments of a few bytes",
    scenario: briskCall([PADDING]),
    transports: STREAMS,
    cut: "fragments",
    record: HANGUP,
  },
  {
    name: "§7.5 several messages in one segment",
    scenario: briskCall(),
    transports: STREAMS,
    cut: "together",
    record: HANGUP,
  },
  {
    name: "RFC 5626 §4.4.1 keep-alives before every message",
    scenario: briskCall(),
    transports: STREAMS,
    cut: "kept_alive",
    record: HANGUP,
  },
];

const KEYS: readonly SippRow[] = [
  {
    name: "keys by INFO, in both ways of writing them, reach the handler once each",
    scenario: SippScript.caller().establish()
      .request("INFO", {
        headers: ["Content-Type: application/dtmf-relay"],
        body: ["Signal=5", "Duration=160"],
      }).expect(200)
      .request("INFO", { headers: ["Content-Type: application/dtmf"], body: ["#"] }).expect(200)
      .pause(200).bye().pause(200),
    room: "told",
    record: HANGUP,
    check: ({ events }) => {
      const keys = events.filter(({ event }) => event === "dtmf");
      expect(keys).toMatchObject([
        { digit: "5", duration_ms: 160, source: "info" },
        { digit: "#", source: "info" },
      ]);
    },
  },
];

describeSipp({
  title: "SIPp calls the gateway: dialogs",
  routes: ({ exec }) => [
    { when: { "X-Room-ID": "short" }, exec: ["true"] },
    { when: { "X-Room-ID": "told" }, exec: exec("exec cat") },
  ],
  rows: [...OFFERS, ...ROUTES, ...CROSSINGS, ...REFUSALS, ...MESSAGES, ...KEYS],
});
