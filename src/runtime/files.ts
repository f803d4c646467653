/**
 * Files by `node:fs`, with errors that name what was asked for.
 *
 * @module
 */

import fs from "node:fs/promises";
import type { Millis } from "../base/units.ts";
import { plainBytes } from "./plain_bytes.ts";

/** Reads a whole file. */
export async function readFile(path: string): Promise<Uint8Array> {
  return plainBytes(await fs.readFile(path).catch((error) => fail("read", path, error)));
}

/** Writes a whole file. */
export async function writeFile(path: string, data: Uint8Array): Promise<void> {
  await fs.writeFile(path, data).catch((error) => fail("write", path, error));
}

/** Tells when a file was last changed. */
export async function modifiedAt(path: string): Promise<Millis> {
  return (await fs.stat(path).catch((error) => fail("read", path, error))).mtimeMs;
}

function fail(verb: "read" | "write", path: string, error: unknown): never {
  throw new Error(`Cannot ${verb} "${path}": ${why(error)}`, { cause: error });
}

function why(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  switch (code) {
    case "ENOENT":
      return "no such file";
    case "EACCES":
      return "permission denied";
    case "EISDIR":
      return "it is a directory";
    default:
      return String(message ?? error);
  }
}
