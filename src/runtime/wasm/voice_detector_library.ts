/**
 * libfvad, the voice detector of WebRTC, in WebAssembly as a {@linkcode VoiceDetectorLibrary}: any
 * number of detectors in one instance.
 *
 * Calls are synchronous, so that all share one place for samples.
 *
 * @module
 */

import type { VoiceDetector, VoiceDetectorLibrary } from "../../audio/audio_libraries.ts";
import type { Hertz, Samples } from "../../base/units.ts";

/** The functions of libfvad that are used. Pointers are offsets in the memory. */
export interface FvadModule {
  /** The whole memory. Another array once the memory has grown. */
  readonly HEAP16: Int16Array<ArrayBuffer>;
  _malloc(bytes: number): number;
  _fvad_new(): number;
  _fvad_free(state: number): void;
  /** To the default mode and rate too. */
  _fvad_reset(state: number): void;
  _fvad_set_mode(state: number, mode: number): number;
  _fvad_set_sample_rate(state: number, rate: Hertz): number;
  /** 1: voice; 0: none; -1: no length of a frame. */
  _fvad_process(state: number, samples: number, count: Samples): number;
}

const FRAME_MS_MAX = 30;
const RATE_MAX: Hertz = 48_000;
const SAMPLES_MAX: Samples = RATE_MAX * FRAME_MS_MAX / 1000;

/** The voice detector of an instance of its own. */
export function voiceDetectorLibrary(module: FvadModule): VoiceDetectorLibrary {
  const samplesAt = allocated(module._malloc(SAMPLES_MAX * Int16Array.BYTES_PER_ELEMENT));
  return {
    open: (rate, aggressiveness) => new Detector(module, { samplesAt, rate, aggressiveness }),
  };
}

interface DetectorOptions {
  /** Where the frame is put. */
  readonly samplesAt: number;
  readonly rate: Hertz;
  readonly aggressiveness: number;
}

class Detector implements VoiceDetector {
  readonly #module: FvadModule;
  readonly #options: DetectorOptions;
  /** 0: closed. */
  #state: number;

  constructor(module: FvadModule, options: DetectorOptions) {
    this.#module = module;
    this.#options = options;
    this.#state = allocated(module._fvad_new());
    try {
      this.#configure();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  isVoice(samples: Int16Array, offset: number, length: Samples): boolean {
    const state = this.#open();
    const { samplesAt, rate } = this.#options;
    if (length > SAMPLES_MAX) throw refused(length, rate);
    const memory = this.#module.HEAP16;
    const start = samplesAt / Int16Array.BYTES_PER_ELEMENT;
    for (let index = 0; index < length; index++) {
      memory[start + index] = samples[offset + index] as number;
    }
    const found = this.#module._fvad_process(state, samplesAt, length);
    if (found < 0) throw refused(length, rate);
    return found === 1;
  }

  reset(): void {
    this.#module._fvad_reset(this.#open());
    this.#configure();
  }

  close(): void {
    if (this.#state !== 0) this.#module._fvad_free(this.#state);
    this.#state = 0;
  }

  #configure(): void {
    const { rate, aggressiveness } = this.#options;
    const isKnown = this.#module._fvad_set_sample_rate(this.#state, rate) === 0;
    if (!isKnown) throw new RangeError(`The voice detector has no rate of ${rate} Hz`);
    if (this.#module._fvad_set_mode(this.#state, aggressiveness) !== 0) {
      throw new RangeError(`The voice detector has no aggressiveness of ${aggressiveness}`);
    }
  }

  /** What is freed may be another call's by now. */
  #open(): number {
    if (this.#state === 0) throw new RangeError("This voice detector is closed");
    return this.#state;
  }
}

function allocated(pointer: number): number {
  if (pointer === 0) throw new Error("The memory of the voice detector is full");
  return pointer;
}

function refused(length: Samples, rate: Hertz): RangeError {
  return new RangeError(`The voice detector has no frame of ${length} samples at ${rate} Hz`);
}
