/**
 * Where a call that we place goes: from its URI to an address. RFC 3261 §19.1.
 *
 * @module
 */

import type { SocketAddress } from "../base/socket_address.ts";
import type { Runtime } from "../runtime/ports.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import { parseSipUri, type SipUri } from "../sip/message/uri.ts";
import { OutboundCallError, OutboundTargetError } from "./outbound_options.ts";

/** §19.1.2: of a URI that names none. */
const DEFAULT_PORT = 5060;

/**
 * Reads the URI of a call.
 *
 * @throws {OutboundTargetError} It is no SIP URI, or asks for another transport than UDP.
 */
export function parseTarget(text: string): SipUri {
  const uri = parseUri(text);
  const transport = uri.parameters.get("transport")?.toLowerCase() ?? "udp";
  if (uri.scheme === "sip" && transport === "udp") return uri;
  const asked = uri.scheme === "sips" ? "sips:" : `transport=${transport}`;
  throw new OutboundTargetError(
    `Cannot call "${text}": voicegw call speaks UDP only for now, not ${asked}`,
  );
}

/**
 * Looks up where the INVITE goes.
 *
 * @throws {OutboundCallError} The URI is no target, or its host is not known.
 */
export async function resolveTarget(text: string, runtime: Runtime): Promise<SocketAddress> {
  const { host, port } = parseTarget(text);
  const [address] = await runtime.resolveHost(host).catch(() => []);
  if (address === undefined) throw new OutboundCallError(`Cannot look up "${host}": no such host`);
  return { address, port: port ?? DEFAULT_PORT };
}

function parseUri(text: string): SipUri {
  try {
    return parseSipUri(text);
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    throw new OutboundTargetError(
      `Cannot call "${text}": this is no SIP URI, write such as sip:100@127.0.0.1:5060`,
    );
  }
}
