/**
 * Recordings that web servers may fetch, by their sid.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { newSid } from "./sids.ts";

/** Recordings that are known at a time; the oldest are forgotten. */
const LINKS_MAX = 10_000;

/** A file, and whose it is. */
export interface RecordingLink {
  readonly file: string;
  readonly accountSid: string;
}

/** The recordings of one gateway. Who knows the sid may hear it: 128 random bits. */
export class RecordingLinks {
  /** What URLs begin with, without a slash at the end. */
  readonly #base: string;
  readonly #random: RandomSource;
  readonly #links = new Map<string, RecordingLink>();

  constructor(base: string, random: RandomSource) {
    this.#base = base;
    this.#random = random;
  }

  /** Makes a file known. The URL takes `.wav` at its end, or does without. */
  add(link: RecordingLink): { readonly sid: string; readonly url: string } {
    const sid = newSid("RE", this.#random);
    this.#links.set(sid, link);
    for (const oldest of this.#links.keys()) {
      if (this.#links.size <= LINKS_MAX) break;
      this.#links.delete(oldest);
    }
    const path = `/2010-04-01/Accounts/${link.accountSid}/Recordings/${sid}`;
    return { sid, url: this.#base + path };
  }

  find(sid: string): RecordingLink | undefined {
    return this.#links.get(sid);
  }
}
