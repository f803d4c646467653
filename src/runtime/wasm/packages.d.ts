/**
 * What is used of packages that come without types of their own, or with other ones.
 *
 * @module
 */

/** libopus 1.6, with one function for each of its own that is reached; a negative result fails. */
declare module "*/libopus.generated.mjs" {
  const create: () => Promise<import("./opus_library.ts").OpusModule>;
  export { create as default };
}

/** libfvad: the voice detector of WebRTC. */
declare module "@echogarden/fvad-wasm" {
  const create: (options: {
    readonly wasmBinary: Uint8Array;
  }) => Promise<import("./voice_detector_library.ts").FvadModule>;
  export { create as default };
}

/** Its path: of the package's file, or of its copy inside a compiled program. */
declare module "@echogarden/fvad-wasm/fvad.wasm" {
  const path: string;
  export { path as default };
}
