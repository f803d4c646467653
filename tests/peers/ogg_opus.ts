/**
 * Opus packets in an Ogg file, written and read, as far as programs that know no RTP need it. RFC
 * 3533, RFC 7845.
 *
 * @module
 */

const HEADER_BYTES = 27;
const SEGMENT_BYTES = 255;
const CLOCK_RATE = 48_000;
const SERIAL = 1;

const CRC = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24;
  for (let bit = 0; bit < 8; bit++) value = (value << 1) ^ (value < 0 ? 0x04c1_1db7 : 0);
  return value;
});

/** A file of mono packets, one on each page, of the same length in milliseconds. */
export function oggOpus(packets: readonly Uint8Array[], packetMs: number): Uint8Array {
  // RFC 7845 §5.1: version 1, one channel, nothing to skip, 48 kHz, no gain, mapping family 0
  const head = [...text("OpusHead"), 1, 1, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0];
  const tags = [...text("OpusTags"), 0, 0, 0, 0, 0, 0, 0, 0];
  const samples = (CLOCK_RATE * packetMs) / 1000;
  const pages = [
    page(Uint8Array.from(head), { type: 2, number: 0, position: 0 }),
    page(Uint8Array.from(tags), { type: 0, number: 1, position: 0 }),
    ...packets.map((packet, index) =>
      page(packet, {
        type: index === packets.length - 1 ? 4 : 0,
        number: index + 2,
        position: samples * (index + 1),
      })
    ),
  ];
  return Uint8Array.from(pages.flatMap((bytes) => [...bytes]));
}

/** The packets of a file, without the two headers. */
export function opusPackets(file: Uint8Array): readonly Uint8Array[] {
  const packets: number[][] = [];
  let open: number[] = [];
  for (let at = 0; at < file.length;) {
    const count = file[at + HEADER_BYTES - 1] as number;
    const sizes = file.subarray(at + HEADER_BYTES, at + HEADER_BYTES + count);
    at += HEADER_BYTES + count;
    for (const size of sizes) {
      open.push(...file.subarray(at, at + size));
      at += size;
      if (size === SEGMENT_BYTES) continue;
      packets.push(open);
      open = [];
    }
  }
  return packets.slice(2).map((bytes) => Uint8Array.from(bytes));
}

interface PageHead {
  /** 2: the first page; 4: the last. */
  readonly type: number;
  readonly number: number;
  /** Of the end of the page, in samples. */
  readonly position: number;
}

function page(body: Uint8Array, head: PageHead): Uint8Array {
  const segments = Math.floor(body.length / SEGMENT_BYTES) + 1;
  const bytes = new Uint8Array(HEADER_BYTES + segments + body.length);
  const view = new DataView(bytes.buffer);
  bytes.set(text("OggS"));
  bytes[5] = head.type;
  view.setBigUint64(6, BigInt(head.position), true);
  view.setUint32(14, SERIAL, true);
  view.setUint32(18, head.number, true);
  bytes[26] = segments;
  bytes.fill(SEGMENT_BYTES, HEADER_BYTES, HEADER_BYTES + segments - 1);
  bytes[HEADER_BYTES + segments - 1] = body.length % SEGMENT_BYTES;
  bytes.set(body, HEADER_BYTES + segments);
  let crc = 0;
  for (const byte of bytes) crc = (crc << 8) ^ (CRC[(crc >>> 24) ^ byte] as number);
  view.setUint32(22, crc >>> 0, true);
  return bytes;
}

function text(value: string): readonly number[] {
  return [...new TextEncoder().encode(value)];
}
