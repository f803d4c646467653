import { afterEach, beforeEach, describe, expect } from "bun:test";
import { peerTest } from "../support/peers.ts";
import { tlsPath } from "../support/tls_fixtures.ts";
import { PHONE_TRANSPORTS, PhoneRig } from "./phone_rig.ts";
import { correlations, sweep } from "./sound.ts";
import { voicegwCall } from "./voicegw_call.ts";

const CORRELATION_MIN = 0.97;
/** Of three pieces: it stretches what it plays when its clock wants that. */
const PIECES_MIN = 2;
/** It calls over TLS, and takes no connections. */
const CALLED_OVER = ["udp", "tcp"] as const;

let rig: PhoneRig;

beforeEach(() => {
  rig = new PhoneRig();
});

afterEach(() => rig.close());

describe("Linphone calls the gateway", () => {
  for (const transport of PHONE_TRANSPORTS) {
    peerTest(`over ${transport}: echo, keys, hold and resume`, ["linphone"], async () => {
      const server = await rig.gateway({ routes: [{ exec: rig.echo() }] });
      const sound = sweep(2000);
      const phone = await rig.linphone({ transport, sound });
      phone.command(`call sip:100@${server.at(transport)};transport=${transport}`);
      await phone.says(/Media streams established/);
      await Bun.sleep(2200);
      phone.command("4");
      await rig.untilTold("dtmf");
      phone.command("pause");
      await phone.says(/is now paused/);
      await rig.untilTold("hold");
      phone.command("resume 1");
      await rig.untilTold("resume");
      await Bun.sleep(300);
      phone.command("terminate");
      const [record] = await server.ended(1);
      const heard = await phone.finish();
      expect({ cause: record?.cause, transport: record?.call.transport, said: phone.output })
        .toEqual({ cause: "caller_hangup", transport, said: phone.output });
      expect(rig.told(["dtmf", "error"])).toMatchObject([{ digit: "4", source: "rfc4733" }]);
      const alike = correlations(sound, heard).filter((found) => found > CORRELATION_MIN);
      expect(alike.length).toBeGreaterThanOrEqual(PIECES_MIN);
      await server.idle();
    });
  }
});

describe("Linphone proves a password, RFC 8760", () => {
  for (const algorithms of [["SHA-256", "MD5"], ["SHA-256"], ["MD5"]]) {
    peerTest(`by one of ${algorithms.join(" and ")}`, ["linphone"], async () => {
      const credentials = { username: "linphone", password: "correct-horse" };
      const users = { linphone: { password: credentials.password } };
      const server = await rig.gateway({
        routes: [{ exec: rig.echo() }],
        sip: { auth: { users, algorithms } },
      });
      const phone = await rig.linphone({ credentials });
      phone.command(`call sip:100@${server.udp}`);
      await phone.says(/Media streams established/);
      phone.command("terminate");
      const [record] = await server.ended(1);
      expect(record?.call.auth_user).toBe("linphone");
      await server.idle();
    });
  }
});

describe("Linphone is called", () => {
  for (const transport of CALLED_OVER) {
    peerTest(`over ${transport}: sound both ways, BYE of ours`, ["linphone"], async () => {
      const phone = await rig.linphone({ transport, answers: true });
      const { exitCode, output } = await voicegwCall(phone.uri, [
        ...["--duration", "1s", "--ca", tlsPath("ca.pem"), "--json"],
      ]);
      const heard = await phone.finish();
      expect({ exitCode, output: exitCode === 0 ? "" : `${output}\n${phone.output}` })
        .toEqual({ exitCode: 0, output: "" });
      expect(heard.length).toBeGreaterThan(4000);
    });
  }
});
