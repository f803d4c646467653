import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FACT_LENGTH_MAX } from "../../src/route/build_facts.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { RawCaller } from "../support/raw_caller.ts";
import { type Asked, WebStub } from "./webhook/rig.ts";
import { startWsServer, type WsServer } from "./websocket/ws_server.ts";

/** What a program was given, each ended by a NUL. */
const PROBE = 'for a in "$@"; do printf "%s\\0" "$a"; done >"$DUMP.new"; ' +
  'printf "%s\\0" "$TENANT" "$FIXED" "$SIP_X_A" "$VOICEGW_SIP_CALL_ID" >>"$DUMP.new"; ' +
  'mv "$DUMP.new" "$DUMP"';

const CALLS_MS = 20_000;

/** What callers try. */
const VALUES = [
  "plain",
  `it's "quoted" \`and\` $(so) $HOME`,
  "a b  c",
  "%2e%2e%2f %00 %0d%0aX-Evil: 1 %",
  "{room_id} {{X-A}} }{",
  "--config=/etc/passwd",
  "-rf",
  "../../etc/passwd",
  "..\\..\\windows",
  "a/b?c=d&e=f#g",
  "user:password@evil.example",
  "; rm -rf / & | > < * ?",
  "\\n\\r\\0 \\\\",
  "Zürich 東京 🎉 é",
  "=,;+!*'()[]~",
  "a".repeat(FACT_LENGTH_MAX),
];

let folder = "";
let web: WebStub;
let sockets: WsServer;
let server: RunningGateway;
let caller: RawCaller;
let count = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "voicegw-injection-"));
  web = new WebStub(() => [{ action: "reject", status: 603 }]);
  sockets = await startWsServer({
    onConnection: (peer) => {
      peer.onMessage = (message) => {
        if (String(message).includes('"event":"start"')) peer.socket.close(1000);
      };
    },
  });
  const kind = (name: string) => ({ "X-Kind": name });
  server = await startGateway({
    routes: [
      {
        when: kind("exec"),
        exec: {
          command: ["sh", "-c", PROBE, "sh", "--fixed", "--name={X-A}", "--", "{X-A}", "end"],
          env: { TENANT: "{X-A}", FIXED: "value", DUMP: `${folder}/{X-Test}` },
        },
      },
      {
        when: kind("webhook"),
        webhook: {
          url: `${web.url}/tenant-{X-A}/end?one={X-A}&test={X-Test}&two=2`,
          headers: { "X-One": "<{X-A}>", "X-Two": "2" },
          retries: 0,
        },
      },
      {
        when: kind("websocket"),
        websocket: {
          url: `${sockets.url}tenant-{X-A}/end?one={X-A}&test={X-Test}&two=2`,
          protocol: "twilio",
          headers: { "X-One": "<{X-A}>", "X-Two": "2" },
          parameters: { one: "<{X-A}>", two: "2" },
          reconnect: "off",
        },
      },
    ],
  });
  caller = await RawCaller.open(server.udp);
});

afterAll(async () => {
  caller.close();
  await server.stop();
  await sockets.stop();
  await web.close();
  rmSync(folder, { recursive: true });
});

/** Calls with a value; tells the name of the call, and its final status. */
async function callWith(kind: string, value: string) {
  const name = `t${++count}`;
  const headers = [`X-Kind: ${kind}`, `X-Test: ${name}`, `X-A: ${value}`];
  const { call, answer } = await caller.establish({ headers });
  return { name, callId: call.callId, status: answer.statusCode };
}

/** Path and query of a URL, each part decoded by itself: nothing was added to it or taken away. */
function checkUrl(url: string, root: string, value: string, name: string): void {
  const [path = "", query = "", ...more] = url.split("?");
  expect(more).toEqual([]);
  expect(path.split("/").map(decodeURIComponent)).toEqual([
    ...root.split("/"),
    `tenant-${value}`,
    "end",
  ]);
  expect(query.split("&").map((each) => each.split("=").map(decodeURIComponent)))
    .toEqual([["one", value], ["test", name], ["two", "2"]]);
}

/** Headers are bytes; what is no ASCII is UTF-8. */
function headerText(value: unknown): string {
  return Buffer.from(String(value), "latin1").toString();
}

async function checkExec(value: string): Promise<void> {
  const { name, callId } = await callWith("exec", value);
  const read = (): string[] | undefined => {
    try {
      return readFileSync(join(folder, name), "utf8").split("\0");
    } catch {
      return undefined;
    }
  };
  await until(() => read() !== undefined, CALLS_MS, () => `no program for ${value}`);
  expect(read()).toEqual([
    ...["--fixed", `--name=${value}`, "--", value, "end"],
    ...[value, "value", value, callId, ""],
  ]);
}

async function checkWebhook(value: string): Promise<void> {
  const { name, status } = await callWith("webhook", value);
  expect(status).toBe(603);
  const find = (): Asked | undefined =>
    web.asked.find(({ path, type }) => type === "call.incoming" && path.includes(`test=${name}&`));
  const asked = find();
  checkUrl(asked?.path ?? "", "/voice", value, name);
  expect(headerText(asked?.headers.get("x-one"))).toBe(`<${value}>`);
  expect(asked?.headers.get("x-two")).toBe("2");
  expect(asked?.headers.has("x-evil")).toBe(false);
  expect(asked?.data["call"]).toMatchObject({ x_headers: { "X-A": value, "X-Test": name } });
}

async function checkWebsocket(value: string): Promise<void> {
  const { name } = await callWith("websocket", value);
  const find = () => sockets.peers.find(({ request }) => request.url?.includes(`test=${name}&`));
  await until(() => find()?.closed !== undefined, CALLS_MS, () => `no connection for ${value}`);
  const peer = find();
  checkUrl(peer?.request.url ?? "", "", value, name);
  const headers = peer?.request.headers;
  expect(headerText(headers?.["x-one"])).toBe(`<${value}>`);
  expect(headers?.["x-two"]).toBe("2");
  expect(headers?.["x-evil"]).toBeUndefined();
  const [start] = peer?.events("start") ?? [];
  expect(start?.["start"]).toMatchObject({ customParameters: { one: `<${value}>`, two: "2" } });
}

const CHECKS = { exec: checkExec, webhook: checkWebhook, websocket: checkWebsocket } as const;

describe.each(Object.entries(CHECKS))("a value of the caller for %s", (_, check) => {
  test.each(VALUES)("stays in its place: %j", async (value) => await check(value), CALLS_MS);

  test("stays in its place, whatever it is", async () => {
    const nasty = fc.constantFrom(..."\"'`\\ %{}$&|;<>=?#/.:@-+*~!()[],^");
    // What is around a header's value is none of it: RFC 3261 §7.3.1
    const value = fc.string({
      unit: fc.oneof(nasty, fc.string({ unit: "grapheme", maxLength: 1 })),
    })
      .map((text) => text.trim())
      // deno-lint-ignore no-control-regex
      .filter((text) => text !== "" && !/[\u0000-\u001f\u007f-\u009f]/.test(text));
    await fc.assert(fc.asyncProperty(value, check), { numRuns: 30 });
  }, CALLS_MS);
});

describe.each(Object.keys(CHECKS))("a control character for %s", (kind) => {
  test.each(["a\u0001b", "a\tb", "a\u007fb", "a\u0085b"])("ends the call: %j", async (value) => {
    const before = [web.asked.length, sockets.peers.length];
    const { name, status } = await callWith(kind, value);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).not.toBe(603);
    expect([web.asked.length, sockets.peers.length]).toEqual(before);
    expect(() => readFileSync(join(folder, name))).toThrow();
  }, CALLS_MS);
});
