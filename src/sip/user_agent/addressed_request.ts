/**
 * What every request outside of a dialog says: who asks whom, and by which way. RFC 3261 §8.1.1.
 *
 * @module
 */

import { randomHex } from "../../base/random.ts";
import type { Credentials } from "../auth/credentials.ts";
import { routedTarget } from "../dialog/dialog.ts";
import { createRequest } from "../message/build.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest } from "../message/message.ts";
import { withTag } from "../message/name_addr.ts";
import type { Hop } from "../transport/flow.ts";
import type { UserAgentContext } from "./context.ts";
import type { SipBody } from "./output.ts";

/** A request outside of a dialog: to whom it goes, and by which way. */
export interface AddressedRequest {
  readonly requestUri: string;
  /** Value of From without a tag, such as `"Ann" <sip:ann@example.com>`. */
  readonly from: string;
  readonly to: string;
  /** The ways out, in the order to be tried. At least one. */
  readonly hops: readonly Hop[];
  /** Proxies to go through, such as `<sip:proxy.example.com;lr>`. §8.1.1.1 */
  readonly routes?: readonly string[];
  readonly headers?: Headers;
  /** Default: a new one. */
  readonly callId?: string;
  /** For whoever challenges us. */
  readonly credentials?: Credentials | undefined;
}

/** What the sender adds. */
interface OwnParts {
  readonly method: string;
  readonly fromTag: string;
  readonly sequence: number;
  readonly body?: SipBody | undefined;
}

/** Builds the request, without Via and Contact. */
export function createAddressedRequest(
  { random }: Pick<UserAgentContext, "random">,
  options: AddressedRequest & OwnParts,
): SipRequest {
  const { method, body } = options;
  const { requestUri, routes } = routedTarget(options.requestUri, options.routes ?? []);
  return createRequest({
    method,
    requestUri,
    headers: [
      ["Max-Forwards", "70"],
      ...routes.map((route) => ["Route", route] as const),
      ["From", withTag(options.from, options.fromTag)],
      ["To", options.to],
      ["Call-ID", options.callId ?? randomHex(random, 16)],
      ["CSeq", `${options.sequence} ${method}`],
      ...(options.headers ?? []),
    ],
    ...(body === undefined ? {} : { body: body.bytes, contentType: body.contentType }),
  });
}
