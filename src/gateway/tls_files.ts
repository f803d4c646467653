/**
 * Certificates, keys and authorities, from their files.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { type Runtime, TlsError } from "../runtime/ports.ts";
import type { SignallingTls } from "./signalling.ts";

/**
 * Reads what the configuration names. What is in the files is checked where it is used.
 *
 * @returns `undefined` when the configuration says nothing about TLS.
 * @throws {TlsError} A file cannot be read; the message names it.
 */
export async function readTls(
  tls: Config["sip"]["tls"],
  runtime: Runtime,
): Promise<SignallingTls | undefined> {
  if (tls === undefined) return undefined;
  const read = async (key: "certificate" | "key" | "ca"): Promise<string | undefined> => {
    const path = tls[key];
    if (path === undefined) return undefined;
    try {
      return new TextDecoder().decode(await runtime.readFile(path));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TlsError(`sip.tls.${key}: ${reason}`);
    }
  };
  const [certificate, key, ca] = await Promise.all([read("certificate"), read("key"), read("ca")]);
  const identity = certificate === undefined || key === undefined
    ? undefined
    : { certificate, key };
  return {
    server: identity === undefined
      ? undefined
      : { ...identity, ca, clientCertificate: tls.client_certificate },
    client: { identity, ca, verify: tls.verify },
  };
}
