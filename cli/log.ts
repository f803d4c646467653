/**
 * Where log lines go: to standard error, for people or for programs.
 *
 * @module
 */

import {
  configure,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getLogger,
  type Logger,
  type LogLevel,
} from "@logtape/logtape";

/** How the log is written. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "pretty" | "json";
  readonly write: (text: string) => void;
}

/** Sets the log up and gives its writer. A second call replaces the first. */
export async function openLog(options: LogOptions): Promise<Logger> {
  const format = options.format === "json"
    ? getJsonLinesFormatter({ categorySeparator: ".", message: "rendered", properties: "flatten" })
    : getAnsiColorFormatter({ timestamp: "time", level: "abbr", category: () => "" });
  await configure({
    reset: true,
    sinks: { standardError: (record) => options.write(format(record)) },
    loggers: [
      { category: "voicegw", lowestLevel: options.level, sinks: ["standardError"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["standardError"] },
    ],
  });
  return getLogger("voicegw");
}
