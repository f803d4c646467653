/**
 * The torture messages of RFC 4475 as files, which are not part of this repository.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../../shared/vectors/rfc4475/", import.meta.url));

/** Whether the messages are there. */
export const VECTORS_PRESENT: boolean = existsSync(FOLDER);

/** The files' names by the RFC's own name of the message: `wsinv`. */
const FILES: ReadonlyMap<string, string> = new Map(
  (VECTORS_PRESENT ? readdirSync(FOLDER) : [])
    .filter((file) => file.endsWith(".dat"))
    .map((file) => [file.replace(/^TC_(.*?)(_[VI])?\.dat$/, "$1").toLowerCase(), file]),
);

/** The names of all messages. */
export const VECTOR_NAMES: readonly string[] = [...FILES.keys()];

/** The bytes of a message. */
export function vector(name: string): Uint8Array {
  const file = FILES.get(name);
  if (file === undefined) throw new Error(`RFC 4475 message "${name}" is missing`);
  return new Uint8Array(readFileSync(FOLDER + file));
}
