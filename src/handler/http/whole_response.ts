/**
 * A request whose response is wanted as a whole, within bounds of size and time.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { HttpRequest } from "../../runtime/client_ports.ts";
import type { Runtime } from "../../runtime/ports.ts";

/** What is asked; the time-out is that of the whole. */
export type WholeRequest = Omit<HttpRequest, "timeout" | "body"> & {
  readonly body?: Uint8Array | undefined;
};

/** What a response may take. */
export interface WholeLimits {
  /** From the look-up of the name to the last byte. */
  readonly timeout: Millis;
  /** Of its body, content codings undone; may depend on its media type. */
  readonly bytesMax: number | ((mediaType: string) => number);
}

/** What came of it. */
export type WholeResponse =
  | {
    readonly ok: true;
    readonly status: number;
    /** Names in lower case. */
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array;
  }
  | {
    readonly ok: false;
    /** For a person, with the server as "it". */
    readonly reason: string;
    /** There was no response in time, or at all; or it is larger than it may be. */
    readonly fault: "network" | "size";
  };

/**
 * Asks, and collects the response. Redirections are not followed.
 *
 * @param done Once, later; never after `abort`.
 */
export function fetchWhole(
  runtime: Pick<Runtime, "requestHttp" | "setTimer">,
  request: WholeRequest,
  { timeout, bytesMax }: WholeLimits,
  done: (response: WholeResponse) => void,
): { abort(): void } {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  let limit = 0;
  let head: { status: number; headers: Readonly<Record<string, string>> } | undefined;
  const finish = (response: WholeResponse): void => {
    timer.cancel();
    done(response);
  };
  const tooLarge = (): void => {
    exchange.abort();
    finish({ ok: false, fault: "size", reason: `its response is larger than ${sizeOf(limit)}` });
  };
  const timer = runtime.setTimer(() => {
    exchange.abort();
    const reason = head === undefined
      ? "it did not answer in time"
      : "its response was not complete in time";
    done({ ok: false, fault: "network", reason });
  }, timeout);
  const exchange = runtime.requestHttp({ ...request, timeout }, {
    head: (status, headers) => {
      head = { status, headers };
      limit = typeof bytesMax === "number" ? bytesMax : bytesMax(mediaTypeOf(headers));
      if (Number(headers["content-length"] ?? 0) > limit && request.method !== "HEAD") tooLarge();
    },
    data: (data) => {
      bytes += data.length;
      if (bytes > limit) return tooLarge();
      pieces.push(data.slice());
    },
    ended: () => {
      const { status, headers } = head ?? { status: 0, headers: {} };
      finish({ ok: true, status, headers, body: join(pieces, bytes) });
    },
    failed: (reason) => finish({ ok: false, fault: "network", reason }),
    drained: () => {},
  });
  return {
    abort: () => {
      timer.cancel();
      exchange.abort();
    },
  };
}

/** The media type of a response, in lower case and without parameters; empty when there is none. */
export function mediaTypeOf(headers: Readonly<Record<string, string>>): string {
  return (headers["content-type"] ?? "").split(/[;,]/, 1)[0]?.trim().toLowerCase() ?? "";
}

function join(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const [first] = pieces;
  if (pieces.length === 1 && first !== undefined) return first;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function sizeOf(bytes: number): string {
  if (bytes >= 1 << 20) return `${Math.floor(bytes / (1 << 20))} MiB`;
  return bytes >= 1024 ? `${Math.floor(bytes / 1024)} KiB` : `${bytes} bytes`;
}
