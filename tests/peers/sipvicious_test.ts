import { afterEach, describe, expect } from "bun:test";
import { connect } from "node:net";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { sipvicious, type SipviciousTool } from "./sipvicious.ts";
import { voicegwCall } from "./voicegw_call.ts";

/** What a phone would call itself. */
const HONEST = "Ekiga/4.0.1";
const PASSWORD = "1234";
/** The one user that there is. */
const USER = "100";

const AUTH = { users: { [USER]: { password: PASSWORD } }, algorithms: ["MD5"] };

/** Each tool, and every method that it asks by. */
const SCANS: readonly { readonly tool: SipviciousTool; readonly args: readonly string[] }[] = [
  { tool: "svmap", args: [] },
  { tool: "svmap", args: ["-m", "INVITE"] },
  ...["REGISTER", "INVITE", "OPTIONS"].map((method) => ({
    tool: "svwar" as const,
    args: ["-e", "95-105", "--maximumtime", "2", "--force", "-m", method],
  })),
  ...["REGISTER", "INVITE"].map((method) => ({
    tool: "svcrack" as const,
    args: ["-u", USER, "-r", "1220-1250", "--maximumtime", "2", "-m", method],
  })),
];

/** A row of the table of what it found. */
const FOUND = /^\| (?!SIP Device|Extension)/m;

const open: RunningGateway[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.stop();
});

async function start(sip: Readonly<Record<string, unknown>>): Promise<RunningGateway> {
  const server = await startGateway({
    routes: [{ when: { user: USER }, echo: true }],
    sip: { t1: "50ms", ...sip },
  });
  open.push(server);
  return server;
}

/** Somebody honest, elsewhere. */
async function call({ udp }: RunningGateway): Promise<{ exitCode: number; output: string }> {
  const { exitCode, output } = await voicegwCall(`sip:${USER}@${udp}`, [
    ...["--local", "127.0.0.3", "--duration", "300ms"],
    ...["--user", USER, "--password", PASSWORD],
  ]);
  return { exitCode, output: exitCode === 0 ? "" : output };
}

/** Runs every scan against a gateway, while somebody calls. */
async function scan(sip: Readonly<Record<string, unknown>>): Promise<void> {
  const server = await start(sip);
  const [during, ...said] = await Promise.all([
    call(server),
    ...SCANS.map(({ tool, args }) => sipvicious(tool, server.udp, args)),
  ]);
  for (const output of said) {
    expect(output).not.toMatch(FOUND);
    // It has run, and has said so
    expect(output).toMatch(/found nothing|no server response|Maximum/i);
  }
  expect(during).toEqual({ exitCode: 0, output: "" });
  expect(await call(server)).toEqual({ exitCode: 0, output: "" });
  const { counters } = server.gateway;
  expect(counters.get("scanners_dropped")).toBeGreaterThanOrEqual(SCANS.length);
  expect(server.gateway.blocked).toEqual([]);
  expect(server.records).toHaveLength(2);
  await server.idle();
}

/** What it would find, if it were let. */
async function scanUnguarded(): Promise<void> {
  const server = await start({ block: { scanners: false } });
  expect(await sipvicious("svmap", server.udp, [])).toMatch(FOUND);
}

describe("sipvicious as it is", () => {
  peerTest("finds no gateway, no user and no password", ["sipvicious"], async () => {
    await Promise.all([scan({}), scan({ auth: AUTH }), scanUnguarded()]);
  });

  peerTest(
    "over a connection, which proves its source, it is shut out",
    ["sipvicious"],
    async () => {
      const server = await start({});
      const [host = "", port = ""] = server.tcp.split(":");
      const socket = connect(Number(port), host);
      socket.on("error", () => {});
      socket.write([
        `OPTIONS sip:${server.tcp} SIP/2.0`,
        "Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK-scan",
        "From: <sip:100@127.0.0.1>;tag=1",
        `To: <sip:100@${server.tcp}>`,
        "Call-ID: scan",
        "CSeq: 1 OPTIONS",
        "User-Agent: friendly-scanner",
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"));
      await until(
        () => server.gateway.blocked.length > 0,
        3000,
        () => JSON.stringify(server.gateway.counters.snapshot()),
      );
      socket.destroy();
      expect(server.gateway.blocked).toMatchObject([{ address: "127.0.0.1", reason: "scanner" }]);
      expect(await call(server)).toEqual({ exitCode: 0, output: "" });
    },
  );
});

describe("sipvicious under another User-Agent", () => {
  peerTest("svwar sees no difference between users", ["sipvicious"], async () => {
    const server = await start({ auth: AUTH });
    const outputs = await Promise.all(["REGISTER", "INVITE", "OPTIONS"].map((method) => {
      const args = ["-e", "95-105", "--maximumtime", "2", "--force", "-m", method];
      return sipvicious("svwar", server.udp, args, { userAgent: HONEST });
    }));
    // A row of those that it has asked for
    for (const output of outputs) expect(output).not.toMatch(/^\| 1?\d\d /m);
    expect(await call(server)).toEqual({ exitCode: 0, output: "" });
    await server.idle();
  });

  peerTest("svcrack is shut out after some guesses", ["sipvicious"], async () => {
    const server = await start({ auth: AUTH });
    const args = ["-u", USER, "-r", "1000-1250", "--maximumtime", "2", "-m", "INVITE"];
    const [output, during] = await Promise.all([
      sipvicious("svcrack", server.udp, args, { userAgent: HONEST, timeoutMs: 4000 }),
      call(server),
    ]);
    expect(output).not.toMatch(FOUND);
    expect(output).not.toContain("1234");
    const { counters, blocked } = server.gateway;
    expect(blocked).toMatchObject([{ address: "127.0.0.1", reason: "digest" }]);
    expect(counters.get("sources_blocked")).toBe(1);
    // Ten wrong passwords, and no more, were looked at
    expect(counters.get("calls_refused")).toBeLessThanOrEqual(10);
    expect(during).toEqual({ exitCode: 0, output: "" });
    expect(await call(server)).toEqual({ exitCode: 0, output: "" });
    await server.idle();
  });
});
