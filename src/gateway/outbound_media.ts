/**
 * Descriptions and audio of one call that we place: what we offer, what the peer answers, and the sound that follows
 * from it. RFC 3264, RFC 3960 §3 (early media).
 *
 * @module
 */

import type { AudioLibraries } from "../audio/audio_libraries.ts";
import { randomUint32 } from "../base/random.ts";
import type { Millis } from "../base/units.ts";
import { sdpBody, SessionMedia } from "../call/session_media.ts";
import type { MediaOptions } from "../media/media_contract.ts";
import type { NegotiatedMedia } from "../sdp/offer_answer.ts";
import type { Answer, SipBody } from "../sip/user_agent/output.ts";
import { mediaChange, rtcpSetUp } from "./media_change.ts";
import { OutboundAudio } from "./outbound_audio.ts";
import { OUTBOUND_RATE, OutboundCallError, type OutboundCallOptions } from "./outbound_options.ts";
import { type PortPair, PortPool } from "./port_pool.ts";

/** Payload type of telephone-events in our offers. */
const DTMF_PAYLOAD_TYPE = 101;

/**
 * Mean time between two reports of ours. Most calls here are short, and a round trip is known once the peer has
 * answered one.
 */
const REPORT_INTERVAL: Millis = 1000;

/** What is opened before there can be a call. */
interface Opened {
  readonly address: string;
  readonly ports: PortPair;
  readonly libraries: AudioLibraries;
  readonly played: () => void;
}

/** One call's media, on ports of its own. */
export class OutboundMedia {
  readonly audio: OutboundAudio;
  readonly #ports: PortPair;
  /** What stays the same, whatever is agreed on. */
  readonly #fixed: Pick<MediaOptions, "rate" | "libraries" | "rtcp" | "srtpCrypto" | "random">;
  readonly #sdpSessionId: string;
  #signallingAddress = "";
  #description: SessionMedia;

  private constructor(
    options: OutboundCallOptions,
    { address, ports, libraries, played }: Opened,
  ) {
    const { runtime, codecs, sound, digits } = options;
    const { random, srtpCrypto } = runtime;
    const rtcp = rtcpSetUp(runtime, REPORT_INTERVAL);
    this.#fixed = { rate: options.rate ?? OUTBOUND_RATE, libraries, rtcp, srtpCrypto, random };
    this.#ports = ports;
    this.#sdpSessionId = `${randomUint32(runtime.random)}`;
    this.#description = new SessionMedia({
      address,
      codecs,
      dtmfPayloadType: DTMF_PAYLOAD_TYPE,
      sdpSessionId: this.#sdpSessionId,
      srtp: { policy: options.srtp ?? "optional", random },
      rtcp: { mux: true, extendedReports: true },
    });
    this.#description.port = ports.rtp.local.port;
    this.audio = new OutboundAudio({
      runtime,
      sound,
      digits,
      send: (bytes, port, to) => ports.rtp.send(bytes, port, to),
      sendReport: (bytes, port, to) => ports.rtcp.send(bytes, port, to),
      played,
    });
  }

  /**
   * Binds the ports, and loads what the codecs need.
   *
   * @param address Where RTP is received.
   * @param played Called once sound and keys have all been sent.
   * @throws {OutboundCallError} None are free.
   */
  static async open(
    options: OutboundCallOptions,
    { address, played }: { readonly address: string; readonly played: () => void },
  ): Promise<OutboundMedia> {
    const { runtime, codecs } = options;
    const libraries = await runtime.loadAudioLibraries({
      opus: codecs.includes("opus"),
      voiceDetector: false,
    });
    const pool = new PortPool(runtime, options.ports);
    // A packet may come before there is anybody to take it
    let media: OutboundMedia | undefined = undefined as OutboundMedia | undefined;
    const ports = await pool.take(
      address,
      (data, port, from) => media?.audio.receive(data, port, from, runtime.now()),
      (data, _port, from) => media?.audio.receiveReport(data, from, runtime.now()),
    );
    if (ports === undefined) {
      const message = "There is no free pair of ports for RTP: name others with --ports";
      throw new OutboundCallError(message);
    }
    media = new OutboundMedia(options, { address, ports, libraries, played });
    return media;
  }

  /** Where our INVITE goes: RTP from there is taken too, of a peer that is behind NAT. */
  calls(address: string): void {
    this.#signallingAddress = address;
  }

  /** What is agreed upon now. */
  get current(): NegotiatedMedia | undefined {
    return this.#description.current;
  }

  /** An offer of ours. */
  offer(): SipBody {
    return sdpBody(this.#description.offer());
  }

  /**
   * Takes what a response to our INVITE describes, and listens from then on. The last one holds:
   * several provisional responses may describe what is heard before the 2xx, whoever it comes from,
   * and a 2xx says the same once more or, of another fork, something else.
   *
   * @returns Why it is no use.
   */
  described(body: Uint8Array, now: Millis): string | undefined {
    if (body.length === 0 && this.#description.current !== undefined) return undefined;
    // Each of them answers the one offer that went out
    const answered = this.#description.successor(this.#sdpSessionId);
    answered.offer();
    const agreed = answered.accept(body);
    if (!agreed.ok) return agreed.reason;
    this.#description = answered;
    this.audio.agree(this.#optionsOf(agreed.media), now);
    return undefined;
  }

  /**
   * Takes the answer to our last offer within the call.
   *
   * @returns Why it is no use.
   */
  agree(body: Uint8Array, now: Millis): string | undefined {
    const agreed = this.#description.accept(body);
    if (!agreed.ok) return agreed.reason;
    this.audio.agree(this.#optionsOf(agreed.media), now);
    return undefined;
  }

  /** Answers an offer of the peer. */
  answerTo(body: Uint8Array, now: Millis): Answer {
    const agreed = body.length > 0 ? this.#description.negotiate(body) : undefined;
    if (agreed?.ok !== true) return { statusCode: 488 };
    this.audio.renegotiate(mediaChange(agreed.media), now);
    return { statusCode: 200, body: sdpBody(this.#description.lastAnswer) };
  }

  /** Ends the sound, and gives the ports back. */
  close(now: Millis): void {
    this.audio.stop(now);
    this.#ports.close();
  }

  #optionsOf(agreed: NegotiatedMedia): MediaOptions {
    return {
      ...this.#fixed,
      ...mediaChange(agreed),
      signallingAddress: this.#signallingAddress,
      latch: "auto",
      timeout: 0,
    };
  }
}
