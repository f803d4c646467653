import { describe, expect, test } from "bun:test";
import { register } from "../../cli/route.ts";
import { runCommand } from "./fake_io.ts";

const FILES = {
  "routes.yaml": `
routes:
  - name: support
    when: { X-Tenant-ID: acme, X-Room-ID: '/^support-(?<queue>\\w+)$/' }
    exec: { command: [bot, "--queue={match.queue}"], env: { WHO: "{from.user}" } }
    on_error: { play: sorry.wav }
  - name: inside
    when: { source: 10.0.0.0/8, transport: tcp }
    reject: { status: 403, reason: Members Only, headers: { X-To: "{to.user}" } }
  - when: { to: "1*" }
    redirect: "sip:{user}@pbx.example.com"
  - when: { request_uri: "sip:bot@*" }
    exec: [bot, "{X-Name}"]
  - when: { transport: [tls, wss], auth_user: pbx, registration: office }
    exec: [bot, "--by={registration}", "--for={auth_user}"]
  - when: { X-App: web }
    webhook: { url: "https://a.example/{user}?key=hidden&room={room_id}", headers: { X-Key: hidden, X-User: "{from.user}" } }
  - when: { asserted_identity: "+49*" }
    exec: [bot, "--caller={asserted_identity.user}", "--from={diversion.user}"]
`,
};

async function route(...args: readonly string[]) {
  return await runCommand(register, ["route", ...args], { files: FILES });
}

describe("voicegw route", () => {
  test("shows the rule that matches, its groups and what the handler gets", async () => {
    const { stdout, exitCode } = await route(
      ...["--header", "X-Tenant-ID: acme", "-H", "x-room-id:support-sales"],
      ...["--from", "alice@example.com"],
    );
    expect(exitCode).toBe(0);
    expect(stdout).toBe([
      "1. support, line 3: takes it",
      '   ✓ X-Tenant-ID should be "acme": "acme"',
      '   ✓ X-Room-ID should be /^support-(?<queue>\\w+)$/: "support-sales"',
      "",
      'match.queue = "sales"',
      'handler: exec ["bot","--queue=sales"]',
      '   WHO = "alice"',
      'on error: play "sorry.wav"',
      "",
    ].join("\n"));
  });

  test("says why the rules before it do not match", async () => {
    const { stdout } = await route("--header", "X-Tenant-ID: other", "--to", "100");
    expect(stdout).toContain("1. support, line 3: no\n");
    expect(stdout).toContain('   ✗ X-Tenant-ID should be "acme": "other"');
    const wanted = "X-Room-ID should be /^support-(?<queue>\\w+)$/: nothing there";
    expect(stdout).toContain(`   ✗ ${wanted}`);
    expect(stdout).toContain('   ✗ transport should be "tcp": "udp"');
    expect(stdout).toContain("handler: redirect 302 sip:100@pbx.example.com\n");
    expect(stdout).not.toContain("4. route-4");
  });

  test("takes source and transport", async () => {
    const { stdout, exitCode } = await route("--source", "10.9.8.7", "--transport", "tcp");
    expect(exitCode).toBe(0);
    expect(stdout).toContain('handler: reject 403 Members Only\n   X-To = "100"');
  });

  test("takes the user that proved its password, and the registration", async () => {
    const options = ["--transport", "wss", "--auth-user", "pbx", "--registration", "office"];
    const { stdout } = await route("--to", "200", ...options);
    expect(stdout).toContain('handler: exec ["bot","--by=office","--for=pbx"]\n');
    const without = await route("--to", "200", ...options.slice(0, 4));
    expect(without.stdout).toContain('✗ registration should be "office": nothing there');
  });

  test("takes facts from their headers", async () => {
    const { stdout } = await route(
      ...["--to", "200", "-H", 'P-Asserted-Identity: "A, B" <tel:+4930123>'],
      ...["-H", "Diversion: <sip:bob@example.com>;reason=no-answer"],
    );
    expect(stdout).toContain('handler: exec ["bot","--caller=+4930123","--from=bob"]\n');
  });

  test("shows what of a URL and of headers is the call's, and nothing else", async () => {
    const { stdout } = await route(
      ...["--to", "200", "-H", "X-App: web", "-H", "X-Room-ID: a b", "--from", "ann"],
    );
    expect(stdout).toContain("handler: webhook https://a.example/200?key=…&room=a%20b\n");
    expect(stdout).toContain('   X-Key = …\n   X-User = "ann"\n');
    expect(stdout).not.toContain("hidden");
  });

  test("ends with 1 when no route takes the call", async () => {
    const { stdout, exitCode } = await route("--to", "sip:200@example.com");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("the caller gets 404");
  });

  test("says that a value cannot go to the handler", async () => {
    const { stdout, exitCode } = await route(
      ...["--to", "200", "--request-uri", "sip:bot@x", "-H", "X-Name: --evil"],
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain("The handler cannot be started: Argument 1");
  });

  test("ends with 2 on bad arguments", async () => {
    for (const args of [["--header", "nonsense"], ["--source", "pbx"], ["--transport", "sctp"]]) {
      const { exitCode, stderr } = await route(...args);
      expect(exitCode).toBe(2);
      expect(stderr).toContain("error:");
    }
  });

  test("ends with 2 on a configuration that does not hold", async () => {
    const { exitCode, stderr } = await runCommand(register, ["route"], {
      files: { "routes.yaml": "routes: []" },
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("routes.yaml:1:9:");
  });
});
