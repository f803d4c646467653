/**
 * The keys that concern audio: those of `rtp`, of routes, and what `check` tells of them.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { describeSettings, describeTable } from "../../cli/describe_config.ts";
import { configFrom, formatIssue, loadConfig } from "../../src/config/load.ts";
import type { Config, Route } from "../../src/config/schema.ts";
import { AUDIO_DEFAULTS } from "../../src/route/route.ts";

function load(text: string): Config {
  const loaded = loadConfig(text, { file: "routes.yaml", env: {} });
  if (!loaded.ok) throw new Error(loaded.errors.map(formatIssue).join("\n"));
  return loaded.config;
}

function rtp(keys: string): Config["rtp"] {
  return load(`routes: [{ echo: true }]\nrtp: { ${keys} }\n`).rtp;
}

function route(keys: string): Route {
  return load(`routes: [{ echo: true, ${keys} }]`).routes[0] as Route;
}

function errors(text: string): readonly string[] {
  const loaded = loadConfig(text, { file: "routes.yaml", env: {} });
  return loaded.ok ? [] : loaded.errors.map(formatIssue);
}

function warnings(text: string): readonly string[] {
  const loaded = loadConfig(text, { file: "routes.yaml", env: {} });
  return loaded.ok ? loaded.warnings.map(formatIssue) : ["does not hold"];
}

describe("rtp.codecs", () => {
  test("takes every codec by its name, in the order of the list", () => {
    const names = ["L16/44100", "opus", "G722", "PCMA", "L16/8000", "PCMU", "L16/16000"] as const;
    expect(rtp(`codecs: [${names.join(", ")}]`).codecs).toEqual(names);
  });

  test("takes L16 as short for its rates", () => {
    expect(rtp("codecs: [L16, PCMU]").codecs)
      .toEqual(["L16/16000", "L16/44100", "L16/8000", "PCMU"]);
  });

  test.each([
    ["[PCMA, PCMU, PCMU]", "The list names PCMU twice, write it once"],
    ["[L16, L16/8000]", "L16/8000 twice, since L16 stands for L16/16000, L16/44100, L16/8000"],
    ["[L16, L16]", "L16/16000 twice, since L16 stands for"],
    ["[L16, opus, opus]", "The list names opus twice, write it once"],
    ["[OPUS]", 'Unknown value "OPUS", did you mean "opus"?'],
    ["[G729x]", 'Unknown value "G729x"'],
    ["[]", "The list is empty"],
    ['"opus, PCMU"', 'Expected a list, got the text "opus, PCMU", write [opus, PCMU]'],
  ])("refuses %s", (codecs, message) => {
    const found = errors(`routes: [{ echo: true }]\nrtp: { codecs: ${codecs} }\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe("the other keys of rtp, and limits.lag", () => {
  test("are read into milliseconds", () => {
    expect(rtp("srtp: required, keep_alive: 20s, new_source_after: 1.5s, rtcp_interval: 2s"))
      .toMatchObject({
        srtp: "required",
        keep_alive: 20_000,
        new_source_after: 1500,
        rtcp_interval: 2000,
      });
    expect(rtp("srtp: never, keep_alive: 0s, new_source_after: 0s, rtcp_interval: 0s"))
      .toMatchObject({ srtp: "never", keep_alive: 0, new_source_after: 0, rtcp_interval: 0 });
    expect(load("routes: [{ echo: true }]\nlimits: { lag: 100ms }\n").limits.lag).toBe(100);
    expect(load("routes: [{ echo: true }]\nlimits: { lag: 0s }\n").limits.lag).toBe(0);
  });

  test.each([
    ["rtp: { srtp: always }", "use never, optional or required"],
    ["rtp: { srtp: true }", "Expected never, optional or required, got true"],
    ["rtp: { keep_alive: 10ms }", "write a duration from 1s to 1h, or 0s"],
    ["rtp: { new_source_after: 10ms }", "from 100ms to 1h, or 0s"],
    ["rtp: { rtcp_interval: 10m }", "from 500ms to 5m, or 0s"],
    ["limits: { lag: 1ms }", "from 5ms to 10s, or 0s"],
  ])("%s is refused", (section, message) => {
    const found = errors(`routes: [{ echo: true }]\n${section}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe("what a route says of audio", () => {
  test("has defaults, of a program's configuration too", () => {
    expect(route("answer: auto")).toMatchObject(AUDIO_DEFAULTS as Required<typeof AUDIO_DEFAULTS>);
    const [made] = configFrom({ routes: [{ echo: true }] }).routes;
    expect(made).toMatchObject(AUDIO_DEFAULTS as Required<typeof AUDIO_DEFAULTS>);
    expect(made).not.toHaveProperty("record");
  });

  test.each([8000, 16_000, 24_000, 32_000, 48_000])("rate: %i", (rate) => {
    expect(route(`rate: ${rate}`).rate).toBe(rate);
  });

  test.each(
    [
      ["off", { mode: "off", after: 300 }],
      ["notify", { mode: "notify", after: 300 }],
      ["clear", { mode: "clear", after: 300 }],
      ["{ mode: clear }", { mode: "clear", after: 300 }],
      ["{ mode: notify, after: 0.2s }", { mode: "notify", after: 200 }],
    ] as const,
  )("barge_in: %s", (written, expected) => {
    expect(route(`barge_in: ${written}`).barge_in).toEqual(expected);
  });

  test.each(["auto", "info", "inband"] as const)("dtmf: %s", (dtmf) => {
    expect(route(`dtmf: ${dtmf}`).dtmf).toBe(dtmf);
  });

  test("record is a file, or a mapping", () => {
    const file = "calls/{room_id}-{id}.wav";
    expect(route(`record: "${file}"`).record).toEqual({ file, on: "answer" });
    expect(route(`record: { file: "${file}" }`).record).toEqual({ file, on: "answer" });
    expect(route(`record: { file: "${file}", on: command }`).record)
      .toEqual({ file, on: "command" });
  });

  test.each([
    ["rate: 11025", "Expected 8000, 16000, 24000, 32000 or 48000"],
    ["rate: 44100", "or 48000, got 44100"],
    ["barge_in: loud", "Expected off, notify, clear or a mapping, got the text"],
    ["barge_in: true", "Expected off, notify, clear or a mapping, got true"],
    ["barge_in: { after: 1s }", 'The key "mode" is missing'],
    ["barge_in: { mode: clear, after: 1ms }", "from 20ms to 10s"],
    ["barge_in: { mode: clear, afer: 1s }", 'Unknown key "afer", did you mean "after"?'],
    ["dtmf: rfc4733", "use auto, info or inband"],
    ["record: ''", "The name of the recording is empty"],
    ["record: calls/", "The name of the recording is empty"],
    ["record: { on: answer }", 'The key "file" is missing'],
    ["record: { file: '{id}.wav', on: start }", "use answer or command"],
    ["record: '{idd}.wav'", "Unknown placeholder"],
    ["record: '{match.queue}.wav'", 'No condition of this route has a group "queue"'],
  ])("%s is refused", (keys, message) => {
    const found = errors(`routes:\n  - echo: true\n    ${keys}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
    expect(found[0]).toMatch(/^routes\.yaml:3:/);
  });

  test("placeholders of a recording take the groups of the route's conditions", () => {
    const when = "when: { X-Room-ID: '/(?<queue>a)/' }";
    expect(route(`${when}, record: "{match.queue}-{id}.wav"`).record?.on).toBe("answer");
  });
});

describe("warnings", () => {
  const ROUTES = "routes: [{ echo: true }]\n";
  const TLS = "tls: { certificate: a.pem, key: a.key }";

  test("of keys that travel in the clear", () => {
    const [first] = warnings(`${ROUTES}rtp:\n  srtp: required\n`);
    expect(first).toContain("routes.yaml:3:9: The keys travel in SIP, which nothing here encrypts");
    expect(warnings(`${ROUTES}rtp: { srtp: optional }\n`)).toEqual([]);
    for (const listen of ["tls://0.0.0.0", "wss://0.0.0.0"]) {
      expect(warnings(`${ROUTES}rtp: { srtp: required }\nsip: { listen: ['${listen}'], ${TLS} }\n`))
        .toEqual([]);
    }
  });

  test("of calls that are all written into one file", () => {
    const [first] = warnings("routes: [{ echo: true, record: call.wav }]");
    expect(first).toContain("into the same file, name it by the call, such as calls/{id}.wav");
    expect(warnings("routes: [{ echo: true, record: '{{{{.wav' }]")).toHaveLength(1);
    expect(warnings("routes: [{ echo: true, record: '{id}.wav' }]")).toEqual([]);
  });

  test("of a recording whose name promises another format", () => {
    expect(warnings("routes: [{ echo: true, record: '{id}.mp3' }]")).toEqual([
      "routes.yaml:1:32: What is written is WAV, have the name end in .wav",
    ]);
    expect(warnings("routes: [{ echo: true, record: '{id}.WAV' }]")).toEqual([]);
  });

  test("of speech and recordings that wait for a program where there is none", () => {
    expect(warnings("routes: [{ echo: true, record: { file: '{id}.wav', on: command } }]")).toEqual(
      [
        "routes.yaml:1:32: Nothing is recorded, since echo gives no commands: leave out on",
      ],
    );
    expect(warnings("routes: [{ play: a.wav, barge_in: notify }]")).toEqual([
      "routes.yaml:1:35: Nobody is told, since play takes no events: write clear, or off",
    ]);
    expect(warnings("routes: [{ play: a.wav, barge_in: notify, on_error: { exec: [cat] } }]"))
      .toEqual([]);
    expect(warnings("routes: [{ play: a.wav, barge_in: clear }]")).toEqual([]);
    expect(warnings("routes: [{ exec: [cat], barge_in: notify }]")).toEqual([]);
  });
});

describe("check tells", () => {
  test("of encryption and lag, unless they are off", () => {
    const told = (sections: string) =>
      describeSettings(load(`routes: [{ echo: true }]\n${sections}`));
    expect(told("")).toMatch(/^SRTP +with callers who offer keys$/m);
    expect(told("")).toMatch(/^limits .*, none new while 40ms late$/m);
    expect(told("rtp: { srtp: required }\n")).toMatch(/^SRTP +always; callers without keys/m);
    const off = told("rtp: { srtp: never }\nlimits: { lag: 0s }\n");
    expect(off).not.toContain("SRTP");
    expect(off).not.toContain("late");
  });

  test("of a route's audio what differs from the defaults", () => {
    const { routes } = load(`
routes:
  - exec: [bot]
    rate: 16000
    barge_in: { mode: clear, after: 200ms }
    dtmf: inband
    record: { file: "{id}.wav", on: command }
    when: { to: a }
  - { echo: true, barge_in: notify, dtmf: info, record: "{id}.wav" }
`);
    const [head, first, second] = describeTable(routes).split("\n");
    expect(head).toContain("AUDIO");
    expect(first).toContain(
      "16 kHz, speech clears after 200ms, DTMF tones heard, records {id}.wav on command",
    );
    expect(second).toContain("speech notifies after 300ms, DTMF by INFO, records {id}.wav");
  });

  test("nothing of audio when all have the defaults", () => {
    expect(describeTable([route("answer: auto")])).not.toContain("AUDIO");
  });
});
