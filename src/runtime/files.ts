/**
 * Files by `node:fs`, with errors that name what was asked for.
 *
 * @module
 */

import fs from "node:fs/promises";
import { dirname } from "node:path";
import type { Millis } from "../base/units.ts";
import { plainBytes } from "./plain_bytes.ts";
import { FileError, type FileWriter } from "./ports.ts";

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

/** Makes a new file to be written. */
export async function openFile(path: string): Promise<FileWriter> {
  const file = await create(path).catch(async (error) => {
    if (codeOf(error) !== "ENOENT") throw error;
    await fs.mkdir(dirname(path), { recursive: true });
    return await create(path);
  }).catch((error) => failFile("create", path, error));
  return {
    write: (data, position) =>
      writeAll(file, data, position).catch((error) => failFile("write", path, error)),
    close: () => file.close().catch((error) => failFile("close", path, error)),
  };
}

type OpenFile = Awaited<ReturnType<typeof create>>;

function create(path: string) {
  return fs.open(path, "wx");
}

/** One write may take a part only, such as the last bytes that a full disk has room for. */
async function writeAll(file: OpenFile, data: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < data.length) {
    const length = data.length - written;
    const { bytesWritten } = await file.write(data, written, length, position + written);
    if (bytesWritten === 0) throw Object.assign(new Error(), { code: "ENOSPC" });
    written += bytesWritten;
  }
}

function fail(verb: "read" | "write", path: string, error: unknown): never {
  throw new Error(`Cannot ${verb} "${path}": ${why(error)}`, { cause: error });
}

function failFile(verb: "create" | "write" | "close", path: string, error: unknown): never {
  throw new FileError(codeOf(error), `Cannot ${verb} "${path}": ${why(error)}`);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of its path is no directory",
  EEXIST: "it is there already",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  EFBIG: "it may not grow any more",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "the name is too long",
};

function why(error: unknown): string {
  return REASONS[codeOf(error)] ?? String((error as { message?: unknown }).message ?? error);
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? "");
}
