/**
 * What every adapter must do, as named checks that any runtime can run.
 *
 * `bun test` runs them one by one; under Deno, `deno_checks.ts` runs them and prints what came of
 * each.
 *
 * @module
 */

import { DNS_CHECKS } from "./dns_checks.ts";
import { FAILURE_CHECKS } from "./failure_checks.ts";
import { HTTP_CLIENT_CHECKS } from "./http_client_checks.ts";
import { HTTP_RESPONSE_CHECKS } from "./http_response_checks.ts";
import { HTTP_SERVER_CHECKS } from "./http_server_checks.ts";
import { NET_CHECKS } from "./net_checks.ts";
import { PROCESS_CHECKS } from "./process_checks.ts";
import { SYSTEM_CHECKS } from "./system_checks.ts";
import { TCP_CLIENT_CHECKS } from "./tcp_client_checks.ts";
import { TLS_CHECKS } from "./tls_checks.ts";
import { UDP_CHECKS } from "./udp_checks.ts";
import { WEB_SOCKET_CLIENT_CHECKS } from "./web_socket_client_checks.ts";
import { WEB_SOCKET_CHECKS } from "./web_socket_checks.ts";
import type { Check } from "./check.ts";

/** All checks, by name. */
export const ADAPTER_CHECKS: Readonly<Record<string, Check>> = {
  ...UDP_CHECKS,
  ...NET_CHECKS,
  ...TLS_CHECKS,
  ...TCP_CLIENT_CHECKS,
  ...FAILURE_CHECKS,
  ...WEB_SOCKET_CHECKS,
  ...WEB_SOCKET_CLIENT_CHECKS,
  ...HTTP_CLIENT_CHECKS,
  ...HTTP_RESPONSE_CHECKS,
  ...HTTP_SERVER_CHECKS,
  ...DNS_CHECKS,
  ...PROCESS_CHECKS,
  ...SYSTEM_CHECKS,
};
