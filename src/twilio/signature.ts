/**
 * X-Twilio-Signature: who has the token of the account can tell that a request is ours.
 *
 * Source: twilio.com/docs/usage/security.
 *
 * @module
 */

import { encodeBase64 } from "./base64.ts";
import type { Parameters } from "./request_parameters.ts";

/** What is signed. */
export interface SignatureOptions {
  readonly authToken: string;
  /** As the server sees it, query and all. A body that is no form is signed by its `bodySHA256`. */
  readonly url: string;
  /** Those of the form in the body. */
  readonly parameters: Parameters;
  readonly hmac: (name: "SHA-1", key: Uint8Array, data: Uint8Array) => Uint8Array;
}

/** Computes the header's value. */
export function signRequest({ authToken, url, parameters, hmac }: SignatureOptions): string {
  const encoder = new TextEncoder();
  const sorted = [...parameters].sort(([one], [other]) => one < other ? -1 : one > other ? 1 : 0);
  const text = url + sorted.map(([name, value]) => name + value).join("");
  return encodeBase64(hmac("SHA-1", encoder.encode(authToken), encoder.encode(text)));
}
