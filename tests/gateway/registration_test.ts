import { afterEach, describe, expect, test } from "bun:test";
import { Agent } from "../../src/gateway/agent.ts";
import type { Registration as RegistrationEntry } from "../../src/config/schema_peers.ts";
import { Registrations } from "../../src/gateway/registrations.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { DigestServer } from "../../src/sip/auth/digest_server.ts";
import { createRequest } from "../../src/sip/message/build.ts";
import type { SipRequest } from "../../src/sip/message/message.ts";
import { until } from "../support/gateway.ts";
import {
  type Script,
  type ScriptedPeer,
  startStreamPeer,
  startUdpPeer,
} from "../support/scripted_peer.ts";

const runtime = createRuntime();

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

interface Running {
  readonly agent: Agent;
  readonly registrations: Registrations;
  readonly logs: readonly Line[];
  close(): void;
}

const running: { close(): void }[] = [];

afterEach(() => {
  for (const one of running.splice(0)) one.close();
});

async function start(entries: readonly RegistrationEntry[]): Promise<Running> {
  const logs: Line[] = [];
  const agent = new Agent({
    runtime,
    signalling: {
      listen: [{ transport: "udp", address: "127.0.0.1", port: 0 }],
      counters: { add: () => {} },
    },
    // As a gateway does that allows nobody else
    admits: (address) => registrations.allows(address),
    userAgent: { timers: { t1: 20, t2: 160, t4: 200 } },
    events: {
      invite: () => {},
      crashed: (error) => {
        throw error;
      },
    },
  });
  const registrations = new Registrations({
    agent,
    runtime,
    observer: { log: (level, message, fields) => void logs.push({ level, message, fields }) },
  });
  await agent.open();
  registrations.replace(entries);
  const close = () => {
    registrations.close();
    agent.close();
  };
  running.push({ close });
  return { agent, registrations, logs, close };
}

async function startRegistrar(script: Script): Promise<ScriptedPeer> {
  const peer = await startUdpPeer(script);
  running.push(peer);
  return peer;
}

/** Takes every registration, for as long as it asks. */
const welcoming: Script = (request, reply) => {
  reply(200, { headers: [["Contact", request.headers.get("Contact") ?? ""]] });
};

function entry(at: string, given: Partial<RegistrationEntry> = {}): RegistrationEntry {
  return {
    name: "office",
    registrar: `sip:${at}`,
    aor: "sip:100@pbx.example.com",
    expires: 600_000,
    ...given,
  };
}

function isRegistered({ registrations }: Running): boolean {
  return registrations.status().every(({ registered }) => registered);
}

async function untilRegistered(one: Running): Promise<void> {
  await until(
    () => isRegistered(one),
    3000,
    () => JSON.stringify([one.registrations.status(), one.logs]),
  );
}

/** An INVITE for a Contact. */
function inviteTo(requestUri: string): SipRequest {
  return createRequest({ method: "INVITE", requestUri, headers: [] });
}

/** A flow on which something came from an address. */
function flowFrom(address: string) {
  const local = { address: "127.0.0.1", port: 5060 };
  return { transport: "udp", listener: 0, local, remote: { address, port: 5060 } } as const;
}

describe("RFC 3261 §10.2 a registration in the world", () => {
  test("does not count beyond the time that the registrar granted", async () => {
    const registrar = await startRegistrar(welcoming);
    const one = await start([entry(registrar.at, { expires: 1000 })]);
    await untilRegistered(one);
    await until(() => !isRegistered(one), 2000, () => JSON.stringify(one.registrations.status()));
    expect(one.registrations.status()[0]).toMatchObject({
      state: "registered",
      reason: "ended before it was renewed",
    });
  });

  test("registers its address with a Contact that nobody can guess", async () => {
    const registrar = await startRegistrar(welcoming);
    const one = await start([entry(registrar.at, { registrar: `sip:nobody@${registrar.at}` })]);
    await untilRegistered(one);
    const [request] = registrar.requests as [SipRequest];
    expect([request.method, request.requestUri]).toEqual(["REGISTER", `sip:${registrar.at}`]);
    expect(request.headers.to.uri).toBe("sip:100@pbx.example.com");
    expect(request.headers.get("Expires")).toBe("600");
    expect(request.headers.get("Contact")).toMatch(
      /^<sip:[0-9a-f]{16}@127\.0\.0\.1:\d+>;expires=600$/,
    );
    expect(one.registrations.status()).toMatchObject([
      { name: "office", state: "registered", registered: true, reason: "" },
    ]);
    expect(one.logs).toEqual([{
      level: "info",
      message: "Registered as sip:100@pbx.example.com",
      fields: { registration: "office", registrar: `sip:${registrar.at}` },
    }]);
  });

  test("§22.2 answers a challenge with its password", async () => {
    const server = new DigestServer({
      realm: "pbx",
      users: new Map([["100", { password: "secret" }]]),
      algorithms: ["MD5"],
      nonceLifetime: 60_000,
      hash: (name, text) => runtime.hash(name, text),
      random: runtime.random,
    });
    const registrar = await startRegistrar((request, reply) => {
      const verdict = server.check(request, runtime.now());
      if (verdict.type === "accepted") welcoming(request, reply);
      else reply(401, { headers: verdict.headers });
    });
    const one = await start([entry(registrar.at, { username: "100", password: "secret" })]);
    await untilRegistered(one);
    expect(registrar.requests.map(({ headers }) => headers.cseq.sequence)).toEqual([1, 2]);
    const callIds = new Set(registrar.requests.map(({ headers }) => headers.callId));
    expect(callIds.size).toBe(1);
    const wrong = await start([entry(registrar.at, { username: "100", password: "guess" })]);
    await until(() => wrong.logs.length > 0, 2000, () => "no log");
    expect(wrong.logs[0]?.message)
      .toBe("Registration of sip:100@pbx.example.com was refused: 401 Unauthorized");
    expect(JSON.stringify(wrong.logs)).not.toContain("guess");
    expect(wrong.registrations.status()[0]?.next_in_ms).toBeGreaterThan(60_000);
  });

  test("lets its registrar in, and nobody else", async () => {
    const registrar = await startRegistrar(welcoming);
    const one = await start([entry(registrar.at)]);
    await untilRegistered(one);
    expect(one.registrations.allows("127.0.0.1")).toBe(true);
    expect(one.registrations.allows("127.0.0.2")).toBe(false);
  });

  test("knows the calls that come through it", async () => {
    const registrar = await startRegistrar(welcoming);
    const one = await start([
      entry(registrar.at),
      entry(registrar.at, { name: "named", contact_user: "200" }),
    ]);
    await untilRegistered(one);
    const contact = registrar.requests[0]?.headers.contact?.uri ?? "";
    const nameOf = (uri: string, address: string) =>
      one.registrations.registrationOf({ request: inviteTo(uri), flow: flowFrom(address) });
    expect(nameOf(contact, "127.0.0.1")).toBe("office");
    expect(nameOf(contact, "192.0.2.1")).toBe("office");
    expect(nameOf("sip:200@127.0.0.1", "127.0.0.1")).toBe("named");
    // Anybody can write a number
    expect(nameOf("sip:200@127.0.0.1", "192.0.2.1")).toBeUndefined();
    expect(nameOf("sip:100@127.0.0.1", "127.0.0.1")).toBeUndefined();
    expect(nameOf("sip:127.0.0.1", "127.0.0.1")).toBeUndefined();
  });

  test("goes through its proxy", async () => {
    const proxy = await startRegistrar(welcoming);
    const one = await start([entry("registrar.invalid", { proxy: `sip:${proxy.at}` })]);
    await untilRegistered(one);
    const [request] = proxy.requests as [SipRequest];
    expect([request.requestUri, request.headers.routes])
      .toEqual(["sip:registrar.invalid", [`<sip:${proxy.at};lr>`]]);
  });

  test("§10.2.2 takes its bindings back when it is stopped", async () => {
    const registrar = await startRegistrar(welcoming);
    const one = await start([entry(registrar.at)]);
    await untilRegistered(one);
    await Promise.all([one.registrations.stop(), one.registrations.stop()]);
    const last = registrar.requests.at(-1) as SipRequest;
    expect(last.headers.get("Expires")).toBe("0");
    expect(last.headers.get("Contact")).toMatch(/;expires=0$/);
    expect(last.headers.cseq.sequence).toBe(2);
    expect([one.registrations.asking, one.registrations.status()]).toEqual([0, []]);
    expect(one.registrations.allows("127.0.0.1")).toBe(false);
  });

  test("stops before it knows where its registrar is: nothing goes out", async () => {
    const registrar = await startRegistrar(welcoming);
    const one = await start([entry(registrar.at)]);
    await one.registrations.stop();
    expect(registrar.requests).toEqual([]);
  });

  test("a changed configuration touches what has changed alone", async () => {
    const registrar = await startRegistrar(welcoming);
    const kept = entry(registrar.at, { name: "kept", aor: "sip:1@pbx" });
    const one = await start([kept, entry(registrar.at, { name: "gone", aor: "sip:2@pbx" })]);
    await untilRegistered(one);
    const next = [{ ...kept }, entry(registrar.at, { name: "new", aor: "sip:3@pbx" })];
    one.registrations.replace(next);
    await until(() => registrar.requests.length >= 4, 2000, () => `${registrar.methods()}`);
    const after = registrar.requests.slice(2).map(({ headers }) =>
      `${headers.to.uri} ${headers.get("Expires")}`
    );
    expect(after.sort()).toEqual(["sip:2@pbx 0", "sip:3@pbx 600"]);
    expect(one.registrations.status().map(({ name }) => name)).toEqual(["kept", "new"]);
  });
});

describe("a registration that fails", () => {
  test("says so once, with its reason, and when it goes on", async () => {
    const registrar = await startRegistrar((_request, reply) => reply(503));
    const one = await start([entry(registrar.at)]);
    await until(() => one.logs.length > 0, 2000, () => "no log");
    expect(one.logs).toMatchObject([{
      level: "warning",
      message: "Registration of sip:100@pbx.example.com failed: 503 Service Unavailable",
    }]);
    const [status] = one.registrations.status();
    expect(status).toMatchObject({
      state: "waiting",
      registered: false,
      reason: "503 Service Unavailable",
    });
    expect(status?.next_in_ms).toBeGreaterThan(25_000);
    expect(one.registrations.allows("127.0.0.1")).toBe(false);
  });

  test("is told when there is no such name, and when nobody answers", async () => {
    const silent = await startRegistrar(() => {});
    const one = await start([
      entry("no-such-host.invalid", { name: "nowhere" }),
      entry(silent.at, { name: "silent" }),
    ]);
    await until(() => one.logs.length === 2, 8000, () => JSON.stringify(one.logs));
    const byName = new Map(
      one.logs.map(({ message, fields }) => [fields["registration"], message]),
    );
    expect(byName.get("nowhere")).toContain("leads nowhere");
    expect(byName.get("silent")).toContain("408 Request Timeout");
  });

  test("RFC 5626 §4.4 a broken connection that had not held yet is tried again later", async () => {
    const registrar = startStreamPeer(welcoming);
    running.push(registrar);
    const one = await start([
      entry(registrar.at, { registrar: `sip:${registrar.at};transport=tcp` }),
    ]);
    await untilRegistered(one);
    const contact = registrar.requests[0]?.headers.get("Contact");
    expect(contact).toContain("transport=tcp");
    const from = one.registrations.status();
    expect(from).toMatchObject([{ registered: true }]);
    one.registrations.flowFailed({
      ...flowFrom("127.0.0.1"),
      transport: "tcp",
      remote: { address: "127.0.0.1", port: registrar.port },
    }, runtime.now());
    expect(one.registrations.status()).toMatchObject([
      { registered: false, state: "waiting", reason: "the connection is gone" },
    ]);
  });

  test("another flow than its own is none of its business", async () => {
    const registrar = await startRegistrar(welcoming);
    const one = await start([entry(registrar.at)]);
    await untilRegistered(one);
    one.registrations.flowFailed(flowFrom("127.0.0.1"), runtime.now());
    one.registrations.flowFailed({ ...flowFrom("127.0.0.1"), transport: "tcp" }, runtime.now());
    expect(isRegistered(one)).toBe(true);
  });
});
