import { describe, expect, test } from "bun:test";
import type {
  AudioLibraries,
  OpusLibrary,
  OpusWishes,
  VoiceDetector,
} from "../../src/audio/audio_libraries.ts";
import { dtmfTone } from "../../src/audio/dtmf_tone.ts";
import { PCMU } from "../../src/audio/g711.ts";
import { Harness, keyPacket, PEER, rtp, voice } from "./session_harness.ts";

describe("media time-out", () => {
  test("is reported once when no RTP at all comes", () => {
    const harness = new Harness({ timeout: 30_000 });
    harness.runUntil(100_000);
    expect(harness.eventsOf("timeout")).toMatchObject([{ at: 30_000 }]);
  });

  test("counts from the last packet, comfort noise and keys too", () => {
    const harness = new Harness({ timeout: 1000 });
    harness.receiveAt(500, voice(0));
    const noise = { sequence: 65_531, timestamp: 0, payload: new Uint8Array(1), payloadType: 13 };
    harness.receiveAt(1400, rtp(noise));
    harness.receiveAt(2300, keyPacket({ sequence: 65_532, timestamp: 0, code: 1, duration: 1 }));
    harness.runUntil(10_000);
    expect(harness.eventsOf("timeout")).toMatchObject([{ at: 3300 }]);
  });

  test("is not put off by packets that are refused", () => {
    const harness = new Harness({ timeout: 1000 });
    harness.receiveAt(500, voice(0), { address: "203.0.113.66", port: 1 });
    harness.runUntil(10_000);
    expect(harness.eventsOf("timeout")).toMatchObject([{ at: 1000 }]);
  });

  test("is suspended on hold, and begins anew after it", () => {
    const harness = new Harness({ timeout: 1000 });
    harness.runUntil(500);
    harness.session.renegotiate({ direction: "sendonly" }, 500);
    harness.runUntil(5000);
    harness.session.renegotiate({ direction: "sendrecv" }, 5000);
    harness.runUntil(10_000);
    expect(harness.eventsOf("timeout")).toMatchObject([{ at: 6000 }]);
  });

  test("0 is never", () => {
    const harness = new Harness({ timeout: 0 });
    harness.runUntil(200_000);
    expect(harness.eventsOf("timeout")).toHaveLength(0);
  });
});

describe("what a session refuses", () => {
  test("what is no RTP, and payload types that were not agreed on; it goes on after them", () => {
    const harness = new Harness();
    harness.receiveAt(40, voice(0));
    harness.receiveAt(50, new Uint8Array(0));
    harness.receiveAt(51, new Uint8Array(3000).fill(0x80));
    const odd = { sequence: 65_531, timestamp: 5, payload: new Uint8Array(160), payloadType: 111 };
    harness.receiveAt(60, rtp(odd));
    harness.receiveAt(62, rtp({ ...odd, sequence: 3, ssrc: 99 }));
    harness.receiveAt(80, voice(2));
    expect(harness.session.statistics()).toMatchObject({
      packets_received: 2,
      packets_refused: 4,
      packets_lost: 0,
      packets_duplicate: 0,
    });
  });

  test("a bad frame length in a re-INVITE, and nothing is changed", () => {
    const harness = new Harness();
    expect(() => harness.session.renegotiate({ ptime: 500, direction: "inactive" }, 0))
      .toThrow("ptime of 500 ms");
    harness.write(160);
    expect(harness.sent).toHaveLength(1);
  });
});

describe("deadlines of a session", () => {
  test("calls before anything is due do nothing", () => {
    const harness = new Harness({ timeout: 1000 });
    harness.receiveAt(40, voice(0));
    harness.write(320);
    const before = [harness.sent.length, harness.heard.length];
    for (let at = 40; at < 60; at += 1) harness.session.timeout(at);
    expect([harness.sent.length, harness.heard.length]).toEqual(before);
  });

  test("every call at the deadline moves it on", () => {
    const harness = new Harness({ timeout: 700 });
    harness.receiveAt(40, voice(0));
    harness.receiveAt(77.7, voice(2));
    harness.write(1000);
    harness.session.sendDigits("12", 70, 77.7);
    for (let calls = 0; calls < 300; calls++) {
      const due = harness.session.deadline;
      harness.session.timeout(due);
      expect(harness.session.deadline > due).toBe(true);
    }
  });
});

describe("an echo", () => {
  test("gives every frame back in the call that brought it", () => {
    const harness = new Harness();
    harness.onAudio = (pcm) => void harness.session.write(pcm, harness.now);
    for (let index = 0; index < 50; index++) {
      const at = 40 + index * 20;
      harness.receiveAt(at, voice(index));
      const last = harness.sent[harness.sent.length - 1];
      expect(last?.at).toBe(at);
      expect(last?.bytes.subarray(12)).toEqual(voice(index).subarray(12));
    }
    expect(harness.sent).toHaveLength(50);
    expect(harness.sent[0]).toMatchObject(PEER);
  });
});

/** A voice detector that hears nothing, and refuses to after its end. */
function deafLibraries(): AudioLibraries & { opened: number; closed: number } {
  const counts = { opened: 0, closed: 0 };
  const open = (): VoiceDetector => {
    let isOpen = true;
    counts.opened++;
    return {
      isVoice: () => {
        if (!isOpen) throw new Error("This voice detector is closed");
        return false;
      },
      reset: () => {},
      close: () => {
        if (isOpen) counts.closed++;
        isOpen = false;
      },
    };
  };
  return Object.assign(counts, { voiceDetector: { open } });
}

describe("the end of a session", () => {
  const speech = { mode: "clear", after: 300 } as const;

  test("may come from inside of what a key in the audio sets off", () => {
    const harness = new Harness({ inbandDtmf: true, speech, libraries: deafLibraries() });
    harness.onEvent = ({ type }) => {
      if (type === "dtmf") harness.stop();
    };
    const samples = new Int16Array(2400);
    samples.set(dtmfTone("5", { durationMs: 100, rate: 8000 }), 320);
    for (let index = 0; index < 15; index++) {
      const payload = new Uint8Array(160);
      PCMU.encode(samples, index * 160, 160, payload, 0);
      const packet = rtp({ sequence: index, timestamp: index * 160, payload });
      harness.receiveAt(index * 20, packet);
    }
    expect(harness.eventsOf("dtmf")).toMatchObject([{ digit: "5", source: "inband" }]);
    expect(harness.session.deadline).toBe(Infinity);
  });

  test("leaves nothing that is opened after it", () => {
    const libraries = deafLibraries();
    const harness = new Harness({ speech, libraries });
    harness.stop();
    harness.session.renegotiate({ codec: "G722", payloadType: 9, receivePayloadType: 9 }, 0);
    expect(harness.session.startRecording().take(true)).toHaveLength(0);
    expect([libraries.opened, libraries.closed]).toEqual([1, 1]);
  });

  test("is followed by no event that was due at the same time", () => {
    const harness = new Harness({ timeout: 40 });
    harness.write(320);
    harness.session.finish(0);
    harness.onEvent = () => harness.stop();
    harness.session.timeout(50);
    expect(harness.events.map(({ type }) => type)).toEqual(["drained"]);
  });
});

describe("options that cannot be had", () => {
  test("are refused before anything is opened", () => {
    const libraries = deafLibraries();
    const srtp = { suite: "AES_CM_128_HMAC_SHA1_80", key: new Uint8Array(8) } as const;
    const speech = { mode: "notify", after: 300 } as const;
    for (
      const options of [
        { ptime: 25.5 },
        { codec: "opus", ptime: 30 },
        { codec: "opus" },
        { rate: 11_025 },
        { srtp: { send: srtp, receive: srtp } },
      ] as const
    ) {
      expect(() => new Harness({ speech, libraries, ...options })).toThrow(RangeError);
    }
    expect(libraries.opened - libraries.closed).toBe(0);
    expect(() => new Harness({ speech })).toThrow(RangeError);
  });
});

describe("what the peer asks of Opus", () => {
  test("is asked of the encoder, anew only where it is something else", () => {
    const wishes = { maxPlaybackRate: 8000, maxAverageBitrate: 12_000, constantBitrate: false };
    const asked: (OpusWishes | undefined)[] = [];
    const coder = { reset: () => {}, close: () => {} };
    const opus = {
      openDecoder: () => coder,
      openEncoder: (_rate: number, each?: OpusWishes) => {
        asked.push(each);
        return coder;
      },
    } as unknown as OpusLibrary;
    const { session } = new Harness({ codec: "opus", libraries: { opus }, opus: wishes });
    session.renegotiate({ opus: { ...wishes } }, 20);
    session.renegotiate({ opus: { ...wishes, maxAverageBitrate: 6000 } }, 40);
    session.stop(60);
    expect(asked).toEqual([wishes, { ...wishes, maxAverageBitrate: 6000 }]);
  });
});
