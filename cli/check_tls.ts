/**
 * What is in the files of `sip.tls`: whether they can be used, and for how long.
 *
 * @module
 */

import type { Config } from "../src/config/schema.ts";
import { describeDates } from "../src/runtime/certificate_dates.ts";
import { TlsError } from "../src/runtime/ports.ts";
import { certificatesOf, clientOptions, serverOptions } from "../src/runtime/tls_material.ts";
import type { CliIo } from "./cli_io.ts";

/** What came of a look at certificates. */
export interface TlsFindings {
  /** They cannot be used, for this reason. */
  readonly error?: string;
  readonly warnings: readonly string[];
}

/**
 * Looks at certificates, keys and authorities as those who listen and connect will.
 *
 * @param now Since 1970.
 */
export async function checkTls(
  { sip: { tls } }: Config,
  io: Pick<CliIo, "readFile">,
  now: number,
): Promise<TlsFindings> {
  if (tls === undefined) return { warnings: [] };
  try {
    const [certificate, key, ca] = await Promise.all(
      [tls.certificate, tls.key, tls.ca].map((path) => path && io.readFile(path)),
    );
    const identity = certificate === undefined || key === undefined
      ? undefined
      : { certificate, key };
    if (identity !== undefined) {
      serverOptions({ ...identity, ca, clientCertificate: tls.client_certificate });
    }
    clientOptions({ identity, ca, verify: tls.verify, serverName: "" });
    const dates = certificate && describeDates(certificatesOf(certificate), now);
    return {
      warnings: dates === undefined
        ? []
        : [`sip.tls.certificate: ${tls.certificate} ${dates}, renew it`],
    };
  } catch (error) {
    if (!(error instanceof TlsError)) return { error: (error as Error).message, warnings: [] };
    return { error: `sip.tls: ${error.message}`, warnings: [] };
  }
}
