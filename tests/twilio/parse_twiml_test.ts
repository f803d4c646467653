import { describe, expect, test } from "bun:test";
import type { Action } from "../../src/action/action.ts";
import { parseTwiml } from "../../src/twilio/parse_twiml.ts";

function actionsOf(verbs: string): readonly Action[] {
  const parsed = parseTwiml(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Response>${verbs}</Response>`,
  );
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.actions;
}

function refusalOf(text: string): string {
  const parsed = parseTwiml(text);
  return parsed.ok ? "" : parsed.message;
}

const GATHER = {
  action: "gather",
  input: ["dtmf"],
  prompts: [],
  digits_max: Infinity,
  finish_keys: "#",
  timeout: 5000,
  speech_timeout: 1000,
  barge_in: true,
  next: { url: "", method: "POST" },
  on_empty: false,
};

describe("TwiML verbs", () => {
  const rows: readonly (readonly [string, readonly unknown[]])[] = [
    ["", []],
    ["<Say>Hello &amp; welcome</Say>", [{ action: "say", text: "Hello & welcome", loop: 1 }]],
    ['<Say loop="0" voice="anna" language="de-DE"> Guten\n Tag </Say>', [
      { action: "say", text: "Guten Tag", loop: Infinity, voice: "anna", language: "de-DE" },
    ]],
    ["<Say>One <emphasis>two</emphasis> <![CDATA[<three>]]></Say>", [
      { action: "say", text: "One two <three>", loop: 1 },
    ]],
    ["<Play>a.wav?x=1&amp;y=2</Play>", [{ action: "play", url: "a.wav?x=1&y=2", loop: 1 }]],
    ['<Play digits="1w#a"/>', [{ action: "dtmf", digits: "1w#A", duration_ms: 160 }]],
    ["<Pause/>", [{ action: "pause", ms: 1000 }]],
    ['<Pause length="3"/>', [{ action: "pause", ms: 3000 }]],
    ["<Gather/>", [GATHER]],
    [
      '<Gather action="/next" method="GET" input="dtmf speech" numDigits="4" finishOnKey="" timeout="7"' +
      ' speechTimeout="auto" bargeIn="false" actionOnEmptyResult="true" language="en-GB">' +
      "<Say>Press</Say><Pause/><Play>a.wav</Play></Gather>",
      [{
        ...GATHER,
        input: ["dtmf", "speech"],
        digits_max: 4,
        finish_keys: "",
        timeout: 7000,
        barge_in: false,
        on_empty: true,
        language: "en-GB",
        next: { url: "/next", method: "GET" },
        prompts: [
          { action: "say", text: "Press", loop: 1 },
          { action: "pause", ms: 1000 },
          { action: "play", url: "a.wav", loop: 1 },
        ],
      }],
    ],
    ["<Record/>", [{
      action: "record",
      max: 3_600_000,
      silence: 5000,
      finish_keys: "1234567890*#",
      beep: true,
      trim: true,
      next: { url: "", method: "POST" },
    }]],
    ['<Redirect method="GET">/menu</Redirect>', [
      { action: "fetch", next: { url: "/menu", method: "GET" } },
    ]],
    ["<Reject/>", [{ action: "reject", status: 404 }]],
    ['<Reject reason="busy"/>', [{ action: "reject", status: 486 }]],
    ["<Hangup/>", [{ action: "hangup" }]],
    ["<Refer><Sip>sip:200@pbx.example.com;transport=tcp</Sip></Refer>", [
      { action: "transfer", to: "sip:200@pbx.example.com;transport=tcp" },
    ]],
    [
      '<Connect><Stream url="wss://bot.example.com/a?b=1" name="bot">' +
      '<Parameter name="tenant" value="acme"/></Stream></Connect>',
      [{
        action: "websocket",
        url: "wss://bot.example.com/a?b=1",
        protocol: "twilio",
        parameters: { tenant: "acme" },
        ways: "both",
        name: "bot",
      }],
    ],
    ['<Connect action="/after" method="GET"><Stream url="/media"/></Connect>', [
      { action: "websocket", url: "/media", protocol: "twilio", parameters: {}, ways: "both" },
      { action: "fetch", next: { url: "/after", method: "GET" } },
    ]],
    [
      '<Start><Stream url="ws://127.0.0.1:9/" statusCallback="/status"/></Start><Stop><Stream/></Stop>',
      [
        {
          action: "websocket",
          url: "ws://127.0.0.1:9/",
          protocol: "twilio",
          parameters: {},
          ways: "inbound",
          status_callback: { url: "/status", method: "POST" },
        },
        { action: "stop_websocket" },
      ],
    ],
    ['<!-- none --><Hangup unknown="1"/>', [{ action: "hangup" }]],
  ];
  for (const [verbs, actions] of rows) {
    test(
      verbs === "" ? "none" : verbs,
      () => expect(actionsOf(verbs)).toEqual(actions as Action[]),
    );
  }
});

describe("TwiML that is not taken says where and what to write", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["<Response>\n<Sai>x</Sai></Response>", 'line 2: <Sai> is no verb, did you mean "Say"?'],
    [
      "<Response><Dial>+1</Dial></Response>",
      "line 1: <Dial> is not there yet: calls are not bridged",
    ],
    ["<response/>", "line 1: <response> is no TwiML, begin with <Response>"],
    ["<Response><Say>", "unclosed tag"],
    ["<Response><Say>&unknown;</Say></Response>", "line 1:"],
    ['<!DOCTYPE x [<!ENTITY a "b">]><Response/>', "a document type is not taken"],
    ["", "document must contain a root element"],
    ["<Response><Play/></Response>", "line 1: <Play> is empty"],
    ['<Response><Gather input="voice"/></Response>', 'other than "dtmf", "speech" or both'],
    ['<Response><Gather numDigits="x"/></Response>', "numDigits that is no whole number from 1"],
    ["<Response><Gather><Hangup/></Gather></Response>", "cannot be in <Gather>"],
    [
      '<Response><Connect><Stream url="http://x"/></Connect></Response>',
      "needs a url such as wss://",
    ],
    ["<Response><Connect/></Response>", "needs exactly one <Stream>"],
    ["<Response><Refer><Sip>nobody</Sip></Refer></Response>", "is no URI"],
    ['<Response><Say loop="many">x</Say></Response>', "has a loop that is no whole number"],
    [`<Response>${"<Hangup/>".repeat(101)}</Response>`, "has 101 verbs, send at most 100"],
    [`<Response>${"<Say>".repeat(20)}${"</Say>".repeat(20)}</Response>`, "deep in each other"],
    [`<Response><Say>${"x".repeat(4001)}</Say></Response>`, "has more than 4000 characters"],
  ];
  for (const [text, message] of rows) {
    test(text.slice(0, 60), () => expect(refusalOf(text)).toContain(message));
  }
});
