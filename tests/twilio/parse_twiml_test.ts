import { describe, expect, test } from "bun:test";
import fc from "fast-check";
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
  speech_timeout: 5000,
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
        speech_timeout: 1000,
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
    ['<Gather input="speech" timeout="3"/>', [
      { ...GATHER, input: ["speech"], timeout: 3000, speech_timeout: 3000 },
    ]],
    ['<Gather speechTimeout="2"/>', [{ ...GATHER, speech_timeout: 2000 }]],
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
    ['<Connect action="/after"><Stream url="media"/></Connect>', [
      { action: "websocket", url: "media", protocol: "twilio", parameters: {}, ways: "both" },
      { action: "fetch", next: { url: "/after", method: "POST" } },
    ]],
    ['<Stop><Stream name="ear"/></Stop>', [{ action: "stop_websocket", name: "ear" }]],
    ['<Say voice="" language="">x</Say>', [{ action: "say", text: "x", loop: 1 }]],
    ["<Redirect/>", [{ action: "fetch", next: { url: "", method: "POST" } }]],
    ['<!-- none --><Hangup unknown="1"/>', [{ action: "hangup" }]],
  ];
  for (const [verbs, actions] of rows) {
    test(
      verbs === "" ? "none" : verbs,
      () => expect(actionsOf(verbs)).toEqual(actions as Action[]),
    );
  }
});

test("white space and a byte order mark before TwiML are passed over", () => {
  const text = '<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>';
  for (const before of ["\n  ", "\ufeff"]) {
    expect(parseTwiml(before + text)).toEqual({ ok: true, actions: [{ action: "hangup" }] });
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
    [`<Response>${" ".repeat(65_536)}</Response>`, "it is longer than 64 KiB"],
    [`<Response ${attributes(5001)}/>`, "line 1: more than 5000 attributes"],
    [`<Response><${"x".repeat(60_000)}/></Response>`, "x> is no verb, known here are Say, Play,"],
    [`<Response><${"x".repeat(60_000)}`, "line 1: unclosed tag"],
    [`<Response><Play>${"x".repeat(4097)}</Play></Response>`, "a URL of more than 4096 characters"],
    ["<Response><Redirect>/a\nb</Redirect></Response>", "has a URL of more than one line"],
    [`<Response><Say voice="${"x".repeat(129)}">x</Say></Response>`, "has a voice that is longer"],
    [`<Response><Gather>${"<Pause/>".repeat(51)}</Gather></Response>`, "has 51 prompts, send at"],
    [stream('<Parameter name="a" value="b"/>'.repeat(65)), "has 65 parameters, send at most 64"],
    [stream(`<Parameter name="${"x".repeat(2049)}"/>`), "<Parameter> has more than 2048"],
    [stream("<Say/>"), '<Say> cannot be in <Stream>, write <Parameter name="…" value="…"/>'],
    ['<Response><Record maxLength="14401"/></Response>', "no whole number from 0 to 14400"],
    ['<Response><Record playBeep="1"/></Response>', "has a playBeep other than true and false"],
    [
      '<Response><Redirect method="PUT">x</Redirect></Response>',
      "a method other than GET and POST",
    ],
    ['<Response><Reject reason="later"/></Response>', 'other than "rejected" and "busy"'],
    ['<Response><Play digits="x"/></Response>', "has digits other than 0-9"],
  ];
  for (const [text, message] of rows) {
    test(text.slice(0, 60), () => {
      const refusal = refusalOf(text);
      expect(refusal).toContain(message);
      expect(refusal.length).toBeLessThan(256);
    });
  }
});

test("any text is read, or refused in few words", () => {
  const verbs = ["Response", "Say", "Play", "Gather", "Pause", "Connect", "Stream", "Parameter"];
  const name = fc.constantFrom(...verbs, "__proto__", "constructor", "x:y");
  const attribute = fc.constantFrom("url", "loop", "timeout", "length", "digits", "method", "name");
  const value = fc.oneof(fc.string(), fc.nat().map(String));
  const tag = fc.tuple(name, attribute, value, fc.boolean()).map(([verb, key, text, isEmpty]) =>
    `<${verb} ${key}="${text}"${isEmpty ? "/" : ""}>`
  );
  const end = name.map((verb) => `</${verb}>`);
  const document = fc.array(fc.oneof(tag, end, fc.string(), fc.constant("<![CDATA[")), {
    maxLength: 20,
  });
  fc.assert(fc.property(document, (pieces) => {
    const parsed = parseTwiml(`<Response>${pieces.join("")}</Response>`);
    if (!parsed.ok) expect(parsed.message).toMatch(/^[^]{1,255}$/);
  }));
});

function attributes(count: number): string {
  return Array.from({ length: count }, (_, index) => `a${index}="1"`).join(" ");
}

function stream(within: string): string {
  return `<Response><Connect><Stream url="wss://x/">${within}</Stream></Connect></Response>`;
}
