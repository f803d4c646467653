/**
 * What the ordeal of a session is made of: dice, packets that are wrong, and libraries that are
 * watched.
 *
 * @module
 */

import type { AudioLibraries } from "../../src/audio/audio_libraries.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { serializeRtcp } from "../../src/rtp/rtcp.ts";
import { loadAudioLibraries } from "../../src/runtime/wasm/load_audio_libraries.ts";

const { opus, voiceDetector } = await loadAudioLibraries({ opus: true, voiceDetector: true });
if (opus === undefined || voiceDetector === undefined) throw new Error("A library is missing");

/** What was opened and not closed. */
export const opened = new Set<object>();

/** Opus and the voice detector. */
export const libraries: AudioLibraries = {
  opus: {
    openDecoder: (rate) => watched(opus.openDecoder(rate)),
    openEncoder: (rate) => watched(opus.openEncoder(rate)),
  },
  voiceDetector: { open: (rate, mode) => watched(voiceDetector.open(rate, mode)) },
};

function watched<Opened extends { close(): void }>(target: Opened): Opened {
  opened.add(target);
  return new Proxy(target, {
    get: (_, name) => {
      if (name === "close") opened.delete(target);
      const member = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** Chance with a seed. */
export class Dice {
  readonly source: SeededRandom;

  constructor(seed: number) {
    this.source = new SeededRandom(seed);
  }

  /** 0 to `below` - 1. */
  int(below: number): number {
    const bytes = new Uint8Array(4);
    this.source.fill(bytes);
    return new DataView(bytes.buffer).getUint32(0) % below;
  }

  of<Value>(values: readonly Value[]): Value {
    return values[this.int(values.length)] as Value;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.source.fill(bytes);
    return bytes;
  }
}

/** Turns a bit of every twelfth packet over. */
export function damage(packet: Uint8Array, dice: Dice): Uint8Array {
  if (packet.length === 0 || dice.int(12) > 0) return packet;
  const at = dice.int(packet.length);
  packet[at] = (packet[at] as number) ^ 1 << dice.int(8);
  return packet;
}

/** Reports with absurd figures about us and others; some of them are cut short or damaged. */
export function absurdReports(
  { ours, theirs }: { readonly ours: number; readonly theirs: number },
  dice: Dice,
): Uint8Array {
  const number = () => dice.of([0, 1, dice.int(70_000), dice.int(2 ** 32), 2 ** 32 - 1]);
  const reports = Array.from({ length: dice.int(4) }, () => ({
    ssrc: dice.int(3) === 0 ? number() : ours,
    fractionLost: dice.int(256),
    cumulativeLost: number() | 0,
    highestSequence: number(),
    jitter: number(),
    lastSenderReport: number(),
    delaySinceLast: number(),
  }));
  const ntp = { seconds: number(), fraction: number() };
  const bytes = serializeRtcp([
    {
      type: "senderReport",
      ssrc: dice.of([theirs, number()]),
      ntp,
      rtpTimestamp: number(),
      packets: number(),
      octets: number(),
      reports,
    },
    { type: "extendedReport", ssrc: theirs, referenceTime: ntp, delays: [] },
    { type: "goodbye", ssrcs: [theirs], reason: "" },
  ]);
  return damage(bytes.subarray(0, dice.of([bytes.length, dice.int(bytes.length)])), dice);
}
