/**
 * The caller's keys that come as telephone-events, told to the sink once each. RFC 4733.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { RtpHeader } from "../rtp/packet.ts";
import { type ReceivedDigit, TelephoneEventReceiver } from "../rtp/telephone_event.ts";
import type { MediaSink } from "./media_contract.ts";

/** The keys of one session. */
export class ReceivedKeys {
  readonly #sink: Pick<MediaSink, "event">;
  #clockRate: Hertz;
  #events: TelephoneEventReceiver;
  #stopped = false;

  /** @param clockRate Of the timestamps of telephone-events. */
  constructor(clockRate: Hertz, sink: Pick<MediaSink, "event">) {
    this.#sink = sink;
    this.#clockRate = clockRate;
    this.#events = new TelephoneEventReceiver(clockRate);
  }

  /** Another rate was agreed on: a key that is held down is over. */
  set clockRate(clockRate: Hertz) {
    if (clockRate === this.#clockRate) return;
    this.restart();
    this.#clockRate = clockRate;
    this.#events = new TelephoneEventReceiver(clockRate);
  }

  /** Takes a packet of telephone-events. */
  receive({ payloadOffset, payloadLength, timestamp }: RtpHeader, packet: Uint8Array, now: Millis) {
    this.#tell(this.#events.receive(packet, payloadOffset, payloadLength, timestamp, now));
  }

  /** Ends a key whose end was lost, once it is time. */
  timeout(now: Millis): void {
    this.#tell(this.#events.timeout(now));
  }

  /** When {@linkcode timeout} has something to do; Infinity when no key is held down. */
  get deadline(): Millis {
    return this.#events.deadline;
  }

  /** The stream begins anew: a key that was held down is over. */
  restart(): void {
    this.#tell(this.#events.restart());
  }

  /** Nothing is told any more but the key that is held down. */
  stop(): void {
    this.restart();
    this.#stopped = true;
  }

  #tell(digit: ReceivedDigit | undefined): void {
    if (digit === undefined || this.#stopped) return;
    const { digit: key, durationMs } = digit;
    this.#sink.event({ type: "dtmf", digit: key, durationMs, source: "rfc4733" });
  }
}
