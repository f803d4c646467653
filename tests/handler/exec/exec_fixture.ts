/**
 * Real programs behind the exec handler, and a count of what they leave behind.
 *
 * @module
 */

import { readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { createHandler } from "../../../src/handler/create_handler.ts";
import type { Handler } from "../../../src/handler/handler.ts";
import type { CallFacts } from "../../../src/route/call_facts.ts";
import type { ExecSpec } from "../../../src/route/route.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { RecordingHost } from "../recording_host.ts";
import { FACTS } from "../../support/call_facts.ts";

export const runtime = createRuntime();

/** A handler with the host that records it. */
export interface Fixture {
  readonly handler: Handler;
  readonly host: RecordingHost;
}

/** Makes the handler of a command; nothing runs yet. */
export function prepare(
  command: readonly string[],
  options: Partial<ExecSpec> & { readonly facts?: CallFacts } = {},
): Fixture {
  const { facts = FACTS, ...spec } = options;
  const host = new RecordingHost();
  const handler = createHandler(
    { type: "exec", command, env: {}, stop_after: 100, ...spec },
    { runtime, facts, environment: environment(), rate: 8000 },
    host,
  );
  return { handler, host };
}

/** Makes the handler of a line of shell, whose braces are no placeholders. */
export function shell(line: string, options: Partial<ExecSpec> = {}): Fixture {
  return prepare(["sh", "-c", line.replaceAll("{", "{{")], options);
}

/** This process' environment. */
export function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** Pipes and sockets that this process has open. */
export function openPipes(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return /^(pipe|socket):/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}

/** Lets time pass: real children need it. */
export function wait(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
