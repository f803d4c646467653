import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../src/base/random.ts";
import { HandlerAudio } from "../../src/gateway/handler_audio.ts";
import { MediaSession } from "../../src/media/media_session.ts";

function openMedia(rate: number): { readonly media: MediaSession; readonly sent: number[] } {
  const sent: number[] = [];
  const media = new MediaSession(
    {
      codec: "PCMU",
      rate,
      payloadType: 0,
      receivePayloadType: 0,
      ptime: 20,
      remote: { address: "192.0.2.7", port: 4000 },
      signallingAddress: "192.0.2.7",
      latch: "auto",
      direction: "sendrecv",
      timeout: 0,
      random: new SeededRandom(1),
    },
    {
      audio: () => {},
      packet: (bytes) => void sent.push(bytes.length),
      report: () => {},
      event: () => {},
    },
    0,
  );
  return { media, sent };
}

describe("a handler's audio before and beside the media", () => {
  for (const rate of [8000, 16_000, 48_000]) {
    const bytesPerMs = rate * 2 / 1000;

    test(`is held back for a second of ${rate} Hz, and bounded`, () => {
      const audio = new HandlerAudio(rate);
      expect(audio.write(new Uint8Array(999 * bytesPerMs), 0)).toBe(true);
      expect(audio.write(new Uint8Array(bytesPerMs), 0)).toBe(false);
      audio.write(new Uint8Array(30_000 * bytesPerMs), 0);
      const { media, sent } = openMedia(rate);
      audio.open(media, 0);
      expect(sent).toEqual([172]);
      expect(media.statistics()).toMatchObject({ queue_ms: 980, dropped_ms: 0 });
      expect(audio.unqueuedMs).toBe(30_000);
    });

    test(`counts what a clear drops in time at ${rate} Hz`, () => {
      const audio = new HandlerAudio(rate);
      audio.write(new Uint8Array(100 * bytesPerMs), 0);
      audio.beginClear(0);
      audio.write(new Uint8Array(50 * bytesPerMs), 0);
      expect(audio.endClear(0)).toEqual({ playedMs: 0, droppedMs: 150 });
      const { media } = openMedia(rate);
      audio.open(media, 0);
      audio.write(new Uint8Array(200 * bytesPerMs), 0);
      audio.beginClear(10);
      audio.write(new Uint8Array(30 * bytesPerMs), 11);
      // The frame that went out, and the fade-out
      expect(audio.endClear(12)).toEqual({ playedMs: 25, droppedMs: 205 });
      // All that was dropped is counted once, here or there
      expect(audio.unqueuedMs).toBe(180);
      expect(media.statistics().dropped_ms).toBe(175);
    });
  }
});
