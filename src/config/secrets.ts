/**
 * Where passwords stand in a configuration, so that messages do not quote them.
 *
 * @module
 */

import type { IssuePath } from "./issue.ts";

const SECRET_KEYS = ["password", "secret", "auth_token"] as const;

/**
 * Tells whether what stands at `path` may be a password or hold one, also when it was written at
 * the wrong level: `users: { pbx: secret }`.
 */
export function mayHoldSecret(path: IssuePath): boolean {
  if (SECRET_KEYS.some((key) => path.includes(key))) return true;
  const [section, key, inner] = path;
  if (section === "sip") return key === "auth" && (path.length === 2 || inner === "users");
  return (section === "registrations" || section === "trunks") && path.length <= 2;
}
