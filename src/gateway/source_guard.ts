/**
 * Who misbehaves is shut out for a while: requests a second, calls at once and failures of each
 * source, and the sources that are blocked.
 *
 * A source is an IPv4 address, or the first 64 bits of an IPv6 address, since whoever has one of
 * those has them all. Loopback and private sources are like all others.
 *
 * **Nobody is blocked by what others can forge.** A datagram carries whatever source its sender
 * writes, so that ten of them could shut out a trunk. Failures therefore count towards a block only
 * when the sender has shown that it reads what goes to that source: it speaks over a connection, or
 * answered a challenge that was sent there. Wrong passwords are of the second kind, and are what a
 * guesser needs thousands of. Everything else a forger is held back from by the rate of requests,
 * which costs a flood to exhaust and is whole again a second after it.
 *
 * There is no timer: what is over is noticed at the next question.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import { isScanner } from "./scanners.ts";
import { SourceKeys } from "./source_key.ts";

/** What went wrong with a request. */
export type FailureKind = "digest" | "malformed";

/** Why a source is blocked. */
export type BlockReason = FailureKind | "scanner";

/** A source that is shut out. */
export interface BlockedSource {
  /** An IPv4 address, or `2001:db8:1:2::/64`. */
  readonly address: string;
  readonly until: Millis;
  readonly reason: BlockReason;
}

/** The operator's limits of one source. */
export interface SourceGuardOptions {
  /** New requests outside of dialogs, above 0; a second's worth may come at once. */
  readonly requestsPerSecond: number;
  /** Calls at the same time. */
  readonly callsMax: number;
  /** Failures within `within` that block; 0: none do. */
  readonly failures: number;
  readonly within: Millis;
  /** How long a block lasts. */
  readonly duration: Millis;
  /** Whether {@linkcode SourceGuard.scanner} knows any. */
  readonly scanners: boolean;
  /** Sources whose requests and failures are remembered, and that are blocked: as many each. */
  readonly addressesMax?: number;
}

/** What a failure may say of itself. */
export interface FailureOptions {
  /**
   * The sender reads what goes to its source: the request came over a connection, or answers a
   * challenge that went there. Default: for `digest` alone.
   */
  readonly isSourceProven?: boolean;
}

interface Source {
  tokens: number;
  refilledAt: Millis;
  /** When failures happened, the newest last; at most as many as block. */
  failedAt: Millis[];
}

interface Block {
  readonly until: Millis;
  readonly reason: BlockReason;
}

/** At about 200 bytes each. */
const ADDRESSES_MAX = 16_384;

/** Keeps count of sources. */
export class SourceGuard {
  readonly #options: SourceGuardOptions;
  readonly #addressesMax: number;
  readonly #keys = new SourceKeys();
  /** The one that was quiet for longest first: it goes when there are too many. */
  readonly #sources = new Map<string, Source>();
  /**
   * Apart from the rest, so that no flood drives a count of live calls out. There are at most as
   * many as calls are up.
   */
  readonly #calls = new Map<string, number>();
  /** All last equally long: the first is over first. */
  readonly #blocks = new Map<string, Block>();
  /** When the last of them is over: until then every datagram is looked at. */
  #blockedUntil: Millis = -Infinity;
  /** The latest instant that was told. */
  #now: Millis = -Infinity;
  /** The User-Agent that was looked at last. */
  #judged = { userAgent: "", isScanner: false };

  constructor(options: SourceGuardOptions) {
    this.#options = options;
    this.#addressesMax = options.addressesMax ?? ADDRESSES_MAX;
  }

  /** Asked for every datagram and connection, before anything of it is read. */
  admit(address: string, now: Millis): "admitted" | "blocked" {
    if (now < this.#blockedUntil) {
      this.#now = now;
      return this.#isBlocked(this.#keys.of(address), now) ? "blocked" : "admitted";
    }
    if (this.#blocks.size > 0) this.#blocks.clear();
    return "admitted";
  }

  /**
   * Takes account of a new request outside of dialogs, apart from retransmissions.
   *
   * @returns `false` when the source sends too many.
   */
  request(address: string, now: Millis): boolean {
    const source = this.#touch(this.#keys.of(address), now);
    const burst = this.#burst;
    const gained = ((now - source.refilledAt) / 1000) * this.#options.requestsPerSecond;
    source.tokens = Math.min(burst, source.tokens + Math.max(0, gained));
    source.refilledAt = now;
    if (source.tokens < 1) return false;
    source.tokens--;
    return true;
  }

  /**
   * A call from the source is let in; `callEnded` gives its place back.
   *
   * @returns `false`, and nothing is counted, when the source has as many calls as it may.
   */
  callBegun(address: string): boolean {
    const key = this.#keys.of(address);
    const calls = this.#calls.get(key) ?? 0;
    if (calls >= this.#options.callsMax) return false;
    this.#calls.set(key, calls + 1);
    return true;
  }

  /** A call that was let in is over. */
  callEnded(address: string): void {
    const key = this.#keys.of(address);
    const calls = this.#calls.get(key);
    if (calls === undefined) return;
    if (calls > 1) this.#calls.set(key, calls - 1);
    else this.#calls.delete(key);
  }

  /**
   * A request from the source failed.
   *
   * @returns `blocked` once, when this one was one too many: to be logged.
   */
  failure(
    address: string,
    kind: FailureKind,
    now: Millis,
    { isSourceProven = kind === "digest" }: FailureOptions = {},
  ): { readonly blocked: boolean } {
    const { failures, within } = this.#options;
    if (!isSourceProven || failures <= 0) return { blocked: false };
    const key = this.#keys.of(address);
    if (this.#isBlocked(key, now)) return { blocked: false };
    const { failedAt } = this.#touch(key, now);
    while (failedAt.length > 0 && now - (failedAt[0] as Millis) > within) failedAt.shift();
    failedAt.push(now);
    if (failedAt.length < failures) return { blocked: false };
    this.#block(key, kind, now);
    return { blocked: true };
  }

  /** The source has shown who it is, or has a call: its failures are forgotten. */
  success(address: string): void {
    const source = this.#sources.get(this.#keys.of(address));
    if (source !== undefined && source.failedAt.length > 0) source.failedAt = [];
  }

  /**
   * Tells whether a User-Agent is that of a program that looks for open gateways. Such a message is
   * to be dropped without an answer, which would tell the scanner that somebody is there; its
   * source may be forged, and is to be blocked only if it came over a connection.
   */
  scanner(userAgent: string | undefined): boolean {
    if (!this.#options.scanners || userAgent === undefined) return false;
    // Neighbouring messages mostly come from the same kind of program
    if (userAgent !== this.#judged.userAgent) {
      this.#judged = { userAgent, isScanner: isScanner(userAgent) };
    }
    return this.#judged.isScanner;
  }

  /** Shuts a source out, whatever it did. */
  block(address: string, now: Millis, reason: BlockReason): void {
    this.#block(this.#keys.of(address), reason, now);
  }

  /**
   * Sources that are shut out, the one that is over first at the front, as of the latest instant
   * that was told.
   */
  get blocked(): readonly BlockedSource[] {
    return [...this.#blocks].filter(([, block]) => block.until > this.#now)
      .map(([address, { until, reason }]) => ({ address, until, reason }));
  }

  /** How many sources are remembered, have calls, and are blocked. */
  get size(): { readonly sources: number; readonly calling: number; readonly blocked: number } {
    const { size: sources } = this.#sources;
    return { sources, calling: this.#calls.size, blocked: this.#blocks.size };
  }

  get #burst(): number {
    return Math.max(1, this.#options.requestsPerSecond);
  }

  /** The entry of a source, made the last to go. */
  #touch(key: string, now: Millis): Source {
    this.#now = now;
    const known = this.#sources.get(key);
    if (known !== undefined) {
      this.#sources.delete(key);
      this.#sources.set(key, known);
      return known;
    }
    if (this.#sources.size >= this.#addressesMax) deleteFirst(this.#sources);
    const source = { tokens: this.#burst, refilledAt: now, failedAt: [] };
    this.#sources.set(key, source);
    return source;
  }

  #isBlocked(key: string, now: Millis): boolean {
    const block = this.#blocks.get(key);
    return block !== undefined && block.until > now;
  }

  #block(key: string, reason: BlockReason, now: Millis): void {
    this.#now = now;
    this.#sources.delete(key);
    // One that is renewed goes to the end, so that the first stays the one that is over first
    this.#blocks.delete(key);
    for (const [first, { until }] of this.#blocks) {
      if (until > now) break;
      this.#blocks.delete(first);
    }
    if (this.#blocks.size >= this.#addressesMax) deleteFirst(this.#blocks);
    this.#blockedUntil = now + this.#options.duration;
    this.#blocks.set(key, { until: this.#blockedUntil, reason });
  }
}

function deleteFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
