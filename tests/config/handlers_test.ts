import { describe, expect, test } from "bun:test";
import { configFrom, formatIssue, loadConfig } from "../../src/config/load.ts";
import type { HandlerSpec, Route } from "../../src/route/route.ts";

const NO_ACCOUNT = "AC00000000000000000000000000000000";
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

function errors(text: string): readonly string[] {
  const loaded = loadConfig(text, { file: "r.yaml", env: {} });
  return loaded.ok ? [] : loaded.errors.map(formatIssue);
}

function warnings(text: string): readonly string[] {
  const loaded = loadConfig(text, { file: "r.yaml", env: {} });
  return loaded.ok ? loaded.warnings.map(formatIssue) : ["does not hold"];
}

/** The route of a file with that one, as flow mapping. */
function route(text: string): Route {
  const loaded = loadConfig(`routes: [{ ${text} }]\n`, { file: "r.yaml", env: {} });
  if (!loaded.ok) throw new Error(loaded.errors.map(formatIssue).join("\n"));
  return loaded.config.routes[0] as Route;
}

function handler(text: string): HandlerSpec {
  return route(text).handler;
}

describe("webhook", () => {
  test("is a URL, with every default", () => {
    expect(handler('webhook: "https://bot.example.com/voice?room={room_id}"')).toEqual({
      type: "webhook",
      url: "https://bot.example.com/voice?room={room_id}",
      protocol: "voicegw",
      audio: "none",
      secrets: [],
      account_sid: NO_ACCOUNT,
      timeout: 5000,
      retries: 2,
      headers: {},
      programs: {},
      recordings: "recordings",
      tls: { verify: true },
    });
  });

  test("takes one secret or several", () => {
    const one = `webhook: { url: "https://a", secret: ${SECRET} }`;
    const two = `webhook: { url: "https://a", secret: [${SECRET}, ${SECRET}] }`;
    expect(handler(one)).toMatchObject({ secrets: [SECRET] });
    expect(handler(two)).toMatchObject({ secrets: [SECRET, SECRET] });
  });

  test("takes Twilio's keys beside protocol twilio", () => {
    const sid = "AC0123456789abcdef0123456789ABCDEF";
    expect(handler(
      `webhook: { url: "https://a", protocol: twilio, account_sid: ${sid}, auth_token: tok, ` +
        'status_callback: "https://a/status" }',
    )).toMatchObject({
      account_sid: sid,
      auth_token: "tok",
      status_callback: "https://a/status",
    });
  });

  test("takes headers, programs, folder and TLS", () => {
    expect(handler(
      'webhook: { url: "https://a", headers: { X-Room: "{room_id}" }, programs: { bot: [bot, ' +
        '"{user}"] }, recordings: /rec, tls: { ca: ca.pem, verify: false }, timeout: 3s, retries: 0 }',
    )).toMatchObject({
      headers: { "X-Room": "{room_id}" },
      programs: { bot: ["bot", "{user}"] },
      recordings: "/rec",
      tls: { ca: "ca.pem", verify: false },
      timeout: 3000,
      retries: 0,
    });
  });

  test.each([
    ["webhook: ftp://a", "begin it with https:// or http://"],
    ['webhook: "https://{X-Host}/"', "and the name of a server"],
    ['webhook: "https://a.{X-Host}/"', "path, the query and the fragment"],
    ['webhook: "https://a/{rom_id}"', 'did you mean "room_id"?'],
    ['webhook: "https://a/{match.q}"', 'No condition of this route has a group "q"'],
    ["webhook: { url: https://a, secret: whsec_short }", "openssl rand -base64 32"],
    [`webhook: { url: https://a, protocol: twilio, secret: ${SECRET} }`, "auth_token instead"],
    ["webhook: { url: https://a, protocol: twilio, audio: stream }", "remove audio"],
    ["webhook: { url: https://a, protocol: twilio, programs: { a: [a] } }", "names no programs"],
    ["webhook: { url: https://a, auth_token: a }", "write secret or protocol: twilio"],
    ["webhook: { url: https://a, status_callback: https://a }", "write protocol: twilio"],
    ["webhook: { url: https://a, account_sid: AC1 }", "32 hexadecimal digits"],
    ["webhook: { url: https://a, timeout: 5 }", "write such as 5s"],
    ["webhook: { url: https://a, timeout: 2m }", "from 100ms to 1m"],
    ["webhook: { url: https://a, retries: 11 }", "the most is 10"],
    ["webhook: { url: https://a, headers: { Host: a } }", "written by voicegw"],
    ["webhook: { url: https://a, headers: { Webhook-Id: a } }", "written by voicegw"],
    ["webhook: { url: https://a, headers: { a b: a } }", "not the name of a header"],
    ["webhook: { url: https://a, programs: { a: [] } }", "at least one entry"],
    ['webhook: { url: https://a, programs: { a: ["{user}"] } }', "takes no placeholders"],
    ["webhook: { url: https://a, programs: { ../a: [a] } }", "The name of a program"],
    ["webhook: { url: https://a, tls: { key: a } }", "set certificate beside it"],
    ["webhook: { url: http://10.0.0.1, tls: { ca: a } }", "write https:// or remove tls"],
    ["webhook: { url: https://a, recordings: '' }", "The name of the folder is empty"],
    ["webhook: { url: https://a, protocl: twilio }", 'did you mean "protocol"?'],
    ["webhook: { url: https://a }, answer: auto", "remove answer: auto"],
  ])("%s is refused", (text, message) => {
    const found = errors(`routes: [{ ${text} }]`);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^r\.yaml:1:\d+: /);
    expect(found[0]).toContain(message);
  });
});

describe("websocket", () => {
  test("is a URL, with every default", () => {
    expect(handler('websocket: "ws://10.0.0.5:9000/{room_id}"')).toEqual({
      type: "websocket",
      url: "ws://10.0.0.5:9000/{room_id}",
      protocol: "voicegw",
      parameters: {},
      account_sid: NO_ACCOUNT,
      headers: {},
      timeout: 5000,
      ping: 20_000,
      reconnect: { tries: 0, delay: 0 },
      tls: { verify: true },
    });
  });

  test.each([
    ["off", { tries: 0, delay: 0 }],
    ["5", { tries: 5, delay: 500 }],
    ["{}", { tries: 3, delay: 500 }],
    ["{ tries: 2, delay: 1s }", { tries: 2, delay: 1000 }],
  ])("reconnects: %s", (written, reconnect) => {
    expect(handler(`websocket: { url: wss://a, reconnect: ${written} }`)).toMatchObject({
      reconnect,
    });
  });

  test("has parameters beside protocol twilio", () => {
    const text = 'websocket: { url: wss://a, protocol: twilio, parameters: { room: "{room_id}" } }';
    expect(handler(text)).toMatchObject({ parameters: { room: "{room_id}" } });
  });

  test("can answer itself, unless it is Twilio's", () => {
    expect(route("websocket: wss://a, answer: manual").answer).toBe("manual");
    expect(route("websocket: wss://a, answer: auto").answer).toBe("auto");
    expect(errors("routes: [{ websocket: { url: wss://a, protocol: twilio }, answer: manual }]"))
      .toEqual([
        "r.yaml:1:67: A websocket of Twilio's gives no commands and would never answer, remove " +
        "answer: manual or use exec, webhook or websocket",
      ]);
  });

  test.each([
    ["websocket: https://a", "begin it with wss:// or ws://"],
    ["websocket: { url: wss://a, parameters: { a: b } }", "remove them or write protocol: twilio"],
    ["websocket: { url: wss://a, reconnect: on }", "Expected"],
    ["websocket: { url: wss://a, reconnect: 101 }", "the most is 100"],
    ["websocket: { url: wss://a, ping: 10ms }", "from 1s to 1h, or 0s"],
    ["websocket: { url: wss://a, headers: { Sec-WebSocket-Key: a } }", "written by voicegw"],
    ["websocket: { url: ws://a, tls: {} }", "write wss:// or remove tls"],
  ])("%s is refused", (text, message) => {
    const found = errors(`routes: [{ ${text} }]`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe("audiosocket", () => {
  test("is a URL, or a mapping", () => {
    expect(handler("audiosocket: tcp://bot.example.com:9092"))
      .toEqual({
        type: "audiosocket",
        url: "tcp://bot.example.com:9092",
        timeout: 2000,
        idle: 0,
      });
    expect(handler('audiosocket: { url: "tcp://[::1]:9092", timeout: 1s, idle: 5s }'))
      .toMatchObject({ url: "tcp://[::1]:9092", timeout: 1000, idle: 5000 });
  });

  test.each([
    ["audiosocket: tcp://10.0.0.1", "write such as tcp://10.0.0.1:9092"],
    ["audiosocket: tcp://10.0.0.1:70000", "from 1 to 65535"],
    ["audiosocket: udp://10.0.0.1:1", "is not an AudioSocket server"],
    ["audiosocket: tcp://10.0.0.1:1/path", "is not an AudioSocket server"],
    ['audiosocket: "tcp://{X-Host}:1"', "is not an AudioSocket server"],
    ["audiosocket: tcp://10.0.0.1:1, answer: manual", '"audiosocket" gives no commands'],
  ])("%s is refused", (text, message) => {
    const found = errors(`routes: [{ ${text} }]`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe("exec", () => {
  test("has programs ahead, and limits", () => {
    const limits = "limits: { nice: 5, memory: 512MB, cpu: 10s }";
    expect(handler(`exec: { command: [bot], pool: 4, ${limits} }`)).toEqual({
      type: "exec",
      command: ["bot"],
      env: {},
      stop_after: 2000,
      pool: 4,
      limits: { nice: 5, memory: 512_000_000, cpu: 10_000 },
    });
    expect(handler("exec: { command: [bot], pool: 0, limits: { memory: 2GiB } }"))
      .toMatchObject({ limits: { memory: 2 << 30 >>> 0 } });
  });

  test("of a pool knows no call", () => {
    const text = 'exec: { command: [bot, "{room_id}", "{{x"], env: { T: "{user}" }, pool: 1 }';
    expect(errors(`routes: [{ ${text} }]`).map((each) => each.slice(0, 12)))
      .toEqual(["r.yaml:1:35:", "r.yaml:1:66:"]);
    expect(errors(`routes: [{ ${text.replace(", pool: 1", "")} }]`)).toEqual([]);
  });

  test.each([
    ["pool: 1001", "the most is 1000"],
    ["limits: { nice: 20 }", "the most is 19"],
    ["limits: { memory: 512 }", "write such as 512MB"],
    ["limits: { memory: lots }", "write such as 512MB or 2GiB"],
    ["limits: { memory: 1KB }", "the least is 1MB"],
    ["limits: { cpu: 10 }", "write such as 10s"],
    ["limits: { ram: 1GB }", "known here are nice, memory, cpu"],
  ])("%s is refused", (text, message) => {
    const found = errors(`routes: [{ exec: { command: [a], ${text} } }]`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe("what limits a route", () => {
  test("dead air is a duration, or a mapping", () => {
    expect(route("echo: true").dead_air).toEqual({ limit: 10_000 });
    expect(route("echo: true, dead_air: 3s").dead_air).toEqual({ limit: 3000 });
    expect(route("echo: true, dead_air: 0s").dead_air).toEqual({ limit: 0 });
    expect(route('echo: true, dead_air: { play: "{X-Lang}.wav" }').dead_air)
      .toEqual({ limit: 10_000, play: "{X-Lang}.wav" });
  });

  test("calls at once", () => {
    expect(route("echo: true").max_calls).toBeUndefined();
    expect(route("echo: true, max_calls: 30").max_calls).toBe(30);
  });

  test.each([
    ["dead_air: 10ms", "from 500ms to 1h, or 0s"],
    ["dead_air: 5", "write such as 5s"],
    ["dead_air: { play: '{match.q}.wav' }", 'has a group "q"'],
    ["dead_air: { file: a.wav }", "known here are limit, play"],
    ["max_calls: 0", "the least is 1"],
  ])("%s is refused", (text, message) => {
    const found = errors(`routes: [{ echo: true, ${text} }]`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe("what handlers make use of", () => {
  const load = (text: string) => {
    const loaded = loadConfig(`routes: [{ echo: true }]\n${text}`, { file: "r.yaml", env: {} });
    if (!loaded.ok) throw new Error(loaded.errors.map(formatIssue).join("\n"));
    return loaded.config;
  };

  test("has defaults, of a program's configuration too", () => {
    for (const config of [load(""), load("speech:\nhttp:\nbreaker:\napi:\n")]) {
      expect(config).toMatchObject({
        speech: {},
        http: { targets: "public" },
        breaker: { failures: 5, pause: 30_000 },
      });
      expect(config.api).toBeUndefined();
    }
    expect(configFrom({ routes: [{ echo: true }] }).breaker.failures).toBe(5);
  });

  test("speaks and listens by a list, or a mapping", () => {
    expect(load('speech: { tts: [say, "{text}"], stt: [hear, "{language}"] }').speech).toEqual({
      tts: { exec: ["say", "{text}"], rate: 8000, timeout: 10_000 },
      stt: { exec: ["hear", "{language}"], rate: 16_000, timeout: 5000 },
    });
    expect(load("speech: { tts: { exec: [say], rate: 22050, timeout: 3s } }").speech.tts)
      .toEqual({ exec: ["say"], rate: 22_050, timeout: 3000 });
  });

  test("has an API where one is asked for", () => {
    expect(load("api: {}").api).toEqual({ listen: { address: "127.0.0.1", port: 8080 } });
    expect(load('api: { listen: "[::1]:0", url: "https://a.example/gw" }').api)
      .toEqual({ listen: { address: "::1", port: 0 }, url: "https://a.example/gw" });
  });

  test.each([
    ['speech: { tts: [say, "{txt}"] }', 'did you mean "text"?'],
    ['speech: { tts: [say, "{room_id}"] }', "known here are {text}, {language}, {voice}"],
    ['speech: { stt: [hear, "{text}"] }', "known here are {language}"],
    ['speech: { tts: ["{text}"] }', "takes no placeholders"],
    ["speech: { tts: say }", "Expected a list or a mapping"],
    ["speech: { stt: { exec: [a], rate: 11025 } }", "Expected"],
    ["http: { targets: private }", "use public or any"],
    ["breaker: { failures: -1 }", "the least is 0"],
    ["breaker: { pause: 0s }", "from 100ms to 1h"],
    ["api: { listen: localhost:80 }", "127.0.0.1:8080"],
    ["api: { url: ftp://a }", "begin it with https:// or http://"],
    ["api: { url: https://a/?b }", "from ? or # on"],
  ])("%s is refused", (text, message) => {
    const found = errors(`routes: [{ echo: true }]\n${text}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe("warnings", () => {
  const twilio = "protocol: twilio, auth_token: t";

  test("of what everybody on the way can read", () => {
    expect(warnings("routes: [{ webhook: http://bot.example.com }]")[0])
      .toBe("r.yaml:1:21: Everybody on the way can read what goes over http://, write https://");
    expect(warnings("routes: [{ echo: true, on_error: { websocket: ws://8.8.8.8/a } }]")[0])
      .toContain("write wss://");
    for (
      const own of ["http://10.0.0.1:80", "http://bot", "http://[::1]:80/", "http://a.internal"]
    ) expect(warnings(`routes: [{ webhook: "${own}" }]`)).toEqual([]);
  });

  test("of servers that are not verified", () => {
    expect(warnings("routes: [{ websocket: { url: wss://a, tls: { verify: false } } }]")[0])
      .toContain("set tls.ca instead");
  });

  test("of Twilio's webhooks without signature or API", () => {
    const [unsigned, alone] = warnings(
      "routes: [{ webhook: { url: https://a, protocol: twilio } }]",
    );
    expect(unsigned).toContain("set auth_token");
    expect(alone).toContain("set api");
    expect(warnings(`routes: [{ webhook: { url: https://a, ${twilio} } }]\napi: {}`)).toEqual([]);
  });

  test("of a rate that a stream of Twilio's does not have", () => {
    expect(warnings("routes: [{ websocket: { url: wss://a, protocol: twilio }, rate: 16000 }]")[0])
      .toContain("remove it");
  });

  test("of an API that others reach", () => {
    const routes = "routes: [{ echo: true }]\napi: ";
    expect(warnings(`${routes}{ listen: "0.0.0.0:8080" }`)[0]).toContain("127.0.0.1");
    expect(warnings(`${routes}{ listen: "127.0.0.2:8080" }`)).toEqual([]);
  });

  test("not of events that somebody hears", () => {
    for (const own of ["webhook: https://a", "websocket: wss://a"]) {
      expect(warnings(`routes: [{ ${own}, barge_in: notify }]`)).toEqual([]);
    }
    for (
      const deaf of ["audiosocket: tcp://a:1", "websocket: { url: wss://a, protocol: twilio }"]
    ) {
      expect(warnings(`routes: [{ ${deaf}, barge_in: notify }]`)[0]).toContain("takes no events");
    }
  });
});

describe("files of TLS", () => {
  const text = "routes: [{ webhook: { url: https://a, tls: { ca: ca.pem } }, on_error: " +
    "{ websocket: { url: wss://a, tls: { certificate: c.pem, key: /k.pem } } } }]";

  test("are relative to the routing file", () => {
    const loaded = loadConfig(text, { file: "etc/r.yaml", env: {}, exists: () => true });
    expect(loaded.ok && loaded.config.routes[0]).toMatchObject({
      handler: { tls: { ca: "etc/ca.pem" } },
      on_error: { tls: { certificate: "etc/c.pem", key: "/k.pem" } },
    });
  });

  test("have to be there", () => {
    const loaded = loadConfig(text, {
      file: "etc/r.yaml",
      env: {},
      exists: (path) => path === "/k.pem",
    });
    expect(loaded.ok ? [] : loaded.errors.map(({ path, message }) => `${path}: ${message}`))
      .toEqual([
        'routes[0].webhook.tls.ca: There is no file "etc/ca.pem"',
        'routes[0].on_error.websocket.tls.certificate: There is no file "etc/c.pem"',
      ]);
  });
});
