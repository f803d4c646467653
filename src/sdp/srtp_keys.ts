/**
 * Which key protects which direction: the `a=crypto` lines of offers and answers. RFC 4568 §5, §7.
 *
 * How one line is read and written is `crypto_attribute.ts`; what is done with the keys, SRTP's.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import {
  CRYPTO_SUITES,
  type CryptoAttribute,
  type CryptoSuite,
  parseCryptoAttribute,
} from "./crypto_attribute.ts";
import type { SrtpPolicy } from "./profile.ts";
import type { MediaDescription, SessionDescription } from "./session_description.ts";

/** What protects the audio of one stream. */
export interface NegotiatedKeys {
  /** Ours: what we send is under it. While it is the same, the packet index goes on counting. */
  readonly send: CryptoAttribute;
  /** The peer's: what we receive is under it. */
  readonly receive: CryptoAttribute;
}

/** Our side of SRTP in one negotiation. */
export interface LocalKeys {
  readonly policy: SrtpPolicy;
  /** Draws keys. */
  readonly random: RandomSource;
  /** What we send is under now. It is kept where the peer's offer allows. */
  readonly current?: CryptoAttribute | undefined;
  /** What our offer holds, the preferred one first; absent or empty: it is in the clear. */
  readonly offered?: readonly CryptoAttribute[] | undefined;
}

const SUITES = Object.keys(CRYPTO_SUITES) as readonly CryptoSuite[];

/** Told to a peer whose keys are of no use. RFC 3261 §20.43 */
export const NO_KEY_WARNING = `399 No usable key for SRTP: needs ${SUITES.join(" or ")}`;

/** The keys of a stream that can be used, in its order of preference. */
export function keysOf(media: MediaDescription): readonly CryptoAttribute[] {
  return media.attributes.flatMap(({ name, value }) =>
    name === "crypto" ? parseCryptoAttribute(value ?? "") ?? [] : []
  );
}

/**
 * Answers the keys of an offer. RFC 4568 §5.1.2: the first that can be used, under its tag, with a
 * key of our own. §7.1.4: that key stays while suite and tag do.
 *
 * @returns `undefined` when there is none that can be used.
 */
export function answerKeys(stream: MediaDescription, local: LocalKeys): NegotiatedKeys | undefined {
  const [receive] = keysOf(stream);
  if (receive === undefined) return undefined;
  const { tag, suite } = receive;
  const { current } = local;
  const isKept = current?.tag === tag && current.suite === suite;
  return { send: isKept ? current : drawKey(tag, suite, local.random), receive };
}

/** Draws what an offer holds: a key for each suite; the current one stands first and stays. */
export function drawKeys(
  random: RandomSource,
  current: CryptoAttribute | undefined,
): readonly CryptoAttribute[] {
  const others = SUITES.filter((suite) => suite !== current?.suite);
  let tag = 0;
  const drawn = others.map((suite) => {
    tag = tag + 1 === current?.tag ? tag + 2 : tag + 1;
    return drawKey(tag, suite, random);
  });
  return current === undefined ? drawn : [current, ...drawn];
}

/**
 * Joins the keys of our offer with those of the answer. RFC 4568 §5.1.3: one of ours, by tag and
 * suite; anything else is no answer.
 */
export function acceptKeys(
  offered: MediaDescription,
  answered: MediaDescription,
): NegotiatedKeys | undefined {
  const ours = keysOf(offered);
  for (const receive of keysOf(answered)) {
    const send = ours.find(({ tag, suite }) => tag === receive.tag && suite === receive.suite);
    if (send !== undefined) return { send, receive };
  }
  return undefined;
}

/** An offer of ours once it is answered: of its keys only the agreed one is left. */
export function keepKey(offer: SessionDescription, kept: CryptoAttribute): SessionDescription {
  const isKept = (value = "") => parseCryptoAttribute(value)?.tag === kept.tag;
  const media = offer.media.map((stream) => ({
    ...stream,
    attributes: stream.attributes.filter(({ name, value }) => name !== "crypto" || isKept(value)),
  }));
  return { ...offer, media };
}

function drawKey(tag: number, suite: CryptoSuite, random: RandomSource): CryptoAttribute {
  const key = new Uint8Array(CRYPTO_SUITES[suite].keyBytes);
  random.fill(key);
  return { tag, suite, key };
}
