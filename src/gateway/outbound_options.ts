/**
 * What a call that we place is told, and what comes of it.
 *
 * @module
 */

import type { Hertz, Millis } from "../base/units.ts";
import type { MediaStatistics } from "../media/statistics.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { CodecName } from "../sdp/codec_name.ts";
import type { CryptoSuite } from "../sdp/crypto_attribute.ts";
import type { SrtpPolicy } from "../sdp/profile.ts";
import type { Credentials } from "../sip/auth/credentials.ts";
import type { Headers } from "../sip/message/headers.ts";
import type { SipMessage } from "../sip/message/message.ts";
import type { DialAttempt } from "./outbound_queue.ts";
import type { PortRange } from "./port_pool.ts";

/** Of the sound of a call, when its options name no rate. */
export const OUTBOUND_RATE: Hertz = 8000;

/** What to call, and what to do there. */
export interface OutboundCallOptions {
  readonly runtime: Runtime;
  /** A `sip:` or `sips:` URI, of any transport. */
  readonly target: string;
  /** URI of a proxy that the call goes through, whatever its target is. */
  readonly proxy?: string | undefined;
  /** For whoever asks who we are. */
  readonly credentials?: Credentials | undefined;
  /** How servers that we connect to by TLS are checked; default: against the system's authorities. */
  readonly tls?: { readonly ca?: string | undefined; readonly verify: boolean } | undefined;
  /** Whether a 3xx is followed; default `follow`. */
  readonly redirects?: "follow" | "refuse";
  /** Value of From without a tag. */
  readonly from: string;
  readonly headers: Headers;
  /** What is offered, the preferred one first. */
  readonly codecs: readonly CodecName[];
  /** Samples a second of `sound`, and of what is heard, whatever the codec is; default 8000. */
  readonly rate?: Hertz;
  /** Whether audio is encrypted; default `optional`: where the callee offers it in the call. */
  readonly srtp?: SrtpPolicy;
  /** The address that we call from; default: the one towards the target. */
  readonly localAddress?: string | undefined;
  readonly ports: PortRange;
  /** What the other side gets to hear, at `rate`. */
  readonly sound: Int16Array;
  /** Keys that are pressed once the call is up: as telephone-events, else by INFO. */
  readonly digits: string;
  /** From the answer to our BYE; default: until everything was sent, and `linger` more. */
  readonly duration?: Millis;
  /** How long we listen after the last of our own sound. */
  readonly linger: Millis;
  /** How long we wait for somebody to answer. */
  readonly ringTimeout: Millis;
  /**
   * Ends the call politely: BYE once it is answered, CANCEL before. The result tells how it went
   * until then; an unanswered call has status 487.
   */
  readonly signal?: AbortSignal;
  readonly onMessage?: (direction: "received" | "sent", message: SipMessage, at: Millis) => void;
}

/** How the call went. */
export interface OutboundCallResult {
  /**
   * Final status of the INVITE: the peer's, or of our own making 408 (nobody answered), 487 (ended
   * by `signal`) and 503 (it could not be sent).
   */
  readonly statusCode: number;
  readonly reasonPhrase: string;
  /** Whether any response came at all. */
  readonly responded: boolean;
  readonly answered: boolean;
  /** Why the last connection that was tried did not come to be; empty when it did, or none was needed. */
  readonly unconnected: string;
  /** From the INVITE to its final response, or to our giving up. */
  readonly setupMs: Millis;
  /** From the answer to the end. */
  readonly durationMs: Millis;
  readonly endedBy: "caller" | "callee" | "nobody";
  /** Value of the Reason header of the peer's BYE. */
  readonly peerReason: string;
  /** From the answer to the first packet of the peer; `undefined` when none came. */
  readonly firstAudioMs: Millis | undefined;
  /** Samples a second of what was heard. */
  readonly rate: Hertz;
  /** Everything that was heard since the answer. */
  readonly heard: Int16Array;
  /** Everything that was heard before: ringing tones and announcements. */
  readonly early: Int16Array;
  /** Keys that the callee did not take; empty when it took all. */
  readonly unsentDigits: string;
  /** Tries before the one that the rest tells of: redirections. */
  readonly attempts: readonly DialAttempt[];
  readonly codec: string;
  /** What encrypted the audio in the end; `undefined`: nothing did. */
  readonly suite: CryptoSuite | undefined;
  readonly statistics: MediaStatistics;
}

/** A call that cannot even be tried; the message says why. */
export class OutboundCallError extends Error {
  override readonly name: string = "OutboundCallError";
}

/** A target that calls cannot go to, whatever the network does. */
export class OutboundTargetError extends OutboundCallError {
  override readonly name = "OutboundTargetError";
}
