/**
 * A dialog: what both ends remember of each other between requests. RFC 3261 §12.
 *
 * Transactions, timers and transports are left to the user agent, which adds the Via to the requests built here.
 *
 * @module
 */

import { createRequest } from "../message/build.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest, SipResponse } from "../message/message.ts";
import { parseNameAddr, withTag } from "../message/name_addr.ts";
import { type NextHop, nextHopOf } from "../message/next_hop.ts";
import { parseSipUri } from "../message/uri.ts";

/** What identifies a dialog at our end. §12 */
export interface DialogId {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
}

/** What a request within a dialog carries besides the dialog's own headers. */
export interface DialogRequestOptions {
  readonly headers?: Headers;
  readonly body?: Uint8Array;
  readonly contentType?: string;
  /** Of the request that an ACK acknowledges; every other request takes the next number. */
  readonly sequence?: number;
}

/** Longest Record-Route that a dialog takes over. */
const ROUTE_SET_MAX = 64;

/** One dialog, early or confirmed. */
export class Dialog {
  readonly id: DialogId;
  /** Value of From in our requests. */
  readonly #local: string;
  /** Value of To in our requests. */
  readonly #remote: string;
  #routeSet: readonly string[];
  #remoteTarget: string;
  #localSequence: number;
  #remoteSequence: number | undefined;

  private constructor(parts: {
    id: DialogId;
    local: string;
    remote: string;
    routeSet: readonly string[];
    remoteTarget: string;
    localSequence: number;
    remoteSequence: number | undefined;
  }) {
    this.id = parts.id;
    this.#local = parts.local;
    this.#remote = parts.remote;
    this.#routeSet = parts.routeSet.slice(0, ROUTE_SET_MAX);
    this.#remoteTarget = parts.remoteTarget;
    this.#localSequence = parts.localSequence;
    this.#remoteSequence = parts.remoteSequence;
  }

  /**
   * The dialog that our answer to an INVITE makes. §12.1.1
   *
   * @param localTag The tag that goes into To of every response but 100.
   * @throws {SipParseError} The request has no usable Contact: the peer's fault, 400.
   */
  static fromRequest(request: SipRequest, localTag: string): Dialog {
    const { headers } = request;
    const contact = headers.contact;
    const to = headers.get("To") as string;
    return new Dialog({
      id: { callId: headers.callId, localTag, remoteTag: headers.from.tag ?? "" },
      local: headers.to.tag === undefined ? withTag(to, localTag) : to,
      remote: headers.get("From") as string,
      routeSet: headers.recordRoutes,
      remoteTarget: contact?.uri ?? headers.from.uri,
      localSequence: 0,
      remoteSequence: headers.cseq.sequence,
    });
  }

  /**
   * The dialog that a response to our INVITE makes. §12.1.2
   *
   * @throws {SipParseError} The response has no To tag or no usable Contact.
   */
  static fromResponse(request: SipRequest, response: SipResponse): Dialog {
    const { headers } = response;
    return new Dialog({
      id: {
        callId: headers.callId,
        localTag: headers.from.tag ?? "",
        remoteTag: headers.to.tag ?? "",
      },
      local: request.headers.get("From") as string,
      remote: headers.get("To") as string,
      // §12.1.2: the UAC reverses the order of Record-Route
      routeSet: headers.recordRoutes.toReversed(),
      remoteTarget: headers.contact?.uri ?? request.requestUri,
      localSequence: request.headers.cseq.sequence,
      remoteSequence: undefined,
    });
  }

  /** What our requests go through, first hop first. */
  get routeSet(): readonly string[] {
    return this.#routeSet;
  }

  /** The CSeq number of our last request. */
  get localSequence(): number {
    return this.#localSequence;
  }

  /** The Contact that the peer gave last. */
  get remoteTarget(): string {
    return this.#remoteTarget;
  }

  /**
   * Takes the sequence number of a request of the peer. §12.2.2
   *
   * @returns `false` when it is lower than one before: the request is out of order.
   */
  acceptSequence(sequence: number): boolean {
    if (this.#remoteSequence !== undefined && sequence <= this.#remoteSequence) return false;
    this.#remoteSequence = sequence;
    return true;
  }

  /** Hands out the CSeq number of our next request. §12.2.1.1 */
  takeSequence(): number {
    return ++this.#localSequence;
  }

  /**
   * The 2xx that makes an early dialog a confirmed one came. §13.2.2.4: its Record-Route counts.
   *
   * @throws {SipParseError} It has no usable Contact.
   */
  confirm(response: SipResponse): void {
    const contact = response.headers.contact;
    this.#routeSet = response.headers.recordRoutes.toReversed().slice(0, ROUTE_SET_MAX);
    this.refreshTarget(contact?.uri);
  }

  /** Takes the Contact of a target refresh request or of its response. §12.2.1.2, §12.2.2 */
  refreshTarget(contactUri: string | undefined): void {
    if (contactUri !== undefined) this.#remoteTarget = contactUri;
  }

  /** Builds a request within the dialog, without Via. §12.2.1.1 */
  createRequest(method: string, options: DialogRequestOptions = {}): SipRequest {
    const sequence = options.sequence ?? this.takeSequence();
    const { requestUri, routes } = routedTarget(this.#remoteTarget, this.#routeSet);
    const headers: (readonly [string, string])[] = [["Max-Forwards", "70"]];
    for (const route of routes) headers.push(["Route", route]);
    headers.push(
      ["From", this.#local],
      ["To", this.#remote],
      ["Call-ID", this.id.callId],
      ["CSeq", `${sequence} ${method}`],
      ...(options.headers ?? []),
    );
    return createRequest({
      method,
      requestUri,
      headers,
      ...(options.body === undefined ? {} : { body: options.body }),
      ...(options.contentType === undefined ? {} : { contentType: options.contentType }),
    });
  }

  /**
   * The first hop of our requests: the first route, else the remote target. §12.2.1.1, §8.1.2
   *
   * @returns `undefined` when that URI is not one that we can send to.
   */
  get nextHop(): NextHop | undefined {
    return firstHop(this.#remoteTarget, this.#routeSet);
  }
}

/** The first hop of a request to `target` through `routes`. §8.1.2 */
export function firstHop(target: string, routes: readonly string[]): NextHop | undefined {
  const first = routes[0];
  return nextHopOf(first === undefined ? target : routeUri(first));
}

/** Request-URI and Route headers, for a loose or a strict first router. §12.2.1.1 */
export function routedTarget(
  target: string,
  routes: readonly string[],
): { readonly requestUri: string; readonly routes: readonly string[] } {
  const first = routes[0];
  if (first === undefined) return { requestUri: target, routes: [] };
  const uri = routeUri(first);
  if (isLooseRouter(uri)) return { requestUri: target, routes };
  return { requestUri: uri, routes: [...routes.slice(1), `<${target}>`] };
}

function routeUri(route: string): string {
  try {
    return parseNameAddr(route).uri;
  } catch {
    // A Record-Route that cannot be read is echoed, but leads nowhere.
    return "";
  }
}

function isLooseRouter(uri: string): boolean {
  try {
    return parseSipUri(uri).parameters.has("lr");
  } catch {
    // As above: a broken route is taken for a loose one, so that the remote target stays in the Request-URI.
    return true;
  }
}
