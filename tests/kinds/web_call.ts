/**
 * What web servers as far ends have in common. A web server says something only when it is asked:
 * it has the gateway ask again and again, and keeps until then what a test wants it to say. What
 * cannot wait, such as the end of a sound, is the answer to a key that the caller presses.
 *
 * @module
 */

import { serializeWav } from "../../src/audio/wav.ts";
import type { FreezingProxy } from "./freezing_proxy.ts";
import type { FarCall, FarEvent } from "./kind.ts";

/** The key that is pressed so that the server is asked; no test presses it. */
export const ASKING_KEY = "0";

/** What is to be said. */
export type Order =
  /** `path` of a WAV file on the server. */
  | { readonly type: "say"; readonly path: string; readonly isEndless: boolean }
  | { readonly type: "mark"; readonly name: string }
  | { readonly type: "clear" }
  | { readonly type: "hang up" }
  | { readonly type: "die" };

/** One call of a web server. */
export abstract class WebCall implements FarCall {
  readonly events: FarEvent[] = [];
  heardBytes = 0;
  protected readonly proxy: FreezingProxy;
  protected readonly orders: Order[] = [];
  protected echoes = false;
  protected press: (key: string) => void = () => {};
  readonly #sounds: Uint8Array[] = [];

  constructor(proxy: FreezingProxy) {
    this.proxy = proxy;
  }

  takeKeypad(press: (key: string) => void): void {
    this.press = press;
  }

  /** Answers a request, but those for sounds. */
  abstract answer(request: Request): Response | Promise<Response>;

  /** The sound of a path. */
  soundOf(path: string): Response | undefined {
    const sound = this.#sounds[Number(/^\/sounds\/(\d+)$/.exec(path)?.[1] ?? NaN)];
    if (sound === undefined) return undefined;
    return new Response(sound.slice(), { headers: { "content-type": "audio/wav" } });
  }

  say(pcm: Uint8Array): void {
    this.#say(pcm, false);
  }

  echo(): void {
    this.echoes = true;
  }

  mark(name: string): void {
    this.order({ type: "mark", name });
  }

  clear(): void {
    this.order({ type: "clear" });
  }

  hangUp(): void {
    this.orders.push({ type: "hang up" });
  }

  die(): void {
    this.order({ type: "die" });
  }

  stall(): void {
    this.proxy.freeze();
  }

  flood(): void {
    this.#say(new Uint8Array(16_000 * 60).fill(0x35), true);
  }

  freeze(): void {
    this.proxy.freeze();
  }

  /** Has the server asked at once. */
  protected order(order: Order): void {
    this.orders.push(order);
    this.press(ASKING_KEY);
  }

  /** Keeps a WAV file; tells its path. */
  protected keep(wav: Uint8Array): string {
    return `/sounds/${this.#sounds.push(wav) - 1}`;
  }

  /** It is gone in the middle of a response. */
  protected reset(): Promise<Response> {
    this.proxy.reset();
    return new Promise(() => {});
  }

  #say(pcm: Uint8Array, isEndless: boolean): void {
    const samples = new Int16Array(pcm.slice().buffer);
    this.orders.push({ type: "say", path: this.keep(serializeWav(samples, 8000)), isEndless });
  }
}
