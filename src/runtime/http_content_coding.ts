/**
 * The content codings of responses, undone piece by piece, over `node:zlib`. RFC 9110 §8.4.
 *
 * A few bytes may become very many: who reads counts them, and stops.
 *
 * @module
 */

import { pipeline, type Readable, type Transform } from "node:stream";
import zlib from "node:zlib";

/** Codings by their names, as `Accept-Encoding` offers them. */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  "gzip": () => zlib.createGunzip(EAGER),
  "x-gzip": () => zlib.createGunzip(EAGER),
  "br": () => zlib.createBrotliDecompress(EAGER_BROTLI),
  // §8.4.1.2: the format of RFC 1950
  "deflate": () => zlib.createInflate(EAGER),
};

/** One inside the other; more makes no sense, but work. */
const CODINGS_MAX = 2;

/** A body that ends early is told of by its length or its last chunk, which are looked at before. */
const EAGER: zlib.ZlibOptions = { finishFlush: zlib.constants.Z_SYNC_FLUSH };
const EAGER_BROTLI: zlib.BrotliOptions = {
  finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH,
};

/**
 * The codings that a response has, the first that was done first.
 *
 * @returns `undefined` when there is one that we do not know, or too many.
 */
export function codingsOf(
  headers: Readonly<Record<string, string>>,
): readonly string[] | undefined {
  const codings = (headers["content-encoding"] ?? "").toLowerCase().split(",")
    .map((each) => each.trim()).filter((each) => each !== "" && each !== "identity");
  const isKnown = codings.every((each) => Object.hasOwn(DECODERS, each));
  return isKnown && codings.length <= CODINGS_MAX ? codings : undefined;
}

/** @param failed The body is not what its head says. Not for a connection that broke. */
export function decoded(
  body: Readable,
  codings: readonly string[],
  failed: () => void,
): Readable {
  let result = body;
  for (const coding of codings.toReversed()) {
    const decoder = DECODERS[coding]?.() as Transform;
    let isBroken = false;
    result.once("error", () => {
      isBroken = true;
    });
    result.once("aborted", () => {
      isBroken = true;
    });
    pipeline(result, decoder, (error) => {
      if (error && !isBroken) failed();
    });
    result = decoder;
  }
  return result;
}
