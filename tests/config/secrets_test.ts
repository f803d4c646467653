import { describe, expect, test } from "bun:test";
import { describeSettings, describeTable } from "../../cli/describe_config.ts";
import { configFrom, formatIssue, loadConfig } from "../../src/config/load.ts";

const SECRET = "hunter2";
const ROUTES = "routes: [{ echo: true }]\n";

/** Every message that a file brings, and how it looks to a caller of the library. */
function messages(text: string, env: Readonly<Record<string, string>> = {}): string {
  const loaded = loadConfig(ROUTES + text, { file: "routes.yaml", env });
  return (loaded.ok ? loaded.warnings : loaded.errors).map(formatIssue).join("\n");
}

describe("a password that is written wrongly stands in no message", () => {
  const scalars = [
    `*${SECRET}`,
    `!${SECRET}`,
    `&a [${SECRET}]`,
    `@${SECRET}`,
    `|${SECRET}`,
    `"${SECRET}`,
    `{ ${SECRET} }`,
    `[${SECRET}]`,
    `"pa\${${SECRET}"`,
    `"a\\n${SECRET}"`,
    SECRET.repeat(100),
  ];
  for (const scalar of scalars) {
    test(scalar.slice(0, 20), () => {
      const places = [
        `sip:\n  auth:\n    users:\n      pbx:\n        password: ${scalar}\n`,
        `registrations:\n  - registrar: sip:a\n    aor: sip:1@a\n    password: ${scalar}\n`,
        `trunks:\n  a:\n    uri: sip:a\n    username: u\n    password: ${scalar}\n`,
      ];
      for (const place of places) {
        const found = messages(place);
        expect(found).toMatch(/^routes\.yaml:\d+:\d+: /);
        expect(found).not.toContain(SECRET);
      }
    });
  }
});

describe("a password that is written at a wrong place stands in no message", () => {
  const places = [
    `sip: { auth: ${SECRET} }`,
    `sip: { auth: { users: ${SECRET} } }`,
    `sip: { auth: { users: { pbx: ${SECRET} } } }`,
    `sip: { auth: { users: { pbx: { ${SECRET} } } } }`,
    `sip: { auth: { users: { pbx: { pasword: ${SECRET} } } } }`,
    `registrations: ${SECRET}`,
    `registrations: [${SECRET}]`,
    `registrations: [{ registrar: "sip:u:${SECRET}@a", aor: "sip:1@a" }]`,
    `registrations: [{ registrar: "sip:a", aor: "sip:1:${SECRET}@a" }]`,
    `trunks: ${SECRET}`,
    `trunks: { a: ${SECRET} }`,
    `trunks: { a: { uri: "sip:u:${SECRET}@a" } }`,
    `trunks: { a: { uri: "sip:a", password: ${SECRET} } }`,
  ];
  for (const place of places) {
    test(place, () => {
      expect(messages(place)).toMatch(/^routes\.yaml:2:\d+: /);
      expect(messages(place)).not.toContain(SECRET);
    });
  }

  test("of a value of the program neither", () => {
    const given = { sip: { auth: { users: { pbx: SECRET } } }, routes: [{ echo: true }] };
    let told = "";
    try {
      configFrom(given);
    } catch (error) {
      told = String(error);
    }
    expect(told).toContain("sip.auth.users.pbx: Expected a mapping, got text");
    expect(told).not.toContain(SECRET);
  });
});

describe("a secret of a server stands in no message", () => {
  const whsec = `whsec_${SECRET}`;
  const places = [
    `webhook: { url: "https://a", secret: ${SECRET} }`,
    `webhook: { url: "https://a", secret: [${whsec}] }`,
    `webhook: { url: "https://a", secret: { ${whsec}: a } }`,
    `webhook: { url: "https://a", auth_token: [${SECRET}] }`,
    `webhook: { url: "https://a", protocol: twilio, secret: ${whsec} }`,
    `webhook: { url: "https://a", auth_token: ${SECRET} }`,
    `webhook: { url: "https://a", headers: { Authorization: "Bearer {${SECRET}}" } }`,
    `webhook: { url: "https://a", headers: { Authorization: [${SECRET}] } }`,
    `webhook: "https://u:${SECRET}@{host}/"`,
    `webhook: "https://u:{${SECRET}}@a/"`,
    `webhook: "https://u:${SECRET}@a b/"`,
    `webhook: "ftp://u:${SECRET}@a/"`,
    `websocket: "wss://u:${SECRET}@:70000/"`,
    `websocket: { url: "wss://u:${SECRET}@a/.." }`,
  ];
  for (const place of places) {
    test(place, () => {
      const loaded = loadConfig(`routes: [{ ${place} }]`, { file: "routes.yaml", env: {} });
      expect(loaded.ok).toBe(false);
      const told = loaded.ok ? "" : loaded.errors.map(formatIssue).join("\n");
      expect(told).toMatch(/^routes\.yaml:1:\d+: /);
      expect(told).not.toContain(SECRET);
    });
  }

  test("and in nothing that describes a route", () => {
    const loaded = loadConfig(
      `routes:
  - webhook: { url: "https://u:${SECRET}@a/?key=${SECRET}&room={room_id}", protocol: twilio, auth_token: ${SECRET} }
    on_error: { websocket: "wss://${SECRET}@a/?${SECRET}" }
`,
      { file: "routes.yaml", env: {} },
    );
    if (!loaded.ok) throw new Error(loaded.errors.map(formatIssue).join("\n"));
    const { config, warnings } = loaded;
    const told = describeSettings(config) + describeTable(config.routes) +
      warnings.map(formatIssue).join("\n");
    expect(told).toContain("webhook https://a/?key=…&room={room_id} as Twilio does");
    expect(told).toContain("websocket wss://a/?…");
    expect(told).not.toContain(SECRET);
  });
});

test("a password stands in nothing that describes a configuration", () => {
  const text = `
sip: { allow: [any], auth: { users: { "the-user": { password: ${SECRET} } }, algorithms: [MD5] } }
registrations: [{ registrar: "sip:a", aor: "sip:1@a", password: ${SECRET} }]
trunks: { a: { uri: "sip:a", username: u, password: ${SECRET} } }
`;
  const loaded = loadConfig(ROUTES + text, { file: "routes.yaml", env: {} });
  if (!loaded.ok) throw new Error(loaded.errors.map(formatIssue).join("\n"));
  const { config } = loaded;
  expect(config.sip.auth?.users["the-user"]?.password).toBe(SECRET);
  const told = describeSettings(config) + describeTable(config.routes) + messages(text);
  expect(told).toContain("digest, 1 user in realm voicegw");
  expect(told).not.toContain(SECRET);
  expect(told).not.toContain("the-user");
});

test("a password from the environment keeps its form, and an empty one is a fault", () => {
  const text = 'sip: { auth: { users: { a: { password: "${P}" } } } }\n';
  for (const password of ["007", "123", "a: b # c", "${X}", "true"]) {
    const loaded = loadConfig(ROUTES + text, { file: "routes.yaml", env: { P: password } });
    expect(loaded.ok && loaded.config.sip.auth?.users["a"]?.password).toBe(password);
  }
  expect(messages(text, { P: "" })).toContain("The password is empty");
  expect(messages(text)).toContain("The environment variable P is not set");
});
