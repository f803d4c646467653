import { afterEach, beforeEach, describe, expect } from "bun:test";
import { peerTest } from "../support/peers.ts";
import { tlsPath } from "../support/tls_fixtures.ts";
import { PHONE_TRANSPORTS, PhoneRig } from "./phone_rig.ts";
import { voicegwCall } from "./voicegw_call.ts";

const PTIME_MS = 20;
/** Packets that are on their way when something changes, and those that start-up costs. */
const PACKETS_TOLERANCE = 15;

let rig: PhoneRig;

beforeEach(() => {
  rig = new PhoneRig();
});

afterEach(() => rig.close());

describe("baresip is called", () => {
  for (const transport of PHONE_TRANSPORTS) {
    peerTest(`over ${transport}: sound both ways, BYE of ours`, ["baresip"], async () => {
      const phone = await rig.baresip({ transport, answers: true });
      const { exitCode, output } = await voicegwCall(phone.uri, [
        ...["--duration", "1s", "--ca", tlsPath("ca.pem"), "--json"],
      ]);
      const { heard, output: said } = await phone.finish();
      expect({ exitCode, output: exitCode === 0 ? "" : `${output}\n${said}` })
        .toEqual({ exitCode: 0, output: "" });
      expect(heard.length).toBeGreaterThan(6000);
    });
  }

  peerTest("and refuses: RFC 3261 §21.4.24", ["baresip"], async () => {
    const phone = await rig.baresip();
    const calling = voicegwCall(phone.uri);
    await phone.event("CALL_INCOMING");
    await phone.command("hangup");
    const { exitCode, output } = await calling;
    expect({ exitCode, output }).toEqual({ exitCode: 1, output: expect.stringMatching(/486|603/) });
  });
});

describe("holding over each transport, RFC 3264 §8.4", () => {
  for (const transport of PHONE_TRANSPORTS) {
    peerTest(`${transport}: baresip holds the handler, and resumes`, ["baresip"], async () => {
      const server = await rig.gateway({ routes: [{ exec: rig.echo() }] });
      const phone = await rig.baresip({ transport });
      await phone.command("dial", `sip:100@${server.at(transport)}`);
      await phone.event("CALL_ESTABLISHED");
      await Bun.sleep(500);
      await phone.command("hold");
      await rig.untilTold("hold");
      await phone.command("resume");
      await rig.untilTold("resume");
      await Bun.sleep(1000);
      await phone.command("hangup");
      await phone.event("CALL_CLOSED");
      const [record] = await server.ended(1);
      expect(record).toMatchObject({ cause: "caller_hangup", call: { transport } });
      await rig.untilTold("end");
      const names = rig.told(["hold", "resume", "error"]).map(({ event }) => event);
      expect(names).toEqual(["hold", "resume"]);
      expect(record?.statistics.packets_sent).toBeGreaterThan(1000 / PTIME_MS);
      await server.idle();
    });

    peerTest(`${transport}: the handler holds baresip, and resumes`, ["baresip"], async () => {
      const keys = { "1": [{ command: "hold" }, 1, { command: "resume" }] };
      const server = await rig.gateway({ routes: [{ exec: rig.echo(keys) }] });
      const phone = await rig.baresip({ transport });
      await phone.command("dial", `sip:100@${server.at(transport)}`);
      await phone.event("CALL_ESTABLISHED");
      await Bun.sleep(500);
      await phone.command("sndcode", "1");
      await rig.untilTold("dtmf");
      await Bun.sleep(2000);
      await phone.command("hangup");
      await phone.event("CALL_CLOSED");
      const [record] = await server.ended(1);
      expect({ cause: record?.cause, errors: rig.told(["error"]) })
        .toEqual({ cause: "caller_hangup", errors: [] });
      // For a second nothing came, and nothing was echoed
      const talked = ((record?.duration_ms ?? 0) - 1000) / PTIME_MS;
      const { packets_received: received = 0 } = record?.statistics ?? {};
      expect(Math.abs(received - talked)).toBeLessThan(PACKETS_TOLERANCE);
      await server.idle();
    });
  }
});
