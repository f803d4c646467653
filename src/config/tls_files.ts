/**
 * The files that `sip.tls` names: where they are, and whether they are there. Reading them is left
 * to whoever starts the listeners.
 *
 * @module
 */

import type { LocatedIssue } from "./issue.ts";
import type { Config } from "./schema.ts";

const FILE_KEYS = ["certificate", "key", "ca"] as const;

/**
 * Makes the files of `sip.tls` relative to where the program runs instead of to the routing file.
 *
 * @param file The routing file, as named on the command line.
 */
export function locateTlsFiles(config: Config, file: string): Config {
  const { tls } = config.sip;
  if (tls === undefined) return config;
  const located = { ...tls };
  for (const key of FILE_KEYS) {
    const name = tls[key];
    if (name !== undefined) located[key] = besideFile(name, file);
  }
  return { ...config, sip: { ...config.sip, tls: located } };
}

/** Finds the files that are not there. */
export function findMissingTlsFiles(
  config: Config,
  exists: (path: string) => boolean,
): readonly LocatedIssue[] {
  return FILE_KEYS.flatMap((key): LocatedIssue[] => {
    const path = config.sip.tls?.[key];
    if (path === undefined || exists(path)) return [];
    return [{ path: ["sip", "tls", key], message: `There is no file "${path}"` }];
  });
}

function besideFile(name: string, file: string): string {
  const isAbsolute = /^(?:[/\\]|[A-Za-z]:[/\\])/.test(name);
  const folder = file.slice(0, Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1);
  return isAbsolute ? name : `${folder}${name}`;
}
