/**
 * The protocols of `m=` lines that we speak: RTP profiles with and without encryption and feedback.
 * RFC 3551, RFC 3711, RFC 4585, RFC 5124.
 *
 * @module
 */

/** Whether audio is encrypted: never, where the peer offers it, or always. */
export type SrtpPolicy = "never" | "optional" | "required";

/** The profile of our own offers in the clear. */
export const PLAIN_PROFILE = "RTP/AVP";

/** The profile of our own offers with keys. */
export const SECURE_PROFILE = "RTP/SAVP";

/**
 * A profile with feedback is taken as if it had none: RFC 4585 §4.2 leaves feedback out that no
 * `a=rtcp-fb` agrees on, and the regular reports are the same.
 */
const PROFILES: Readonly<Record<string, "plain" | "secure">> = {
  [PLAIN_PROFILE]: "plain",
  "RTP/AVPF": "plain",
  [SECURE_PROFILE]: "secure",
  "RTP/SAVPF": "secure",
};

/** What a protocol means for the audio; `undefined`: it is none of ours. */
export function profileOf(protocol: string): "plain" | "secure" | undefined {
  const name = protocol.toUpperCase();
  return Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
}

/** Says with a warning why a protocol cannot be had. RFC 3261 §20.43 */
export function profileProblem(protocol: string, policy: SrtpPolicy): string | undefined {
  const profile = profileOf(protocol);
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
