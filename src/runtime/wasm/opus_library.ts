/**
 * libopus in WebAssembly as an {@linkcode OpusLibrary}: any number of encoders and decoders in one
 * instance, for mono. RFC 6716, RFC 7587.
 *
 * Calls are synchronous, so that all share one place for a packet and one for samples.
 *
 * @module
 */

import type {
  OpusDecoder,
  OpusEncoder,
  OpusLibrary,
  OpusWishes,
} from "../../audio/audio_libraries.ts";
import { isQuiet } from "../../audio/quiet.ts";
import type { Hertz, Samples } from "../../base/units.ts";

/** The functions of libopus that are used. Pointers are offsets in the memory. */
export interface OpusModule {
  /** The whole memory. Another array once the memory has grown. */
  readonly HEAPU8: Uint8Array<ArrayBuffer>;
  _malloc(bytes: number): number;
  _oc_create_encoder(rate: Hertz, channels: number, application: number, error: number): number;
  _oc_destroy_encoder(encoder: number): void;
  _oc_encode(
    encoder: number,
    samples: number,
    count: Samples,
    packet: number,
    packetBytesMax: number,
  ): number;
  _oc_encoder_ctl(encoder: number, request: number, value: number): number;
  _oc_create_decoder(rate: Hertz, channels: number, error: number): number;
  _oc_destroy_decoder(decoder: number): void;
  _oc_decode(
    decoder: number,
    packet: number,
    packetBytes: number,
    samples: number,
    count: Samples,
    isFec: number,
  ): number;
  _oc_packet_get_samples_per_frame(packet: number, rate: Hertz): number;
}

/** What one packet can hold: 120 ms. RFC 6716 §3.1. */
const PACKET_MS_MAX = 120;
const RATE_MAX: Hertz = 48_000;
const SAMPLES_MAX: Samples = RATE_MAX * PACKET_MS_MAX / 1000;
/** Longer packets than this are nobody's speech, and are not decoded. */
const RECEIVED_BYTES_MAX = 8192;
/** The longest frame there is. RFC 6716 §3.2. */
const SENT_BYTES_MAX = 1275;
/** Packets so short say nothing but that there is nothing to say. */
const DTX_BYTES_MAX = 2;
/** Lengths of concealment are multiples of 2.5 ms: this part of a second. */
const CONCEALED_PARTS = 400;

/** Requests and values as `opus_defines.h` numbers them. */
const SET_BITRATE = 4002;
const SET_MAX_BANDWIDTH = 4004;
const SET_VBR = 4006;
const SET_COMPLEXITY = 4010;
const SET_INBAND_FEC = 4012;
const SET_PACKET_LOSS_PERC = 4014;
const SET_DTX = 4016;
const SET_SIGNAL = 4024;
const APPLICATION_VOIP = 2048;
const SIGNAL_VOICE = 3001;

/** As `opus_defines.h` numbers them, by the rate that has room for each. RFC 6716 §2 */
const FULL_BAND = 1105;
const BANDWIDTHS: readonly (readonly [rate: Hertz, bandwidth: number])[] = [
  [8000, 1101],
  [12_000, 1102],
  [16_000, 1103],
  [24_000, 1104],
];

/**
 * Bits a second at each rate: so many as it takes for libopus to put FEC into frames of 20 ms at the
 * expected loss, and to leave the sound all of its bandwidth. More than RFC 7587 §3.1.1 names, which
 * counts no FEC; still half of G.711.
 */
const BITRATES: Readonly<Record<Hertz, number>> = {
  8000: 24_000,
  12_000: 28_000,
  16_000: 32_000,
  24_000: 40_000,
  48_000: 48_000,
};

/** In percent: how much of its bits the encoder spends on FEC. */
const EXPECTED_LOSS = 10;

/** Of 0 to 10. The next step takes twice the time: 210 µs for 20 ms at 16 kHz instead of 105. */
const COMPLEXITY = 1;

/** Opus of an instance of its own. */
export function opusLibrary(module: OpusModule): OpusLibrary {
  const memory = new SharedMemory(module);
  return {
    openDecoder: (rate) => new Decoder(memory, rate),
    openEncoder: (rate, wishes) => new Encoder(memory, rate, wishes),
  };
}

/** The instance, and the two places that all calls share. */
class SharedMemory {
  readonly module: OpusModule;
  readonly packetAt: number;
  readonly samplesAt: number;
  #buffer: ArrayBuffer | undefined;
  #packet = new Uint8Array(0);
  #samples = new Int16Array(0);

  constructor(module: OpusModule) {
    this.module = module;
    this.packetAt = allocated(module._malloc(RECEIVED_BYTES_MAX));
    this.samplesAt = allocated(module._malloc(SAMPLES_MAX * Int16Array.BYTES_PER_ELEMENT));
  }

  get packet(): Uint8Array {
    this.#refresh();
    return this.#packet;
  }

  get samples(): Int16Array {
    this.#refresh();
    return this.#samples;
  }

  /** The memory may have grown when a state was opened: what was seen of it before is detached. */
  #refresh(): void {
    const { buffer } = this.module.HEAPU8;
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#packet = new Uint8Array(buffer, this.packetAt, RECEIVED_BYTES_MAX);
    this.#samples = new Int16Array(buffer, this.samplesAt, SAMPLES_MAX);
  }
}

class Decoder implements OpusDecoder {
  readonly #memory: SharedMemory;
  readonly #rate: Hertz;
  /** 0: closed. */
  #state: number;

  constructor(memory: SharedMemory, rate: Hertz) {
    this.#memory = memory;
    this.#rate = checkedRate(rate);
    this.#state = this.#create();
  }

  decode(payload: Uint8Array, offset: number, length: number, out: Int16Array): Samples {
    if (!this.#load(payload, offset, length)) return 0;
    const room = Math.min(out.length, this.#rate * PACKET_MS_MAX / 1000);
    const count = this.#decode(length, room, 0);
    this.#copy(out, { from: 0, to: 0, count });
    return count;
  }

  conceal(out: Int16Array, count: Samples): Samples {
    const wanted = Math.min(count, out.length);
    const atOnce = this.#rate * PACKET_MS_MAX / 1000;
    for (let to = 0; to < wanted;) {
      const part = Math.min(wanted - to, atOnce);
      const made = Math.min(this.#decode(0, this.#concealable(part), 0), part);
      if (made === 0) return to;
      this.#copy(out, { from: 0, to, count: made });
      to += made;
    }
    return wanted;
  }

  recover(
    payload: Uint8Array,
    offset: number,
    length: number,
    out: Int16Array,
    count: Samples,
  ): Samples {
    if (!this.#load(payload, offset, length)) return 0;
    const { module, packetAt } = this.#memory;
    const frame = module._oc_packet_get_samples_per_frame(packetAt, this.#rate);
    const wanted = Math.min(count, out.length);
    // FEC stands for the last frame before the packet; what was lost before that is concealed
    const concealed = this.conceal(out, Math.max(0, wanted - frame));
    const made = this.#decode(length, frame, 1);
    const used = Math.min(made, wanted - concealed);
    this.#copy(out, { from: made - used, to: concealed, count: used });
    return concealed + used;
  }

  /** The package lets nobody ask libopus for a reset: a new state it is. */
  reset(): void {
    opened(this.#state);
    this.close();
    this.#state = this.#create();
  }

  close(): void {
    if (this.#state !== 0) this.#memory.module._oc_destroy_decoder(this.#state);
    this.#state = 0;
  }

  #create(): number {
    const { module, packetAt } = this.#memory;
    return allocated(module._oc_create_decoder(this.#rate, 1, packetAt));
  }

  /** Puts a payload where libopus finds it. Returns `false` when it can be no packet. */
  #load(payload: Uint8Array, offset: number, length: number): boolean {
    opened(this.#state);
    if (length <= 0 || length > RECEIVED_BYTES_MAX) return false;
    const { packet } = this.#memory;
    for (let index = 0; index < length; index++) {
      packet[index] = payload[offset + index] as number;
    }
    return true;
  }

  /** Decodes what was loaded; without bytes, conceals. Returns 0 when libopus refuses. */
  #decode(bytes: number, count: Samples, isFec: 0 | 1): Samples {
    const { module, packetAt, samplesAt } = this.#memory;
    const packet = bytes === 0 ? 0 : packetAt;
    const made = module._oc_decode(opened(this.#state), packet, bytes, samplesAt, count, isFec);
    return Math.max(0, made);
  }

  /** The next length that libopus can conceal. */
  #concealable(count: Samples): Samples {
    const unit = this.#rate / CONCEALED_PARTS;
    return Math.ceil(count / unit) * unit;
  }

  #copy(out: Int16Array, part: { from: Samples; to: Samples; count: Samples }): void {
    const { samples } = this.#memory;
    const { from, to, count } = part;
    for (let index = 0; index < count; index++) {
      out[to + index] = samples[from + index] as number;
    }
  }
}

/**
 * Leaves out frames of silence alone. What libopus takes for no speech would be tones and music too: a tone of a
 * second would break off in its midst.
 */
class Encoder implements OpusEncoder {
  readonly #memory: SharedMemory;
  readonly #rate: Hertz;
  readonly #wishes: OpusWishes | undefined;
  /** Whether libopus may leave frames out. */
  #mayLeaveOut = false;
  /** 0: closed. */
  #state: number;

  constructor(memory: SharedMemory, rate: Hertz, wishes: OpusWishes | undefined) {
    this.#memory = memory;
    this.#rate = checkedRate(rate);
    this.#wishes = wishes;
    this.#state = this.#create();
  }

  encode(
    samples: Int16Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
  ): number {
    const state = opened(this.#state);
    const { module, packetAt, samplesAt, samples: input, packet } = this.#memory;
    if (length > input.length) throw this.#refused(length);
    for (let index = 0; index < length; index++) {
      input[index] = samples[offset + index] as number;
    }
    this.#leaveOut(isQuiet(input, length));
    const room = Math.min(out.length - outOffset, SENT_BYTES_MAX);
    const written = module._oc_encode(state, samplesAt, length, packetAt, room);
    if (written < 0) throw this.#refused(length);
    if (written <= DTX_BYTES_MAX) return 0;
    for (let index = 0; index < written; index++) {
      out[outOffset + index] = packet[index] as number;
    }
    return written;
  }

  /** As {@linkcode Decoder.reset}. */
  reset(): void {
    opened(this.#state);
    this.close();
    this.#state = this.#create();
  }

  close(): void {
    if (this.#state !== 0) this.#memory.module._oc_destroy_encoder(this.#state);
    this.#state = 0;
  }

  /** Says so only when it changes. */
  #leaveOut(may: boolean): void {
    if (may === this.#mayLeaveOut) return;
    this.#mayLeaveOut = may;
    this.#memory.module._oc_encoder_ctl(this.#state, SET_DTX, may ? 1 : 0);
  }

  #create(): number {
    const { module, packetAt } = this.#memory;
    const rate = this.#rate;
    const { maxAverageBitrate = Infinity, constantBitrate = false, maxPlaybackRate = RATE_MAX } =
      this.#wishes ?? {};
    this.#mayLeaveOut = false;
    const state = allocated(module._oc_create_encoder(rate, 1, APPLICATION_VOIP, packetAt));
    const settings = [
      [SET_BITRATE, Math.min(BITRATES[rate] as number, maxAverageBitrate)],
      [SET_VBR, constantBitrate ? 0 : 1],
      [SET_MAX_BANDWIDTH, bandwidthOf(maxPlaybackRate)],
      [SET_COMPLEXITY, COMPLEXITY],
      [SET_SIGNAL, SIGNAL_VOICE],
      [SET_INBAND_FEC, 1],
      [SET_PACKET_LOSS_PERC, EXPECTED_LOSS],
      [SET_DTX, 0],
    ] as const;
    for (const [request, value] of settings) {
      const result = module._oc_encoder_ctl(state, request, value);
      if (result < 0) throw new Error(`libopus refuses ${value} for request ${request}: ${result}`);
    }
    return state;
  }

  #refused(length: Samples): RangeError {
    return new RangeError(`Opus has no frame of ${length} samples at ${this.#rate} Hz`);
  }
}

/** The bandwidth that a player of that rate has a use for. RFC 7587 §6.1 */
function bandwidthOf(rate: Hertz): number {
  const [, bandwidth] = BANDWIDTHS.find(([most]) => rate <= most) ?? [RATE_MAX, FULL_BAND];
  return bandwidth;
}

/** RFC 6716 §2: the rates of an encoder or decoder. */
function checkedRate(rate: Hertz): Hertz {
  if (BITRATES[rate] === undefined) throw new RangeError(`Opus has no rate of ${rate} Hz`);
  return rate;
}

function allocated(pointer: number): number {
  if (pointer === 0) throw new Error("The memory of Opus is full");
  return pointer;
}

/** What is freed may be another call's by now. */
function opened(state: number): number {
  if (state === 0) throw new RangeError("This state of Opus is closed");
  return state;
}
