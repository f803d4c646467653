import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Millis } from "../../src/base/units.ts";
import { Agent, type SessionOwner } from "../../src/gateway/agent.ts";
import { dial, type Dialer, type DialOptions, type DialResult } from "../../src/gateway/dialer.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { DigestServer } from "../../src/sip/auth/digest_server.ts";
import { createRequest } from "../../src/sip/message/build.ts";
import type { SipMessage, SipRequest } from "../../src/sip/message/message.ts";
import { serializeMessage } from "../../src/sip/message/serialize.ts";
import type { SessionOutput } from "../../src/sip/user_agent/output.ts";
import { until } from "../support/gateway.ts";
import {
  type Reply,
  type Script,
  type ScriptedPeer,
  startUdpPeer,
} from "../support/scripted_peer.ts";

const runtime = createRuntime();
const peers: ScriptedPeer[] = [];
const sent: SipMessage[] = [];
let agent: Agent;

beforeEach(async () => {
  agent = new Agent({
    runtime,
    signalling: {
      listen: [{ transport: "udp", address: "127.0.0.1", port: 0 }],
      counters: { add: () => {} },
    },
    admits: () => true,
    // Fast, so that a peer which says nothing costs no seconds
    userAgent: { timers: { t1: 20, t2: 160, t4: 200 } },
    events: {
      invite: () => {},
      message: (direction, message) => {
        if (direction === "sent") sent.push(message);
      },
      crashed: (error) => {
        throw error;
      },
    },
  });
  await agent.open();
});

afterEach(() => {
  agent.close();
  sent.length = 0;
  for (const peer of peers.splice(0)) peer.close();
});

async function startPeer(script: Script): Promise<ScriptedPeer> {
  const peer = await startUdpPeer(script);
  peers.push(peer);
  return peer;
}

/** Answers INVITE with these, and everything else as a polite peer does. */
function answering(...statuses: readonly number[]): Script {
  return (request, reply) => {
    if (request.method === "INVITE") { for (const status of statuses) accept(status, reply); }
    if (request.method === "BYE") reply(200);
  };
}

function accept(status: number, reply: Reply): void {
  reply(status, status === 200 ? { headers: [["Contact", "<sip:peer@127.0.0.1:9>"]] } : {});
}

/** Rings until it is cancelled. */
function ringing(): Script {
  let invite: Reply = () => {};
  return ({ method }, reply) => {
    if (method === "INVITE") {
      invite = reply;
      reply(180);
    }
    if (method === "CANCEL") {
      reply(200);
      invite(487);
    }
  };
}

/** One dial and what was told of it. */
interface Dialled {
  readonly dialer: Dialer;
  readonly told: string[];
  /** What the owner heard. */
  readonly owned: SessionOutput[];
  result(): Promise<DialResult>;
  settled(): Promise<void>;
}

function call(uris: readonly string[], given: Partial<DialOptions> = {}): Dialled {
  const told: string[] = [];
  const owned: SessionOutput[] = [];
  let found: DialResult | undefined;
  const owner: SessionOwner = { receive: (output) => void owned.push(output) };
  const dialer = dial(agent, {
    runtime,
    uris,
    from: "<sip:ann@127.0.0.1>",
    ringTimeout: 5000,
    redirects: "follow",
    owner,
    events: {
      trying: ({ uri }) => void told.push(`trying ${uri}`),
      progress: ({ response }) => void told.push(`progress ${response.statusCode}`),
      done: (result) => {
        found = result;
        told.push(`done ${result.type}`);
      },
      settled: () => void told.push("settled"),
    },
    ...given,
  });
  const has = (word: string) => () => told.some((line) => line.startsWith(word));
  return {
    dialer,
    told,
    owned,
    result: async () => {
      await until(has("done"), 8000, () => `no result: ${told}`);
      return found as DialResult;
    },
    settled: () => until(has("settled"), 8000, () => `not settled: ${told}`),
  };
}

/** URIs and status codes of the attempts. */
function ladder({ attempts }: DialResult): readonly (readonly [string, number])[] {
  return attempts.map(({ uri, statusCode }) => [uri, statusCode]);
}

function inviteOf(peer: ScriptedPeer): SipRequest {
  const found = peer.requests.find(({ method }) => method === "INVITE");
  if (found === undefined) throw new Error(`No INVITE among ${peer.methods()}`);
  return found;
}

describe("a dial that is answered", () => {
  test("tells its progress, then hands the session over to its owner", async () => {
    const peer = await startPeer(answering(100, 180, 200));
    const dialled = call([`sip:100@${peer.at}`], { headers: [["X-Room-ID", "blue"]] });
    expect(dialled.told).toEqual([]);
    const result = await dialled.result();
    expect(result).toMatchObject({ type: "accepted", uri: `sip:100@${peer.at}`, attempts: [] });
    expect(dialled.told).toEqual([
      `trying sip:100@${peer.at}`,
      "progress 100",
      "progress 180",
      "done accepted",
    ]);
    expect(dialled.dialer.state).toBe("over");
    expect(inviteOf(peer).headers.get("X-Room-ID")).toBe("blue");
    const acks = sent.filter((message) => message.type === "request" && message.method === "ACK");
    expect(acks).toHaveLength(1);
  });

  test("what happens afterwards is the owner's to hear, and cancel comes too late", async () => {
    const peer = await startPeer(answering(200));
    const dialled = call([`sip:100@${peer.at}`]);
    await dialled.result();
    dialled.dialer.cancel();
    const { headers } = inviteOf(peer);
    peer.send(createRequest({
      method: "BYE",
      requestUri: "sip:ann@127.0.0.1",
      headers: [
        ["Via", `SIP/2.0/UDP ${peer.at};branch=z9hG4bKbye`],
        ["From", `<sip:100@${peer.at}>;tag=peer`],
        ["To", headers.get("From") ?? ""],
        ["Call-ID", headers.callId],
        ["CSeq", "1 BYE"],
        ["Max-Forwards", "70"],
      ],
    }));
    await until(() => dialled.owned.length >= 2, 2000, () => "no BYE");
    expect(dialled.owned.map(({ type }) => type)).toEqual(["bye", "terminated"]);
    expect(peer.methods()).not.toContain("CANCEL");
    expect(dialled.told.at(-1)).toBe("done accepted");
  });

  test("RFC 3261 §22.2 after a challenge, without its password on the wire", async () => {
    const server = new DigestServer({
      realm: "pbx",
      users: new Map([["ann", { password: "correct horse" }]]),
      algorithms: ["SHA-256", "MD5"],
      nonceLifetime: 60_000,
      hash: (name, text) => runtime.hash(name, text),
      random: runtime.random,
    });
    const peer = await startPeer((request, reply) => {
      if (request.method !== "INVITE") return;
      const verdict = server.check(request, runtime.now());
      if (verdict.type === "accepted") accept(200, reply);
      else reply(401, { headers: verdict.headers });
    });
    const right = call([`sip:100@${peer.at}`], {
      credentials: { username: "ann", password: "correct horse" },
    });
    expect((await right.result()).type).toBe("accepted");
    const text = sent.map((message) => new TextDecoder().decode(serializeMessage(message))).join();
    expect(text).toContain("Authorization: Digest");
    expect(text).not.toContain("correct horse");
    const wrong = call([`sip:100@${peer.at}`, "sip:100@127.0.0.1:9"], {
      credentials: { username: "ann", password: "battery staple" },
    });
    expect(ladder(await wrong.result())).toEqual([[`sip:100@${peer.at}`, 401]]);
  });
});

describe("a dial over several URIs, RFC 3263 §4.3", () => {
  test("goes on after 503, 500 and 408 without ringing; the To names each", async () => {
    const [a, b, c, d] = [
      await startPeer(answering(503)),
      await startPeer(answering(100, 500)),
      await startPeer(answering(408)),
      await startPeer(answering(200)),
    ];
    const uris = [a, b, c, d].map(({ at }) => `sip:100@${at}`);
    const result = await call(uris).result();
    expect([result.type, ladder(result).map(([, status]) => status)])
      .toEqual(["accepted", [503, 500, 408]]);
    expect(inviteOf(d).headers.to.uri).toBe(uris[3] as string);
  });

  test("ends with what a callee decided: 404, 486, 488 and 603 are tried nowhere else", async () => {
    const other = await startPeer(answering(200));
    for (const status of [404, 486, 488, 603]) {
      const peer = await startPeer(answering(status));
      const result = await call([`sip:100@${peer.at}`, `sip:100@${other.at}`]).result();
      expect(result).toMatchObject({ type: "failed", statusCode: status, cause: "response" });
    }
    expect(other.methods()).toEqual([]);
  });

  test("408 after ringing is an answer: nobody is rung twice", async () => {
    const other = await startPeer(answering(200));
    const peer = await startPeer(answering(180, 408));
    const result = await call([`sip:100@${peer.at}`, `sip:100@${other.at}`]).result();
    expect(result).toMatchObject({ type: "failed", statusCode: 408 });
    expect(other.methods()).toEqual([]);
  });

  test("does not wait for a silent one longer than it has to, nor cancels it", async () => {
    const silent = await startPeer(() => {});
    const peer = await startPeer(answering(200));
    const dialled = call([`sip:100@${silent.at}`, `sip:100@${peer.at}`], { patience: 100 });
    const result = await dialled.result();
    expect(result).toMatchObject({
      type: "accepted",
      attempts: [{ statusCode: 408, cause: "timeout" }],
    });
    expect(silent.methods()).not.toContain("CANCEL");
  });

  test("§9.1 one that speaks up after it was given up gets its CANCEL", async () => {
    let late: Reply = () => {};
    const slow = await startPeer(({ method }, reply) => {
      if (method === "INVITE") late = reply;
      if (method === "CANCEL") reply(200);
    });
    const peer = await startPeer(answering(200));
    const dialled = call([`sip:100@${slow.at}`, `sip:100@${peer.at}`], { patience: 60 });
    await dialled.result();
    late(180);
    await until(() => slow.methods().includes("CANCEL"), 2000, () => `${slow.methods()}`);
    expect(dialled.owned).toEqual([]);
  });

  test("waits for one that is there, however long it rings", async () => {
    let reply200: () => void = () => {};
    const peer = await startPeer(({ method }, reply) => {
      if (method !== "INVITE") return;
      reply(100);
      reply200 = () => accept(200, reply);
    });
    const other = await startPeer(answering(200));
    const dialled = call([`sip:100@${peer.at}`, `sip:100@${other.at}`], { patience: 40 });
    await until(() => dialled.told.includes("progress 100"), 2000, () => `${dialled.told}`);
    await Bun.sleep(100);
    reply200();
    expect(await dialled.result()).toMatchObject({ type: "accepted", attempts: [] });
    expect(other.methods()).toEqual([]);
  });

  test("tells what somebody said rather than that somebody else said nothing", async () => {
    const peer = await startPeer(answering(503));
    const silent = await startPeer(() => {});
    const uris = [`sip:100@${peer.at}`, `sip:100@${silent.at}`, "sip:100@no-such-host.invalid"];
    const result = await call(uris).result();
    expect(result).toMatchObject({ type: "failed", statusCode: 503, cause: "response" });
    expect(result.attempts.map(({ cause }) => cause)).toEqual([
      "response",
      "timeout",
      "unresolved",
    ]);
  });
});

describe("a dial that is redirected, RFC 3261 §8.1.3.4", () => {
  /** Redirects to these contacts. */
  const redirecting = (contact: () => string): Script => ({ method }, reply) => {
    if (method === "INVITE") reply(302, { headers: [["Contact", contact()]] });
  };

  test("follows in the order of q, and keeps To and what it is sent with", async () => {
    const busy = await startPeer(answering(486));
    const last = await startPeer(answering(200));
    const first = await startPeer(
      redirecting(() =>
        `<sip:c@${last.at}>;q=0.1, <tel:+15551234>;q=1, <sip:b@${busy.at};method=BYE?X-Evil=1>;q=0.7`
      ),
    );
    const uri = `sip:100@${first.at}`;
    const result = await call([uri], { headers: [["X-Room-ID", "blue"]] }).result();
    expect(result).toMatchObject({ type: "accepted", uri: `sip:c@${last.at}` });
    expect(ladder(result)).toEqual([[uri, 302], [`sip:b@${busy.at}`, 486]]);
    const { headers, requestUri } = inviteOf(last);
    expect([requestUri, headers.to.uri, headers.get("X-Room-ID")])
      .toEqual([`sip:c@${last.at}`, uri, "blue"]);
    expect(inviteOf(busy).headers.has("X-Evil")).toBe(false);
  });

  test("does not go in circles", async () => {
    const peer: ScriptedPeer = await startPeer(redirecting(() => `<sip:100@${peer.at}>`));
    const result = await call([`sip:100@${peer.at}`]).result();
    expect(ladder(result)).toEqual([[`sip:100@${peer.at}`, 302]]);
    expect(result).toMatchObject({ type: "failed", statusCode: 302 });
  });

  test("tries five targets at most", async () => {
    let count = 0;
    const peer: ScriptedPeer = await startPeer(redirecting(() => `<sip:${++count}@${peer.at}>`));
    const result = await call([`sip:100@${peer.at}`]).result();
    expect(result.attempts).toHaveLength(6);
  });

  test("a redirection is an answer when it is not to be followed", async () => {
    const other = await startPeer(answering(200));
    const peer = await startPeer(redirecting(() => `<sip:100@${other.at}>`));
    const result = await call([`sip:100@${peer.at}`], { redirects: "refuse" }).result();
    if (result.type !== "failed") throw new Error("It was followed");
    expect([result.statusCode, result.response?.headers.get("Contact")])
      .toEqual([302, `<sip:100@${other.at}>`]);
    expect(other.methods()).toEqual([]);
  });

  test("6xx of a redirect target ends everything, §21.6", async () => {
    const other = await startPeer(answering(200));
    const decline = await startPeer(answering(603));
    const peer = await startPeer(
      redirecting(() => `<sip:a@${decline.at}>, <sip:b@${other.at}>;q=0.5`),
    );
    expect(await call([`sip:100@${peer.at}`]).result()).toMatchObject({ statusCode: 603 });
    expect(other.methods()).toEqual([]);
  });
});

describe("a dial that is given up", () => {
  test("by its ring time-out: 408 at once, CANCEL with its reason, settled after the 487", async () => {
    const peer = await startPeer(ringing());
    const dialled = call([`sip:100@${peer.at}`, "sip:100@127.0.0.1:9"], { ringTimeout: 80 });
    expect(await dialled.result()).toMatchObject({ statusCode: 408, cause: "unanswered" });
    await dialled.settled();
    expect(dialled.told).toEqual([
      `trying sip:100@${peer.at}`,
      "progress 180",
      "done failed",
      "settled",
    ]);
    await peer.expectMethods("INVITE", "CANCEL", "ACK");
    const cancel = peer.requests[1] as SipRequest;
    expect(cancel.headers.get("Reason")).toBe('SIP;cause=408;text="No answer"');
  });

  test("by us while it rings", async () => {
    const peer = await startPeer(ringing());
    const dialled = call([`sip:100@${peer.at}`]);
    await until(() => dialled.told.includes("progress 180"), 2000, () => `${dialled.told}`);
    dialled.dialer.cancel([["Reason", "Q.850;cause=16"]]);
    dialled.dialer.cancel();
    expect(await dialled.result()).toMatchObject({ statusCode: 487, cause: "cancelled" });
    expect(dialled.dialer.state).toBe("leaving");
    await dialled.settled();
    expect([dialled.dialer.state, dialled.told.filter((line) => line === "done failed").length])
      .toEqual(["over", 1]);
    await peer.expectMethods("INVITE", "CANCEL", "ACK");
    expect((peer.requests[1] as SipRequest).headers.get("Reason")).toBe("Q.850;cause=16");
  });

  test("by us before anything went out: no INVITE follows", async () => {
    const peer = await startPeer(answering(200));
    const dialled = call([`sip:100@${peer.at}`]);
    dialled.dialer.cancel();
    expect(dialled.told).toEqual(["done failed", "settled"]);
    await Bun.sleep(30);
    expect(peer.methods()).toEqual([]);
  });

  test("at the sight of its own INVITE: the CANCEL has its headers all the same", async () => {
    const peer = await startPeer(ringing());
    const dialled: Dialled = call([`sip:100@${peer.at}`]);
    await until(() => sent.length > 0, 2000, () => "nothing sent");
    dialled.dialer.cancel([["Reason", "Q.850;cause=16"]]);
    await dialled.settled();
    expect((peer.requests[1] as SipRequest).headers.get("Reason")).toBe("Q.850;cause=16");
  });

  test("when the callee answers at the same moment: ACK and BYE, and it has failed", async () => {
    let invite: Reply = () => {};
    const peer = await startPeer(({ method }, reply) => {
      if (method === "INVITE") {
        invite = reply;
        reply(180);
      }
      if (method === "CANCEL") {
        reply(200);
        accept(200, invite);
      }
      if (method === "BYE") reply(200);
    });
    const dialled = call([`sip:100@${peer.at}`]);
    await until(() => dialled.told.includes("progress 180"), 2000, () => `${dialled.told}`);
    dialled.dialer.cancel();
    // The peer's Contact leads elsewhere: who is called there is of no interest here
    await until(
      () => sent.some((one) => one.type === "request" && one.method === "BYE"),
      2000,
      () => "",
    );
    expect(await dialled.result()).toMatchObject({ type: "failed", statusCode: 487 });
    expect(dialled.owned).toEqual([]);
  });

  test("leaves nothing behind", async () => {
    const peer = await startPeer(ringing());
    const dialled = call([`sip:100@${peer.at}`], { ringTimeout: 50 });
    await dialled.settled();
    expect(agent.size).toMatchObject({ sessions: 0, requests: 0 });
  });
});

describe("a dial that cannot be", () => {
  test("throws before anything is done", () => {
    const bad: readonly (readonly [readonly string[], Partial<DialOptions>])[] = [
      [[], {}],
      [["tel:+15551234"], {}],
      [["sip:1@127.0.0.1;transport=sctp"], {}],
      [["sip:1@127.0.0.1"], { from: "nobody" }],
      [["sip:1@127.0.0.1"], { headers: [["X-Room", "a\r\nEvil: 1"]] }],
      [["sip:1@127.0.0.1"], { routes: ["<nonsense"] }],
    ];
    for (const [uris, given] of bad) expect(() => call(uris, given)).toThrow();
    expect(sent).toEqual([]);
  });

  test("fails when the name leads nowhere", async () => {
    const result = await call(["sip:1@no-such-host.invalid"]).result();
    expect(result).toMatchObject({ type: "failed", statusCode: 503, cause: "unresolved" });
  });

  test("a listener that throws costs this call alone", async () => {
    const peer = await startPeer(answering(200));
    let seen: DialResult | undefined;
    call([`sip:100@${peer.at}`], {
      events: {
        trying: () => {
          throw new Error("broken listener");
        },
        done: (result: DialResult, _now: Millis) => {
          seen = result;
        },
      },
    });
    await until(() => seen !== undefined, 2000, () => "no result");
    expect(seen).toMatchObject({ statusCode: 500, cause: "internal" });
  });
});
