/**
 * Signatures of requests: Standard Webhooks, standardwebhooks.com.
 *
 * @module
 */

import { Webhook } from "standardwebhooks";
import type { Millis } from "../../base/units.ts";
import type { Runtime } from "../../runtime/ports.ts";

/** One request that is to be signed. */
export interface SignedMessage {
  /** Stays when the request is tried again. */
  readonly id: string;
  /** Since 1970. */
  readonly at: Millis;
  readonly body: Uint8Array;
}

const PREFIX = "whsec_";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The headers that sign a request.
 *
 * @param secrets `whsec_` and base64, the newest first; the request has one signature of each.
 */
export function signWebhook(
  runtime: Pick<Runtime, "hmac">,
  { id, at, body }: SignedMessage,
  secrets: readonly string[],
): Readonly<Record<string, string>> {
  if (secrets.length === 0) return {};
  const text = textOf(body);
  const signatures = secrets.map((secret) =>
    text === undefined
      ? signBytes(runtime, { id, at, body }, secret)
      : new Webhook(secret).sign(id, new Date(at), text)
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": String(secondsOf(at)),
    "webhook-signature": signatures.join(" "),
  };
}

/** The library takes text alone; what is signed is the body as it is, such as a WAV file. */
function signBytes(
  { hmac }: Pick<Runtime, "hmac">,
  { id, at, body }: SignedMessage,
  secret: string,
): string {
  const head = new TextEncoder().encode(`${id}.${secondsOf(at)}.`);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return `v1,${hmac("SHA-256", keyOf(secret), content).toBase64()}`;
}

function keyOf(secret: string): Uint8Array {
  return Uint8Array.fromBase64(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
}

function secondsOf(at: Millis): number {
  return Math.floor(at / 1000);
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return UTF8.decode(body);
  } catch {
    return undefined;
  }
}
