/**
 * The protocols of `m=` lines that we speak: RTP profiles with and without encryption and feedback.
 * RFC 3551, RFC 3711, RFC 4585, RFC 5124.
 *
 * @module
 */

import { isSameName } from "./codec_name.ts";

/** Whether audio is encrypted: never, where the peer offers it, or always. */
export type SrtpPolicy = "never" | "optional" | "required";

/** The profile of our own offers in the clear. */
export const PLAIN_PROFILE = "RTP/AVP";

/** The profile of our own offers with keys. */
export const SECURE_PROFILE = "RTP/SAVP";

const PLAIN_FEEDBACK = "RTP/AVPF";
const SECURE_FEEDBACK = "RTP/SAVPF";

/** Those that we speak: of those, descriptions that are read share the names. */
export const PROFILES = [PLAIN_PROFILE, SECURE_PROFILE, PLAIN_FEEDBACK, SECURE_FEEDBACK];

/** What a profile means for the audio. */
export type Profile = "plain" | "secure";

/**
 * What a protocol means for the audio; `undefined`: it is none of ours.
 *
 * A profile with feedback is taken as if it had none: RFC 4585 §4.2 leaves feedback out that no
 * `a=rtcp-fb` agrees on, and the regular reports are the same.
 */
export function profileOf(protocol: string): Profile | undefined {
  if (isSameName(protocol, PLAIN_PROFILE) || isSameName(protocol, PLAIN_FEEDBACK)) return "plain";
  if (isSameName(protocol, SECURE_PROFILE) || isSameName(protocol, SECURE_FEEDBACK)) {
    return "secure";
  }
  return undefined;
}

/** Says with a warning why a profile cannot be had. RFC 3261 §20.43 */
export function profileProblem(
  profile: Profile | undefined,
  policy: SrtpPolicy,
): string | undefined {
  const taken = policy === "required"
    ? profile === "secure"
    : profile === "plain" || (profile === "secure" && policy === "optional");
  if (taken) return undefined;
  const needed = policy === "never"
    ? PLAIN_PROFILE
    : policy === "required"
    ? SECURE_PROFILE
    : `${PLAIN_PROFILE} or ${SECURE_PROFILE}`;
  return `302 Incompatible transport protocol: needs ${needed}`;
}
