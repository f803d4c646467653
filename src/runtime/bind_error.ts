/**
 * Turns what a runtime throws at a bind into a {@linkcode BindError} that names the fix.
 *
 * @module
 */

import { formatSocketAddress, type SocketAddress } from "../base/socket_address.ts";
import { BindError, type StreamTransport } from "./ports.ts";

const FIXES: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has it, choose another port or end that program",
  EADDRNOTAVAIL: "this machine has no such address, choose one of its own or 0.0.0.0",
  EACCES: "not allowed, choose a port above 1023 or grant CAP_NET_BIND_SERVICE",
  EPERM: "not allowed, choose a port above 1023 or grant CAP_NET_BIND_SERVICE",
};

/** Makes the error for an address that could not be bound. */
export function bindError(
  transport: "udp" | StreamTransport,
  at: SocketAddress,
  cause: unknown,
): BindError {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  const errno = typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : "EINVAL";
  const why = FIXES[errno] ?? String(message ?? cause);
  return new BindError(errno, `Cannot bind ${transport}://${formatSocketAddress(at)}: ${why}`);
}
