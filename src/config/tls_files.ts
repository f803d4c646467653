/**
 * The files that `sip.tls` and the `tls` of handlers name: where they are, and whether they are
 * there. Reading them is left to whoever listens and connects.
 *
 * @module
 */

import type { HandlerSpec, Route } from "../route/route.ts";
import type { IssuePath, LocatedIssue } from "./issue.ts";
import type { Config } from "./schema.ts";

const FILE_KEYS = ["certificate", "key", "ca"] as const;

/** What names files. */
type TlsFiles = { readonly [key in (typeof FILE_KEYS)[number]]?: string | undefined };

/**
 * Makes the files of TLS relative to where the program runs instead of to the routing file.
 *
 * @param file The routing file, as named on the command line.
 */
export function locateTlsFiles(config: Config, file: string): Config {
  const { tls } = config.sip;
  const sip = tls === undefined ? config.sip : { ...config.sip, tls: locate(tls, file) };
  return { ...config, sip, routes: config.routes.map((route) => locateInRoute(route, file)) };
}

/** Finds the files that are not there. */
export function findMissingTlsFiles(
  config: Config,
  exists: (path: string) => boolean,
): readonly LocatedIssue[] {
  const places: readonly (readonly [IssuePath, TlsFiles | undefined])[] = [
    [["sip", "tls"], config.sip.tls],
    ...config.routes.flatMap(tlsOfRoute),
  ];
  return places.flatMap(([place, tls]) =>
    FILE_KEYS.flatMap((key): LocatedIssue[] => {
      const path = tls?.[key];
      if (path === undefined || exists(path)) return [];
      return [{ path: [...place, key], message: `There is no file "${path}"` }];
    })
  );
}

function locateInRoute(route: Route, file: string): Route {
  const handler = locateInHandler(route.handler, file);
  const { on_error: onError } = route;
  if (typeof onError !== "object") return { ...route, handler };
  return { ...route, handler, on_error: locateInHandler(onError, file) };
}

function locateInHandler(handler: HandlerSpec, file: string): HandlerSpec {
  return "tls" in handler ? { ...handler, tls: locate(handler.tls, file) } : handler;
}

function tlsOfRoute(route: Route): readonly (readonly [IssuePath, TlsFiles])[] {
  const { handler, on_error: onError, index } = route;
  const places: (readonly [IssuePath, TlsFiles])[] = [];
  if ("tls" in handler) places.push([["routes", index, handler.type, "tls"], handler.tls]);
  if (typeof onError === "object" && "tls" in onError) {
    places.push([["routes", index, "on_error", onError.type, "tls"], onError.tls]);
  }
  return places;
}

function locate<Tls extends TlsFiles>(tls: Tls, file: string): Tls {
  const located: Record<string, string> = {};
  for (const key of FILE_KEYS) {
    const name = tls[key];
    if (name !== undefined) located[key] = besideFile(name, file);
  }
  return { ...tls, ...located };
}

function besideFile(name: string, file: string): string {
  const isAbsolute = /^(?:[/\\]|[A-Za-z]:[/\\])/.test(name);
  const folder = file.slice(0, Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1);
  return isAbsolute ? name : `${folder}${name}`;
}
