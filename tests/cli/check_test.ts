import { describe, expect, test } from "bun:test";
import { register } from "../../cli/check.ts";
import { tlsText } from "../support/tls_fixtures.ts";
import { runCommand } from "./fake_io.ts";

const GOOD = `
sip: { listen: ["udp://[::1]:5070"], refuse: 403 }
rtp: { ports: 10000-10999 }
routes:
  - name: support
    when: { X-Tenant-ID: acme, to: "+1555*" }
    exec: [python3, bot.py, "--queue={X-Queue}"]
    on_error: sorry
  - name: sorry
    play: sorry.wav
`;

describe("voicegw check", () => {
  test("prints settings and the routing table", async () => {
    const { stdout, stderr, exitCode } = await runCommand(register, ["check"], {
      files: { "routes.yaml": GOOD, "sorry.wav": "", "/usr/bin/python3": "" },
      env: { PATH: "/bin:/usr/bin" },
    });
    expect(exitCode).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toContain("udp://[::1]:5070");
    expect(stdout).toContain("others get 403");
    expect(stdout).toContain("ports 10000-10999, enough for 500 calls");
    expect(stdout).toContain("500 calls at once, 300 new a second, 4h each, 1m to start");
    const table = stdout.slice(stdout.indexOf("   ROUTE")).split("\n");
    expect(table[0]).toMatch(/^ +ROUTE +WHEN +HANDLER +ON ERROR$/);
    expect(table[1]).toContain('exec ["python3","bot.py","--queue={X-Queue}"]  route sorry');
    expect(table[2]?.trim()).toBe('to: "+1555*"');
    expect(table[3]).toMatch(/^2 +sorry +every call +play "sorry\.wav"$/);
    const column = table[0]?.indexOf("WHEN") ?? -1;
    expect(table[2]?.indexOf("to:")).toBe(column);
    expect(stdout).toContain("routes.yaml holds: 2 routes\n");
  });

  test("prints TLS, users, registrations and trunks in a line each", async () => {
    const { stdout, stderr } = await runCommand(register, ["check", "-c", "etc/x.yaml"], {
      files: {
        "etc/x.yaml": `
sip:
  listen: ["tls://0.0.0.0", { url: "udp://10.0.0.1", advertise: 203.0.113.10 }]
  tls: { certificate: a.pem, key: a.key, ca: ca.pem, client_certificate: require }
  auth: { users: { ann: { password: one }, bob: { password: two } } }
registrations: [{ registrar: "sip:pbx.example.com", aor: "sip:100@pbx.example.com" }]
trunks: {${[1, 2, 3, 4, 5, 6].map((n) => ` t${n}: { uri: "sip:10.0.0.${n}" }`).join()} }
routes: [{ exec: [bot], answer: manual }]
`,
        "etc/a.pem": tlsText("server.pem"),
        "etc/a.key": tlsText("server.key"),
        "etc/ca.pem": tlsText("ca.pem"),
        "/bin/bot": "",
      },
    });
    expect(stderr).toBe("");
    expect(stdout).toContain("SIP     tls://0.0.0.0:5061, udp://10.0.0.1:5060 (as 203.0.113.10)");
    expect(stdout).toContain(
      "TLS     certificate etc/a.pem, authorities etc/ca.pem, callers have to",
    );
    expect(stdout).toContain("auth    digest, 2 users in realm voicegw, MD5\n");
    expect(stdout).toContain("logs in 100@pbx.example.com (sip:pbx.example.com)\n");
    expect(stdout).toContain("trunks  t1 (sip:10.0.0.1), t2 (sip:10.0.0.2), ");
    expect(stdout).toContain("t4 (sip:10.0.0.4) and 2 more\n");
    expect(stdout).toContain('exec ["bot"], answers itself\n');
    expect(stdout).not.toMatch(/ann|bob|one,|two/);
  });

  test("files of sip.tls that are not there are errors, with their place", async () => {
    const { stdout, stderr, exitCode } = await runCommand(register, ["check", "-c", "etc/x.yaml"], {
      files: {
        "etc/x.yaml": "sip: { tls: { certificate: a.pem, key: /a.key } }\n" +
          "routes: [{ echo: true }]\n",
        "/a.key": "",
      },
    });
    expect([stdout, exitCode]).toEqual(["", 2]);
    expect(stderr).toBe('etc/x.yaml:1:28: There is no file "etc/a.pem"\n1 error in etc/x.yaml\n');
  });

  test("warns of programs, files and folders that are not there", async () => {
    const files = {
      "x.yaml":
        "routes:\n  - exec: { command: [./bot], cwd: /srv }\n    on_error: { play: no.wav }\n" +
        "    when: { to: '1' }\n  - play: '{X-A}.wav'\n",
    };
    const { stdout, stderr, exitCode } = await runCommand(register, ["check", "-c", "x.yaml"], {
      files,
    });
    expect(exitCode).toBe(0);
    expect(stderr.trim().split("\n")).toEqual([
      'warning: x.yaml:2: Route "route-1": there is no folder "/srv"',
      'warning: x.yaml:2: Route "route-1": there is no program "./bot"',
      'warning: x.yaml:2: Route "route-1": there is no file "no.wav"',
    ]);
    expect(stdout).toContain("(3 warnings)");
  });

  test("takes a program relative to its folder as there", async () => {
    const { stderr } = await runCommand(register, ["check"], {
      files: {
        "routes.yaml": "routes: [{ exec: { command: [./bot], cwd: /srv } }]",
        "/srv": "",
        "/srv/./bot": "",
      },
    });
    expect(stderr).toBe("");
  });

  test("writes every error as file:line:column, and ends with 2", async () => {
    const { stdout, stderr, exitCode } = await runCommand(register, ["check"], {
      files: { "routes.yaml": "routes:\n  - exce: [cat]\nlimits: { calls: 0 }\n" },
    });
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toBe(
      'routes.yaml:2:5: Unknown key "exce", did you mean "exec"?\n' +
        "routes.yaml:3:18: 0 is too small, the least is 1\n" +
        "2 errors in routes.yaml\n",
    );
  });

  test("says what to do when there is no file", async () => {
    const { stderr, exitCode } = await runCommand(register, ["check", "-c", "none.yaml"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Cannot read "none.yaml"');
    expect(stderr).toContain("--config");
  });

  test("fills in the environment", async () => {
    const { stdout } = await runCommand(register, ["check"], {
      files: { "routes.yaml": 'routes: [{ echo: true }]\nsip: { advertise: "${IP}" }\n' },
      env: { IP: "203.0.113.10" },
    });
    expect(stdout).toContain("203.0.113.10");
  });

  test("has help with examples", async () => {
    const { stdout, exitCode } = await runCommand(register, ["check", "--help"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Examples:");
  });
});

describe("voicegw check, certificates", () => {
  const yaml = (keys: string) =>
    `sip: { listen: ["tls://0.0.0.0"], tls: { ${keys} } }\nroutes: [{ echo: true }]\n`;

  async function check(certificate: string, key: string, ca = tlsText("ca.pem")) {
    return await runCommand(register, ["check"], {
      files: {
        "routes.yaml": yaml("certificate: a.pem, key: a.key, ca: ca.pem"),
        ...{ "a.pem": certificate, "a.key": key, "ca.pem": ca },
      },
    });
  }

  test("fails when they cannot be used", async () => {
    const unusable = [
      [tlsText("server.pem"), tlsText("other_name.key"), /sip.tls: The key does not belong to/],
      [tlsText("server.key"), tlsText("server.pem"), /sip.tls: Cannot read the certificate/],
      [tlsText("server.pem"), "nonsense", /sip.tls: Cannot read the key/],
    ] as const;
    for (const [certificate, key, words] of unusable) {
      const { exitCode, stderr, stdout } = await check(certificate, key);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(words);
      expect(stderr).not.toContain("PRIVATE KEY-----\n");
      expect(stdout).toBe("");
    }
    const { stderr } = await check(tlsText("server.pem"), tlsText("server.key"), "nonsense");
    expect(stderr).toMatch(/sip.tls: Cannot read the ca/);
  });

  test("warns of one that has expired", async () => {
    const { exitCode, stderr } = await check(tlsText("expired.pem"), tlsText("expired.key"));
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      "warning: routes.yaml: sip.tls.certificate: a.pem has expired on 2025-01-02, renew it\n",
    );
  });
});

describe("voicegw check, servers", () => {
  const text = `
speech: { tts: [say, "{text}"], stt: [./hear] }
breaker: { failures: 3, pause: 10s }
api: { url: "https://gw.example" }
routes:
  - name: web
    when: { X-App: web }
    webhook: { url: "https://me:pass@bot.example/{room_id}?key=hidden&to={user}", programs: { x: [nobody] } }
    max_calls: 1
    dead_air: { limit: 3s, play: wait.wav }
  - name: bot
    when: { X-App: bot }
    websocket: { url: "wss://bot.example/", protocol: twilio }
    dead_air: 5s
    on_error: { audiosocket: "tcp://10.0.0.7:9092" }
  - exec: { command: [bot], pool: 4 }
    dead_air: 0s
`;

  test("are described in a line each, without what may be secret", async () => {
    const { stdout, stderr, exitCode } = await runCommand(register, ["check"], {
      files: { "routes.yaml": text, "/bin/bot": "" },
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("speech  say speaks, ./hear listens\n");
    expect(stdout).toContain("servers left alone for 10s after 3 failures in a row\n");
    expect(stdout).toContain("API     http://127.0.0.1:8080 (as https://gw.example)\n");
    const url = "https://bot.example/{room_id}?key=…&to={user}";
    expect(stdout).toContain(`webhook ${url}, answers itself, at most 1 call `);
    expect(stdout).toContain("plays wait.wav after 3s of silence\n");
    expect(stdout).toContain("websocket wss://bot.example/ as Twilio does ");
    expect(stdout).toMatch(/fails after 5s of silence +audiosocket tcp:\/\/10\.0\.0\.7:9092\n/);
    expect(stdout).toMatch(/exec \["bot"\], 4 ahead +may be silent\n/);
    expect(stdout + stderr).not.toMatch(/pass|hidden/);
    expect(stderr.split("\n").filter((line) => line !== "")).toEqual([
      'warning: routes.yaml: speech.tts: there is no program "say"',
      'warning: routes.yaml: speech.stt: there is no program "./hear"',
      'warning: routes.yaml:6: Route "web": there is no program "nobody"',
      'warning: routes.yaml:6: Route "web": there is no file "wait.wav"',
    ]);
  });

  test("with certificates that cannot be used are an error", async () => {
    const { exitCode, stderr } = await runCommand(register, ["check"], {
      files: {
        "routes.yaml": "routes: [{ name: a, webhook: { url: https://a, tls: { ca: ca.pem } } }]",
        "ca.pem": "nonsense",
      },
    });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/Route "a": webhook\.tls: Cannot read the ca/);
  });
});
