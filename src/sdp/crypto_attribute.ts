/**
 * One key of SRTP in a description: the attribute `a=crypto`. RFC 4568 §9.1, §9.2, RFC 7714 §14.2.
 *
 * Which of several lines counts, and for which direction, is for `srtp_keys.ts`.
 *
 * @module
 */

/** A crypto-suite, by its registered name. RFC 4568 §6.2, RFC 7714 §14.2. */
export type CryptoSuite =
  | "AES_CM_128_HMAC_SHA1_80"
  | "AEAD_AES_256_GCM"
  | "AEAD_AES_128_GCM"
  | "AES_CM_128_HMAC_SHA1_32";

/**
 * Bytes of master key and salt together. The order is ours in offers: first the suite that every
 * peer must know (RFC 4568 §6.2), since many look at one line only; then the stronger ones; last
 * the one whose tag is short.
 */
export const CRYPTO_SUITES: Readonly<Record<CryptoSuite, { readonly keyBytes: number }>> = {
  AES_CM_128_HMAC_SHA1_80: { keyBytes: 30 },
  AEAD_AES_256_GCM: { keyBytes: 44 },
  AEAD_AES_128_GCM: { keyBytes: 28 },
  AES_CM_128_HMAC_SHA1_32: { keyBytes: 30 },
};

/** One `a=crypto` line that can be used as it stands. */
export interface CryptoAttribute {
  /** Names the line within its offer; the answer repeats it. At most nine digits. */
  readonly tag: number;
  readonly suite: CryptoSuite;
  /** Master key, then master salt; as long as the suite wants. */
  readonly key: Uint8Array;
  /** As written, `2^20` or `1048576`: how many packets its owner sends under the key at most. */
  readonly lifetime?: string;
  /** What its owner puts before the authentication tag of each packet. RFC 3711 §3.1. */
  readonly mki?: Uint8Array;
}

/** A longer value is not looked at. */
const VALUE_UNITS_MAX = 1024;

/** RFC 3711 §9.2: no key protects more packets. */
const LIFETIME_MAX = 2 ** 48;

/** RFC 4568 §9.2. */
const MKI_BYTES_MAX = 128;

/**
 * Reads the value of an `a=crypto`.
 *
 * @returns `undefined` for a line that must be left alone: it is malformed, its suite is unknown,
 * its key has the wrong length, there are several keys, or it asks for something that we do not do.
 */
export function parseCryptoAttribute(value: string): CryptoAttribute | undefined {
  if (value.length > VALUE_UNITS_MAX) return undefined;
  const [tag, suiteName, keyParams, ...sessionParams] = value.trim().split(/[ \t]+/);
  const suite = suiteName?.toUpperCase() ?? "";
  if (tag === undefined || !/^[0-9]{1,9}$/.test(tag) || !isCryptoSuite(suite)) return undefined;
  if (!sessionParams.every(isHarmless)) return undefined;
  const inline = /^inline:([^|;]+)((?:\|[^|;]*){0,2})$/i.exec(keyParams ?? "");
  if (inline === null) return undefined;
  const key = decodeKey(inline[1] ?? "", CRYPTO_SUITES[suite].keyBytes);
  const limits = parseLimits((inline[2] ?? "").split("|").slice(1));
  if (key === undefined || limits === undefined) return undefined;
  return { tag: Number(tag), suite, key, ...limits };
}

/** Writes the value of an `a=crypto`, without session parameters. */
export function formatCryptoAttribute(attribute: CryptoAttribute): string {
  const { tag, suite, key, lifetime, mki } = attribute;
  const limits = [
    ...(lifetime === undefined ? [] : [lifetime]),
    ...(mki === undefined ? [] : [`${mki.reduce((sum, byte) => sum * 256 + byte)}:${mki.length}`]),
  ];
  return `${tag} ${suite} inline:${[btoa(String.fromCharCode(...key)), ...limits].join("|")}`;
}

function isCryptoSuite(name: string): name is CryptoSuite {
  return Object.hasOwn(CRYPTO_SUITES, name);
}

/**
 * RFC 4568 §6.3: session parameters are mandatory, but for those that begin with a dash (§6.3.7)
 * and for the window size, a hint (§6.3.6). Those for no encryption or authentication, for further
 * key derivation and for FEC ask for what we do not do.
 */
function isHarmless(parameter: string): boolean {
  return /^-[^\s]+$/.test(parameter) || /^WSH=[0-9]{2,5}$/i.test(parameter);
}

/** RFC 4568 §6.1: a key that is too long or too short makes its line invalid. */
function decodeKey(base64: string, keyBytes: number): Uint8Array | undefined {
  const units = Math.ceil(keyBytes * 4 / 3);
  const text = base64.replace(/={1,2}$/, "");
  if (text.length !== units || !/^[A-Za-z0-9+/]+$/.test(text)) return undefined;
  return Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0));
}

/** Lifetime, MKI, both in this order, or none. RFC 4568 §6.1. */
function parseLimits(
  fields: readonly string[],
): Pick<CryptoAttribute, "lifetime" | "mki"> | undefined {
  const mkiText = fields.at(-1)?.includes(":") ? fields.at(-1) : undefined;
  const [lifetime, surplus] = mkiText === undefined ? fields : fields.slice(0, -1);
  if (surplus !== undefined || (lifetime !== undefined && !isLifetime(lifetime))) return undefined;
  const mki = mkiText === undefined ? undefined : parseMki(mkiText);
  if (mkiText !== undefined && mki === undefined) return undefined;
  return { ...(lifetime && { lifetime }), ...(mki && { mki }) };
}

function isLifetime(text: string): boolean {
  const match = /^(2\^)?([1-9][0-9]{0,15})$/.exec(text);
  if (match === null) return false;
  const packets = match[1] === undefined ? Number(match[2]) : 2 ** Number(match[2]);
  return packets <= LIFETIME_MAX;
}

/** RFC 4568 §6.1: a decimal value and the bytes that it takes, big-endian. */
function parseMki(text: string): Uint8Array | undefined {
  const match = /^([0-9]{1,15}):([1-9][0-9]{0,2})$/.exec(text);
  const length = Number(match?.[2]);
  if (match === null || length > MKI_BYTES_MAX) return undefined;
  const mki = new Uint8Array(length);
  let rest = Number(match[1]);
  for (let at = length - 1; at >= 0; at--) {
    mki[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return rest === 0 ? mki : undefined;
}
