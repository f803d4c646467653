/**
 * Certificates, keys and authorities for the servers that handlers connect to, from their files.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { HandlerSpec, TargetTls } from "../route/route.ts";
import { type Runtime, TlsError } from "../runtime/ports.ts";

type Reader = (path: string, key: string) => Promise<string>;

/**
 * Reads the files that handlers name, so that `tls` of each holds their texts. A file that several
 * name is read once.
 *
 * @throws {TlsError} A file cannot be read; the message names it.
 */
export async function readTargetTls(
  config: Config,
  runtime: Pick<Runtime, "readFile">,
): Promise<Config> {
  const files = new Map<string, Promise<Uint8Array>>();
  const routes = await Promise.all(config.routes.map(async (route) => {
    const read: Reader = async (path, key) => {
      const file = files.get(path) ?? runtime.readFile(path);
      files.set(path, file);
      try {
        return new TextDecoder().decode(await file);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new TlsError(`Route "${route.name}": tls.${key}: ${reason}`);
      }
    };
    const handler = await readHandler(route.handler, read);
    const { on_error: onError } = route;
    if (typeof onError !== "object") return { ...route, handler };
    return { ...route, handler, on_error: await readHandler(onError, read) };
  }));
  return { ...config, routes };
}

async function readHandler(handler: HandlerSpec, read: Reader): Promise<HandlerSpec> {
  if (handler.type !== "webhook" && handler.type !== "websocket") return handler;
  const { tls } = handler;
  const texts: Partial<Record<"ca" | "certificate" | "key", string>> = {};
  for (const key of ["ca", "certificate", "key"] as const) {
    const path = tls[key];
    if (path !== undefined) texts[key] = await read(path, key);
  }
  const loaded: TargetTls = { ...tls, ...texts };
  return { ...handler, tls: loaded };
}
