/**
 * Which codecs and detectors a configuration needs that have to be loaded.
 *
 * @module
 */

import { needsSpeech } from "../call/handler_chain.ts";
import { handlersOf } from "../config/resolve_routes.ts";
import type { Config } from "../config/schema.ts";

/** What calls of these routes may need. */
export function neededLibraries(
  { rtp, routes }: Pick<Config, "rtp" | "routes">,
): { readonly opus: boolean; readonly voiceDetector: boolean } {
  return {
    opus: rtp.codecs.includes("opus"),
    voiceDetector: routes.some((route) =>
      route.barge_in.mode !== "off" || handlersOf(route).some(needsSpeech)
    ),
  };
}
