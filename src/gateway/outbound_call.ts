/**
 * One call that we place, with a recording to play and ears for what comes back.
 *
 * It is a gateway for a single call: its own SIP socket, user agent, ports and media.
 *
 * @module
 */

import { randomUint32 } from "../base/random.ts";
import type { SocketAddress } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { EMPTY_STATISTICS } from "../call/call_record.ts";
import { SessionMedia } from "../call/session_media.ts";
import type { MediaEvent, MediaSink } from "../media/media_contract.ts";
import { MediaSession } from "../media/media_session.ts";
import type { MediaStatistics } from "../media/statistics.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";
import { nextHopOf } from "../sip/message/next_hop.ts";
import {
  SDP_CONTENT_TYPE,
  type SessionId,
  type UserAgentOutput,
} from "../sip/user_agent/output.ts";
import { UserAgent } from "../sip/user_agent/user_agent.ts";
import { Counters } from "./counters.ts";
import { mediaChange } from "./media_change.ts";
import { MediaClock } from "./media_clock.ts";
import {
  OutboundCallError,
  type OutboundCallOptions,
  type OutboundCallResult,
} from "./outbound_options.ts";
import { type PortPair, PortPool } from "./port_pool.ts";
import { Signalling } from "./signalling.ts";

/** Samples that are handed to the media at a time. */
const CHUNK_SAMPLES = 800;

/** How long a key is pressed. */
const DIGIT_DURATION: Millis = 160;

/** How long we wait for the answer to our BYE or CANCEL: a little over 64·T1. */
const FAREWELL: Millis = 33_000;

/** Places a call and resolves when it is over and everything is closed. */
export async function placeCall(options: OutboundCallOptions): Promise<OutboundCallResult> {
  const call = new OutboundCall(options);
  try {
    return await call.run();
  } finally {
    call.close();
  }
}

class OutboundCall implements MediaSink {
  readonly #options: OutboundCallOptions;
  readonly #runtime: Runtime;
  readonly #signalling: Signalling;
  readonly #userAgent: UserAgent;
  readonly #clock: MediaClock;
  readonly #description: SessionMedia;
  readonly #heard: Int16Array[] = [];
  #ports: PortPair | undefined;
  #media: MediaSession | undefined;
  #session: SessionId = "";
  #timer: Timer | undefined;
  #hangupTimer: Timer | undefined;
  #ringTimer: Timer | undefined;
  #invitedAt: Millis = 0;
  #finalAt: Millis = 0;
  #endedAt: Millis = 0;
  #firstAudioAt: Millis | undefined;
  #written = 0;
  #status = { code: 0, phrase: "" };
  #endedBy: OutboundCallResult["endedBy"] = "nobody";
  #peerReason = "";
  #statistics: MediaStatistics = EMPTY_STATISTICS;
  #codec = "";
  #done: () => void = () => {};

  constructor(options: OutboundCallOptions) {
    this.#options = options;
    this.#runtime = options.runtime;
    this.#clock = new MediaClock(options.runtime);
    this.#signalling = new Signalling({
      runtime: options.runtime,
      listen: [{ transport: "udp", address: options.localAddress, port: 0 }],
      counters: new Counters(),
      events: {
        admits: () => true,
        receive: (message, flow, now) => {
          options.onMessage?.("received", message, now);
          this.#dispatch(this.#userAgent.receive(message, flow, now), now);
        },
        malformed: () => {},
        failed: (flow, now) => this.#dispatch(this.#userAgent.transportFailed(flow, now), now),
      },
    });
    this.#userAgent = new UserAgent({
      random: options.runtime.random,
      identity: (flow) => this.#signalling.identity(flow),
    });
    this.#description = new SessionMedia({
      address: options.localAddress,
      codecs: options.codecs,
      dtmfPayloadType: 101,
      sdpSessionId: `${randomUint32(options.runtime.random)}`,
    });
  }

  async run(): Promise<OutboundCallResult> {
    const target = await this.#resolveTarget();
    await this.#signalling.open();
    this.#ports = await this.#bind();
    this.#description.port = this.#ports.rtp.local.port;
    const flow = await this.#signalling.flowTo("udp", target);
    if (flow === undefined) throw new OutboundCallError("There is no UDP socket to call from");
    const over = new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    const now = this.#runtime.now();
    this.#invitedAt = now;
    const { session, outputs } = this.#userAgent.invite({
      requestUri: this.#options.target,
      from: this.#options.from,
      to: `<${this.#options.target}>`,
      flow,
      target,
      headers: this.#options.headers,
      body: { bytes: this.#description.offer(), contentType: SDP_CONTENT_TYPE },
    }, now);
    this.#session = session;
    this.#dispatch(outputs, now);
    this.#ringTimer = this.#runtime.setTimer(() => this.#giveUp(), this.#options.ringTimeout);
    await over;
    return this.#result();
  }

  /** Closes whatever is open. */
  close(): void {
    for (const timer of [this.#timer, this.#hangupTimer, this.#ringTimer]) timer?.cancel();
    if (this.#media !== undefined) this.#clock.remove(this.#media);
    this.#ports?.close();
    this.#signalling.close();
  }

  audio(pcm: Uint8Array): void {
    const samples = new Int16Array(pcm.length >> 1);
    new Uint8Array(samples.buffer).set(pcm.subarray(0, samples.length * 2));
    this.#heard.push(samples);
  }

  packet(bytes: Uint8Array, port: number, address: string): void {
    this.#ports?.rtp.send(bytes, port, address);
  }

  event(event: MediaEvent): void {
    if (event.type === "room") this.#writeSound(this.#runtime.now());
    else if (event.type === "drained") this.#soundSent();
  }

  async #resolveTarget(): Promise<SocketAddress> {
    const hop = nextHopOf(this.#options.target);
    if (hop === undefined || hop.transport === "tcp") {
      throw new OutboundCallError(
        `Cannot call "${this.#options.target}": write such as sip:100@127.0.0.1:5060`,
      );
    }
    const [address] = await this.#runtime.resolveHost(hop.host).catch(() => []);
    if (address === undefined) {
      throw new OutboundCallError(`Cannot look up "${hop.host}": no such host`);
    }
    return { address, port: hop.port };
  }

  async #bind(): Promise<PortPair> {
    const pool = new PortPool(this.#runtime, this.#options.ports);
    const pair = await pool.take(
      this.#options.localAddress,
      (data, port, address) => this.#receiveRtp(data, port, address),
      () => {},
    );
    if (pair !== undefined) return pair;
    throw new OutboundCallError("There is no free pair of ports for RTP: name others with --ports");
  }

  #receiveRtp(data: Uint8Array, port: number, address: string): void {
    const media = this.#media;
    if (media === undefined) return;
    const now = this.#runtime.now();
    this.#firstAudioAt ??= now;
    media.receive(data, port, address, now);
    this.#clock.touched(media, now);
  }

  #dispatch(outputs: readonly UserAgentOutput[], now: Millis): void {
    for (const output of outputs) this.#handle(output, now);
    this.#arm(now);
  }

  #handle(output: UserAgentOutput, now: Millis): void {
    switch (output.type) {
      case "send":
        this.#options.onMessage?.("sent", output.message, now);
        return this.#signalling.send(output.flow, output.to, output.bytes);
      case "accepted":
        return this.#accepted(output.response.body, output.response.reasonPhrase, now);
      case "rejected":
        this.#finalAt = now;
        this.#status = { code: output.statusCode, phrase: output.reasonPhrase };
        return;
      case "reinvite":
        return this.#answerReinvite(output.request.body, now);
      case "bye":
        this.#endedBy = "callee";
        this.#peerReason = output.request.headers.get("Reason") ?? "";
        return;
      case "terminated":
        this.#end(now);
        return this.#done();
    }
  }

  #accepted(body: Uint8Array, phrase: string, now: Millis): void {
    this.#ringTimer?.cancel();
    this.#finalAt = now;
    this.#status = { code: 200, phrase };
    const agreed = this.#description.accept(body);
    if (!agreed.ok) {
      this.#status = { code: 200, phrase: `${phrase}, but its SDP is no use: ${agreed.reason}` };
      return this.#hangup();
    }
    this.#codec = agreed.media.codec;
    const media = new MediaSession(
      {
        ...mediaChange(agreed.media),
        signallingAddress: agreed.media.remote?.address ?? "",
        latch: "auto",
        timeout: 0,
        random: this.#runtime.random,
      },
      this,
      now,
    );
    this.#media = media;
    this.#clock.add(media, now);
    if (this.#options.digits !== "") media.sendDigits(this.#options.digits, DIGIT_DURATION, now);
    this.#writeSound(now);
    if (this.#options.duration !== undefined) this.#hangupAfter(this.#options.duration);
  }

  #answerReinvite(body: Uint8Array, now: Millis): void {
    const agreed = body.length > 0 ? this.#description.negotiate(body) : undefined;
    const answer = agreed?.ok === true
      ? {
        statusCode: 200,
        body: { bytes: this.#description.lastAnswer, contentType: SDP_CONTENT_TYPE },
      }
      : { statusCode: 488 };
    if (agreed?.ok === true) this.#media?.renegotiate(mediaChange(agreed.media), now);
    this.#dispatch(this.#userAgent.answerReinvite(this.#session, answer, now), now);
  }

  #writeSound(now: Millis): void {
    const { sound } = this.#options;
    const media = this.#media;
    if (media === undefined || this.#written > sound.length) return;
    let more = true;
    while (more && this.#written < sound.length) {
      const chunk = sound.slice(this.#written, this.#written + CHUNK_SAMPLES);
      this.#written += chunk.length;
      more = media.write(new Uint8Array(chunk.buffer), now);
    }
    if (this.#written === sound.length && more) {
      this.#written++;
      media.finish(now);
    }
    this.#clock.touched(media, now);
  }

  #soundSent(): void {
    if (this.#options.duration === undefined) this.#hangupAfter(this.#options.linger);
  }

  #hangupAfter(delay: Millis): void {
    this.#hangupTimer?.cancel();
    this.#hangupTimer = this.#runtime.setTimer(() => this.#hangup(), delay);
  }

  #hangup(): void {
    const now = this.#runtime.now();
    if (this.#endedBy === "nobody") this.#endedBy = "caller";
    this.#end(now);
    const reason = [["Reason", 'Q.850;cause=16;text="Normal call clearing"']] as const;
    this.#dispatch(this.#userAgent.hangup(this.#session, reason, now), now);
    this.#hangupTimer = this.#runtime.setTimer(() => this.#done(), FAREWELL);
  }

  #giveUp(): void {
    const now = this.#runtime.now();
    this.#status = { code: 408, phrase: "No answer" };
    this.#dispatch(this.#userAgent.cancel(this.#session, now), now);
    this.#ringTimer = this.#runtime.setTimer(() => this.#done(), FAREWELL);
  }

  /** The sound ends with the call, not with the answer to the BYE. */
  #end(now: Millis): void {
    const media = this.#media;
    if (media === undefined) return;
    this.#endedAt = now;
    media.stop(now);
    this.#statistics = media.statistics();
    this.#clock.remove(media);
    this.#media = undefined;
  }

  #arm(now: Millis): void {
    this.#timer?.cancel();
    const { deadline } = this.#userAgent;
    if (deadline === undefined) return;
    this.#timer = this.#runtime.setTimer(() => {
      const at = this.#runtime.now();
      this.#dispatch(this.#userAgent.timeout(at), at);
    }, Math.max(0, deadline - now));
  }

  #result(): OutboundCallResult {
    const answered = this.#codec !== "";
    const firstAudioMs = this.#firstAudioAt === undefined
      ? undefined
      : this.#firstAudioAt - this.#finalAt;
    return {
      statusCode: this.#status.code,
      reasonPhrase: this.#status.phrase,
      answered,
      setupMs: this.#finalAt - this.#invitedAt,
      durationMs: answered ? this.#endedAt - this.#finalAt : 0,
      endedBy: this.#endedBy,
      peerReason: this.#peerReason,
      firstAudioMs,
      heard: concat(this.#heard),
      codec: this.#codec,
      statistics: this.#statistics,
    };
  }
}

function concat(parts: readonly Int16Array[]): Int16Array {
  const whole = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
