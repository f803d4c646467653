/**
 * Certificates for tests, made by `tls/make.sh`: `server` and `renewed` are for localhost, 127.0.0.1,
 * ::1, example.test and *.example.test; `other_name` is for other.test; `foreign` is of another
 * authority.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TlsClientOptions, TlsIdentity, TlsServerOptions } from "../../src/runtime/ports.ts";

/** The identities that there are. */
export type Holder = "server" | "renewed" | "other_name" | "expired" | "client" | "foreign";

/** Where a file of the fixtures is, such as `server.pem` or `server.key`. */
export function tlsPath(file: string): string {
  return fileURLToPath(new URL(`./tls/${file}`, import.meta.url));
}

/** What stands in a file of the fixtures. */
export function tlsText(file: string): string {
  return readFileSync(tlsPath(file), "utf8");
}

/** A certificate and its key. */
export function tlsIdentity(holder: Holder): TlsIdentity {
  return { certificate: tlsText(`${holder}.pem`), key: tlsText(`${holder}.key`) };
}

/** A server that asks for no certificate. */
export function tlsServer(
  holder: Holder = "server",
  clientCertificate: TlsServerOptions["clientCertificate"] = "none",
): TlsServerOptions {
  return { ...tlsIdentity(holder), ca: tlsText("ca.pem"), clientCertificate };
}

/** A client that trusts the tests' authority and shows nothing. */
export function tlsClient(options: Partial<TlsClientOptions> = {}): TlsClientOptions {
  return { ca: tlsText("ca.pem"), serverName: "localhost", verify: true, ...options };
}
