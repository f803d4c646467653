/**
 * What sounds need, out of what handlers have.
 *
 * @module
 */

import type { HttpConfig } from "../../config/schema_services.ts";
import type { TargetTls } from "../../route/route.ts";
import { ClipStore } from "../builtin/clip_store.ts";
import type { HandlerContext } from "../create_handler.ts";
import type { SoundContext } from "./create_sound.ts";
import { createSoundFetcher } from "./sound_fetcher.ts";

/** What is special about the sounds of one handler. */
export interface SoundContextOptions {
  /** Takes lines of programs that speak. */
  readonly log: (line: string) => void;
  /** The server that the handler talks to: its sounds may be had wherever it is. */
  readonly server?: { readonly url: string; readonly tls: TargetTls } | undefined;
  /** Whether URLs come from a program of this machine, which could go anywhere itself. */
  readonly isLocal?: boolean;
}

/** Makes the context of one handler's sounds. */
export function soundContext(context: HandlerContext, options: SoundContextOptions): SoundContext {
  const { environment, rate, runtime, speech } = context;
  const { isLocal = false, log, server } = options;
  const http: HttpConfig | undefined = isLocal ? { targets: "any" } : context.http;
  return {
    runtime,
    rate,
    environment,
    clips: context.clipStore ?? new ClipStore(runtime),
    speech,
    fetch: createSoundFetcher({ runtime, http, server }),
    log,
  };
}
