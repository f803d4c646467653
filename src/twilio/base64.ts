/**
 * Base64 of bytes. RFC 4648 §4
 *
 * @module
 */

/** What newer engines have, and types do not know yet everywhere. */
interface Base64Bytes {
  toBase64?: () => string;
}

/** The same of the class. */
interface Base64Reader {
  fromBase64?: (text: string) => Uint8Array;
}

const CHUNK = 8190;

/** Writes bytes as text. */
export function encodeBase64(bytes: Uint8Array): string {
  const own = (bytes as Base64Bytes).toBase64;
  if (own !== undefined) return own.call(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  }
  return text;
}

/**
 * Reads them again; `undefined` when the text is none. Line breaks are passed over, padding may be
 * absent, and the alphabet for URLs (§5) is taken too.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  return decode(text) ?? decode(text.replaceAll("-", "+").replaceAll("_", "/"));
}

function decode(text: string): Uint8Array | undefined {
  const own = (Uint8Array as Base64Reader).fromBase64;
  try {
    return own === undefined ? bytesOf(atob(text)) : own.call(Uint8Array, text);
  } catch {
    return undefined;
  }
}

function bytesOf(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}
