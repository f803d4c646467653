import { expect } from "bun:test";
import { describeSipp, type Seen, type SippRow } from "./sipp_rows.ts";
import { sdp, SippScript, type SippSdp } from "./sipp_script.ts";
import { find, headerOf, nth } from "./wire_message.ts";

const HANGUP = { cause: "caller_hangup", sip_status: 200, codec: "PCMU" } as const;

const VIDEO = ["m=video [media_port] RTP/AVP 96", "a=rtpmap:96 VP8/90000"];
const VIDEO_OFF = ["m=video 0 RTP/AVP 96", "a=rtpmap:96 VP8/90000"];

/** A call with one change of its description and the way back. */
function changed(method: "INVITE" | "UPDATE", there: SippSdp, back: SippSdp): SippScript {
  const script = SippScript.caller().establish().pause(100);
  for (const [index, description] of [there, back].entries()) {
    script.request(method, { sdp: sdp({ version: index + 2, ...description }) }).expect(200);
    if (method === "INVITE") script.ack();
    script.pause(150);
  }
  return script.bye().pause(150);
}

function holdEvents({ events }: Seen): readonly unknown[] {
  return events.map(({ event }) => event).filter((event) => event === "hold" || event === "resume");
}

/** What our descriptions say: that of the answer to the INVITE, and the next two. */
function answers({ messages }: Seen, method: "INVITE" | "UPDATE") {
  // A 200 may come again
  const bodies = ["1 INVITE", `2 ${method}`, `3 ${method}`].map((cseq) =>
    messages.find((message) => message.name === "200" && message.cseq === cseq)?.body ?? ""
  );
  return {
    directions: bodies.map((body) => /^a=(sendrecv|sendonly|recvonly|inactive)$/m.exec(body)?.[1]),
    versions: bodies.map((body) => Number(/^o=\S+ \d+ (\d+) /m.exec(body)?.[1])),
  };
}

interface HoldCase {
  readonly name: string;
  readonly method: "INVITE" | "UPDATE";
  readonly hold: SippSdp;
  /** Our answer to that. */
  readonly direction: string;
}

const HOLDS: readonly HoldCase[] = [
  {
    name: "RFC 3264 §8.4 hold by a re-INVITE with sendonly",
    method: "INVITE",
    hold: { direction: "sendonly" },
    direction: "recvonly",
  },
  {
    name: "§8.4 hold by a re-INVITE with inactive",
    method: "INVITE",
    hold: { direction: "inactive" },
    direction: "inactive",
  },
  {
    name: "§8.4 hold as RFC 2543 had it, by the address 0.0.0.0",
    method: "INVITE",
    hold: { address: "0.0.0.0" },
    direction: "recvonly",
  },
  {
    name: "RFC 3311 §5 hold by an UPDATE",
    method: "UPDATE",
    hold: { direction: "sendonly" },
    direction: "recvonly",
  },
];

const HOLD_ROWS = HOLDS.map(({ name, method, hold, direction }): SippRow => ({
  name,
  scenario: changed(method, hold, { direction: "sendrecv" }),
  room: "told",
  record: HANGUP,
  check: (seen) => {
    const { directions, versions } = answers(seen, method);
    expect(directions).toEqual(["sendrecv", direction, "sendrecv"]);
    const [first = 0] = versions;
    expect(versions).toEqual([first, first + 1, first + 2]);
    expect(holdEvents(seen)).toEqual(["hold", "resume"]);
  },
}));

const CHANGES: readonly SippRow[] = [
  {
    name: "§8.3.2 a re-INVITE with another codec",
    scenario: changed("INVITE", { formats: ["8"] }, { formats: ["8", "101"] }),
    record: { ...HANGUP, codec: "PCMA" },
    check: ({ messages }) =>
      expect(nth(messages, "200 INVITE", 1).body).toMatch(/^m=audio \d+ RTP\/AVP 8$/m),
  },
  {
    name: "§8.3.1 a re-INVITE with another port, and back",
    scenario: changed("INVITE", { port: 9000 }, {}),
    room: "told",
    record: HANGUP,
    check: (seen) => expect(holdEvents(seen)).toEqual([]),
  },
  {
    name: "§8.1 a stream that is added is answered, and its place stays when it is removed",
    scenario: changed("INVITE", { more: VIDEO }, { more: VIDEO_OFF }),
    record: HANGUP,
    check: ({ messages }) => {
      for (const index of [1, 2]) {
        const streams = nth(messages, "200 INVITE", index).body.match(/^m=\S+ \d+/gm);
        expect(streams).toHaveLength(2);
        expect(streams?.[0]).toMatch(/^m=audio [1-9]/);
        expect(streams?.[1]).toBe("m=video 0");
      }
    },
  },
  {
    name: "RFC 3261 §14.2 a re-INVITE without an offer gets ours, and the ACK answers it",
    scenario: SippScript.caller().establish().request("INVITE").expect(200)
      .ack({ sdp: sdp({ version: 2, direction: "sendonly" }) }).pause(150).bye().pause(100),
    room: "told",
    record: HANGUP,
    check: (seen) => {
      expect(nth(seen.messages, "200 INVITE", 1).body).toMatch(/^m=audio \d+ RTP\/AVP 0/m);
      expect(holdEvents(seen)).toEqual(["hold"]);
    },
  },
  {
    name: "§14.2 a re-INVITE that is refused changes nothing",
    scenario: SippScript.caller().establish()
      .request("INVITE", { sdp: sdp({ version: 2, formats: ["18"] }) }).expect(488).ackRefusal()
      .pause(100).request("OPTIONS").expect(200).bye(),
    record: HANGUP,
  },
  {
    name: "§12.2.2 a re-INVITE names another Contact: our BYE goes there",
    scenario: SippScript.caller().establish({ contactUser: "before" })
      .request("INVITE", { sdp: sdp({ version: 2 }), contactUser: "moved" }).expect(200).ack()
      .answer("BYE"),
    room: "briefly",
    record: { cause: "handler_hangup" },
    check: ({ messages }) => expect(find(messages, "BYE").head).toMatch(/^BYE sip:moved@/),
  },
  {
    name: "RFC 3311 §5.2 an UPDATE names another Contact: our BYE goes there",
    scenario: SippScript.caller().establish({ contactUser: "before" })
      .request("UPDATE", { contactUser: "moved" }).expect(200).answer("BYE"),
    room: "briefly",
    record: { cause: "handler_hangup" },
    check: ({ messages }) => expect(find(messages, "BYE").head).toMatch(/^BYE sip:moved@/),
  },
];

const OURS: readonly SippRow[] = [
  {
    name: "RFC 3264 §8.4 our hold offers sendonly, our resume sendrecv",
    scenario: SippScript.caller().establish()
      .receive("INVITE").respond("INVITE", 200, { sdp: sdp({ direction: "recvonly" }) })
      .receive("ACK")
      .receive("INVITE").respond("INVITE", 200, { sdp: sdp({ version: 2 }) })
      .receive("ACK").bye(),
    room: "holds",
    record: HANGUP,
    check: ({ messages }) => {
      expect(nth(messages, "INVITE", 0).body).toContain("a=sendonly");
      expect(nth(messages, "INVITE", 1).body).toContain("a=sendrecv");
    },
  },
  {
    name: "RFC 3261 §14.1 glare: our re-INVITE gets 491, and is tried again after the caller's",
    scenario: SippScript.caller().establish()
      .receive("INVITE").respond("INVITE", 491).receive("ACK")
      .request("INVITE", { sdp: sdp({ version: 2 }) }).expect(200).ack()
      .receive("INVITE").respond("INVITE", 200, { sdp: sdp({ version: 3, direction: "recvonly" }) })
      .receive("ACK").bye(),
    room: "holds once",
    record: HANGUP,
    check: ({ messages }) => {
      expect(nth(messages, "INVITE", 0).body).toContain("a=sendonly");
      expect(nth(messages, "200 INVITE", 1).body).toContain("a=sendrecv");
    },
  },
  {
    name: "§14.2 a re-INVITE while ours is unanswered: 491",
    scenario: SippScript.caller().establish().receive("INVITE")
      .request("INVITE", { sdp: sdp({ version: 2 }) }).expect(491).ackRefusal()
      .respond("INVITE", 200, { sdp: sdp({ version: 2, direction: "recvonly" }) })
      .receive("ACK").bye(),
    room: "holds once",
    record: HANGUP,
  },
  {
    name: "RFC 3311 §5.2 an UPDATE with an offer while ours is unanswered: 491",
    scenario: SippScript.caller().establish().receive("INVITE")
      .request("UPDATE", { sdp: sdp({ version: 2 }) }).expect(491)
      .respond("INVITE", 200, { sdp: sdp({ version: 2, direction: "recvonly" }) })
      .receive("ACK").bye(),
    room: "holds once",
    record: HANGUP,
  },
  {
    name: "RFC 3261 §14.1 our hold is refused: the handler hears of it, and the call goes on",
    scenario: SippScript.caller().establish()
      .receive("INVITE").respond("INVITE", 603).receive("ACK").pause(200).bye().pause(100),
    room: "holds once",
    record: HANGUP,
    check: ({ events }) =>
      expect(events.filter(({ event }) => event === "error")).toMatchObject([{ command: "hold" }]),
  },
];

const SESSION_TIMERS: readonly SippRow[] = [
  {
    name: "RFC 4028 §9 the caller refreshes, by re-INVITE and by UPDATE",
    scenario: timed("Session-Expires: 600;refresher=uac")
      .request("INVITE", {
        headers: ["Supported: timer", "Session-Expires: 600;refresher=uac"],
        sdp: sdp(),
      }).expect(200).ack()
      .request("UPDATE", {
        headers: ["Supported: timer", "Session-Expires: 600;refresher=uac"],
      }).expect(200).bye(),
    record: HANGUP,
    check: ({ messages }) => {
      for (const [name, index] of [["200 INVITE", 0], ["200 INVITE", 1], ["200 UPDATE", 0]]) {
        const response = nth(messages, `${name}`, Number(index));
        expect(headerOf(response, "Session-Expires")).toBe("600;refresher=uac");
        expect(headerOf(response, "Require")).toBe("timer");
      }
      // The description is the same, and so is its version
      expect(nth(messages, "200 INVITE", 1).body).toBe(find(messages, "200 INVITE").body);
    },
  },
  {
    name: "§9 the caller wants us to refresh",
    scenario: timed("Session-Expires: 600;refresher=uas").bye(),
    record: HANGUP,
    check: ({ messages }) =>
      expect(headerOf(find(messages, "200 INVITE"), "Session-Expires")).toBe("600;refresher=uas"),
  },
  {
    name: "§9 the caller knows timers and asks for none: we ask, and refresh",
    scenario: timed().bye(),
    record: HANGUP,
    check: ({ messages }) =>
      expect(headerOf(find(messages, "200 INVITE"), "Session-Expires")).toBe("1800;refresher=uas"),
  },
  {
    name: "§9 the caller knows no timers: there is none",
    scenario: SippScript.caller().establish().bye(),
    record: HANGUP,
    check: ({ messages }) =>
      expect(headerOf(find(messages, "200 INVITE"), "Session-Expires")).toBeUndefined(),
  },
  {
    name: "§6 60 seconds are too few: 422 with Min-SE, and 90 are taken",
    scenario: SippScript.caller()
      .invite({ sdp: sdp(), headers: ["Supported: timer", "Session-Expires: 60"] })
      .expect(422).ackRefusal()
      .establish({ headers: ["Supported: timer", "Session-Expires: 90", "Min-SE: 90"] }).bye(),
    record: HANGUP,
    check: ({ messages }) => {
      expect(headerOf(find(messages, "422"), "Min-SE")).toBe("90");
      expect(headerOf(find(messages, "200 INVITE"), "Session-Expires")).toBe("90;refresher=uac");
    },
  },
  {
    name: "§6 60 seconds in an UPDATE and a re-INVITE: 422, and the session goes on",
    scenario: timed("Session-Expires: 600;refresher=uac")
      .request("UPDATE", { headers: ["Supported: timer", "Session-Expires: 60"] }).expect(422)
      .request("INVITE", { headers: ["Supported: timer", "Session-Expires: 60"], sdp: sdp() })
      .expect(422).ackRefusal().pause(100).bye(),
    record: HANGUP,
  },
];

/** A call that is up, whose caller knows session timers. */
function timed(...headers: readonly string[]): SippScript {
  return SippScript.caller().establish({ headers: ["Supported: timer", ...headers] });
}

describeSipp({
  title: "SIPp calls the gateway: changes of a session",
  routes: ({ exec }) => [
    { when: { "X-Room-ID": "told" }, exec: exec("exec cat") },
    // Ends by itself in half a second
    { when: { "X-Room-ID": "briefly" }, exec: exec("head -c 8000") },
    {
      when: { "X-Room-ID": "holds" },
      exec: exec(
        `sleep 0.2; echo '{"command":"hold"}' >&3; sleep 0.4; ` +
          `echo '{"command":"resume"}' >&3; exec cat`,
      ),
    },
    {
      when: { "X-Room-ID": "holds once" },
      exec: exec(`sleep 0.2; echo '{"command":"hold"}' >&3; exec cat`),
    },
  ],
  rows: [...HOLD_ROWS, ...CHANGES, ...OURS, ...SESSION_TIMERS],
});
