/**
 * HTTP Basic authentication. RFC 7617
 *
 * @module
 */

/** What a client says that it is. */
export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

/** Reads the header Authorization; `undefined` when it holds nothing of the kind. */
export function readBasic(header: string | undefined): BasicCredentials | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  let text: string;
  try {
    const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
