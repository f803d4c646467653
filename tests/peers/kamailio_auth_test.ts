import { afterEach, beforeEach, describe, expect } from "bun:test";
import { peerTest } from "../support/peers.ts";
import { tlsPath } from "../support/tls_fixtures.ts";
import { type RunningKamailio, startKamailio, startKamailioPbx } from "./kamailio.ts";
import { type PhoneGateway, PhoneRig, type PhoneTransport } from "./phone_rig.ts";
import { voicegwCall } from "./voicegw_call.ts";

/** How the caller speaks to Kamailio, and Kamailio to the gateway. */
interface Row {
  readonly caller: PhoneTransport;
  readonly gateway: PhoneTransport;
}

const ROWS: readonly Row[] = [
  { caller: "udp", gateway: "udp" },
  { caller: "udp", gateway: "tls" },
  { caller: "tcp", gateway: "udp" },
  { caller: "tls", gateway: "tcp" },
];

const PASSWORD = "correct-horse";

let rig: PhoneRig;
const kamailios: RunningKamailio[] = [];

beforeEach(() => {
  rig = new PhoneRig();
});

afterEach(async () => {
  await rig.close();
  for (const kamailio of kamailios.splice(0)) await kamailio.stop();
});

/** Kamailio asks every caller, and has calls for nobody in particular go to the gateway. */
async function startPbx(server: PhoneGateway, transport: PhoneTransport): Promise<RunningKamailio> {
  const gateway = `sip:${server.at(transport)};transport=${transport}`;
  const kamailio = await startKamailioPbx({ password: PASSWORD, asksCallers: true, gateway });
  kamailios.push(kamailio);
  return kamailio;
}

/** Kamailio asks nobody. */
async function startProxy(server: PhoneGateway): Promise<RunningKamailio> {
  const kamailio = await startKamailio([server.udp]);
  kamailios.push(kamailio);
  return kamailio;
}

function addressOf({ address }: RunningKamailio, transport: PhoneTransport): string {
  return `127.0.0.1:${transport === "tls" ? address.port + 1 : address.port}`;
}

describe("callers prove a password to Kamailio, RFC 3261 §22.3", () => {
  for (const { caller, gateway } of ROWS) {
    peerTest(`${caller} to Kamailio, ${gateway} to us: 407, hold of both sides, BYE`, [
      "kamailio",
      "kamailio-tls",
      "baresip",
    ], async () => {
      const keys = { "1": [{ command: "hold" }, 0.3, { command: "resume" }] };
      const server = await rig.gateway({ routes: [{ exec: rig.echo(keys) }] });
      const kamailio = await startPbx(server, gateway);
      const phone = await rig.baresip({
        transport: caller,
        credentials: { username: "baresip", password: PASSWORD },
      });
      await phone.command("dial", `sip:blue@${addressOf(kamailio, caller)}`);
      await phone.event("CALL_ESTABLISHED");
      await phone.command("hold");
      await rig.untilTold("hold");
      await phone.command("resume");
      await rig.untilTold("resume");
      await Bun.sleep(200);
      await phone.command("sndcode", "1");
      await rig.untilTold("dtmf");
      await Bun.sleep(1000);
      await phone.command("hangup");
      await phone.event("CALL_CLOSED");
      const [record] = await server.ended(1);
      const log = kamailio.log();
      expect({ cause: record?.cause, errors: rig.told(["error"]), log })
        .toEqual({ cause: "caller_hangup", errors: [], log });
      expect(record?.call).toMatchObject({ transport: gateway, auth_user: "" });
      await server.idle();
    });
  }

  peerTest(
    "BYE of ours goes back through Kamailio over TLS",
    ["kamailio", "kamailio-tls"],
    async () => {
      const server = await rig.gateway({ routes: [{ exec: ["sleep", "0.3"] }] });
      const kamailio = await startPbx(server, "tls");
      const { output } = await voicegwCall(
        `sip:short@${addressOf(kamailio, "tls")};transport=tls`,
        [
          ...["--duration", "10s", "--ca", tlsPath("ca.pem")],
          ...["--from", "sip:ann@127.0.0.1", "--password", PASSWORD],
        ],
      );
      expect(output).toContain("BYE");
      const [record] = await server.ended(1);
      expect(record?.cause).toBe("handler_hangup");
      await server.idle();
    },
  );

  peerTest("a wrong password never reaches us", ["kamailio", "kamailio-tls"], async () => {
    const server = await rig.gateway({ routes: [{ echo: true }] });
    const kamailio = await startPbx(server, "udp");
    const { exitCode, output } = await voicegwCall(`sip:blue@${addressOf(kamailio, "udp")}`, [
      ...["--from", "sip:ann@127.0.0.1", "--password", "wrong"],
    ]);
    expect({ exitCode, output })
      .toEqual({ exitCode: 1, output: expect.stringContaining("not answered: 407") });
    expect(server.records).toEqual([]);
    expect(server.gateway.counters.get("calls_received")).toBe(0);
  });
});

describe("callers prove a password to us through Kamailio, RFC 3261 §22.2", () => {
  const auth = { users: { ann: { password: PASSWORD }, baresip: { password: PASSWORD } } };

  peerTest("401 and its answer pass", ["kamailio", "kamailio-tls"], async () => {
    const server = await rig.gateway({ routes: [{ echo: true }], sip: { auth } });
    const kamailio = await startProxy(server);
    const { exitCode, output } = await voicegwCall(`sip:blue@${addressOf(kamailio, "udp")}`, [
      ...["--duration", "500ms", "--user", "ann", "--password", PASSWORD],
    ]);
    expect({ exitCode, output: exitCode === 0 ? "" : output }).toEqual({ exitCode: 0, output: "" });
    const [record] = await server.ended(1);
    expect(record).toMatchObject({ cause: "caller_hangup", call: { auth_user: "ann" } });
    await server.idle();
  });

  peerTest(
    "baresip, which fails on any challenge but MD5",
    ["kamailio", "kamailio-tls", "baresip"],
    async () => {
      const server = await rig.gateway({
        routes: [{ echo: true }],
        sip: { auth: { ...auth, algorithms: ["MD5"] } },
      });
      const kamailio = await startProxy(server);
      const phone = await rig.baresip({
        transport: "tcp",
        credentials: { username: "baresip", password: PASSWORD },
      });
      await phone.command("dial", `sip:blue@${addressOf(kamailio, "tcp")}`);
      await phone.event("CALL_ESTABLISHED");
      await phone.command("hangup");
      const [record] = await server.ended(1);
      expect(record?.call.auth_user).toBe("baresip");
      await server.idle();
    },
  );

  peerTest(
    "a wrong password is refused, and nothing is left",
    ["kamailio", "kamailio-tls"],
    async () => {
      const server = await rig.gateway({ routes: [{ echo: true }], sip: { auth, t1: "50ms" } });
      const kamailio = await startProxy(server);
      const { exitCode, output } = await voicegwCall(`sip:blue@${addressOf(kamailio, "udp")}`, [
        ...["--user", "ann", "--password", "wrong"],
      ]);
      expect({ exitCode, output })
        .toEqual({ exitCode: 1, output: expect.stringContaining("not answered: 401") });
      await server.idle();
      expect(server.records).toEqual([]);
    },
  );
});
