/**
 * What clients take out of a URL: credentials, and the host without brackets.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** The header Authorization that a URL asks for; `undefined`: none. RFC 7617 */
export function basicCredentials({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  const text = `${unescaped(username)}:${unescaped(password)}`;
  return `Basic ${Buffer.from(text).toString("base64")}`;
}

/** IPv6 addresses stand in brackets. RFC 3986 §3.2.2 */
export function plainHost({ hostname }: URL): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** A lone percent sign stands for itself. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
