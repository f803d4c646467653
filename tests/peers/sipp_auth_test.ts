import { describe, expect } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { runSipp } from "./sipp.ts";
import { describeSipp, expectSuccess, listenerOf, type SippRow } from "./sipp_rows.ts";
import { sdp, SippScript } from "./sipp_script.ts";
import { find, headerOf, nth } from "./wire_message.ts";

const HANGUP = { cause: "caller_hangup", sip_status: 200 } as const;

function login(password: string): { readonly headers: readonly string[] } {
  return { headers: [`[authentication username=pbx password=${password}]`] };
}

/** Asks without a password, and is asked for one. */
function challenged(): SippScript {
  return SippScript.caller().invite({ sdp: sdp() }).expect(401, { auth: true }).ackRefusal();
}

const ROWS: readonly SippRow[] = [
  {
    name: "RFC 3261 §22.1 the right password lets a call in",
    scenario: challenged().establish(login("secret")).pause(50)
      // What belongs to a call that is in is not asked for a password again
      .request("INVITE", { sdp: sdp({ version: 2 }) }).expect(200).ack().bye(),
    record: HANGUP,
    check: ({ messages, records }) => {
      expect(headerOf(find(messages, "401"), "WWW-Authenticate")).toMatch(
        /^Digest realm="voicegw"/,
      );
      expect(records[0]?.call.auth_user).toBe("pbx");
    },
  },
  {
    name: "§22.1 a wrong password does not, and leads to another challenge",
    scenario: challenged().invite({ sdp: sdp(), ...login("guessed") })
      .expect(401, { auth: true }).ackRefusal()
      .establish(login("secret")).bye(),
    record: HANGUP,
    check: ({ messages }) => {
      const nonces = [0, 1].map((index) =>
        /nonce="([^"]+)"/.exec(headerOf(nth(messages, "401", index), "WWW-Authenticate") ?? "")
          ?.[1]
      );
      expect(nonces[0]).not.toBe(nonces[1]);
    },
  },
  {
    name: "RFC 7616 §3.4 one challenge serves for a second call, with a higher count",
    scenario: challenged().establish(login("secret")).bye()
      .inAnotherDialog().establish(login("secret")).bye(),
    record: HANGUP,
    records: 2,
    check: ({ messages }) => {
      const counts = messages.flatMap(({ direction, head }) =>
        direction === "sent" ? /nc=(\d+)/.exec(head)?.[1] ?? [] : []
      );
      expect(counts.map(Number)).toEqual([1, 2]);
    },
  },
];

describeSipp({
  title: "SIPp calls a gateway that asks for a password",
  config: {
    sip: {
      auth: { users: { pbx: { password: "secret" } }, algorithms: ["MD5"] },
      // All of them come from one address
      block: { failures: 1000 },
    },
  },
  rows: ROWS,
});

describe("RFC 7616 §5.12 what another caller has sent", () => {
  peerTest("does not let a second one in", ["sipp"], async () => {
    const server = await startGateway({
      routes: [{ echo: true }],
      sip: { auth: { users: { pbx: { password: "secret" } }, algorithms: ["MD5"] } },
    });
    try {
      const target = listenerOf(server, "udp");
      const first = await runSipp({
        scenario: challenged().establish(login("secret")).bye(),
        target,
      });
      expectSuccess(first);
      const stolen = first.messages.flatMap((message) => headerOf(message, "Authorization") ?? []);
      expect(stolen).toHaveLength(1);
      const scenario = SippScript.caller()
        .invite({ sdp: sdp(), headers: [`Authorization: ${stolen[0]}`] })
        .expect(401).ackRefusal().pause(50);
      expectSuccess(await runSipp({ scenario, target }));
      expect(server.records).toHaveLength(1);
      await server.idle();
    } finally {
      await server.stop();
    }
  });
});
