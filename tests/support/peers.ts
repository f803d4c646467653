/**
 * Declares tests that need programs of others.
 *
 * @module
 */

import { test } from "bun:test";
import { missingPeers } from "./peer_table.ts";

/** A test with a peer may take that long, in milliseconds, unless it says otherwise. */
const TIMEOUT_MS = 30_000;

/** How a test with peers is run. */
export interface PeerTestOptions {
  /** How long it may take. Default: 30 s. */
  readonly timeoutMs?: number;
  /** It may run beside those declared before and after it. */
  readonly isConcurrent?: boolean;
  /**
   * How often it may be tried again: programs that play in real time suffer on a busy machine.
   * Default: twice.
   */
  readonly retries?: number;
}

/**
 * Declares a test that needs peers. Where one is not installed the test is skipped by name, with
 * what is missing; with `CI=true` in the environment it fails instead, so that no run on a build
 * machine passes for want of a peer.
 *
 * @param peers Names of the peer table.
 * @param options How long the test may take in milliseconds, or more than that.
 */
export function peerTest(
  name: string,
  peers: readonly string[],
  body: () => Promise<void> | void,
  options: number | PeerTestOptions = {},
): void {
  const { timeoutMs: timeout = TIMEOUT_MS, isConcurrent = false, retries: retry = 2 } =
    typeof options === "number" ? { timeoutMs: options } : options;
  const missing = missingPeers(peers);
  if (missing.length === 0) {
    if (isConcurrent) test.concurrent(name, body, { timeout, retry });
    else test(name, body, { timeout, retry });
    return;
  }
  const list = missing.join(", ");
  unavailableTest(
    `${name} [needs ${list}]`,
    `Not installed: ${list}. Run "bun tests/support/install_peers.ts"`,
  );
}

/** Declares a test that this machine cannot run: skipped by name, but failed on a build machine. */
export function unavailableTest(name: string, problem: string): void {
  if (process.env["CI"] !== "true") {
    test.skip(name, () => {});
    return;
  }
  test(name, () => {
    throw new Error(problem);
  });
}
