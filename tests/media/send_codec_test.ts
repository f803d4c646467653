import { describe, expect, test } from "bun:test";
import type { AudioCodec } from "../../src/audio/codec.ts";
import { PCMU } from "../../src/audio/g711.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { SRTP_OVERHEAD_MAX } from "../../src/media/packet_sender.ts";
import { type SendOptions, SendPath } from "../../src/media/send_path.ts";
import { emptyRtpHeader, parseRtp, type RtpHeader } from "../../src/rtp/packet.ts";

/** Two bytes a sample, and nothing at all for a frame of silence behind another one (DTX). */
class LinearCodec implements AudioCodec {
  readonly name = "L16/8000";
  readonly sampleRate: number;
  readonly clockRate: number;
  resets = 0;
  #wasSilent = false;

  constructor(rates: { readonly sampleRate: number; readonly clockRate?: number }) {
    this.sampleRate = rates.sampleRate;
    this.clockRate = rates.clockRate ?? rates.sampleRate;
  }

  samplesMax(payloadBytes: number): number {
    return payloadBytes >> 1;
  }

  decode(): number {
    return 0;
  }

  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    at: number,
  ): number {
    const frame = samples.subarray(offset, offset + length);
    const isSilent = frame.every((sample) => sample === 0);
    const leavesOut = isSilent && this.#wasSilent;
    this.#wasSilent = isSilent;
    if (leavesOut) return 0;
    new DataView(out.buffer, out.byteOffset).setUint16(at, length);
    for (let index = 0; index < length; index++) {
      new DataView(out.buffer, out.byteOffset).setInt16(at + index * 2, frame[index] as number);
    }
    return length * 2;
  }

  resetDecoder(): void {}

  resetEncoder(): void {
    this.resets++;
    this.#wasSilent = false;
  }

  close(): void {}
}

interface Packet {
  readonly at: number;
  readonly header: RtpHeader;
  readonly samples: number[];
  readonly free: number;
}

/** A path, all that it has sent, and the time. */
class Line {
  readonly path: SendPath;
  readonly sent: Packet[] = [];
  now = 0;

  constructor(options: Partial<SendOptions> & { rate?: number; keepAlive?: number } = {}) {
    this.path = new SendPath({
      codec: PCMU,
      payloadType: 0,
      telephoneEventPayloadType: 101,
      ptime: 20,
      rate: 8000,
      keepAlive: 0,
      random: new SeededRandom(1),
      ...options,
    }, {
      event: () => {},
      packet: (bytes) => {
        const header = emptyRtpHeader();
        parseRtp(bytes, header);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const samples = Array.from(
          { length: (bytes.length - 12) >> 1 },
          (_, index) => view.getInt16(12 + index * 2),
        );
        const free = bytes.buffer.byteLength - bytes.byteOffset - bytes.length;
        this.sent.push({ at: this.now, header, samples, free });
      },
    }, 0);
    this.path.aim({ address: "192.0.2.1", port: 4000 });
  }

  write(samples: Int16Array): void {
    this.path.write(new Uint8Array(samples.buffer), this.now);
  }

  runUntil(until: number): void {
    while (this.path.deadline <= until) {
      this.now = Math.max(this.now, this.path.deadline);
      this.path.timeout(this.now);
    }
    this.now = until;
  }

  timestamps(): number[] {
    const first = this.sent[0]?.header.timestamp ?? 0;
    return this.sent.map(({ header }) => (header.timestamp - first) >>> 0);
  }
}

function tone(milliseconds: number, rate: number): Int16Array {
  return new Int16Array(milliseconds * rate / 1000).map((_, at) =>
    Math.round(8000 * Math.sin((2 * Math.PI * 440 * at) / rate))
  );
}

describe("send path: rates", () => {
  test("frames are cut at the handler's rate, and sent at the codec's, from the first on", () => {
    for (const rate of [8000, 16_000, 24_000, 32_000, 48_000]) {
      for (const sampleRate of [8000, 16_000, 44_100, 48_000]) {
        const codec = new LinearCodec({ sampleRate });
        const line = new Line({ rate, codec });
        line.write(tone(200, rate));
        line.runUntil(1000);
        expect(line.sent.map(({ at }) => at)).toEqual([0, 20, 40, 60, 80, 100, 120, 140, 160, 180]);
        const frame = sampleRate / 50;
        expect(line.sent.every(({ samples }) => samples.length === frame)).toBe(true);
        expect(line.timestamps()).toEqual(line.sent.map((_, index) => index * frame));
        expect(line.path.statistics()).toMatchObject({ played_ms: 200, queue_ms_max: 180 });
      }
    }
  });

  test("the sound is the same, later by less than 5 ms", () => {
    const line = new Line({ rate: 16_000, codec: new LinearCodec({ sampleRate: 8000 }) });
    line.write(tone(200, 16_000));
    line.runUntil(1000);
    const heard = line.sent.flatMap(({ samples }) => samples);
    const wanted = tone(200, 8000);
    const errors = Array.from({ length: 40 }, (_, delay) => {
      let sum = 0;
      for (let at = 400; at < 1200; at++) {
        sum += Math.abs((heard[at + delay] as number) - (wanted[at] as number));
      }
      return sum / 800;
    });
    expect(Math.min(...errors) < 200).toBe(true);
  });

  test("back pressure counts in time, whatever the rate", () => {
    const line = new Line({ rate: 48_000 });
    let written = 0;
    while (line.path.write(new Uint8Array(9600), 0)) written += 100;
    expect(written).toBe(1000);
    const bounded = new Line({ rate: 48_000 });
    bounded.path.write(new Uint8Array(48_000 * 2 * 40), 0);
    expect(bounded.path.statistics().dropped_ms).toBe(10_000);
  });

  test("marks and clears count in time too", () => {
    const line = new Line({ rate: 24_000 });
    line.write(tone(300, 24_000));
    line.runUntil(90);
    expect(line.path.clear(90)).toEqual({ playedMs: 105, droppedMs: 195 });
  });
});

describe("send path: a codec that leaves silence out", () => {
  const codec = () => new LinearCodec({ sampleRate: 8000, clockRate: 48_000 });

  test("sends nothing for it, and goes on with the clock's timestamp and a marker", () => {
    const line = new Line({ codec: codec() });
    line.write(tone(40, 8000));
    line.write(new Int16Array(160 * 5));
    line.write(tone(40, 8000));
    line.runUntil(1000);
    expect(line.sent.map(({ at }) => at)).toEqual([0, 20, 40, 140, 160]);
    expect(line.timestamps().map((units) => units / 960)).toEqual([0, 1, 2, 7, 8]);
    const markers = line.sent.map(({ header }) => header.marker);
    expect(markers).toEqual([true, false, false, true, false]);
    const numbers = line.sent.map(({ header }) => header.sequenceNumber);
    expect((numbers[4] as number) - (numbers[0] as number)).toBe(4);
    expect(line.path.statistics()).toMatchObject({ played_ms: 180, packets_sent: 5 });
  });

  test("keeps the stream alive all the same", () => {
    const line = new Line({ codec: codec(), keepAlive: 1000 });
    line.runUntil(3500);
    expect(line.sent.map(({ at }) => at)).toEqual([500, 1500, 2500, 3500]);
  });
});

describe("send path: a codec with a memory", () => {
  test("goes on after a pause or a clear where it was, as the peer's decoder does", () => {
    const codec = new LinearCodec({ sampleRate: 8000 });
    const line = new Line({ codec });
    line.write(tone(100, 8000));
    line.runUntil(1000);
    line.write(tone(100, 8000));
    line.runUntil(1050);
    line.path.clear(1050);
    line.runUntil(2000);
    line.write(tone(100, 8000));
    line.runUntil(3000);
    expect(line.sent).toHaveLength(5 + 4 + 5);
    expect(codec.resets).toBe(0);
  });
});

describe("send path: another codec", () => {
  test("the timestamp goes on from where it is, in units of the new clock", () => {
    const line = new Line();
    line.write(tone(200, 8000));
    line.runUntil(30);
    const codec = new LinearCodec({ sampleRate: 16_000, clockRate: 48_000 });
    const agreed = { payloadType: 96, telephoneEventPayloadType: 101, ptime: 20 };
    line.path.renegotiate({ ...agreed, codec });
    line.runUntil(90);
    line.path.renegotiate({ ...agreed, codec: PCMU, payloadType: 0 });
    line.runUntil(1000);
    expect(line.timestamps().slice(0, 7)).toEqual([0, 160, 320, 1280, 2240, 3200, 3360]);
    const markers = line.sent.map(({ header }) => header.marker);
    expect(markers.slice(0, 7)).toEqual([true, false, true, false, false, true, false]);
    expect(line.sent[2]?.samples).toHaveLength(320);
    expect(line.sent.map(({ at }) => at)).toEqual([0, 20, 40, 60, 80, 100, 120, 140, 160, 180]);
  });
});

describe("packets", () => {
  test("have room behind them for encryption in place, whatever their length", () => {
    for (const sampleRate of [8000, 44_100, 48_000]) {
      for (const ptime of [10, 60]) {
        const line = new Line({ codec: new LinearCodec({ sampleRate }), ptime });
        line.write(tone(ptime * 2, 8000));
        line.path.sendDigits("1", 40, 0);
        line.runUntil(500);
        expect(line.sent.length > 4).toBe(true);
        expect(line.sent.every(({ free }) => free >= SRTP_OVERHEAD_MAX)).toBe(true);
      }
    }
  });
});
