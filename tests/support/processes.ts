/**
 * What processes hold, as the kernel says: descriptors, children, memory. Linux only.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { until } from "./gateway.ts";

/** How long that takes, mostly far less: the kernel must find time for each process that it ends. */
const GONE_MS_MAX = 1000;

/** Descriptors that a process has open. Default: this one. */
export function openDescriptors(pid: number | "self" = "self"): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Children of a process, zombies too. Default: of this one. */
export function childrenOf(pid: number = process.pid): readonly number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number)
    .filter((child) => parentOf(child) === pid);
}

/** Processes whose environment has `entry`, such as `NAME=value`; zombies have none. */
export function processesWith(entry: string): readonly number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const entries = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
      return pid !== process.pid && entries.includes(entry);
    } catch {
      // Gone in the meantime, or another user's
      return false;
    }
  });
}

/** Resolves when there is no process any more whose environment has `entry`; in time, or it throws. */
export function untilNoneWith(entry: string, timeoutMs = GONE_MS_MAX): Promise<void> {
  const left = () => processesWith(entry);
  return until(() => left().length === 0, timeoutMs, () => `There are still ${left()}`);
}

/** Memory that a process has in use, in MiB. */
export function residentMib(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(line?.[1] ?? 0) / 1024;
}

function parentOf(pid: number): number | undefined {
  try {
    // The name of the program stands in brackets and may hold anything
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}
