/**
 * What is in the files of `sip.tls` and of the `tls` of handlers: whether they can be used, and for
 * how long.
 *
 * @module
 */

import { handlersOf } from "../src/config/resolve_routes.ts";
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
  config: Config,
  io: Pick<CliIo, "readFile">,
  now: number,
): Promise<TlsFindings> {
  const warnings: string[] = [];
  for (const { name, tls } of placesOf(config)) {
    try {
      warnings.push(...await checkPlace(name, tls, io, now));
    } catch (error) {
      const { message } = error as Error;
      return { error: error instanceof TlsError ? `${name}: ${message}` : message, warnings };
    }
  }
  return { warnings };
}

/** What stands at one place of the configuration. */
interface Place {
  readonly name: string;
  readonly tls: {
    readonly certificate?: string | undefined;
    readonly key?: string | undefined;
    readonly ca?: string | undefined;
    readonly verify: boolean;
    /** Where we listen, too. */
    readonly client_certificate?: "none" | "request" | "require";
  };
}

function placesOf({ sip: { tls }, routes }: Config): readonly Place[] {
  const own = tls === undefined ? [] : [{ name: "sip.tls", tls }];
  return [
    ...own,
    ...routes.flatMap((route) =>
      handlersOf(route).flatMap((handler): Place[] =>
        "tls" in handler
          ? [{ name: `Route "${route.name}": ${handler.type}.tls`, tls: handler.tls }]
          : []
      )
    ),
  ];
}

/** @throws {TlsError} They cannot be used. */
async function checkPlace(
  name: string,
  tls: Place["tls"],
  io: Pick<CliIo, "readFile">,
  now: number,
): Promise<readonly string[]> {
  const [certificate, key, ca] = await Promise.all(
    [tls.certificate, tls.key, tls.ca].map((path) => path && io.readFile(path)),
  );
  const identity = certificate === undefined || key === undefined
    ? undefined
    : { certificate, key };
  const asked = tls.client_certificate;
  if (identity !== undefined && asked !== undefined) {
    serverOptions({ ...identity, ca, clientCertificate: asked });
  }
  clientOptions({ identity, ca, verify: tls.verify, serverName: "" });
  const dates = certificate && describeDates(certificatesOf(certificate), now);
  return dates === undefined ? [] : [`${name}.certificate: ${tls.certificate} ${dates}, renew it`];
}
