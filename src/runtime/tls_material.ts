/**
 * Certificates, keys and authorities as PEM texts: looked at before they are used, since one runtime
 * would fail only at the first handshake, and none says which of them is wrong.
 *
 * @module
 */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import tls from "node:tls";
import { isIpAddress } from "../base/socket_address.ts";
import {
  type TlsClientOptions,
  TlsError,
  type TlsIdentity,
  type TlsServerOptions,
} from "./ports.ts";

/** RFC 8996: what is older is not spoken. */
const VERSION_MIN: tls.SecureVersion = "TLSv1.2";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

const KEY = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----[\s\S]*?-----END \1-----/;

/** PKCS #8's own kind of encryption, and the older one within other kinds. RFC 1421 §4.6.1.1 */
const ENCRYPTED = /-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m;

/** @throws {TlsError} */
export function serverOptions(options: TlsServerOptions): tls.TlsOptions {
  const { certificate, key, ca, clientCertificate } = options;
  checkIdentity({ certificate, key });
  if (ca !== undefined) checkCertificates("ca", ca);
  return usable({
    cert: certificate,
    key,
    ...(ca === undefined ? {} : { ca: certificatesOf(ca) }),
    minVersion: VERSION_MIN,
    requestCert: clientCertificate !== "none",
    rejectUnauthorized: clientCertificate === "require",
  });
}

/** @throws {TlsError} */
export function clientOptions(options: TlsClientOptions): tls.ConnectionOptions {
  const { identity, ca, verify } = options;
  if (identity !== undefined) checkIdentity(identity);
  if (ca !== undefined) checkCertificates("ca", ca);
  return usable({
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
    ...(ca === undefined ? {} : { ca: certificatesOf(ca) }),
    minVersion: VERSION_MIN,
    rejectUnauthorized: verify,
  });
}

/** Whom the server has to be: the name that counts is not the address that we connect to. */
export function serverIdentity(serverName: string): tls.ConnectionOptions {
  return {
    // RFC 6066 §3: addresses are no server names
    ...(isIpAddress(serverName) ? {} : { servername: serverName }),
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(serverName, certificate),
  };
}

function checkIdentity({ certificate, key }: TlsIdentity): void {
  const own = checkCertificates("certificate", certificate);
  if (!own.checkPrivateKey(checkKey(key))) {
    throw new TlsError(
      "The key does not belong to the certificate; the certificate of this key has to come first",
    );
  }
}

/** @returns The first of them. */
function checkCertificates(what: "certificate" | "ca", text: string): X509Certificate {
  const certificates = certificatesOf(text).map((pem, index) => {
    try {
      return new X509Certificate(pem);
    } catch (error) {
      throw new TlsError(`Cannot read number ${index + 1} of the ${what}: ${why(error)}`, {
        cause: error,
      });
    }
  });
  const [first] = certificates;
  if (first === undefined) {
    throw new TlsError(
      `Cannot read the ${what}: there is no "-----BEGIN CERTIFICATE-----" in it, use PEM`,
    );
  }
  return first;
}

function checkKey(text: string): KeyObject {
  if (ENCRYPTED.test(text)) {
    throw new TlsError(
      'Cannot read the key: it has a passphrase, take it off with "openssl pkey -in old -out new"',
    );
  }
  if (!KEY.test(text)) {
    throw new TlsError('Cannot read the key: there is no "PRIVATE KEY-----" in it, use PEM');
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new TlsError(`Cannot read the key: ${why(error)}`, { cause: error });
  }
}

/** The certificates in a text, each as a text of its own. */
export function certificatesOf(text: string): string[] {
  return text.match(CERTIFICATE) ?? [];
}

/** What is well-formed may still not do, such as a key that is too short. */
function usable<T extends tls.SecureContextOptions>(options: T): T {
  try {
    tls.createSecureContext(options);
    return options;
  } catch (error) {
    throw new TlsError(`Cannot use certificate, key and ca: ${why(error)}`, { cause: error });
  }
}

function why(error: unknown): string {
  return String((error as { message?: unknown }).message ?? error);
}
