/**
 * A configuration in words: what holds for every call, and the routing table.
 *
 * @module
 */

import { formatSocketAddress, PRIVATE_RANGES } from "../src/base/socket_address.ts";
import { formatDuration } from "../src/config/duration.ts";
import { handlersOf } from "../src/config/resolve_routes.ts";
import type { Config } from "../src/config/schema.ts";
import { formatListen } from "../src/config/schema_listen.ts";
import { countPortPairs } from "../src/config/schema_values.ts";
import {
  AUDIO_DEFAULTS,
  DEAD_AIR_DEFAULT,
  type DeadAir,
  type HandlerSpec,
  type Route,
} from "../src/route/route.ts";
import { count } from "./config_file.ts";
import { describeConditions, describeOnError, describeRouteHandler } from "./describe_route.ts";

/** Who gets encrypted audio. */
const SRTP_WORDS: Readonly<Record<Config["rtp"]["srtp"], string>> = {
  never: "",
  optional: "with callers who offer keys",
  required: "always; callers without keys are refused",
};

/** Registrations and trunks that are named; more are counted. */
const NAMED_MAX = 4;

/**
 * What holds for every call. Of users and passwords it says only how many there are.
 *
 * @param listeners What listens where, when that is known better than the configuration knows it.
 */
export function describeSettings(
  config: Config,
  listeners: readonly string[] = config.sip.listen.map(describeListener),
): string {
  const { sip, rtp, limits, registrations, trunks } = config;
  const pairs = countPortPairs(rtp.ports);
  const registered = registrations.map(({ name, registrar }) => `${name} (${registrar})`);
  const reached = Object.entries(trunks).map(([name, trunk]) =>
    `${name} (${trunk.uri.join(", ")})`
  );
  const lines: readonly (readonly [name: string, value: string])[] = [
    ["SIP", listeners.join(", ")],
    ["as", sip.advertise ?? ""],
    ["TLS", describeTls(sip)],
    ["from", describeAllowed(sip)],
    ["auth", describeAuth(sip)],
    ["logs in", nameSome(registered)],
    ["trunks", nameSome(reached)],
    ["RTP", `ports ${rtp.ports.first}-${rtp.ports.last}, enough for ${count(pairs, "call")}`],
    ["codecs", rtp.codecs.join(", ")],
    ["SRTP", SRTP_WORDS[rtp.srtp]],
    ["speech", describeSpeech(config)],
    ["servers", describeBreaker(config)],
    ["API", describeApi(config)],
    [
      "limits",
      `${count(limits.calls, "call")} at once, ${limits.calls_per_second} new a second, ` +
      `${formatDuration(limits.duration)} each, ${formatDuration(limits.setup)} to start` +
      (limits.lag === 0 ? "" : `, none new while ${formatDuration(limits.lag)} late`),
    ],
  ];
  return lines
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name.padEnd(8)}${value}\n`).join("");
}

function describeListener(listen: Config["sip"]["listen"][number]): string {
  const { advertise } = listen;
  return advertise === undefined
    ? formatListen(listen)
    : `${formatListen(listen)} (as ${advertise})`;
}

function describeTls({ tls }: Config["sip"]): string {
  if (tls === undefined) return "";
  const { certificate, ca, client_certificate: asked, verify } = tls;
  const parts = [
    ...(certificate === undefined ? [] : [`certificate ${certificate}`]),
    ...(ca === undefined ? [] : [`authorities ${ca}`]),
    ...(asked === "none" ? [] : [`callers ${asked === "require" ? "have to" : "may"} show one`]),
    ...(verify ? [] : ["servers are not verified"]),
  ];
  return parts.length === 0 ? "authorities of the system" : parts.join(", ");
}

function describeSpeech({ speech: { tts, stt } }: Config): string {
  return [
    ...(tts === undefined ? [] : [`${tts.exec[0]} speaks`]),
    ...(stt === undefined ? [] : [`${stt.exec[0]} listens`]),
  ].join(", ");
}

/** Nothing when no handler talks to a server. */
function describeBreaker({ breaker: { failures, pause }, routes }: Config): string {
  if (failures === 0 || !routes.some((route) => handlersOf(route).some(isServer))) return "";
  return `left alone for ${formatDuration(pause)} after ${count(failures, "failure")} in a row`;
}

function isServer({ type }: HandlerSpec): boolean {
  return type === "webhook" || type === "websocket" || type === "audiosocket";
}

function describeApi({ api }: Config): string {
  if (api === undefined) return "";
  const own = `http://${formatSocketAddress(api.listen)}`;
  return api.url === undefined ? own : `${own} (as ${api.url})`;
}

function describeAuth({ auth }: Config["sip"]): string {
  if (auth === undefined) return "";
  const users = count(Object.keys(auth.users).length, "user");
  return `digest, ${users} in realm ${auth.realm}, ${auth.algorithms.join(", ")}`;
}

function nameSome(names: readonly string[]): string {
  const rest = names.length - NAMED_MAX;
  const shown = names.slice(0, NAMED_MAX).join(", ");
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

function describeAllowed({ allow, refuse }: Config["sip"]): string {
  if (allow.any) return "every address";
  const others = allow.ranges.filter((range) => !PRIVATE_RANGES.includes(range));
  const named = others.length < allow.ranges.length ? ["private addresses"] : [];
  if (others.length > 0) named.push(`${count(others.length, "range")} of addresses`);
  const rest = refuse === "403" ? "others get 403" : "others get no answer";
  return `${named.join(" and ")}; ${rest}`;
}

/**
 * The routing table: columns as wide as their longest cell, every condition on a line of its own.
 * The audio is left out when every route has the defaults.
 */
export function describeTable(routes: readonly Route[]): string {
  const head = ["", "ROUTE", "WHEN", "HANDLER", "AUDIO", "ON ERROR"];
  const rows = routes.flatMap((route) => {
    const [first, ...others] = describeConditions(route);
    const cells = [describeRouteHandler(route), describeAudio(route), describeOnError(route)];
    return [
      [`${route.index + 1}`, route.name, first ?? "", ...cells],
      ...others.map((condition) => ["", "", condition, "", "", ""]),
    ];
  });
  const filled = head.map((name, column) =>
    name !== "AUDIO" || rows.some((row) => row[column] !== "")
  );
  const table = [head, ...rows].map((row) => row.filter((_, column) => filled[column]));
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0))
  );
  return table
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd())
    .join("\n") + "\n";
}

/** What a route says of its audio beside the defaults. */
function describeAudio(route: Route): string {
  const { rate, barge_in: bargeIn, dtmf, record, dead_air: deadAir = DEAD_AIR_DEFAULT } = route;
  const parts: string[] = [];
  if (rate !== AUDIO_DEFAULTS.rate) parts.push(`${rate / 1000} kHz`);
  if (bargeIn.mode !== "off") {
    const verb = bargeIn.mode === "clear" ? "clears" : "notifies";
    parts.push(`speech ${verb} after ${formatDuration(bargeIn.after)}`);
  }
  if (dtmf === "info") parts.push("DTMF by INFO");
  if (dtmf === "inband") parts.push("DTMF tones heard");
  if (record !== undefined) {
    parts.push(`records ${record.file}${record.on === "command" ? " on command" : ""}`);
  }
  const silence = describeDeadAir(deadAir);
  if (silence !== "") parts.push(silence);
  return parts.join(", ");
}

function describeDeadAir({ limit, play }: DeadAir): string {
  if (limit === 0) return "may be silent";
  if (play !== undefined) return `plays ${play} after ${formatDuration(limit)} of silence`;
  if (limit === DEAD_AIR_DEFAULT.limit) return "";
  return `fails after ${formatDuration(limit)} of silence`;
}
