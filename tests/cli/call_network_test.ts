import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { DigestServer } from "../../src/sip/auth/digest_server.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { SipRequest } from "../../src/sip/message/message.ts";
import { runCommandLine } from "../support/command.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { RtpPeer } from "../support/rtp_peer.ts";
import {
  type Reply,
  type Script,
  type ScriptedPeer,
  startStreamPeer,
  startUdpPeer,
} from "../support/scripted_peer.ts";
import { tlsPath, tlsText } from "../support/tls_fixtures.ts";

/** Short of the default two seconds of tone, to be quick. */
const SHORT = ["--duration", "500ms", "--ports", "31600-31799"];
const SDP = "application/sdp";
const encoder = new TextEncoder();

let server: RunningGateway;
const running: { close(): void }[] = [];

beforeAll(async () => {
  server = await startGateway({
    sip: {
      listen: [
        ...["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "ws://127.0.0.1:0", "udp://[::1]:0"],
        ...["tls://127.0.0.1:0", "wss://127.0.0.1:0"],
      ],
      tls: { certificate: tlsPath("server.pem"), key: tlsPath("server.key") },
    },
    routes: [{ when: { user: "echo" }, echo: true }],
  });
});

afterAll(() => server.stop());

afterEach(() => {
  for (const one of running.splice(0)) one.close();
});

/** Where the server listens for a transport, such as `127.0.0.1:5060`. */
function listener(prefix: string): string {
  const found = server.gateway.listeners.find((one) => one.startsWith(prefix));
  if (found === undefined) throw new Error(`No ${prefix} among ${server.gateway.listeners}`);
  return found.slice(found.indexOf("//") + 2);
}

function call(target: string, ...args: readonly string[]) {
  return runCommandLine(["call", target, ...SHORT, ...args]);
}

async function startCallee(script: Script): Promise<ScriptedPeer> {
  const callee = await startUdpPeer(script);
  running.push(callee);
  return callee;
}

async function openRtp(): Promise<RtpPeer> {
  const rtp = await RtpPeer.open();
  running.push(rtp);
  return rtp;
}

/** An answer that agrees on PCMU, with telephone-events or without. */
function answerSdp(port: number, telephoneEvents: boolean): Uint8Array {
  return encoder.encode(
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
      `m=audio ${port} RTP/AVP 0${telephoneEvents ? " 101" : ""}\r\na=rtpmap:0 PCMU/8000\r\n` +
      (telephoneEvents ? "a=rtpmap:101 telephone-event/8000\r\n" : ""),
  );
}

/** Where the caller receives RTP. */
function rtpOf(invite: SipRequest): { readonly address: string; readonly port: number } {
  const port = /^m=audio (\d+)/m.exec(new TextDecoder().decode(invite.body))?.[1];
  return { address: "127.0.0.1", port: Number(port) };
}

describe("voicegw call over every transport", () => {
  for (const transport of ["tcp", "ws"]) {
    test(`${transport}: the call works, over one connection`, async () => {
      const at = listener(`${transport}:`);
      const { exitCode, stdout, stderr } = await call(`sip:echo@${at};transport=${transport}`);
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^Result +the call worked$/m);
      expect(server.gateway.held["calls"]).toBe(0);
    });
  }

  for (
    const [name, prefix, uri] of [
      ["tls", "tls:", (at: string) => `sip:echo@${at};transport=tls`],
      ["sips", "tls:", (at: string) => `sips:echo@${at}`],
      ["wss", "wss:", (at: string) => `sip:echo@${at};transport=wss`],
    ] as const
  ) {
    test(`${name}: the call works when its certificate is trusted`, async () => {
      const target = uri(listener(prefix));
      const { exitCode, stdout } = await call(target, "--ca", tlsPath("ca.pem"));
      expect(stdout).toMatch(/^Result +the call worked$/m);
      expect(exitCode).toBe(0);
    });
  }

  test("a certificate that nobody vouches for is refused, unless it is --insecure", async () => {
    const target = `sips:echo@${listener("tls:")}`;
    const [careful, careless] = [await call(target), await call(target, "--insecure")];
    expect([careful.exitCode, careless.exitCode]).toEqual([1, 0]);
    expect(careful.stdout).toMatch(
      /^Result +not answered: 503 .*no authority that we trust signs .* \(--ca/m,
    );
  });

  test("an authority that cannot be read is named", async () => {
    const { exitCode, stderr } = await call(`sips:echo@${listener("tls:")}`, "--ca", "/none.pem");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("/none.pem");
  });

  test("IPv6, and a name", async () => {
    const [six, named] = [
      await call(`sip:echo@${listener("udp://[")}`),
      await call(`sip:echo@localhost:${server.udp.split(":")[1]}`),
    ];
    expect([six.exitCode, six.stdout]).toEqual([0, expect.stringContaining("the call worked")]);
    // localhost may be ::1 first, where nobody listens on that port
    expect(named.stdout).toContain("INVITE sip:echo@localhost");
  });

  test("an address that ours has no way to is named", async () => {
    const { exitCode, stderr } = await call(`sip:echo@${server.udp}`, "--local", "::1");
    expect([exitCode, stderr]).toEqual([1, 'Cannot reach "127.0.0.1" from ::1\n']);
  });

  test("nobody listens: status 503 and what is known", async () => {
    const { exitCode, stdout } = await call("sip:1@127.0.0.1:9;transport=tcp");
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^Result +not answered: 503 .*tcp:\/\/127.0.0.1:9: nothing listens there$/m,
    );
  });
});

describe("voicegw call and a server that asks who we are", () => {
  const runtime = createRuntime();

  function guarded(): Script {
    const digest = new DigestServer({
      realm: "pbx",
      users: new Map([["ann", { password: "correct horse" }]]),
      algorithms: ["SHA-256", "MD5"],
      nonceLifetime: 60_000,
      hash: (name, text) => runtime.hash(name, text),
      random: runtime.random,
    });
    return (request, reply) => {
      if (request.method !== "INVITE") return;
      const verdict = digest.check(request, runtime.now());
      if (verdict.type === "accepted") reply(486);
      else reply(401, { headers: verdict.headers });
    };
  }

  test("--user and --password answer it; the password is printed nowhere", async () => {
    const callee = await startCallee(guarded());
    const args = ["--user", "ann", "--password", "correct horse"];
    const { stdout, stderr } = await call(`sip:1@${callee.at}`, ...args);
    expect(stdout).toMatch(/401 Unauthorized[^]*INVITE[^]*486 Busy Here/);
    expect(stdout + stderr).not.toContain("correct horse");
  });

  test("VOICEGW_PASSWORD does as well, and the user is that of --from", async () => {
    const callee = await startCallee(guarded());
    const env = { ...process.env as Record<string, string>, VOICEGW_PASSWORD: "correct horse" };
    const from = ["--from", "sip:ann@example.com"];
    const args = ["call", `sip:1@${callee.at}`, ...SHORT, ...from];
    const { stdout } = await runCommandLine(args, { env });
    expect(stdout).toContain("not answered: 486 Busy Here");
  });

  test("a wrong password is tried once", async () => {
    const callee = await startCallee(guarded());
    const args = ["--user", "ann", "--password", "guess"];
    const { exitCode, stdout } = await call(`sip:1@${callee.at}`, ...args);
    expect([exitCode, stdout]).toEqual([1, expect.stringContaining("not answered: 401")]);
    expect(callee.methods().filter((method) => method === "INVITE")).toHaveLength(2);
  });
});

describe("voicegw call through others", () => {
  test("follows a redirection and says so; --no-redirects does not", async () => {
    const callee = await startCallee(({ method }, reply) => {
      const headers = [["Contact", `<sip:echo@${server.udp}>`]] as const;
      if (method === "INVITE") reply(302, { headers });
    });
    const followed = await call(`sip:1@${callee.at}`);
    expect([followed.exitCode, followed.stdout]).toEqual([
      0,
      expect.stringMatching(/^Tried +sip:1@127\S+: 302 Moved Temporarily$/m),
    ]);
    const refused = await call(`sip:1@${callee.at}`, "--no-redirects");
    expect([refused.exitCode, refused.stdout])
      .toEqual([1, expect.stringContaining("not answered: 302 Moved Temporarily")]);
    expect(refused.stdout).not.toMatch(/^Tried/m);
  });

  test("--json names redirections as call records name things", async () => {
    const callee = await startCallee(({ method }, reply) => {
      const headers = [["Contact", `<sip:echo@${server.udp}>`]] as const;
      if (method === "INVITE") reply(302, { headers });
    });
    const { stdout } = await call(`sip:1@${callee.at}`, "--json");
    expect(JSON.parse(stdout)["attempts"]).toEqual([
      { uri: `sip:1@${callee.at}`, sip_status: 302, sip_reason: "Moved Temporarily" },
    ]);
  });

  test("--proxy takes the call, wherever its target is", async () => {
    const target = "sip:echo@nowhere.invalid";
    const { exitCode, stdout } = await call(target, "--proxy", `sip:${server.udp}`);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("the call worked")]);
    expect(stdout).toContain(`INVITE ${target}`);
  });
});

describe("voicegw call before the answer", () => {
  test("reports early media, also of a call that is never answered", async () => {
    const rtp = await openRtp();
    const callee = await startCallee((request, reply) => {
      if (request.method !== "INVITE") return;
      reply(183, { body: answerSdp(rtp.port, true), contentType: SDP });
      void rtp.stream(rtpOf(request), 0x90, 20).then(() => reply(404));
    });
    const { exitCode, stdout } = await call(`sip:1@${callee.at}`);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^Early +0\.[34]\d s at -\d+ dBFS, before the answer$/m);
    expect(stdout).toContain("not answered: 404 Not Found");
    // We say nothing before we are asked
    expect(rtp.received).toEqual([]);
  });

  test("RFC 3262 acknowledges reliable provisional responses; an answer in one holds", async () => {
    const rtp = await openRtp();
    let invite: Reply = () => {};
    const callee = await startCallee((request, reply) => {
      const contact = ["Contact", `<sip:callee@${callee.at}>`] as const;
      if (request.method === "INVITE") {
        invite = reply;
        reply(183, {
          headers: [contact, ["Require", "100rel"], ["RSeq", "7"]],
          body: answerSdp(rtp.port, true),
          contentType: SDP,
        });
      }
      if (request.method === "PRACK") {
        reply(200);
        invite(200, { headers: [contact] });
      }
      if (request.method === "BYE") reply(200);
    });
    const { stdout } = await call(`sip:1@${callee.at}`);
    expect(stdout).toMatch(/──▶ {2}PRACK sip:callee@[^]*◀── {2}200 OK \(PRACK\)/);
    expect(stdout).toMatch(/^Answered +after .*, PCMU$/m);
    await until(() => rtp.received.length > 5, 1000, () => `${rtp.received.length} packets`);
    await callee.expectMethods("INVITE", "PRACK", "ACK", "BYE");
  });
});

describe("voicegw call --digits to a callee without telephone-events", () => {
  /** Answers with these methods allowed, and INFO with that status. */
  async function startPhone(allow: string, infoStatus = 200): Promise<ScriptedPeer> {
    const rtp = await openRtp();
    const phone: ScriptedPeer = await startCallee((request, reply) => {
      if (request.method === "INVITE") {
        reply(200, {
          headers: [["Contact", `<sip:phone@${phone.at}>`], ["Allow", allow]],
          body: answerSdp(rtp.port, false),
          contentType: SDP,
        });
      }
      if (request.method === "INFO") reply(infoStatus);
      if (request.method === "BYE") reply(200);
    });
    return phone;
  }

  const args = ["--digits", "4#", "--tone", "0"];

  test("sends them by INFO, one after the other", async () => {
    const phone = await startPhone("INVITE, ACK, BYE, INFO");
    const { exitCode } = await call(`sip:1@${phone.at}`, ...args);
    expect(exitCode).toBe(0);
    const infos = phone.requests.filter(({ method }) => method === "INFO");
    expect(infos.map(({ body }) => new TextDecoder().decode(body)))
      .toEqual(["Signal=4\r\nDuration=160\r\n", "Signal=#\r\nDuration=160\r\n"]);
    expect(infos[0]?.headers.get("Content-Type")).toBe("application/dtmf-relay");
  });

  test("hangs up by itself only when all of them were taken", async () => {
    const phone = await startPhone("INFO");
    const words = ["call", `sip:1@${phone.at}`, ...args, "--ports", "31600-31799"];
    const { stdout } = await runCommandLine(words);
    expect(phone.methods().filter((method) => method === "INFO")).toHaveLength(2);
    expect(stdout).toContain("we hung up");
  });

  test("says that they could not be sent: exit status 1", async () => {
    for (const phone of [await startPhone("INVITE, ACK, BYE"), await startPhone("INFO", 415)]) {
      const { exitCode, stdout } = await call(`sip:1@${phone.at}`, ...args);
      expect(exitCode).toBe(1);
      expect(stdout).toMatch(/^Result +answered, but the keys 4# could not be sent/m);
    }
  });
});

describe("voicegw call over a connection that is ours", () => {
  test("hears the BYE of a callee that answers over it", async () => {
    const rtp = await openRtp();
    const tls = { cert: tlsText("server.pem"), key: tlsText("server.key") };
    let invite: SipRequest | undefined;
    const callee = startStreamPeer((request, reply) => {
      if (request.method === "INVITE") {
        invite = request;
        reply(200, {
          headers: [["Contact", `<sip:callee@${callee.at};transport=tls>`]],
          body: answerSdp(rtp.port, true),
          contentType: SDP,
        });
      }
      if (request.method === "ACK" && invite !== undefined) callee.send(byeOf(invite));
    }, tls);
    running.push(callee);
    const target = `sip:1@${callee.at};transport=tls`;
    const { exitCode, stdout } = await call(target, "--ca", tlsPath("ca.pem"));
    expect(stdout).toContain("the other side hung up");
    expect(exitCode).toBe(0);
    expect(callee.responses).toHaveLength(1);
  });
});

/** The BYE of a callee. */
function byeOf(invite: SipRequest): SipRequest {
  const headers = invite.headers.clone();
  const [from, to] = [headers.get("To") as string, headers.get("From") as string];
  headers.set("From", `${from};tag=peer`).set("To", to).set("CSeq", "1 BYE")
    .set("Via", "SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKbye").delete("Content-Type");
  const requestUri = invite.headers.contact?.uri as string;
  return { type: "request", method: "BYE", requestUri, headers, body: new Uint8Array(0) };
}
