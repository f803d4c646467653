import { describe, expect, test } from "bun:test";
import { configFrom, formatIssue, loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";

const ROUTES = "routes: [{ echo: true }]\n";
const TLS = "tls: { certificate: a.pem, key: a.key }";

function load(sections: string): Config {
  const loaded = loadConfig(ROUTES + sections, { file: "routes.yaml", env: {} });
  if (!loaded.ok) throw new Error(loaded.errors.map(formatIssue).join("\n"));
  return loaded.config;
}

function errors(sections: string): readonly string[] {
  const loaded = loadConfig(ROUTES + sections, { file: "routes.yaml", env: {} });
  return loaded.ok ? [] : loaded.errors.map(formatIssue);
}

function warnings(sections: string): readonly string[] {
  const loaded = loadConfig(ROUTES + sections, { file: "routes.yaml", env: {} });
  return loaded.ok ? loaded.warnings.map(formatIssue) : ["does not hold"];
}

describe("listeners", () => {
  test("of every transport have the ports of RFC 3261 §19.1.2 and RFC 7118 §5.2", () => {
    const words = "udp tcp tls ws wss".split(" ");
    const listen = words.map((word, index) => `${word}://10.0.0.${index + 1}`).join(", ");
    const { sip } = load(`sip: { listen: [${listen}], ${TLS} }`);
    expect(sip.listen.map(({ transport, port }) => [transport, port])).toEqual(
      [["udp", 5060], ["tcp", 5060], ["tls", 5061], ["ws", 80], ["wss", 443]],
    );
  });

  test("are text, or a mapping with an address to advertise", () => {
    const { sip } = load(
      "sip: { listen: ['udp://10.0.0.1:5060', { url: 'tcp://10.0.0.1:5060' }, " +
        "{ url: 'udp://10.0.0.1:5070', advertise: 203.0.113.10 }] }",
    );
    expect(sip.listen).toEqual([
      { transport: "udp", address: "10.0.0.1", port: 5060 },
      { transport: "tcp", address: "10.0.0.1", port: 5060 },
      { transport: "udp", address: "10.0.0.1", port: 5070, advertise: "203.0.113.10" },
    ]);
  });

  test("with TLS need a certificate: the fault is at their place", () => {
    expect(errors("sip:\n  listen:\n    - udp://0.0.0.0\n    - url: wss://0.0.0.0\n")).toEqual([
      "routes.yaml:5:7: wss:// needs a certificate, set sip.tls.certificate and sip.tls.key",
    ]);
    expect(errors(`sip: { listen: ["tls://0.0.0.0"], tls: { ca: ca.pem } }`)).toHaveLength(1);
    expect(errors(`sip: { listen: ["tls://0.0.0.0"], ${TLS} }`)).toEqual([]);
  });

  test("at one place are a fault, and so are two transports over one port of TCP", () => {
    expect(errors("sip: { listen: ['udp://[::1]:5060', 'udp://[::1]'] }"))
      .toEqual(["routes.yaml:2:37: udp://[::1]:5060 stands here twice, remove one"]);
    expect(errors(`sip: { listen: ["tls://0.0.0.0:443", "wss://0.0.0.0"], ${TLS} }`)[0])
      .toContain("wss://0.0.0.0:443 cannot share its port with tls://0.0.0.0:443");
    expect(errors("sip: { listen: ['udp://0.0.0.0', 'tcp://0.0.0.0'] }")).toEqual([]);
    expect(errors("sip: { listen: ['udp://0.0.0.0:0', 'udp://0.0.0.0:0'] }")).toEqual([]);
  });
});

describe("signalling", () => {
  test("has a default for every key but tls and auth", () => {
    const { sip, registrations, trunks } = load("");
    expect(sip).toMatchObject({
      session_expires: 1_800_000,
      min_session_expires: 90_000,
      keep_alive: 30_000,
      name_servers: [],
      refer: "refuse",
      per_source: {},
      block: {
        failures: 10,
        within: 60_000,
        duration: 600_000,
        scanners: true,
        exempt: { any: false, ranges: [] },
      },
    });
    expect([sip.tls, sip.auth]).toEqual([undefined, undefined]);
    expect([registrations, trunks]).toEqual([[], {}]);
  });

  test("takes every key", () => {
    const { sip } = load(`
sip:
  tls: { certificate: /c.pem, key: /k.pem, ca: /ca.pem, client_certificate: require, verify: false }
  auth:
    realm: example.com
    users: { pbx: { password: 123 }, "+49 30": { password: "a b" } }
    algorithms: [SHA-512-256, MD5]
    nonce_lifetime: 1m
  session_expires: 0s
  min_session_expires: 10m
  keep_alive: 0s
  name_servers: [10.0.0.53, "127.0.0.1:5353", "2001:db8::53", "[2001:db8::53]:53"]
  refer: trunks
  per_source: { requests_per_second: 10, calls: 2 }
  block: { failures: 3, within: 10s, duration: 1h, scanners: false, exempt: [any] }
`);
    expect(sip).toMatchObject({
      tls: {
        certificate: "/c.pem",
        key: "/k.pem",
        ca: "/ca.pem",
        client_certificate: "require",
        verify: false,
      },
      auth: {
        realm: "example.com",
        users: { "pbx": { password: "123" }, "+49 30": { password: "a b" } },
        algorithms: ["SHA-512-256", "MD5"],
        nonce_lifetime: 60_000,
      },
      session_expires: 0,
      min_session_expires: 600_000,
      keep_alive: 0,
      name_servers: ["10.0.0.53", "127.0.0.1:5353", "2001:db8::53", "[2001:db8::53]:53"],
      refer: "trunks",
      per_source: { requests_per_second: 10, calls: 2 },
      block: {
        failures: 3,
        within: 10_000,
        duration: 3_600_000,
        scanners: false,
        exempt: { any: true, ranges: [] },
      },
    });
  });

  test("tls alone is for where we connect, and auth has a realm of its own", () => {
    const { sip } = load("sip: { tls: {}, auth: { users: { a: { password: b } } } }");
    expect(sip.tls).toEqual({ client_certificate: "none", verify: true });
    expect(sip.auth).toMatchObject({ realm: "voicegw", algorithms: ["MD5"] });
    expect(sip.auth?.nonce_lifetime).toBe(300_000);
  });

  const wrong: Readonly<Record<string, string>> = {
    "tls: { certificate: a.pem }": "set sip.tls.key beside it",
    "tls: { key: a.key }": "set sip.tls.certificate beside it",
    "tls: { certificate: '', key: a.key }": "The name of the file is empty",
    "tls: { client_certificate: always }": "use none, request or require",
    "tls: { verify: maybe }": "Expected true or false",
    "tls: { cert: a.pem }": 'Unknown key "cert"',
    "auth: {}": 'The key "users" is missing',
    "auth: { users: {} }": "write at least one user, or remove sip.auth",
    "auth: { users: { pbx: {} } }": 'The key "password" is missing',
    "auth: { users: { pbx: { password: '' } } }": "The password is empty",
    "auth: { users: { 'a:b': { password: x } } }": "without quotes, colons",
    "auth: { users: { '': { password: x } } }": "has 1 to 128 characters",
    "auth: { realm: '\"', users: { a: { password: x } } }": "without quotes",
    "auth: { users: { a: { password: x } }, algorithms: [] }": "The list is empty",
    "auth: { users: { a: { password: x } }, algorithms: [MD5, MD5] }": "twice",
    "auth: { users: { a: { password: x } }, algorithms: [SHA256] }": 'did you mean "SHA-256"?',
    "auth: { users: { a: { password: x } }, nonce_lifetime: 0s }": "out of range",
    "session_expires: 89s": "out of range, write a duration from 90s to 24h, or 0s",
    "min_session_expires: 60s": "out of range, write a duration from 90s to 24h",
    "{ session_expires: 2m, min_session_expires: 3m }": "lower sip.min_session_expires",
    "keep_alive: 10ms": "or 0s",
    "name_servers: [dns.example.com]": "not the address of a name server",
    "name_servers: ['10.0.0.1:0']": "not the address of a name server",
    "name_servers: ['[10.0.0.1]:53']": "not the address of a name server",
    "refer: yes": "use refuse, trunks or any",
    "per_source: { calls: 0 }": "0 is too small",
    "per_source: { requests_per_second: 0 }": "0 is too small",
    "block: { failures: 0 }": "0 is too small",
    "block: { within: 0s }": "out of range",
    "block: { duration: 0s }": "out of range",
    "block: { exempt: [proxy] }": "is not a range of addresses",
    "block: { scanners: 1 }": "Expected true or false, got 1",
    "listen: [{ advertise: 10.0.0.1 }]": 'The key "url" is missing',
    "listen: [{ url: 'udp://0.0.0.0', advertise: 0.0.0.0 }]": "no address that others can send to",
    "listen: [{ url: 'udp://0.0.0.0', public: 10.0.0.1 }]": 'Unknown key "public"',
    "listen: [{ url: 'udp://pbx' }]": "not a literal address",
    "listen: [5060]": "Expected text or a mapping, got 5060",
  };
  for (const [keys, message] of Object.entries(wrong)) {
    test(`refuses ${keys}`, () => {
      const section = keys.startsWith("{") ? keys : `{ ${keys} }`;
      const found = errors(`sip: ${section}`);
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(message);
      expect(found[0]).toMatch(/^routes\.yaml:2:\d+: [A-Z0-9"]/);
    });
  }
});

describe("registrations", () => {
  const one = (keys: string) =>
    `registrations: [{ registrar: "sip:pbx.example.com", aor: "sip:100@pbx.example.com", ${keys} }]`;

  test("take name and user name from the address of record", () => {
    expect(load(one("password: secret")).registrations).toEqual([{
      name: "100@pbx.example.com",
      registrar: "sip:pbx.example.com",
      aor: "sip:100@pbx.example.com",
      username: "100",
      password: "secret",
      expires: 600_000,
    }]);
    expect(load(one("")).registrations[0]?.username).toBeUndefined();
    const escaped = 'registrations: [{ registrar: "sip:a", aor: "sip:%2B49@a", password: b }]';
    expect(load(escaped).registrations[0]).toMatchObject({ username: "+49", name: "+49@a" });
  });

  test("take every key", () => {
    const keys = 'name: office, username: u, password: p, expires: 1h, contact_user: "bot-1", ' +
      'proxy: "sips:sbc.example.com:5061"';
    expect(load(one(keys)).registrations[0]).toMatchObject({
      name: "office",
      username: "u",
      password: "p",
      expires: 3_600_000,
      proxy: "sips:sbc.example.com:5061",
      contact_user: "bot-1",
    });
  });

  test("have names that are unique, given or not", () => {
    const entry = '{ registrar: "sip:a", aor: "sip:1@a" }';
    const named = '{ name: "1@a", registrar: "sip:b", aor: "sip:2@b" }';
    expect(errors(`registrations: [${entry}, ${named}]`)).toEqual([
      'routes.yaml:2:65: The name "1@a" is taken by registration 1, give this one a name of its own',
    ]);
    expect(errors(`registrations: [${entry}, ${entry}]`)).toHaveLength(1);
  });

  const wrong: Readonly<Record<string, string>> = {
    '{ aor: "sip:1@a" }': 'The key "registrar" is missing',
    '{ registrar: "sip:a" }': 'The key "aor" is missing',
    '{ registrar: pbx, aor: "sip:1@a" }': "write such as sip:pbx.example.com",
    '{ registrar: "tel:1", aor: "sip:1@a" }': "This is no SIP URI",
    '{ registrar: "sip:1@a", aor: "sip:1@a" }': 'leave out what is before "@"',
    '{ registrar: "sip:a", aor: "sip:a" }': "names no user",
    '{ registrar: "sip:a", aor: "sip:1@a", username: u }': "add the key password",
    '{ registrar: "sip:a", aor: "sip:1@a", expires: 0s }': "out of range",
    '{ registrar: "sip:a", aor: "sip:1@a", proxy: "http://a" }': "This is no SIP URI",
    '{ registrar: "sip:a", aor: "sip:1@a", name: "" }': "A name is letters",
    '{ registrar: "sip:a", aor: "sip:1@a", contact_user: "a@b" }': "no user part of a URI",
    '{ registrar: "sip:a", aor: "sip:1@a", user: u }': 'Unknown key "user"',
    '{ registrar: "sip:a;transport=sctp", aor: "sip:1@a" }': "use udp, tcp, tls, ws, wss",
    '{ registrar: "sips:a;transport=udp", aor: "sip:1@a" }': "does not go by UDP",
  };
  for (const [entry, message] of Object.entries(wrong)) {
    test(`refuse ${entry}`, () => {
      const found = errors(`registrations: [${entry}]`);
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(message);
    });
  }
});

describe("trunks", () => {
  test("are one server or several", () => {
    const { trunks } = load(`
trunks:
  carrier:
    uri: [ "sip:a.example.com;transport=tls", "sip:[2001:db8::1]:5070" ]
    username: u
    password: p
    from: sip:+15551234@a.example.com
    headers: { X-Account: 7 }
  pbx_2: { uri: "sip:10.0.0.1" }
`);
    expect(trunks).toEqual({
      carrier: {
        uri: ["sip:a.example.com;transport=tls", "sip:[2001:db8::1]:5070"],
        username: "u",
        password: "p",
        from: "sip:+15551234@a.example.com",
        headers: { "X-Account": "7" },
      },
      pbx_2: { uri: ["sip:10.0.0.1"], headers: {} },
    });
  });

  const wrong: Readonly<Record<string, string>> = {
    "{ a: {} }": 'The key "uri" is missing',
    "{ a: { uri: [] } }": "The list is empty",
    '{ a: { uri: ["sip:a", b] } }': "This is no SIP URI",
    '{ a: { uri: "tel:1" } }': "This is no SIP URI",
    '{ a: { uri: "sip:100@a" } }': 'leave out what is before "@"',
    '{ a: { uri: "sip:a:99999" } }': "Port 99999 is none",
    '{ a: { uri: "sip:a", username: u } }': "add the key password",
    '{ a: { uri: "sip:a", password: p } }': "add the key username",
    '{ a: { uri: "sip:a", from: "+1555" } }': "This is no SIP URI",
    '{ a: { uri: "sip:a", headers: { Via: x } } }': "is written by voicegw",
    '{ a: { uri: "sip:a", headers: { Authorization: x } } }': "is written by voicegw",
    '{ "a b": { uri: "sip:a" } }': "The name of a trunk is letters",
    '{ a: { url: "sip:a" } }': 'Unknown key "url", did you mean "uri"?',
  };
  for (const [section, message] of Object.entries(wrong)) {
    test(`refuse ${section}`, () => {
      const found = errors(`trunks: ${section}`);
      expect(found.join("\n")).toContain(message);
    });
  }
});

test("sections of lists and names can be without entries", () => {
  expect(load("registrations:\ntrunks:\n  # carrier: {}\n")).toMatchObject({
    registrations: [],
    trunks: {},
  });
});

describe("warnings of signalling", () => {
  test("of REFER to trunks where there are none", () => {
    expect(warnings("sip: { refer: trunks }")[0]).toContain("There are no trunks");
    expect(warnings("sip: { refer: trunks }\ntrunks: { a: { uri: 'sip:10.0.0.1' } }")).toEqual([]);
  });

  test("of conditions that nobody can meet", () => {
    const warned = (when: string, sections = "") => {
      const text = `routes: [{ when: { ${when} }, echo: true }]\n${sections}`;
      const loaded = loadConfig(text, { file: "routes.yaml", env: {} });
      return loaded.ok ? loaded.warnings.map(formatIssue) : ["does not hold"];
    };
    const auth = "sip: { auth: { users: { pbx: { password: secret } } } }";
    expect(warned("auth_user: pbx")).toEqual([
      "routes.yaml:1:31: There is no user in sip.auth of this name, so that the route takes no call",
    ]);
    expect(warned("auth_user: pxb", auth)[0]).toContain('did you mean "pbx"?');
    expect(warned("auth_user: pbx", auth)).toEqual([]);
    expect(warned("auth_user: true")).toEqual([]);
    expect(warned("auth_user: 'p*'")).toEqual([]);
    expect(warned("registration: office")[0]).toContain("There is no registration of this name");
    const office = "registrations: [{ name: office, registrar: 'sip:a', aor: 'sip:1@a' }]";
    expect(warned("registration: office", office)).toEqual([]);
  });

  test("everybody may call, and nobody is asked for a password", () => {
    expect(warnings("sip: { allow: [any] }")[0]).toContain("name the addresses that may call");
    const auth = "auth: { users: { a: { password: b } } }";
    expect(warnings(`sip: { allow: [any], ${auth} }`)).toEqual([]);
  });

  test("servers that are not verified, and callers whom any authority vouches for", () => {
    expect(warnings("sip: { tls: { verify: false } }")[0]).toContain("set sip.tls.ca instead");
    const asked = `sip: { tls: { certificate: a, key: b, client_certificate: require } }`;
    expect(warnings(asked)[0]).toContain("A certificate of any public authority will do");
  });
});

describe("files of sip.tls", () => {
  const text = `${ROUTES}sip: { tls: { certificate: c.pem, key: /k.pem, ca: ca/a.pem } }\n`;

  test("are beside the routing file", () => {
    const loaded = loadConfig(text, { file: "/etc/voicegw/routes.yaml", env: {} });
    expect(loaded.ok && loaded.config.sip.tls).toMatchObject({
      certificate: "/etc/voicegw/c.pem",
      key: "/k.pem",
      ca: "/etc/voicegw/ca/a.pem",
    });
    const here = loadConfig(text, { file: "routes.yaml", env: {} });
    expect(here.ok && here.config.sip.tls?.certificate).toBe("c.pem");
    const value = configFrom({ sip: { tls: { ca: "c.pem" } }, routes: [{ echo: true }] });
    expect(value.sip.tls?.ca).toBe("c.pem");
  });

  test("are a fault when they are not there", () => {
    const exists = (path: string) => path === "/k.pem";
    const loaded = loadConfig(text, { file: "conf/routes.yaml", env: {}, exists });
    expect(loaded.ok ? [] : loaded.errors.map(formatIssue)).toEqual([
      'conf/routes.yaml:2:28: There is no file "conf/c.pem"',
      'conf/routes.yaml:2:52: There is no file "conf/ca/a.pem"',
    ]);
  });
});
