/**
 * Writes responses of the Fetch standard to clients of a web server of ours.
 *
 * @module
 */

import type http from "node:http";
import type { Millis } from "../base/units.ts";

/** To whom a response goes. */
export interface ResponseTarget {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  /** For a client that reads nothing. */
  readonly timeout: Millis;
}

/** Statuses whose responses have no body. RFC 9110 §6.4.1 */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** They belong to the connection. RFC 9110 §7.6.1 */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
]);

/** Never rejects: a client that is gone, or a body that breaks, ends the connection. */
export async function writeResponse(answer: Response, target: ResponseTarget): Promise<void> {
  const { request, response } = target;
  try {
    response.writeHead(answer.status, headersOf(answer));
    const isEmpty = request.method === "HEAD" || WITHOUT_BODY.has(answer.status);
    if (isEmpty || answer.body === null) {
      void answer.body?.cancel().catch(() => {});
      response.end();
    } else await writeBody(answer.body, target);
    // A client that is still sending could not read the response if we closed
    if (!request.complete) request.removeAllListeners("data").resume();
  } catch {
    response.destroy();
  }
}

/** Several of one name are kept apart where they have to be. RFC 6265 §3 */
function headersOf({ headers }: Response): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    if (!CONNECTION_HEADERS.has(name)) all[name] = value;
  }
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) all["set-cookie"] = cookies;
  return all;
}

async function writeBody(
  body: ReadableStream<Uint8Array>,
  { response, timeout }: ResponseTarget,
): Promise<void> {
  const reader = body.getReader();
  // Ends a read that waits for a body that goes on for long
  const stop = (): void => void reader.cancel().catch(() => {});
  response.once("close", stop);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (response.destroyed) return;
      if (done) break;
      if (!response.write(value)) await drained(response, timeout);
    }
  } catch (error) {
    stop();
    throw error;
  }
  response.off("close", stop);
  response.end();
}

function drained(response: http.ServerResponse, timeout: Millis): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    const timer = setTimeout(() => {
      response.destroy();
      done();
    }, timeout);
    response.once("drain", done);
    response.once("close", done);
  });
}
