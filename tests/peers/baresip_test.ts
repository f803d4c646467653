import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { CallRecord } from "../../src/call/call_record.ts";
import { type RunningGateway, startGateway, until } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { SilentPipe } from "../support/silent_pipe.ts";
import { Baresip, type BaresipOptions } from "./baresip.ts";
import { correlations, sweep } from "./sound.ts";

/** A call that hears itself. */
interface EchoRow {
  readonly transport: BaresipOptions["transport"];
  readonly codec: BaresipOptions["codec"];
  /** Whom baresip dials: the name of the route. */
  readonly user: "echo" | "cat";
}

const ECHO_ROWS: readonly EchoRow[] = [
  { transport: "udp", codec: "PCMU", user: "cat" },
  { transport: "udp", codec: "PCMA", user: "echo" },
  { transport: "tcp", codec: "PCMU", user: "echo" },
  { transport: "tcp", codec: "PCMA", user: "cat" },
];

const PTIME_MS = 20;
/** Two codings with 8 bits a sample leave that much, when no frame is missing. */
const CORRELATION_MIN = 0.99;
/** Of some 100: a machine that is busy lets packets wait. */
const PACKETS_LATE_MAX = 5;
/** Packets that are on their way when a call ends, and those that start-up costs. */
const PACKETS_TOLERANCE = 10;

describe("baresip calls the gateway", () => {
  let server: RunningGateway;
  let folder: string;
  let pipe: SilentPipe;

  beforeAll(async () => {
    folder = mkdtempSync(`${tmpdir()}/voicegw-peers-`);
    pipe = new SilentPipe();
    server = await startGateway({
      routes: [
        { when: { user: "cat" }, exec: ["cat"] },
        { when: { user: "short" }, exec: ["sleep", "0.5"] },
        { when: { user: "keys" }, exec: ["sh", "-c", `cat <&3 >${folder}/events`] },
        { when: { user: "slow" }, play: pipe.path },
        { when: { user: "busy" }, reject: 486 },
        { when: { user: "echo" }, echo: true },
      ],
    });
  });

  afterAll(async () => {
    pipe.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** Dials and runs `during`, with an end to the caller whatever happens. */
  async function call(
    user: string,
    options: Partial<BaresipOptions> & { readonly durationMs: number },
    during: (caller: Baresip) => Promise<void>,
  ): Promise<void> {
    const { transport = "udp", codec = "PCMU", durationMs } = options;
    const caller = await Baresip.start({ transport, codec, sound: sweep(durationMs) });
    try {
      await caller.command("dial", `sip:${user}@${transport === "udp" ? server.udp : server.tcp}`);
      await during(caller);
    } finally {
      await caller.stop();
    }
  }

  async function nextRecord(before: number): Promise<CallRecord> {
    await server.ended(before + 1);
    await server.idle();
    expect(server.records).toHaveLength(before + 1);
    return server.records[before] as CallRecord;
  }

  for (const { transport, codec, user } of ECHO_ROWS) {
    peerTest(`${user} over ${transport}, ${codec}: hears what it says`, ["baresip"], async () => {
      const before = server.records.length;
      await call(user, { transport, codec, durationMs: 2000 }, async (caller) => {
        await caller.event("CALL_CLOSED");
        const { sent, heard } = await caller.finish();
        const found = correlations(sent, heard);
        expect(found).toHaveLength(3);
        for (const correlation of found) expect(correlation).toBeGreaterThan(CORRELATION_MIN);
      });
      const record = await nextRecord(before);
      expect(record).toMatchObject({ cause: "caller_hangup", sip_status: 200, codec });
      expect(record.call.transport).toBe(transport);
      const { statistics } = record;
      expect(statistics).toMatchObject({ packets_lost: 0, packets_refused: 0, dropped_ms: 0 });
      expect(statistics.packets_late).toBeLessThanOrEqual(PACKETS_LATE_MAX);
      const packets = 2000 / PTIME_MS;
      expect(statistics.packets_received).toBeGreaterThan(packets - PACKETS_TOLERANCE);
      expect(statistics.packets_sent).toBeGreaterThan(packets - PACKETS_TOLERANCE);
    });
  }

  peerTest("the gateway hangs up when the program ends: RFC 3261 §15", ["baresip"], async () => {
    const before = server.records.length;
    await call("short", { durationMs: 10_000 }, async (caller) => {
      await caller.event("CALL_ESTABLISHED");
      await caller.event("CALL_CLOSED", 4000);
    });
    const record = await nextRecord(before);
    expect(record.cause).toBe("handler_hangup");
    expect(record.duration_ms).toBeLessThan(3000);
  });

  peerTest("keys arrive once each: RFC 4733 §2.5", ["baresip"], async () => {
    const before = server.records.length;
    await call("keys", { durationMs: 10_000 }, async (caller) => {
      await caller.event("CALL_ESTABLISHED");
      // The second "4" is a key of its own.
      for (const key of "1#44*D") {
        await caller.command("sndcode", key);
        // The end of an event goes out three times, 20 ms apart
        await Bun.sleep(250);
      }
      await caller.command("hangup");
      await caller.event("CALL_CLOSED");
    });
    expect((await nextRecord(before)).cause).toBe("caller_hangup");
    await until(() => contentOf(`${folder}/events`).includes('"end"'), 3000, () => "no end");
    const events = contentOf(`${folder}/events`).trim().split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const keys = events.filter(({ event }) => event === "dtmf");
    expect(keys.map(({ digit }) => digit).join("")).toBe("1#44*D");
    for (const { source } of keys) expect(source).toBe("rfc4733");
  });

  peerTest("hold and resume: RFC 3264 §8.4", ["baresip"], async () => {
    const before = server.records.length;
    await call("echo", { durationMs: 10_000 }, async (caller) => {
      await caller.event("CALL_ESTABLISHED");
      await Bun.sleep(1000);
      await caller.command("hold");
      await Bun.sleep(1000);
      await caller.command("resume");
      await Bun.sleep(1000);
      await caller.command("hangup");
      await caller.event("CALL_CLOSED");
    });
    const record = await nextRecord(before);
    expect(record.cause).toBe("caller_hangup");
    const { statistics } = record;
    expect(statistics).toMatchObject({ packets_lost: 0, packets_refused: 0 });
    // Of three seconds one was silent, on both ways.
    expect(record.duration_ms).toBeGreaterThan(2900);
    const talked = (record.duration_ms - 1000) / PTIME_MS;
    for (const packets of [statistics.packets_received, statistics.packets_sent]) {
      expect(Math.abs(packets - talked)).toBeLessThanOrEqual(PACKETS_TOLERANCE);
    }
    expect(Math.abs(statistics.silence_ms - 1000)).toBeLessThan(PACKETS_TOLERANCE * PTIME_MS);
  });

  peerTest("hangs up while it rings: RFC 3261 §9", ["baresip"], async () => {
    const before = server.records.length;
    await call("slow", { durationMs: 10_000 }, async (caller) => {
      await caller.event("CALL_RINGING");
      await caller.command("hangup");
      await caller.event("CALL_CLOSED");
    });
    expect(await nextRecord(before)).toMatchObject({ cause: "caller_cancel", sip_status: 487 });
  });

  peerTest("is told of a refusal: RFC 3261 §21.4.24", ["baresip"], async () => {
    await call("busy", { durationMs: 10_000 }, async (caller) => {
      expect((await caller.event("CALL_CLOSED")).param).toStartWith("486");
    });
    await server.idle();
  });
});

function contentOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
