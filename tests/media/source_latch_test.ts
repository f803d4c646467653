import { describe, expect, test } from "bun:test";
import { SourceLatch } from "../../src/media/source_latch.ts";
import { Harness, PEER, rtp, voice } from "./session_harness.ts";

const STRANGER = { address: "203.0.113.66", port: 40000 };
const SIGNALLING = { address: "192.0.2.1", port: 7000 };

describe("source latch: who is heard", () => {
  test("the address of the SDP, at whatever port, and then only that source", () => {
    const harness = new Harness();
    harness.receiveAt(20, voice(0), { ...PEER, port: 45000 });
    harness.receiveAt(40, voice(1), PEER);
    harness.receiveAt(60, voice(1), { ...PEER, port: 45000 });
    expect(harness.eventsOf("latched")).toMatchObject([{ address: PEER.address, port: 45000 }]);
    expect(harness.heard).toHaveLength(320);
    expect(harness.session.statistics()).toMatchObject({ packets_received: 2, packets_refused: 1 });
  });

  test("the signalling's address, for a peer behind NAT", () => {
    const harness = new Harness({ remote: { address: "10.0.0.9", port: 5000 } });
    harness.receiveAt(20, voice(0), SIGNALLING);
    expect(harness.eventsOf("latched")).toHaveLength(1);
    expect(harness.heard).toHaveLength(160);
  });

  test("nobody else: a stranger is refused before and after (RTPbleed)", () => {
    const harness = new Harness();
    harness.receiveAt(10, voice(0), STRANGER);
    harness.receiveAt(20, voice(0), PEER);
    harness.receiveAt(30, voice(1), STRANGER);
    expect(harness.heard).toHaveLength(160);
    expect(harness.session.statistics()).toMatchObject({ packets_received: 1, packets_refused: 2 });
    harness.write(160);
    expect(harness.sent[0]?.address).toBe(PEER.address);
  });

  test("the same address written as IPv4-mapped IPv6", () => {
    const harness = new Harness();
    harness.receiveAt(20, voice(0), { ...PEER, address: `::ffff:${PEER.address}` });
    expect(harness.heard).toHaveLength(160);
  });

  test("no packet that is not valid in itself latches", () => {
    const harness = new Harness();
    const source = { ...PEER, port: 45000 };
    harness.receiveAt(10, new Uint8Array([1, 2, 3]), source);
    const unknown = { sequence: 1, timestamp: 1, payload: new Uint8Array(160), payloadType: 96 };
    harness.receiveAt(20, rtp(unknown), source);
    expect(harness.eventsOf("latched")).toHaveLength(0);
    expect(harness.session.statistics().packets_refused).toBe(2);
  });

  test("another port of the same address once the first was silent for two seconds", () => {
    const harness = new Harness();
    const other = { ...PEER, port: 45000 };
    harness.receiveAt(20, voice(0), PEER);
    harness.receiveAt(2019, voice(100), other);
    expect(harness.session.statistics().packets_refused).toBe(1);
    harness.receiveAt(2020, voice(100), other);
    expect(harness.eventsOf("latched")).toMatchObject([{ port: PEER.port }, { port: 45000 }]);
    harness.write(160);
    expect(harness.sent[0]?.port).toBe(45000);
  });

  test("RTCP on the RTP port is neither taken nor refused", () => {
    const harness = new Harness();
    harness.receiveAt(20, new Uint8Array([0x80, 200, 0, 1, 0, 0, 0, 1]), PEER);
    expect(harness.eventsOf("latched")).toHaveLength(0);
    expect(harness.session.statistics().packets_refused).toBe(0);
  });
});

describe("source latch: where ours goes", () => {
  test("auto: to the SDP's address at once, then to where the peer's come from", () => {
    const harness = new Harness({ latch: "auto" });
    harness.write(160);
    harness.receiveAt(20, voice(0), SIGNALLING);
    harness.runUntil(40);
    harness.write(160);
    expect(harness.sent.map(({ address, port }) => ({ address, port }))).toEqual([
      PEER,
      SIGNALLING,
    ]);
  });

  test("strict: nowhere before something valid has come", () => {
    const harness = new Harness({ latch: "strict" });
    harness.write(160);
    harness.receiveAt(10, voice(0), STRANGER);
    harness.runUntil(40);
    harness.write(160);
    expect(harness.sent).toHaveLength(0);
    harness.receiveAt(60, voice(0), PEER);
    harness.write(160);
    expect(harness.sent.map(({ address }) => address)).toEqual([PEER.address]);
  });

  test("nowhere while the SDP names no address", () => {
    const harness = new Harness({ remote: undefined });
    harness.receiveAt(20, voice(0), SIGNALLING);
    harness.write(160);
    expect(harness.sent).toHaveLength(0);
    expect(harness.heard).toHaveLength(160);
  });

  test("to the new address after a re-INVITE, whose source is latched anew", () => {
    const harness = new Harness();
    harness.receiveAt(20, voice(0), PEER);
    const remote = { address: "198.51.100.4", port: 6000 };
    harness.session.renegotiate({ remote }, 30);
    harness.write(160);
    expect(harness.sent[0]).toMatchObject(remote);
    harness.receiveAt(40, voice(1), PEER);
    harness.receiveAt(60, voice(0, { ssrc: 7 }), { ...remote, port: 6002 });
    expect(harness.session.statistics().packets_refused).toBe(1);
    expect(harness.eventsOf("latched")).toHaveLength(2);
  });

  test("keeps the latch when a re-INVITE changes something else", () => {
    const harness = new Harness();
    harness.receiveAt(20, voice(0), { ...PEER, port: 45000 });
    harness.session.renegotiate({ direction: "recvonly", remote: { ...PEER } }, 30);
    harness.session.renegotiate({ direction: "sendrecv" }, 40);
    harness.write(160);
    expect(harness.sent[0]?.port).toBe(45000);
    expect(harness.eventsOf("latched")).toHaveLength(1);
  });
});

describe("source latch: a peer that comes from elsewhere after a silence", () => {
  test("is taken once the silence was long enough, and heard alone from then on", () => {
    const latch = new SourceLatch(PEER, SIGNALLING.address, { newSourceAfter: 5000 });
    expect(latch.accept(PEER.port, PEER.address, 0)).toBe("latched");
    expect(latch.accept(STRANGER.port, STRANGER.address, 4999)).toBe("refused");
    expect(latch.accept(STRANGER.port, STRANGER.address, 5000)).toBe("latched");
    expect(latch.newSources).toBe(1);
    expect(latch.accept(PEER.port, PEER.address, 5020)).toBe("refused");
    expect(latch.accept(STRANGER.port, STRANGER.address, 5020)).toBe("known");
  });

  test("is no stranger before the first packet: only the SDP and the signalling may begin", () => {
    const latch = new SourceLatch(PEER, SIGNALLING.address, { newSourceAfter: 5000 });
    expect(latch.accept(STRANGER.port, STRANGER.address, 60_000)).toBe("refused");
    expect(latch.newSources).toBe(0);
  });

  test("is refused for ever unless the operator allows it", () => {
    const latch = new SourceLatch(PEER, SIGNALLING.address);
    latch.accept(PEER.port, PEER.address, 0);
    expect(latch.accept(STRANGER.port, STRANGER.address, 1e9)).toBe("refused");
  });

  test("another port of the same address is no new source, and waits no longer than ever", () => {
    const latch = new SourceLatch(PEER, SIGNALLING.address, { newSourceAfter: 60_000 });
    latch.accept(PEER.port, PEER.address, 0);
    expect(latch.accept(45_000, PEER.address, 2000)).toBe("latched");
    expect(latch.newSources).toBe(0);
  });
});
