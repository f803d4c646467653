import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { configFrom, loadConfig } from "../../src/config/load.ts";
import { jsonSchema } from "../../src/config/schema.ts";
import { HANDLER_KEYS } from "../../src/config/schema_handlers/handler_keys.ts";

interface Node {
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly additionalProperties?: Node | boolean;
}

interface Key {
  /** Such as `sip.listen`; of lists and of names the operator chooses, the key inside is given. */
  readonly name: string;
  readonly node: Node;
  readonly required: boolean;
}

const SCHEMA = jsonSchema() as Node;
const KEYS = keysOf(SCHEMA, []);
const REFERENCE = join(import.meta.dirname, "../../docs/CONFIGURATION.md");

/**
 * Keys of a route stand without `routes`. Handlers in place repeat those of a route, and are not
 * walked again.
 */
function keysOf(node: Node, path: readonly string[]): readonly Key[] {
  const forms = [node, ...node.anyOf ?? []];
  const inner = path.join() === "routes" ? [] : path;
  return forms.flatMap((form) => [
    ...Object.entries(form.properties ?? {}).flatMap(([name, node]): Key[] => {
      const inside = [...path, name];
      const key = {
        name: inside.join("."),
        node,
        required: form.required?.includes(name) ?? false,
      };
      return name === "on_error" ? [key] : [key, ...keysOf(node, inside)];
    }),
    ...(form.items === undefined ? [] : keysOf(form.items, inner)),
    ...(typeof form.additionalProperties === "object"
      ? keysOf(form.additionalProperties, inner)
      : []),
  ]);
}

describe("the JSON Schema", () => {
  test("knows every key", () => {
    const names = KEYS.map((key) => key.name);
    for (
      const name of ["sip.listen", "rtp.latch", "limits.setup", "log.format", "routes", "when"]
    ) expect(names).toContain(name);
    for (const name of ["exec.command", "play.loop", "reject.headers", "redirect.to", "on_error"]) {
      expect(names).toContain(name);
    }
    for (const name of ["sip.listen.url", "sip.auth.users.password", "sip.block.within"]) {
      expect(names).toContain(name);
    }
    for (const name of ["registrations.aor", "trunks.headers", "answer", "rate", "dtmf"]) {
      expect(names).toContain(name);
    }
    for (const name of ["rtp.srtp", "barge_in.after", "record.on", "limits.lag"]) {
      expect(names).toContain(name);
    }
    for (const name of ["webhook.auth_token", "websocket.reconnect.delay", "audiosocket.idle"]) {
      expect(names).toContain(name);
    }
    for (const name of ["exec.limits.memory", "max_calls", "dead_air.play", "speech.tts.exec"]) {
      expect(names).toContain(name);
    }
    for (const name of ["http.targets", "breaker.pause", "api.listen", "webhook.tls.ca"]) {
      expect(names).toContain(name);
    }
    expect(SCHEMA.required).toEqual(["routes"]);
    expect(SCHEMA.additionalProperties).toBe(false);
  });

  for (const { name, node } of KEYS) {
    test(`explains ${name} with a title and a description`, () => {
      expect(node.title ?? "").toMatch(/^[A-Z]/);
      expect(node.description ?? "").toMatch(/\.$/);
    });
  }

  test("has examples and defaults where there are any", () => {
    const sections = ["sip", "sip.tls", "sip.auth", "sip.per_source", "sip.block"];
    sections.push("rtp", "limits", "log", "speech", "http", "breaker");
    const bare = KEYS.filter(({ name, node }) =>
      !sections.includes(name) && (node.examples ?? []).length === 0
    );
    expect(bare.map((key) => key.name)).toEqual([]);
    const defaults = KEYS.filter(({ node }) => node.default !== undefined).map((key) => key.name);
    for (const name of ["sip.t1", "rtp.ports", "limits.calls", "exec.stop_after", "play.loop"]) {
      expect(defaults).toContain(name);
    }
  });

  test("gives examples and defaults that the check takes", () => {
    for (const { name, node } of KEYS) {
      for (
        const value of [
          ...node.examples ?? [],
          ...(node.default === undefined ? [] : [node.default]),
        ]
      ) {
        configFrom(configWith(name, value));
      }
    }
    expect(KEYS.length).toBeGreaterThan(30);
  });
});

const TLS = { certificate: "a.pem", key: "a.key" };
const REGISTRATION = { registrar: "sip:pbx.example.com", aor: "sip:100@pbx.example.com" };

/** A section of the file with one key of it set, and those that it needs beside it. */
function sectionWith(path: readonly string[], value: unknown): unknown {
  const [section = "", key = "", inner = ""] = path;
  const login = { username: "a", password: "b" };
  switch (path.join(".")) {
    case "sip.listen.url":
    case "sip.listen.advertise":
      return { tls: TLS, listen: [{ url: "udp://0.0.0.0:5060", [inner]: value }] };
    case "sip.auth.users.password":
      return { auth: { users: { a: { password: value } } } };
    case "sip.auth.users":
    case "sip.auth.realm":
    case "sip.auth.algorithms":
    case "sip.auth.nonce_lifetime":
      return { auth: { users: { a: { password: "b" } }, [inner]: value } };
    case "trunks.username":
    case "trunks.password":
      return { a: { uri: "sip:a", ...login, [key]: value } };
  }
  if (section === "registrations") return [{ ...REGISTRATION, password: "b", [key]: value }];
  if (section === "trunks") return { a: { uri: "sip:a", [key]: value } };
  const tls = section === "sip" ? { tls: TLS } : {};
  if (inner === "") return { ...tls, [key]: value };
  return { ...tls, [key]: { ...key === "tls" ? TLS : {}, [inner]: value } };
}

/** A configuration with one key set. */
function configWith(name: string, value: unknown): unknown {
  const path = name.split(".");
  const [section = "", key] = path;
  if (section === "routes") return { routes: value };
  if (["http", "breaker", "api"].includes(section)) {
    const set = key === undefined ? value : { [key]: value };
    return { routes: [{ echo: true }], [section]: set };
  }
  if (section === "speech") {
    const [, program = "", inner] = path;
    const set = inner === undefined ? value : { exec: ["a"], [inner]: value };
    return { routes: [{ echo: true }], speech: key === undefined ? value : { [program]: set } };
  }
  if (["sip", "rtp", "limits", "registrations", "trunks", "log"].includes(section)) {
    const set = key === undefined ? value : sectionWith(path, value);
    return { routes: [{ echo: true }], [section]: set };
  }
  if (section === "on_error") {
    return { routes: [{ exec: ["a"], on_error: value }, { name: "voicemail", echo: true }] };
  }
  const siblings: Readonly<Record<string, unknown>> = {
    exec: { command: ["a"] },
    webhook: { url: "https://a.example", ...webhookBeside(path) },
    websocket: {
      url: "wss://a.example",
      protocol: key === "parameters" ? "twilio" : "voicegw",
    },
    audiosocket: { url: "tcp://127.0.0.1:9092" },
    play: { file: "a.wav" },
    reject: { status: 403 },
    redirect: { to: "sip:a@b" },
    barge_in: { mode: "clear" },
    record: { file: "{id}.wav" },
  };
  const inner = path[2];
  const nested = inner === undefined ? value : { ...tlsBeside(path), [inner]: value };
  const set = key === undefined ? value : { ...siblings[section] as object, [key]: nested };
  // Placeholders of examples take the group "queue".
  const when = { "X-Room-ID": "/(?<queue>.*)/" };
  const isHandler = (HANDLER_KEYS as readonly string[]).includes(section);
  const handler = isHandler ? {} : section === "answer" ? { exec: ["a"] } : { echo: true };
  return { routes: [{ when, ...handler, [section]: set }] };
}

/** What Twilio's keys need beside them. */
function webhookBeside([, key]: readonly string[]): object {
  return key === "auth_token" || key === "status_callback" ? { protocol: "twilio" } : {};
}

function tlsBeside([, key]: readonly string[]): object {
  return key === "tls" ? TLS : {};
}

test("every key stands in docs/CONFIGURATION.md, with its default", () => {
  expect(existsSync(REFERENCE)).toBe(true);
  const rows = readFileSync(REFERENCE, "utf8").split("\n").filter((line) => line.startsWith("| `"));
  const missing = KEYS.filter(({ name, node }) => {
    const row = rows.find((line) => line.split("|")[1]?.trim() === `\`${name}\``);
    if (row === undefined) return true;
    const scalar = ["string", "number", "boolean"].includes(typeof node.default);
    return scalar && !row.includes(`\`${String(node.default)}\``);
  });
  expect(missing.map((key) => key.name)).toEqual([]);
});

test("docs/CONFIGURATION.md names no key that there is not", () => {
  const rows = readFileSync(REFERENCE, "utf8").matchAll(
    /^\| `([a-z_.0-9]+)` *\|(?:[^|\n]*\|){3}$/gm,
  );
  const known = new Set(KEYS.map((key) => key.name));
  expect([...rows].map((row) => row[1] as string).filter((name) => !known.has(name))).toEqual([]);
});

test("every example file in docs/CONFIGURATION.md holds, without warnings", () => {
  const blocks = [...readFileSync(REFERENCE, "utf8").matchAll(/```yaml\n([^]*?)```/g)];
  expect(blocks.length).toBeGreaterThan(1);
  for (const [, text = ""] of blocks) {
    expect(loadConfig(text, { file: "example", env: { PBX_PASSWORD: "secret" } })).toMatchObject({
      ok: true,
      warnings: [],
    });
  }
});
