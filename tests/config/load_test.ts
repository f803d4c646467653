import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ConfigError, configFrom, formatIssue, loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { DEPTH_MAX, TEXT_LENGTH_MAX } from "../../src/config/yaml_reader.ts";

type Variables = Readonly<Record<string, string>>;

function errors(text: string, env: Variables = {}): readonly string[] {
  const loaded = loadConfig(text, { file: "routes.yaml", env });
  return loaded.ok ? [] : loaded.errors.map(formatIssue);
}

function load(text: string, env: Variables = {}): Config {
  const loaded = loadConfig(text, { file: "routes.yaml", env });
  if (!loaded.ok) throw new ConfigError(loaded.errors);
  return loaded.config;
}

function warnings(text: string): readonly string[] {
  const loaded = loadConfig(text, { file: "routes.yaml", env: {} });
  return loaded.ok ? loaded.warnings.map(formatIssue) : ["does not hold"];
}

describe("the smallest file", () => {
  const config = load("routes: [{ exec: [cat] }]");

  test("gets every default", () => {
    expect(config.sip.listen).toEqual([
      { transport: "udp", address: "0.0.0.0", port: 5060 },
      { transport: "tcp", address: "0.0.0.0", port: 5060 },
    ]);
    expect(config.sip.allow.any).toBe(false);
    expect(config.sip.allow.ranges.length).toBeGreaterThan(5);
    expect(config.sip).toMatchObject({ refuse: "drop", t1: 500 });
    expect(config.sip.advertise).toBeUndefined();
    expect(config.rtp).toEqual({
      ports: { first: 10000, last: 20000 },
      codecs: ["PCMU", "PCMA"],
      srtp: "optional",
      dtmf_payload_type: 101,
      timeout: 30_000,
      keep_alive: 15_000,
      latch: "auto",
      new_source_after: 0,
      rtcp_interval: 5000,
    });
    expect(config.limits).toEqual({
      calls: 500,
      calls_per_second: 300,
      duration: 14_400_000,
      setup: 60_000,
      lag: 40,
    });
    expect(config.log).toEqual({ level: "info", ladder: "off" });
  });

  test("has one route that takes every call", () => {
    expect(config.routes).toEqual([{
      name: "route-1",
      index: 0,
      line: 1,
      when: [],
      handler: { type: "exec", command: ["cat"], env: {}, stop_after: 2000 },
      answer: "auto",
      rate: 8000,
      barge_in: { mode: "off", after: 300 },
      dtmf: "auto",
      dead_air: { limit: 10_000 },
    }]);
  });

  test("can have sections without keys", () => {
    expect(load("sip:\n  # listen: []\nrtp:\nroutes: [{ echo: true }]\n")).toMatchObject({
      rtp: { latch: "auto" },
    });
  });
});

describe("every handler, short and long", () => {
  const config = load(`
routes:
  - exec: { command: [bot, 5, "{X-A}"], env: { N: 7, T: "{room_id}" }, cwd: /srv, stop_after: 5s }
  - echo: true
  - play: sorry.wav
  - play: { file: a.wav, loop: true }
  - play: { file: a.wav, loop: 3 }
  - play: { file: a.wav, loop: false }
  - reject: 486
  - reject: { status: 403, reason: Members Only, headers: { Retry-After: 120 } }
  - redirect: sip:100@example.com
  - redirect: { to: [sip:a@b, "tel:+1555"], status: 301 }
`);

  test("becomes the same value in both forms", () => {
    expect(config.routes.map((route) => route.handler)).toEqual([
      {
        type: "exec",
        command: ["bot", "5", "{X-A}"],
        env: { N: "7", T: "{room_id}" },
        cwd: "/srv",
        stop_after: 5000,
      },
      { type: "echo" },
      { type: "play", file: "sorry.wav", loop: 1 },
      { type: "play", file: "a.wav", loop: Infinity },
      { type: "play", file: "a.wav", loop: 3 },
      { type: "play", file: "a.wav", loop: 1 },
      { type: "reject", status: 486, headers: {} },
      { type: "reject", status: 403, reason: "Members Only", headers: { "Retry-After": "120" } },
      { type: "redirect", to: ["sip:100@example.com"], status: 302 },
      { type: "redirect", to: ["sip:a@b", "tel:+1555"], status: 301 },
    ]);
  });

  test("knows its line and its default name", () => {
    expect(config.routes.map((route) => route.line).slice(0, 3)).toEqual([3, 4, 5]);
    expect(config.routes[9]?.name).toBe("route-10");
  });
});

describe("faults", () => {
  test("name line, column and the word that was meant", () => {
    expect(errors("routes:\n  - exec: [cat]\n    on_eror: x\n"))
      .toEqual(['routes.yaml:3:5: Unknown key "on_eror", did you mean "on_error"?']);
  });

  test("keys of later versions are unknown", () => {
    for (const key of ["frame", "dial"]) {
      const [first] = errors(`routes:\n  - echo: true\n    ${key}: x\n`);
      expect(first).toContain(`routes.yaml:3:5: Unknown key "${key}"`);
    }
    expect(errors("routes: [{ echo: true }]\nrecords: {}\n")[0]).toContain("records");
    expect(errors("routes: [{ echo: true }]\napi: { token: a }\n")[0]).toContain("token");
    expect(errors("routes: [{ echo: true }]\nrtp: { ptime: 20 }\n")[0]).toContain("ptime");
  });

  test("are found all at once, in the order of the file", () => {
    const found = errors(`
limits: { calls: 0 }
rtp: { codecs: [pcmu], latch: 5 }
routes:
  - name: a
    exec: []
  - name: a
    play: x.wav
    echo: true
    on_error: c
`);
    expect(found).toEqual([
      "routes.yaml:2:18: 0 is too small, the least is 1",
      'routes.yaml:3:17: Unknown value "pcmu", did you mean "PCMU"?',
      "routes.yaml:3:31: Expected auto or strict, got 5",
      "routes.yaml:6:11: The list is empty, write at least one entry",
      'routes.yaml:7:11: The name "a" is taken by route 1',
      'routes.yaml:8:5: A route has exactly one handler, remove "echo" or "play"',
      'routes.yaml:10:15: No route is named "c", give the name of another route',
    ]);
  });

  const wrong: Readonly<Record<string, string>> = {
    "sip: { listen: [] }": "The list is empty",
    "sip: { listen: [tsl://0.0.0.0:5061] }": 'Unknown transport "tsl", did you mean "tls"?',
    "sip: { listen: [sctp://0.0.0.0:5061] }": "use udp, tcp, tls, ws, wss",
    "sip: { listen: [udp://pbx:5060] }": "not a literal address",
    "sip: { listen: [udp://0.0.0.0:99999] }": "too large",
    "sip: { listen: ['udp://::1:5060'] }": "not an address to listen on",
    "sip: { advertise: 0.0.0.0 }": "no address that others can send to",
    "sip: { allow: [10.0.0.0/33] }": "not a range of addresses",
    "sip: { refuse: 404 }": "Expected 403 or drop, got 404",
    "sip: { t1: 500 }": "The unit is missing, write such as 500s or 500ms",
    "sip: { t1: 1ms }": "out of range",
    "sip: 5": "Expected a mapping, got 5",
    "rtp: { address: 0.0.0.0 }": "set sip.advertise beside it",
    "rtp: { ports: 10001-10001 }": "holds no pair",
    "rtp: { ports: 20000-10000 }": "holds no pair",
    "rtp: { ports: 1-70000 }": "from 1 to 65535",
    "rtp: { codecs: [PCMU, PCMU] }": "twice",
    "rtp: { codecs: [G729] }": 'Unknown value "G729"',
    "rtp: { dtmf_payload_type: 95 }": "95 is too small, the least is 96",
    "rtp: { dtmf_payload_type: 100.5 }": "a whole number",
    "rtp: { timeout: 10ms }": "or 0s",
    "limits: { calls: many }": 'Expected a number, got the text "many"',
    "limits: { duration: forever }": "is not a duration",
    "log: { level: warn }": "Unknown value",
  };
  for (const [section, message] of Object.entries(wrong)) {
    test(section, () => {
      const found = errors(`routes: [{ echo: true }]\n${section}\n`);
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(message);
      expect(found[0]).toMatch(/^routes\.yaml:2:\d+: [A-Z0-9"]/);
    });
  }

  const wrongRoutes: Readonly<Record<string, string>> = {
    "{}": "A route needs a handler",
    "{ exec: cat }": 'Expected a list or a mapping, got the text "cat"',
    "{ exec: [''] }": "The program to run is empty",
    "{ exec: ['{X-Program}'] }": "takes no placeholders",
    "{ exec: [bot, '{from.usr}'] }": 'did you mean "from.user"?',
    "{ exec: [bot, '{nonsense_word}'] }": 'write "{{" for a plain brace',
    "{ exec: [bot, true] }": "Expected text, got true",
    "{ exec: { command: [bot], env: { 'A=B': x } } }": "not the name of a variable",
    "{ exec: { command: [bot], env: { VOICEGW_X: x } } }": "is set by voicegw",
    "{ exec: { cwd: /srv } }": 'The key "command" is missing',
    "{ echo: false }": "Expected true, got false",
    "{ play: { file: x, loop: 0 } }": "0 is too small",
    "{ reject: 200 }": "200 is too small, the least is 400",
    "{ reject: { status: 403, headers: { Via: x } } }": "is written by voicegw",
    '{ reject: { status: 403, reason: "a\\r\\nb" } }': "control character",
    "{ redirect: 'http://x' }": "not a URI to call",
    "{ redirect: { to: 'sip:a@b', status: 400 } }": "400 is too large",
    "{ echo: true, name: 'a b' }": "A name is letters",
    "{ echo: true, when: { transport: sctp } }": "use udp, tcp, tls, ws, wss",
    "{ echo: true, answer: manual }": '"echo" gives no commands and would never answer, ' +
      "remove answer: manual or use exec",
    "{ play: a.wav, answer: manual }": '"play" gives no commands',
    "{ reject: 486, answer: manual }": '"reject" gives no commands',
    "{ exec: [a], answer: maybe }": "use auto or manual",
    "{ echo: true, when: { source: x } }": "not an address or a range",
    "{ echo: true, when: { X-A: [a, ''] } }": "The text is empty",
    "{ echo: true, when: }": "Expected a mapping, got nothing",
    "{ echo: true, max_duration: 0s }": "out of range",
    "{ echo: true, on_error: { play: x, echo: true } }": "exactly one handler",
    "{ echo: true, on_error: {} }": "needs a handler",
    "{ echo: true, on_error: { exec: [a, '{match.q}'] } }": 'has a group "q"',
    "{ echo: true, on_error: route-1 }": "goes round in a circle: route-1 → route-1",
    "5": "Expected a mapping, got 5",
  };
  for (const [route, message] of Object.entries(wrongRoutes)) {
    test(`route ${route}`, () => {
      const found = errors(`routes:\n  - ${route}\n`);
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(message);
    });
  }
});

describe("references between routes", () => {
  test("on_error names another route, or is a handler in place", () => {
    const config = load(`
routes:
  - { exec: [a], on_error: sorry }
  - { name: sorry, play: sorry.wav, on_error: { reject: 503 } }
`);
    expect(config.routes[0]?.on_error).toBe("sorry");
    expect(config.routes[1]?.on_error).toEqual({ type: "reject", status: 503, headers: {} });
  });

  test("a circle is found once, at its first route", () => {
    const found = errors(`
routes:
  - { name: out, exec: [a], on_error: x }
  - { name: x, exec: [a], on_error: y }
  - { name: y, exec: [a], on_error: x }
`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("routes.yaml:4:");
    expect(found[0]).toContain("x → y → x");
  });

  test("a route takes the groups of its own conditions and of routes that lead to it", () => {
    const text = (group: string) => `
routes:
  - when: { X-Room-ID: '/^(?<queue>\\w+)$/' }
    exec: [bot, "{match.queue}"]
    on_error: sorry
  - name: sorry
    play: "{match.${group}}.wav"
`;
    expect(errors(text("queue"))).toEqual([]);
    expect(errors(text("queu"))[0]).toContain('did you mean "queue"?');
  });
});

describe("environment variables", () => {
  test("are filled in, with defaults and escapes", () => {
    const env = { ADDRESS: "10.0.0.5", EMPTY: "" };
    const config = load(
      'rtp: { address: "${ADDRESS}" }\n' +
        'routes: [{ exec: [bot, "${EMPTY}x${EMPTY:-a b}", "$${{HOME}", "${NO:-}"] }]\n',
      env,
    );
    expect(config.rtp.address).toBe("10.0.0.5");
    expect(config.routes[0]?.handler).toMatchObject({ command: ["bot", "xa b", "${{HOME}", ""] });
  });

  test("stand for numbers, and for the text of a number", () => {
    const config = load(
      'limits: { calls: "${CALLS}" }\nroutes: [{ when: { to: "${TO}" }, exec: [a, "${TO}"] }]\n',
      { CALLS: "20", TO: "0049" },
    );
    expect(config.limits.calls).toBe(20);
    expect(config.routes[0]?.handler).toMatchObject({ command: ["a", "0049"] });
  });

  test("that are not set are one fault each, and bring no others", () => {
    expect(errors('limits: { duration: "${LONGEST}" }\nroutes: [{ echo: true }]\n')).toEqual([
      "routes.yaml:1:21: The environment variable LONGEST is not set, set it or write " +
      '"${LONGEST:-default}"',
    ]);
    expect(errors('routes: [{ exec: [a, "${1}"] }]')[0]).toContain('write "$${"');
  });

  test("bring no keys, lines or variables of their own", () => {
    const config = load('routes: [{ exec: [a, "${A}"] }]', { A: "x], sip: 5" });
    expect(config.routes[0]?.handler).toMatchObject({ command: ["a", "x], sip: 5"] });
    expect(load('routes: [{ exec: [a, "${A}"] }]', { A: "${{B}", B: "b" }).routes[0]?.handler)
      .toMatchObject({ command: ["a", "${{B}"] });
    expect(errors('routes: [{ exec: [a, "${A}"] }]', { A: "a\nb" })[0])
      .toContain("control character");
  });
});

describe("numbers that are telephone numbers", () => {
  test("keep their form", () => {
    const config = load("routes: [{ when: { to: [+1555, 0049, 100, 1e3] }, exec: [a, 1.50] }]");
    expect(config.routes[0]?.when[0]?.expected).toBe('"+1555" or "0049" or "100" or "1e3"');
    expect(config.routes[0]?.handler).toMatchObject({ command: ["a", "1.50"] });
  });
});

describe("YAML", () => {
  test("faults have a place", () => {
    expect(errors("routes: [\n")[0]).toMatch(/^routes\.yaml:\d+:\d+: [A-Z]/);
    expect(errors("routes: [{ echo: true }]\n---\na: b\n")).toHaveLength(1);
    expect(errors("routes: !!js/function x")[0]).toContain("routes.yaml:1:9");
  });

  test("a key that stands twice is a fault", () => {
    expect(errors("routes: [{ echo: true }]\nroutes: [{ echo: true }]\n"))
      .toEqual(['routes.yaml:2:1: The key "routes" stands here twice, remove one']);
  });

  test("messages that quote the file stay on one line", () => {
    // deno-lint-ignore no-control-regex
    const control = /[\u0000-\u001f]/;
    expect(errors('routes: [{ echo: true, name: "a\\nb\\e[2J" }]\n"x\\ny": 1\n').join("|"))
      .not.toMatch(control);
  });

  test("an empty file says what to write", () => {
    expect(errors("")[0]).toContain("routes: [{ exec: [cat] }]");
    expect(errors("# nothing\n")).toHaveLength(1);
    expect(errors("just text")[0]).toContain("Expected a mapping");
  });

  test("anchors and aliases work", () => {
    const config = load("routes: [{ when: { to: &n '100' }, exec: [a, *n] }]");
    expect(config.routes[0]?.handler).toMatchObject({ command: ["a", "100"] });
  });

  test("bombs of aliases, nesting and size are refused at once", () => {
    const lines = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (const [from, to] of ["ab", "bc", "cd", "de", "ef"]) {
      lines.push(`${to}: &${to} [${new Array(9).fill(`*${from}`).join(",")}]`);
    }
    expect(errors(lines.join("\n"))[0]).toContain("too many values");
    expect(errors("a: &a [*a]")[0]).toContain(`the most is ${DEPTH_MAX} levels`);
    expect(errors("[".repeat(100_000))[0]).toContain("nested too deeply");
    expect(errors("- ".repeat(50_000))[0]).toContain("nested too deeply");
    expect(errors("x".repeat(TEXT_LENGTH_MAX + 1))[0]).toContain("too large");
  });

  test("keys named like properties of every object are only unknown", () => {
    expect(errors("__proto__: {}\nroutes: [{ echo: true }]\n")).toHaveLength(1);
    expect(errors("constructor: {}\nroutes: [{ echo: true }]\n")[0]).toContain("constructor");
  });
});

describe("warnings", () => {
  test("an orderly file has none", () => {
    expect(warnings("routes: [{ when: { X-A: b, Subject: c }, echo: true }]")).toEqual([]);
  });

  test("a route below one that takes every call", () => {
    const found = warnings("routes:\n  - echo: true\n  - { name: b, play: x }\n");
    expect(found).toEqual([
      'routes.yaml:3:5: The route "b" is never reached, since "route-1" above it takes every call',
    ]);
    const target = "routes:\n  - { when: { to: '1' }, echo: true, on_error: b }\n" +
      "  - { name: b, play: x }\n  - echo: true\n";
    expect(warnings(target)[0]).toContain("move that to the end");
    expect(warnings("routes:\n  - { echo: true, on_error: b }\n  - { name: b, play: x }\n"))
      .toEqual([]);
  });

  test("a header that looks like a misspelt fact", () => {
    expect(warnings("routes: [{ when: { form: '100' }, echo: true }]")[0])
      .toContain('did you mean "from"?');
  });

  test("fewer ports than calls, and a dangerous regular expression", () => {
    const found = warnings(
      "rtp: { ports: 10000-10009 }\nroutes: [{ when: { X-A: '/(a+)+/' }, echo: true }]\n",
    );
    expect(found[0]).toContain("enough for 5 calls, fewer than limits.calls (500)");
    expect(found[1]).toContain("run very long");
  });
});

describe("a configuration from a value", () => {
  test("holds like one from a file, without lines or variables", () => {
    const config = configFrom({
      sip: { listen: ["udp://127.0.0.1:0", "tcp://[::1]:0"], allow: ["any"], refuse: "403" },
      rtp: { ports: "10001-10004", timeout: "0s" },
      routes: [{ exec: ["bot", "${{HOME}"] }],
    });
    expect(config.sip.listen[1]).toEqual({ transport: "tcp", address: "::1", port: 0 });
    expect(config.sip).toMatchObject({ refuse: "403", allow: { any: true } });
    expect(config.rtp).toMatchObject({ ports: { first: 10001, last: 10004 }, timeout: 0 });
    expect(config.routes[0]?.line).toBeUndefined();
    expect(config.routes[0]?.handler).toMatchObject({ command: ["bot", "${{HOME}"] });
  });

  test("throws every fault with its path", () => {
    let thrown: unknown;
    try {
      configFrom({ routes: [{ ech: true }], limits: { calls: -1 } });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConfigError);
    expect((thrown as ConfigError).message).toBe(
      "limits.calls: -1 is too small, the least is 1\n" +
        'routes[0].ech: Unknown key "ech", did you mean "echo"?',
    );
  });

  test("of any kind throws nothing else", () => {
    fc.assert(fc.property(fc.anything(), (value) => {
      expect(() => configFrom(value)).toThrow(ConfigError);
    }));
  });
});

test("no text makes the loader throw, and every fault has a place and a message", () => {
  const words = fc.array(
    fc.constantFrom(
      ..."routes sip rtp limits listen when exec play on_error name X-A".split(" ").map((w) =>
        `${w}:`
      ),
      ...[
        "- ",
        "\n",
        "  ",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "&a ",
        "*a ",
        "${A}",
        "|",
        "? ",
        ", ",
        "5s",
        "#",
      ],
    ),
    { maxLength: 30 },
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), words), (text) => {
      const loaded = loadConfig(text, { file: "routes.yaml", env: {} });
      if (loaded.ok) return;
      expect(loaded.errors.length).toBeGreaterThan(0);
      for (const issue of loaded.errors) {
        expect(formatIssue(issue)).toMatch(/^routes\.yaml:[1-9]\d*:[1-9]\d*: [^\r\n]+$/);
      }
    }),
    { numRuns: 400 },
  );
});
