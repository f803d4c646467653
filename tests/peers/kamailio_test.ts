import { afterAll, beforeAll, describe, expect } from "bun:test";
import type { CallRecord } from "../../src/call/call_record.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { missingPeers } from "../support/peer_table.ts";
import { peerTest } from "../support/peers.ts";
import { RawCaller } from "../support/raw_caller.ts";
import { SilentPipe } from "../support/silent_pipe.ts";
import { Baresip } from "./baresip.ts";
import { type RunningKamailio, startKamailio } from "./kamailio.ts";
import { runSipp, type SippOptions } from "./sipp.ts";
import { sweep } from "./sound.ts";
import { voicegwCall } from "./voicegw_call.ts";

/** A scenario of SIPp through Kamailio. */
interface Row {
  readonly scenario: SippOptions["scenario"];
  readonly transports: readonly ("udp" | "tcp")[];
  /** The dialled user, which Kamailio makes the X-Room-ID that routes ask for. */
  readonly user: string;
  readonly cause: string;
}

const ROWS: readonly Row[] = [
  { scenario: "basic_call.xml", transports: ["udp", "tcp"], user: "blue", cause: "caller_hangup" },
  { scenario: "hold.xml", transports: ["udp"], user: "blue", cause: "caller_hangup" },
  // The BYE goes to the caller's Contact, where SIPp listens over UDP only
  { scenario: "server_bye.xml", transports: ["udp"], user: "short", cause: "handler_hangup" },
  {
    scenario: "cancel_after_180.xml",
    transports: ["udp", "tcp"],
    user: "slow",
    cause: "caller_cancel",
  },
];

describe("calls through Kamailio, RFC 3261 §16.12", () => {
  let server: RunningGateway;
  /** Refuses every call for itself. */
  let full: RunningGateway;
  let kamailio: RunningKamailio | undefined;
  let pipe: SilentPipe;

  beforeAll(async () => {
    pipe = new SilentPipe();
    const room = (name: string) => ({ "X-Room-ID": name, "X-Tenant-ID": "127.0.0.1" });
    server = await startGateway({
      routes: [
        { name: "blue", when: room("blue"), echo: true },
        { name: "slow", when: room("slow"), play: pipe.path },
        { name: "short", when: room("short"), exec: ["sleep", "0.3"] },
      ],
    });
    full = await startGateway({ routes: [{ reject: 503 }] });
    if (missingPeers(["kamailio"]).length > 0) return;
    kamailio = await startKamailio([full.udp, server.udp]);
  });

  afterAll(async () => {
    pipe.close();
    await kamailio?.stop();
    await Promise.all([server.stop(), full.stop()]);
  });

  /** The address of Kamailio, as a URI has it. */
  function proxy(): string {
    return `127.0.0.1:${kamailio?.address.port}`;
  }

  async function nextRecord(before: number): Promise<CallRecord> {
    await server.ended(before + 1);
    await server.idle();
    expect(server.records).toHaveLength(before + 1);
    return server.records[before] as CallRecord;
  }

  for (const { scenario, transports, user, cause } of ROWS) {
    for (const transport of transports) {
      peerTest(`${scenario} over ${transport}`, ["kamailio", "sipp"], async () => {
        const before = server.records.length;
        const { exitCode, output } = await runSipp({
          scenario,
          target: (kamailio as RunningKamailio).address,
          transport,
          // What the caller claims does not count.
          keys: { room: "forged" },
          extra: ["-s", user],
        });
        expect({ exitCode, output: exitCode === 0 ? "" : output })
          .toEqual({ exitCode: 0, output: "" });
        const record = await nextRecord(before);
        expect(record.cause as string).toBe(cause);
        expect(record.call.route).toBe(user);
        expect(record.call.x_headers)
          .toEqual({ "X-Room-ID": user, "X-Tenant-ID": "127.0.0.1" });
      });
    }
  }

  peerTest("voicegw call: sound both ways, BYE of the caller", ["kamailio"], async () => {
    const before = server.records.length;
    const { exitCode, output } = await voicegwCall(`sip:blue@${proxy()}`, ["--duration", "1s"]);
    expect({ exitCode, output: exitCode === 0 ? "" : output }).toEqual({ exitCode: 0, output: "" });
    const record = await nextRecord(before);
    expect(record.cause).toBe("caller_hangup");
    expect(record.call.route).toBe("blue");
    // The audio goes past Kamailio
    expect(record.statistics.packets_received).toBeGreaterThan(30);
  });

  peerTest(
    "a BYE with another tag is none of the call's: RFC 3261 §12.2.2",
    ["kamailio"],
    async () => {
      const before = server.records.length;
      const caller = await RawCaller.open(proxy());
      try {
        const { call, answer } = await caller.establish({ uri: `sip:blue@${proxy()}` });
        expect(answer.statusCode).toBe(200);
        const contact = /<([^>]+)>/.exec(answer.headers.get("Contact") ?? "")?.[1] ?? "";
        const routes = answer.headers.values("Record-Route").map((route) => `Route: ${route}`);
        const bye = (to: string, sequence: number) =>
          caller.send([
            `BYE ${contact} SIP/2.0`,
            // Kamailio answers to where it came from: RFC 3581
            `Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK-${call.callId}-${sequence};rport`,
            ...[...routes].reverse(),
            "Max-Forwards: 70",
            `From: ${answer.headers.get("From")}`,
            `To: ${to}`,
            `Call-ID: ${call.callId}`,
            `CSeq: ${sequence} BYE`,
            "Content-Length: 0",
            "",
            "",
          ].join("\n"));
        const to = answer.headers.get("To") ?? "";
        bye(to.replace(/;tag=.*/, ";tag=guessed"), 2);
        await caller.status(call, 481, "BYE");
        expect(server.records).toHaveLength(before);
        bye(to, 3);
        await caller.status(call, 200, "BYE");
      } finally {
        caller.close();
      }
      expect((await nextRecord(before)).cause).toBe("caller_hangup");
    },
  );

  peerTest("voicegw call: BYE of the callee", ["kamailio"], async () => {
    const before = server.records.length;
    const started = performance.now();
    const { output } = await voicegwCall(`sip:short@${proxy()}`, ["--duration", "10s"]);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(output).toContain("BYE");
    expect((await nextRecord(before)).cause).toBe("handler_hangup");
  });

  peerTest(
    "baresip over TCP, the gateway over UDP, re-INVITE",
    ["kamailio", "baresip"],
    async () => {
      const before = server.records.length;
      const caller = await Baresip.start({ transport: "tcp", codec: "PCMA", sound: sweep(10_000) });
      try {
        await caller.command("dial", `sip:blue@${proxy()}`);
        await caller.event("CALL_ESTABLISHED");
        await caller.command("hold");
        await Bun.sleep(300);
        await caller.command("resume");
        await Bun.sleep(300);
        await caller.command("hangup");
        await caller.event("CALL_CLOSED");
      } finally {
        await caller.stop();
      }
      const record = await nextRecord(before);
      expect(record).toMatchObject({ cause: "caller_hangup", codec: "PCMA" });
      expect(record.call.transport).toBe("udp");
      expect(record.statistics.silence_ms).toBeGreaterThan(200);
    },
  );
});
