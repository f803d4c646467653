/**
 * What holds between the keys of signalling: listeners and their certificates, timers, names of
 * registrations.
 *
 * @module
 */

import type { LocatedIssue } from "./issue.ts";
import type { Config } from "./schema.ts";
import type { ListenAddress } from "./schema_listen.ts";
import { formatListen } from "./schema_listen.ts";
import { isUnspecified } from "./schema_values.ts";

/** What is looked at. */
type Checked = Pick<Config, "sip" | "rtp" | "registrations">;

/** Finds what does not hold between keys that hold each for itself. */
export function checkSip(config: Checked): LocatedIssue[] {
  return [
    ...checkAddresses(config),
    ...checkListeners(config.sip.listen),
    ...checkCertificates(config.sip),
    ...checkSessionTimer(config.sip),
    ...checkRegistrationNames(config.registrations),
  ];
}

/** An SDP that names 0.0.0.0 means hold to its reader; RFC 3264 §8.4. */
function checkAddresses({ sip, rtp }: Checked): LocatedIssue[] {
  const { address } = rtp;
  if (address === undefined || !isUnspecified(address)) return [];
  if (sip.advertise !== undefined) return [];
  const message = `Nobody can send to ${address}, set sip.advertise beside it or remove the key`;
  return [{ path: ["rtp", "address"], message }];
}

/** Every transport but UDP takes a port of TCP. */
function checkListeners(listen: readonly ListenAddress[]): LocatedIssue[] {
  const taken = new Map<string, ListenAddress>();
  return listen.flatMap((entry, index): LocatedIssue[] => {
    if (entry.port === 0) return [];
    const protocol = entry.transport === "udp" ? "udp" : "tcp";
    const key = formatListen({ ...entry, transport: protocol });
    const other = taken.get(key);
    taken.set(key, other ?? entry);
    if (other === undefined) return [];
    const message = other.transport === entry.transport
      ? `${formatListen(entry)} stands here twice, remove one`
      : `${formatListen(entry)} cannot share its port with ${formatListen(other)}, ` +
        "give one of them another";
    return [{ path: ["sip", "listen", index], message }];
  });
}

function checkCertificates({ listen, tls }: Config["sip"]): LocatedIssue[] {
  const { certificate, key } = tls ?? {};
  if (certificate !== undefined && key !== undefined) return [];
  if (certificate !== undefined || key !== undefined) {
    const [given, missing] = certificate === undefined
      ? ["key", "certificate"]
      : ["certificate", "key"];
    const message = `A ${given} alone is of no use, set sip.tls.${missing} beside it`;
    return [{ path: ["sip", "tls", given], message }];
  }
  return listen.flatMap((entry, index): LocatedIssue[] => {
    if (entry.transport !== "tls" && entry.transport !== "wss") return [];
    const message = `${entry.transport}:// needs a certificate, set sip.tls.certificate and ` +
      "sip.tls.key";
    return [{ path: ["sip", "listen", index], message }];
  });
}

function checkSessionTimer(sip: Config["sip"]): LocatedIssue[] {
  if (sip.session_expires === 0 || sip.session_expires >= sip.min_session_expires) return [];
  const message = "The session timer that we ask for is shorter than what we take, raise it or " +
    "lower sip.min_session_expires";
  return [{ path: ["sip", "session_expires"], message }];
}

function checkRegistrationNames(registrations: Config["registrations"]): LocatedIssue[] {
  const taken = new Map<string, number>();
  return registrations.flatMap(({ name }, index): LocatedIssue[] => {
    const other = taken.get(name);
    if (other === undefined) {
      taken.set(name, index);
      return [];
    }
    const message = `The name "${name}" is taken by registration ${other + 1}, ` +
      "give this one a name of its own";
    return [{ path: ["registrations", index, "name"], message }];
  });
}
