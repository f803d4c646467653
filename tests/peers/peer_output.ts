/**
 * What a program prints, as it comes, for whoever waits for it or reads why a test failed.
 *
 * @module
 */

import { until } from "../support/gateway.ts";

/** What is kept of it: the end. */
const CHARACTERS_MAX = 20_000;

/** Reads the output of a program to its end. */
export class PeerOutput {
  /** Resolves when the program will print no more. */
  readonly ended: Promise<void>;
  readonly #name: string;
  #text = "";

  /** @param name What failures call the program. */
  constructor(name: string, streams: readonly ReadableStream<Uint8Array<ArrayBuffer>>[]) {
    this.#name = name;
    this.ended = Promise.all(streams.map((stream) => this.#read(stream))).then(() => {});
  }

  /** All so far, or the end of it. */
  get text(): string {
    return this.#text;
  }

  /** Waits until it says so, or finds that it has. */
  async says(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    const find = () => pattern.exec(this.#text);
    await until(
      () => find() !== null,
      timeoutMs,
      () => `${this.#name} never says ${pattern}, but: ${this.#text}`,
    );
    return find() as RegExpExecArray;
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.#text = (this.#text + decoder.decode(bytes, { stream: true })).slice(-CHARACTERS_MAX);
    }
  }
}
