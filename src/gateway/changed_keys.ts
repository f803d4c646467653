/**
 * What differs between two configurations.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";

/** Sections that are read once: sockets are bound by them, or calls live by them. */
const FIXED_SECTIONS = ["sip", "rtp", "api", "log"] as const;

/** The keys, such as `sip.listen`, that differ and need a restart. */
export function keysForRestart(config: Config, former: Config): readonly string[] {
  return FIXED_SECTIONS.flatMap((section) => {
    const [after, before] = [config[section], former[section]];
    // A section that comes or goes has no key to name
    if (after === undefined || before === undefined) return after === before ? [] : [section];
    return changedKeys(after, before).map((key) => `${section}.${key}`);
  });
}

/** The keys of a section whose values differ. */
function changedKeys(one: object, other: object): string[] {
  const [before, after] = [new Map(Object.entries(one)), new Map(Object.entries(other))];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => comparable(before.get(key)) !== comparable(after.get(key)));
}

function comparable(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, part) => part instanceof Uint8Array ? [...part] : part);
}
