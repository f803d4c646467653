/**
 * Keeps calls up past the shortest session interval that there is, in every role, in real time.
 *
 * ```
 * bun tests/soak/session_timer.ts [--refreshes 3]
 * ```
 *
 * Every call has an interval of 90 seconds (RFC 4028 §4) and a SIPp at its other end, as the caller
 * and as the one who is called: it refreshes by UPDATE or by re-INVITE, or has us refresh, or stays
 * silent, or has forgotten the call. All of them run at once. Those that are refreshed have to
 * outlive their refreshes, and the others to end with the cause `session_expired`.
 *
 * It ends with 0 when all of that holds, after some 45 seconds for each refresh and half a minute
 * more.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { EndCause } from "../../src/call/handler_message.ts";
import { runSipp, type SippResult, startSippCallee } from "../peers/sipp.ts";
import { sdp, SippScript } from "../peers/sipp_script.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { missingPeers } from "../support/peer_table.ts";

/** One call. */
interface Role {
  readonly name: string;
  readonly scenario: SippScript;
  /** Who placed it. */
  readonly caller: "sipp" | "gateway";
  readonly cause: EndCause;
}

/** Seconds. */
const INTERVAL = 90;
/** Who refreshes does so every 40 s. */
const REFRESH_MS = 40_000;
const PATIENCE_MS = 100_000;

const { values } = parseArgs({ options: { refreshes: { type: "string", default: "3" } } });
const refreshes = Number(values.refreshes);
if (!Number.isInteger(refreshes) || refreshes < 1) {
  console.log("--refreshes needs a number of 1 or more");
  process.exit(2);
}

const LIFE_MS = (refreshes + 1) * 50_000 + PATIENCE_MS;

/** What a request or 2xx says about the timer, in the view of who sent the request. */
function timer(refresher: "uac" | "uas"): readonly string[] {
  return [
    "Supported: timer",
    "Require: timer",
    `Session-Expires: ${INTERVAL};refresher=${refresher}`,
  ];
}

/** What a request says about it. */
function asks(refresher: "uac" | "uas"): readonly string[] {
  return ["Supported: timer", `Session-Expires: ${INTERVAL};refresher=${refresher}`];
}

/** The call of a SIPp that knows UPDATE, or does not. */
function calls(refresher: "uac" | "uas", allow: string): SippScript {
  return SippScript.caller().establish({ headers: [...asks(refresher), `Allow: ${allow}`] });
}

/** A SIPp that is called, and says who refreshes. */
function takesCall(refresher: "uac" | "uas"): SippScript {
  const headers = [...timer(refresher), "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"];
  return SippScript.callee().respond("FIRST", 200, { sdp: sdp(), headers }).receive("ACK");
}

function again(script: SippScript, step: (script: SippScript) => SippScript): SippScript {
  let next = script;
  for (let count = 0; count < refreshes; count++) next = step(next);
  return next;
}

function refreshesByUpdate(script: SippScript): SippScript {
  return script.pause(REFRESH_MS).request("UPDATE", { headers: asks("uac") }).expect(200);
}

function refreshesByReinvite(script: SippScript): SippScript {
  return script.pause(REFRESH_MS)
    .request("INVITE", { headers: asks("uac"), sdp: sdp() }).expect(200).ack();
}

function isRefreshedByUpdate(script: SippScript): SippScript {
  return script.receive("UPDATE").respond("UPDATE", 200, { headers: timer("uac") });
}

function isRefreshedByReinvite(script: SippScript): SippScript {
  return script.receive("INVITE")
    .respond("INVITE", 200, { headers: timer("uac"), sdp: sdp() }).receive("ACK");
}

const WITHOUT_UPDATE = "INVITE, ACK, BYE, CANCEL";
const WITH_UPDATE = `${WITHOUT_UPDATE}, UPDATE`;

const ROLES: readonly Role[] = [
  {
    name: "the caller refreshes by UPDATE",
    scenario: again(calls("uac", WITH_UPDATE), refreshesByUpdate).bye(),
    caller: "sipp",
    cause: "caller_hangup",
  },
  {
    name: "the caller refreshes by re-INVITE",
    scenario: again(calls("uac", WITHOUT_UPDATE), refreshesByReinvite).bye(),
    caller: "sipp",
    cause: "caller_hangup",
  },
  {
    name: "we refresh the caller's call by UPDATE",
    scenario: again(calls("uas", WITH_UPDATE), isRefreshedByUpdate).bye(),
    caller: "sipp",
    cause: "caller_hangup",
  },
  {
    name: "we refresh the caller's call by re-INVITE",
    scenario: again(calls("uas", WITHOUT_UPDATE), isRefreshedByReinvite).bye(),
    caller: "sipp",
    cause: "caller_hangup",
  },
  {
    name: "the caller never refreshes",
    scenario: calls("uac", WITH_UPDATE).answer("BYE"),
    caller: "sipp",
    cause: "session_expired",
  },
  {
    name: "the caller has forgotten the call when we refresh it",
    scenario: calls("uas", WITH_UPDATE).receive("UPDATE").respond("UPDATE", 481).answer("BYE"),
    caller: "sipp",
    cause: "session_expired",
  },
  {
    name: "we refresh the call that we have placed",
    scenario: again(takesCall("uac"), isRefreshedByUpdate).bye(),
    caller: "gateway",
    cause: "callee_hangup",
  },
  {
    name: "whom we have called refreshes",
    scenario: again(takesCall("uas"), refreshesByUpdate).bye(),
    caller: "gateway",
    cause: "callee_hangup",
  },
  {
    name: "whom we have called never refreshes",
    scenario: takesCall("uas").answer("BYE"),
    caller: "gateway",
    cause: "session_expired",
  },
];

const missing = missingPeers(["sipp"]);
if (missing.length > 0) {
  console.log(`Not installed: ${missing.join(", ")}. Run "bun tests/support/install_peers.ts"`);
  process.exit(2);
}

const gateway = await startGateway({
  routes: [{ name: "echo", echo: true }],
  // SIPp sends no audio
  rtp: { timeout: "1h" },
  sip: { session_expires: `${INTERVAL}s` },
});
try {
  const problems = (await Promise.all(ROLES.map((role) => play(role, gateway)))).flat();
  await gateway.idle().catch((error: Error) => problems.push(error.message));
  for (const problem of problems) console.log(`FAILED: ${problem}`);
  console.log(problems.length === 0 ? "Every session timer worked" : `${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await gateway.stop();
}

/** Runs one call to its end, and says what went wrong. */
async function play(role: Role, server: RunningGateway): Promise<string[]> {
  const options = { scenario: role.scenario, timeoutMs: LIFE_MS, receiveMs: PATIENCE_MS };
  const { result, callId } = role.caller === "sipp"
    ? await asCaller(options, server)
    : await asCallee(options, server);
  await Bun.sleep(500);
  const record = server.records.find(({ call }) => call.sip_call_id.startsWith(callId));
  const seconds = Math.round((record?.duration_ms ?? 0) / 1000);
  console.log(`${role.name}: ${record?.cause ?? "no record"} after ${seconds} s`);
  const problems: string[] = [];
  if (result.exitCode !== 0) problems.push(`${role.name}: SIPp says\n${result.output}`);
  if (record?.cause !== role.cause) problems.push(`${role.name}: ${record?.cause}`);
  return problems;
}

type PlayOptions = Pick<Parameters<typeof runSipp>[0], "scenario" | "timeoutMs" | "receiveMs">;

interface Played {
  readonly result: SippResult;
  readonly callId: string;
}

async function asCaller(options: PlayOptions, server: RunningGateway): Promise<Played> {
  const [address = "", port = ""] = server.udp.split(":");
  const result = await runSipp({ ...options, target: { address, port: Number(port) } });
  return { result, callId: result.callId };
}

async function asCallee(options: PlayOptions, server: RunningGateway): Promise<Played> {
  const callee = await startSippCallee(options);
  const { id } = await server.gateway.dial({ to: callee.uri, route: "echo" });
  const result = await callee.result;
  await Bun.sleep(500);
  const record = server.records.find(({ call }) => call.id === id);
  return { result, callId: record?.call.sip_call_id ?? "nothing" };
}
