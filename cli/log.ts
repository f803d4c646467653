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
  getTextFormatter,
  type Logger,
  type LogLevel,
} from "@logtape/logtape";

/** How the log is written. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "pretty" | "json";
  /** Whether pretty lines have colours, which a file should not. */
  readonly colours?: boolean;
  readonly write: (text: string) => void;
}

/** A log that is open. */
export interface OpenLog {
  readonly logger: Logger;
  /**
   * Writes one JSON line of level info, without the detours that one line for each call would pay for.
   *
   * @param fields Not to be changed afterwards.
   * @param when `always`: somebody has asked for it, whatever the level.
   */
  json(message: string, fields: Readonly<Record<string, unknown>>, when?: "always"): void;
  /** Writes lines as they are, whatever the level. */
  text(lines: string): void;
  /** Writes what is waiting; to be called before the process ends. */
  flush(): void;
}

/** How long a line waits for others. */
const WRITE_INTERVAL_MS = 50;

/** A line, or what makes it. */
type Line = string | (() => string);

/**
 * Writes lines together: under load a system call for each would cost more than the line. What
 * makes them is asked then, too, one after the other.
 */
class LineWriter {
  readonly #write: (text: string) => void;
  #waiting: Line[] = [];

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add(line: Line): void {
    if (this.#waiting.length === 0) setTimeout(() => this.flush(), WRITE_INTERVAL_MS);
    this.#waiting.push(line);
  }

  flush(): void {
    const lines = this.#waiting;
    if (lines.length === 0) return;
    this.#waiting = [];
    let text = "";
    for (const line of lines) text += typeof line === "string" ? line : line();
    this.#write(text);
  }
}

/** Sets the log up. A second call replaces the first. */
export async function openLog(options: LogOptions): Promise<OpenLog> {
  const format = options.format === "json"
    ? getJsonLinesFormatter({ categorySeparator: ".", message: "rendered", properties: "flatten" })
    : (options.colours === true ? getAnsiColorFormatter : getTextFormatter)({
      timestamp: "time",
      level: "ABBR",
      format: ({ timestamp, level, message }) => `${timestamp} ${level} ${message}`,
    });
  const writer = new LineWriter(options.write);
  await configure({
    reset: true,
    sinks: { standardError: (record) => writer.add(format(record)) },
    loggers: [
      { category: "voicegw", lowestLevel: options.level, sinks: ["standardError"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["standardError"] },
    ],
  });
  return {
    logger: getLogger("voicegw"),
    json: (message, fields, when) => {
      const isInfo = options.level === "debug" || options.level === "info";
      if (!isInfo && when !== "always") return;
      const now = new Date();
      writer.add(() => {
        const head = { "@timestamp": now.toISOString(), level: "INFO", message };
        return `${JSON.stringify({ ...head, logger: "voicegw", ...fields })}\n`;
      });
    },
    text: (lines) => writer.add(lines),
    flush: () => writer.flush(),
  };
}
