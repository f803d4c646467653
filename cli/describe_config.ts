/**
 * A configuration in words: what holds for every call, and the routing table.
 *
 * @module
 */

import { PRIVATE_RANGES } from "../src/base/socket_address.ts";
import { formatDuration } from "../src/config/duration.ts";
import type { Config } from "../src/config/schema.ts";
import { countPortPairs, formatListen } from "../src/config/schema_values.ts";
import type { Route } from "../src/route/route.ts";
import { count } from "./config_file.ts";
import { describeConditions, describeHandler, describeOnError } from "./describe_route.ts";

/**
 * What holds for every call.
 *
 * @param listeners What listens where, when that is known better than the configuration knows it.
 */
export function describeSettings(
  { sip, rtp, limits }: Config,
  listeners: readonly string[] = sip.listen.map(formatListen),
): string {
  const pairs = countPortPairs(rtp.ports);
  const lines = [
    ["SIP", listeners.join(", ")],
    ["from", describeAllowed(sip)],
    ["RTP", `ports ${rtp.ports.first}-${rtp.ports.last}, enough for ${count(pairs, "call")}`],
    ["codecs", rtp.codecs.join(", ")],
    [
      "limits",
      `${count(limits.calls, "call")} at once, ${limits.calls_per_second} new a second, ` +
      `${formatDuration(limits.duration)} each, ${formatDuration(limits.setup)} to start`,
    ],
  ];
  if (sip.advertise !== undefined) lines.splice(1, 0, ["as", sip.advertise]);
  return lines.map(([name, value]) => `${name?.padEnd(8)}${value}\n`).join("");
}

function describeAllowed({ allow, refuse }: Config["sip"]): string {
  if (allow.any) return "every address";
  const others = allow.ranges.filter((range) => !PRIVATE_RANGES.includes(range));
  const named = others.length < allow.ranges.length ? ["private addresses"] : [];
  if (others.length > 0) named.push(`${count(others.length, "range")} of addresses`);
  const rest = refuse === "403" ? "others get 403" : "others get no answer";
  return `${named.join(" and ")}; ${rest}`;
}

/** The routing table: columns as wide as their longest cell, every condition on a line of its own. */
export function describeTable(routes: readonly Route[]): string {
  const head = ["", "ROUTE", "WHEN", "HANDLER", "ON ERROR"];
  const rows = routes.flatMap((route) => {
    const [first, ...others] = describeConditions(route);
    const cells = [describeHandler(route.handler), describeOnError(route)];
    return [
      [`${route.index + 1}`, route.name, first ?? "", ...cells],
      ...others.map((condition) => ["", "", condition, "", ""]),
    ];
  });
  const table = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd())
    .join("\n") + "\n";
}
