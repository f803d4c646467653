import { describe, expect, test } from "bun:test";
import type { HandlerCommand } from "../../../src/call/handler_message.ts";
import type { TargetGuard } from "../../../src/handler/target_guard.ts";
import { HELD_EVENTS_MAX } from "../../../src/handler/websocket/websocket_handler.ts";
import { tlsIdentity, tlsServer, tlsText } from "../../support/tls_fixtures.ts";
import { dtmf, END, START } from "../recording_host.ts";
import { connectedRig, frame, Rig, until, wait } from "./websocket_fixture.ts";
import { startWsServer } from "./ws_server.ts";

function mark(name: string): HandlerCommand {
  return { command: "mark", name };
}

describe("voicegw.v1", () => {
  test("begins with start; the caller's audio is binary, events are text", async () => {
    const rig = await connectedRig();
    expect(rig.peer().socket.protocol).toBe("voicegw.v1");
    rig.handler.receiveAudio(frame(1));
    rig.handler.receiveEvent(dtmf("5"));
    rig.handler.receiveAudio(frame(2));
    await until(() => rig.peer().messages.length === 4);
    expect(JSON.parse(rig.peer().messages[0] as string)).toEqual(START);
    expect(rig.peer().messages[1]).toEqual(frame(1));
    expect(JSON.parse(rig.peer().messages[2] as string)).toEqual(dtmf("5"));
    expect(rig.peer().messages[3]).toEqual(frame(2));
    await rig.stop();
  });

  test("tells of keys that were pressed while it connected", async () => {
    const server = await startWsServer();
    const rig = new Rig(server, {});
    rig.handler.start(START);
    rig.handler.receiveEvent(dtmf("4"));
    await until(() => server.peers[0]?.messages.length === 2);
    expect(rig.peer().events()).toEqual([{ ...START }, { ...dtmf("4") }]);
    await rig.stop();
  });

  test("audio and commands come in the order of the messages, a clear in its two steps", async () => {
    const rig = await connectedRig();
    const { socket } = rig.peer();
    socket.send(frame(1));
    rig.peer().say({ command: "mark", name: "a" });
    socket.send(frame(2));
    rig.peer().say({ command: "clear" });
    socket.send(frame(3));
    rig.peer().say({ command: "hangup", cause: "done" });
    await rig.host.until(() => rig.host.of("command").length === 3);
    expect(rig.host.heard).toEqual([
      { type: "started" },
      { type: "audio", bytes: 320 },
      { type: "command", command: mark("a") },
      { type: "audio", bytes: 320 },
      { type: "clearAudio" },
      { type: "command", command: { command: "clear" } },
      { type: "audio", bytes: 320 },
      { type: "command", command: { command: "hangup", cause: "done" } },
    ]);
    await rig.stop();
  });

  test("joins samples that are cut by messages, but not across a clear", async () => {
    const rig = await connectedRig();
    rig.host.keep = true;
    const { socket } = rig.peer();
    socket.send(new Uint8Array([1, 2, 3]));
    socket.send(new Uint8Array([4]));
    socket.send(new Uint8Array([5]));
    rig.peer().say({ command: "clear" });
    socket.send(new Uint8Array([6, 7]));
    await rig.host.until(() => rig.host.audioBytes === 6);
    expect([...rig.host.pcm]).toEqual([1, 2, 3, 4, 6, 7]);
    await rig.stop();
  });

  test("says what is wrong with a message, but not without end", async () => {
    const rig = await connectedRig();
    rig.peer().socket.send("{");
    rig.peer().say({ command: "sing" });
    rig.peer().socket.send(`"${"x".repeat(70_000)}"`);
    await rig.host.until(() => rig.host.of("refused").length === 3);
    expect(rig.host.of("refused").map(({ message }) => message.slice(0, 40))).toEqual([
      'Not JSON: "{", send one JSON object a me',
      'Unknown command "sing", send clear, mark',
      "A message is longer than 65536 bytes, se",
    ]);
    for (let count = 0; count < 200; count++) rig.peer().socket.send("{");
    rig.peer().say({ command: "mark", name: "last" });
    await rig.host.until(() => rig.host.of("command").length === 1);
    expect(rig.host.of("refused").length).toBeLessThan(60);
    await rig.stop();
    expect(rig.host.logged.at(-1)).toMatch(/^\(1\d\d more messages were refused\)$/);
  });

  test("a clear stops sound that was sent far ahead, and its marks come back", async () => {
    const rig = await connectedRig();
    rig.host.queueBytesMax = 16_000;
    for (let second = 0; second < 60; second++) {
      rig.peer().socket.send(new Uint8Array(16_000));
      rig.peer().say({ command: "mark", name: `${second}` });
    }
    rig.peer().say({ command: "clear" });
    await rig.host.until(() => rig.host.of("clearAudio").length === 1);
    await rig.host.until(() => rig.host.of("command").length === 61);
    const steps = rig.host.heard.map((each) => each.type === "command" ? each.command : each.type);
    // Nothing but the first second was given before the clear
    const cleared = steps.indexOf("clearAudio");
    expect(steps.slice(0, cleared)).toEqual(["started", "audio", mark("0")]);
    expect(steps.slice(cleared + 1).filter((step) => step !== "audio")).toEqual([
      ...Array.from({ length: 59 }, (_, second) => mark(`${second + 1}`)),
      { command: "clear" },
    ]);
    // All of it is counted by the call, as played or dropped
    expect(rig.host.audioBytes).toBe(60 * 16_000);
    await rig.stop();
  });

  test("a barge-in drops all that has arrived, and is answered at once", async () => {
    const rig = await connectedRig();
    rig.host.queueBytesMax = 16_000;
    rig.peer().socket.send(new Uint8Array(100_000));
    await rig.host.until(() => rig.host.audioBytes > 0);
    rig.handler.discardAudio();
    expect(rig.host.of("audioDiscarded").length).toBe(1);
    expect(rig.host.audioBytes).toBe(100_000);
    await rig.stop();
  });
});

describe("the life of a WebSocket handler", () => {
  test("a server that is done has its sound played to the end", async () => {
    for (const code of [1000, 1001, undefined]) {
      const rig = await connectedRig();
      rig.host.queueBytesMax = 16_000;
      rig.peer().socket.send(new Uint8Array(50_000));
      rig.peer().socket.close(code);
      await rig.host.until(() => rig.host.audioBytes >= 16_000);
      await wait(30);
      expect(rig.host.end).toBeUndefined();
      rig.host.queueBytesMax = Infinity;
      rig.handler.resumeAudio();
      expect(rig.host.end).toEqual({ type: "completed" });
      expect(rig.host.audioBytes).toBe(50_000);
      await rig.stop();
    }
  });

  test("a call that ends says so, and closes with 1000", async () => {
    const rig = await connectedRig();
    rig.handler.stop(END);
    rig.handler.stop(END);
    expect(await rig.host.untilEnded()).toEqual({ type: "stopped" });
    await until(() => rig.peer().closed !== undefined);
    expect(rig.peer().events("end")).toEqual([{ ...END }]);
    expect(rig.peer().closed).toEqual({ code: 1000, reason: "" });
    await rig.stop();
  });

  test("a server that does not answer the goodbye is waited for, unless it is killed", async () => {
    const rig = await connectedRig();
    rig.peer().socket.pause();
    rig.handler.stop(END);
    await wait(50);
    expect(rig.host.end).toBeUndefined();
    rig.handler.kill();
    rig.handler.kill();
    expect(rig.host.end).toEqual({ type: "stopped" });
    await rig.stop();
  });

  test("TLS is spoken with the authority and the certificate of the route", async () => {
    const { certificate, key } = tlsIdentity("client");
    const ca = tlsText("ca.pem");
    const rig = await connectedRig({
      server: { tlsOptions: tlsServer("server", "require") },
      spec: { tls: { ca, certificate, key, verify: true } },
    });
    rig.handler.receiveAudio(frame(1));
    await until(() => rig.peer().binaryBytes === 320);
    await rig.stop();
    const untrusted = new Rig(await startWsServer({ tlsOptions: tlsServer() }), {});
    untrusted.start();
    expect(await untrusted.host.untilEnded()).toEqual({
      type: "failed",
      reason: `${untrusted.server.url}: no authority that we trust signs its certificate`,
    });
    await untrusted.stop();
  });

  test("a call that ends before there is a connection leaves none", async () => {
    for (const way of ["stop", "kill"] as const) {
      const server = await startWsServer({
        verifyClient: (_, done) => void setTimeout(() => done(true), 60),
      });
      const rig = new Rig(server, {});
      rig.start();
      await wait(20);
      if (way === "stop") rig.handler.stop(END);
      else rig.handler.kill();
      expect(rig.host.end).toEqual({ type: "stopped" });
      await wait(80);
      expect(rig.host.heard.length).toBe(1);
      await rig.stop();
    }
  });

  test("a connection that cannot be opened is a failure with its reason, at once", async () => {
    const refusing = await startWsServer({
      verifyClient: (_, done) => done(false, 403, "No"),
    });
    const url = `${refusing.url}bot?key=secret`;
    const rig = new Rig(refusing, { spec: { url, reconnect: { tries: 3, delay: 10 } } });
    rig.start();
    expect(await rig.host.untilEnded()).toEqual({
      type: "failed",
      reason: `ws://127.0.0.1:${refusing.port}/bot?key=…: it answered 403 Forbidden`,
    });
    expect([rig.host.of("started").length, rig.waits]).toEqual([0, []]);
    await rig.stop();
    const gone = new Rig(refusing, {});
    gone.start();
    expect(await gone.host.untilEnded()).toEqual({
      type: "failed",
      reason: `ws://127.0.0.1:${refusing.port}/: nothing listens there`,
    });
  });

  test("an answered call waits for its connection", async () => {
    const rig = await connectedRig({ start: { answered: true } });
    expect(rig.waits).toEqual([true, false]);
    await rig.stop();
  });
});

describe("a WebSocket connection that is lost", () => {
  const reconnect = { tries: 3, delay: 40 };

  test("is tried anew at once; start says how often it was, and events have waited", async () => {
    const rig = await connectedRig({ spec: { reconnect } });
    rig.peer().socket.send(new Uint8Array([1]));
    rig.onWaiting = () => {
      rig.handler.receiveAudio(frame(1));
      rig.handler.receiveEvent(dtmf("7"));
    };
    rig.peer().socket.terminate();
    await until(() => rig.server.peers.length === 2 && rig.peer(1).messages.length === 2);
    expect(rig.peer(1).events()).toEqual([{ ...START, reconnected: 1 }, { ...dtmf("7") }]);
    expect([rig.waits, rig.host.droppedBytes]).toEqual([[true, false], 320]);
    expect(rig.host.of("started").length).toBe(1);
    // Half a sample of the lost connection is none of the new one's
    rig.host.keep = true;
    rig.peer(1).socket.send(new Uint8Array([6, 7]));
    await rig.host.until(() => rig.host.audioBytes > 0);
    expect([...rig.host.pcm]).toEqual([6, 7]);
    rig.handler.receiveAudio(frame(2));
    await until(() => rig.peer(1).binaryBytes === 320);
    expect(rig.host.logged.length).toBe(1);
    expect(rig.host.logged[0]).toEndWith("; try 1 of 3 to connect anew");
    await rig.stop();
  });

  test("what it had sent is played meanwhile", async () => {
    const rig = await connectedRig({ spec: { reconnect } });
    rig.host.queueBytesMax = 16_000;
    rig.peer().socket.send(new Uint8Array(50_000));
    await rig.host.until(() => rig.host.audioBytes >= 16_000);
    rig.peer().socket.close(1011, "oops");
    await until(() => rig.server.peers.length === 2);
    rig.host.queueBytesMax = Infinity;
    rig.handler.resumeAudio();
    expect(rig.host.audioBytes).toBe(50_000);
    await rig.stop();
  });

  test("is tried again and again, twice as late each time, then it is a failure", async () => {
    const rig = await connectedRig({ spec: { reconnect } });
    const began = performance.now();
    await rig.server.stop();
    const end = await rig.host.untilEnded();
    const lasted = performance.now() - began;
    const reason = `ws://127.0.0.1:${rig.server.port}/: nothing listens there`;
    expect(end).toEqual({ type: "failed", reason });
    // At once, after 40 ms and after 80 ms
    expect(rig.host.logged.length).toBe(3);
    expect(lasted).toBeGreaterThan(115);
    expect(lasted).toBeLessThan(1_000);
    expect(rig.waits).toEqual([true, false]);
  });

  test("counts as lost when the server says that it is unwell; its reason is told", async () => {
    const rig = await connectedRig();
    rig.peer().socket.close(1011, "out of memory");
    expect(await rig.host.untilEnded()).toEqual({
      type: "failed",
      reason: `${rig.server.url}: the connection ended with 1011 "out of memory"`,
    });
    await rig.stop();
  });

  test("counts as lost when a ping is not answered by the next", async () => {
    const rig = await connectedRig({ spec: { ping: 60 } });
    await until(() => rig.peer().pings >= 3);
    expect(rig.host.end).toBeUndefined();
    rig.peer().socket.pause();
    expect(await rig.host.untilEnded()).toEqual({
      type: "failed",
      reason: `${rig.server.url}: it did not answer a ping within 0.06 s`,
    });
    await rig.stop();
  });

  test("by a server that connects and dies is no loop without end", async () => {
    let connections = 0;
    const server = await startWsServer({
      onConnection: ({ socket }) => {
        connections++;
        socket.terminate();
      },
    });
    const rig = new Rig(server, { spec: { reconnect } });
    rig.start();
    await rig.host.untilEnded();
    expect(connections).toBe(4);
    await rig.stop();
  });

  test("keeps the newest events, so many at most", async () => {
    let mayConnect = true;
    const rig = await connectedRig({
      spec: { reconnect: { tries: 5, delay: 60 } },
      server: { verifyClient: () => mayConnect },
    });
    mayConnect = false;
    rig.onWaiting = () => {
      for (let count = 0; count < HELD_EVENTS_MAX + 5; count++) {
        rig.handler.receiveEvent({ event: "mark", name: `${count}`, played_ms: 0 });
      }
    };
    rig.peer().socket.terminate();
    await until(() => rig.host.logged.length === 2);
    mayConnect = true;
    await until(() => rig.server.peers.length === 2);
    await until(() => rig.peer(1).messages.length === HELD_EVENTS_MAX + 1);
    expect(rig.peer(1).events("mark")[0]?.name).toBe("5");
    await rig.stop();
  });

  test("ends in peace when the call ends between two tries", async () => {
    const rig = await connectedRig({ spec: { reconnect: { tries: 9, delay: 10_000 } } });
    await rig.server.stop();
    await until(() => rig.host.logged.length === 2);
    rig.handler.stop(END);
    expect(rig.host.end).toEqual({ type: "stopped" });
  });
});

describe("a WebSocket server that is too slow or too fast", () => {
  test("which does not read loses the oldest audio, and hears the present when it reads", async () => {
    const rig = await connectedRig({ rate: 48_000 });
    rig.peer().socket.pause();
    let written = 0;
    while (rig.host.droppedBytes === 0 && written < 20_000) {
      for (let count = 0; count < 50; count++) {
        rig.handler.receiveAudio(frame(written++ & 0xff, 960));
      }
      await wait(0);
    }
    expect(rig.host.droppedBytes).toBeGreaterThan(0);
    const paused = written;
    rig.peer().socket.resume();
    // The call goes on, and so does its sound
    await until(() => {
      rig.handler.receiveAudio(frame(written++ & 0xff, 960));
      return written > paused + 100;
    });
    await until(() => rig.peer().binaryBytes + rig.host.droppedBytes === written * 1920);
    expect(rig.peer().messages.at(-1)).toEqual(frame((written - 1) & 0xff, 960));
    await rig.stop();
  });

  test("which leaves its events unread is given up", async () => {
    const rig = await connectedRig();
    rig.peer().socket.pause();
    const name = "x".repeat(10_000);
    for (let count = 0; count < 5_000 && rig.host.end === undefined; count++) {
      rig.handler.receiveEvent({ event: "mark", name, played_ms: 0 });
    }
    expect(await rig.host.untilEnded()).toEqual({
      type: "failed",
      reason: `${rig.server.url}: it reads too slowly`,
    });
    await rig.stop();
  });

  test("which floods is not read beyond two minutes of sound", async () => {
    const rig = await connectedRig({ spec: { ping: 50 } });
    rig.host.queueBytesMax = 16_000;
    const piece = new Uint8Array(64_000);
    for (let count = 0; count < 400; count++) rig.peer().socket.send(piece);
    await until(() => rig.host.audioBytes >= 16_000);
    await wait(300);
    // It cannot answer pings while it is not read, and lives on
    expect(rig.host.end).toBeUndefined();
    expect(rig.peer().stream.writableLength).toBeGreaterThan(0);
    rig.host.queueBytesMax = Infinity;
    rig.handler.resumeAudio();
    await rig.host.until(() => rig.host.audioBytes === 400 * piece.length);
    await rig.stop();
  });
});

describe("the guard of servers", () => {
  function recordingGuard(
    refusal?: string,
  ): { readonly guard: TargetGuard; readonly log: string[] } {
    const log: string[] = [];
    return {
      log,
      guard: {
        refuse: (target) => {
          log.push(`refuse ${target}`);
          return refusal;
        },
        succeeded: () => void log.push("succeeded"),
        failed: () => void log.push("failed"),
        abandoned: () => void log.push("abandoned"),
      },
    };
  }

  test("hears of success, and of failure, once each", async () => {
    const { guard, log } = recordingGuard();
    const reconnect = { tries: 1, delay: 10 };
    const rig = await connectedRig({ targets: guard, spec: { reconnect } });
    const target = `refuse ws://127.0.0.1:${rig.server.port}`;
    expect(log).toEqual([target, "succeeded"]);
    await rig.server.stop();
    await rig.host.untilEnded();
    expect(log).toEqual([target, "succeeded", target, "failed"]);
  });

  test("takes no offence at a server that is well and lets nobody in", async () => {
    const { guard, log } = recordingGuard();
    const server = await startWsServer({ verifyClient: (_, done) => done(false, 401) });
    const rig = new Rig(server, { targets: guard });
    rig.start();
    await rig.host.untilEnded();
    expect(log.slice(1)).toEqual(["succeeded"]);
    await rig.stop();
  });

  test("is told when nothing was learnt, and may refuse", async () => {
    const abandoned = recordingGuard();
    const server = await startWsServer();
    const rig = new Rig(server, { targets: abandoned.guard });
    rig.start();
    rig.handler.stop(END);
    expect(abandoned.log.slice(1)).toEqual(["abandoned"]);
    const refused = recordingGuard("it is left alone for 30 s");
    const other = new Rig(server, { targets: refused.guard });
    other.start();
    expect(other.host.end).toEqual({
      type: "failed",
      reason: `${server.url}: it is left alone for 30 s`,
    });
    expect(refused.log.length).toBe(1);
    await server.stop();
  });
});
