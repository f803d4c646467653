/**
 * What is allowed of the servers that handlers talk to, and of the one of ours, but hardly meant.
 *
 * @module
 */

import type { SocketAddress } from "../base/socket_address.ts";
import { isInRanges, isIpAddress, PRIVATE_RANGES } from "../base/socket_address.ts";
import type { HandlerSpec, Route, WebhookSpec, WebsocketSpec } from "../route/route.ts";
import type { IssuePath, LocatedIssue } from "./issue.ts";
import type { Config } from "./schema.ts";

/** A handler, and where it stands. */
interface Placed<Spec extends HandlerSpec = HandlerSpec> {
  readonly handler: Spec;
  readonly path: IssuePath;
  readonly route: Route;
}

/** Finds what is hardly meant. */
export function warnOfServers(config: Config): LocatedIssue[] {
  const placed = config.routes.flatMap(placeHandlers);
  return [
    ...warnOfApi(config),
    ...placed.flatMap((one) => isServer(one) ? warnOfServer(one) : []),
    ...placed.flatMap((one) => isWebhook(one) ? warnOfWebhook(one, config) : []),
    ...placed.flatMap((one) => isWebsocket(one) ? warnOfRate(one) : []),
  ];
}

function placeHandlers(route: Route): readonly Placed[] {
  const { handler, on_error: inPlace } = route;
  const own: Placed = { handler, path: ["routes", route.index, handler.type], route };
  if (typeof inPlace !== "object") return [own];
  const path = ["routes", route.index, "on_error", inPlace.type];
  return [own, { handler: inPlace, path, route }];
}

function isWebhook(placed: Placed): placed is Placed<WebhookSpec> {
  return placed.handler.type === "webhook";
}

function isWebsocket(placed: Placed): placed is Placed<WebsocketSpec> {
  return placed.handler.type === "websocket";
}

function isServer(placed: Placed): placed is Placed<WebhookSpec | WebsocketSpec> {
  return isWebhook(placed) || isWebsocket(placed);
}

/** What goes over a network that is not ours can be read there. */
function warnOfServer({ handler, path }: Placed<WebhookSpec | WebsocketSpec>): LocatedIssue[] {
  const issues: LocatedIssue[] = [];
  const clear = /^(http|ws):\/\//i.exec(handler.url)?.[1];
  if (clear !== undefined && isPublic(hostOf(handler.url))) {
    const message = `Everybody on the way can read what goes over ${clear}://, write ${clear}s://`;
    issues.push({ path, message });
  }
  if (!handler.tls.verify) {
    const message = "The server's certificate is not verified: anybody between us and it can " +
      "listen, set tls.ca instead";
    issues.push({ path: [...path, "tls", "verify"], message });
  }
  return issues;
}

function warnOfWebhook(
  { handler, path }: Placed<WebhookSpec>,
  { api }: Config,
): LocatedIssue[] {
  if (handler.protocol !== "twilio") return [];
  const issues: LocatedIssue[] = [];
  if (handler.auth_token === undefined) {
    const message =
      "Requests are not signed, so that the server cannot tell them from anybody's: " +
      "set auth_token";
    issues.push({ path, message });
  }
  if (api === undefined) {
    const message =
      "There is no api, so that the server can neither change a live call nor fetch " +
      "a recording: set api";
    issues.push({ path, message });
  }
  return issues;
}

function warnOfRate({ handler, path, route }: Placed<WebsocketSpec>): LocatedIssue[] {
  if (handler.protocol !== "twilio" || route.rate === 8000) return [];
  const message = `A stream of Twilio's has 8000 Hz, so that rate: ${route.rate} costs time and ` +
    "brings nothing: remove it";
  return [{ path, message }];
}

function warnOfApi({ api }: Config): LocatedIssue[] {
  if (api === undefined || isLoopback(api.listen)) return [];
  const message = "Who reaches this address can try passwords, which travel in the clear: listen " +
    "on 127.0.0.1 behind a proxy that speaks https";
  return [{ path: ["api", "listen"], message }];
}

function isLoopback({ address }: SocketAddress): boolean {
  return address === "::1" || address.startsWith("127.");
}

function hostOf(url: string): string {
  const authority = /^[a-z]+:\/\/([^/?#]*)/i.exec(url)?.[1] ?? "";
  const host = authority.slice(authority.lastIndexOf("@") + 1).replace(/:\d*$/, "");
  return host.replace(/^\[|\]$/g, "").toLowerCase();
}

/** Names without a dot, and those of RFC 6762, RFC 8375 and their like, are of one's own network. */
function isPublic(host: string): boolean {
  if (isIpAddress(host)) return !isInRanges(host, PRIVATE_RANGES);
  const name = host.replace(/\.$/, "");
  return name.includes(".") && !/\.(local|localhost|internal|lan|home|arpa|test)$/.test(name);
}
