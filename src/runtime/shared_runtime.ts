/**
 * What Bun and Deno do alike, by their `node:` modules.
 *
 * @module
 */

import { randomFillSync } from "node:crypto";
import process from "node:process";
import type { RandomSource } from "../base/random.ts";
import type { Millis } from "../base/units.ts";
import { spawnChild } from "./child_process.ts";
import { connectStream } from "./connect_stream.ts";
import { hash, hmac } from "./digest_hash.ts";
import { modifiedAt, openFile, readFile, writeFile } from "./files.ts";
import { createHttpClient } from "./http_client.ts";
import { serveHttp } from "./http_server.ts";
import { listenStream } from "./listen_stream.ts";
import { localAddressTowards } from "./local_address.ts";
import { createNames } from "./names.ts";
import type { NextTurn } from "./pipe_drain.ts";
import type { Runtime, RuntimeOptions, Timer } from "./ports.ts";
import { srtpCrypto } from "./srtp_crypto.ts";
import type { ConnectTcp } from "./tcp_client.ts";
import { loadAudioLibraries } from "./wasm/load_audio_libraries.ts";
import { connectWebSocket } from "./web_socket_client.ts";

/** Makes a runtime of the shared parts and the few that differ. */
export function sharedRuntime(
  own: Pick<Runtime, "name" | "bindUdp" | "freeMemory"> & { readonly connectTcp: ConnectTcp },
  nextTurn: NextTurn,
  { nameServers = [] }: RuntimeOptions,
): Runtime {
  const random = new PooledRandom();
  const names = createNames(nameServers);
  const openTcp: Runtime["connectTcp"] = (to, options, events) =>
    own.connectTcp(to, options, events, names.resolveHost);
  return {
    ...own,
    ...names,
    random,
    now: () => performance.now(),
    threadTime,
    wallClock: () => Date.now(),
    setTimer,
    setImmediate: nextTurn,
    listenStream: (options, events) => listenStream(options, events),
    connectStream: (options, events) => connectStream(options, events, random),
    connectTcp: openTcp,
    connectWebSocket: (options, events) =>
      connectWebSocket(options, events, { random, connectTcp: openTcp }),
    requestHttp: createHttpClient(names.resolveHost),
    serveHttp,
    hash,
    hmac,
    loadAudioLibraries,
    srtpCrypto,
    spawn: (options) => spawnChild(options, nextTurn),
    readFile,
    writeFile,
    openFile,
    modifiedAt,
    localAddressTowards,
  };
}

const POOL_BYTES = 4096;

/**
 * The system's random bytes, fetched a few thousand at a time: a call takes some in a dozen small
 * portions. Each byte is handed out once.
 */
class PooledRandom implements RandomSource {
  readonly #pool = new Uint8Array(POOL_BYTES);
  #used = POOL_BYTES;

  fill(buffer: Uint8Array): void {
    if (buffer.length > POOL_BYTES / 16) return void randomFillSync(buffer);
    if (this.#used + buffer.length > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const pool = this.#pool;
    for (let index = 0; index < buffer.length; index++) {
      buffer[index] = pool[this.#used] as number;
      pool[this.#used++] = 0;
    }
  }
}

/**
 * The longest delay that the runtimes' timers take: 2^31 - 1 ms; a longer one would fire at once.
 */
const DELAY_MAX: Millis = 2_147_483_647;

function threadTime(): Millis {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function setTimer(callback: () => void, delay: Millis): Timer {
  const timer = setTimeout(callback, Math.min(Math.max(delay, 0), DELAY_MAX));
  return { cancel: () => clearTimeout(timer) };
}
