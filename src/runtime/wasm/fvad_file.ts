/**
 * Where the WebAssembly of the voice detector is, as Bun knows it: when a program is compiled, the
 * file goes into it. Other runtimes know no such import, and do not load this module.
 *
 * @module
 */

import path from "@echogarden/fvad-wasm/fvad.wasm" with { type: "file" };

/** An absolute path. */
export const FVAD_FILE: string = path;
