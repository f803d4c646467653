import { afterEach, beforeEach, describe, expect } from "bun:test";
import { peerTest } from "../support/peers.ts";
import { PhoneRig } from "./phone_rig.ts";

let rig: PhoneRig;

beforeEach(() => {
  rig = new PhoneRig();
});

afterEach(() => rig.close());

/** It calls over TLS, and takes no connections. */
const TRANSPORTS = ["udp", "tcp"] as const;

describe("the handler transfers Linphone, RFC 5589", () => {
  for (const transport of TRANSPORTS) {
    peerTest(`${transport}: to a Linphone`, ["linphone"], async () => {
      const other = await rig.linphone({ transport, answers: true });
      const keys = { "1": [{ command: "transfer", to: other.uri }] };
      const server = await rig.gateway({ routes: [{ exec: rig.echo(keys) }] });
      const phone = await rig.linphone({ transport });
      phone.command(`call sip:100@${server.at(transport)};transport=${transport}`);
      await phone.says(/Media streams established/);
      await Bun.sleep(300);
      phone.command("1");
      await other.says(/Media streams established/);
      const [record] = await server.ended(1);
      await server.idle();
      expect({ cause: record?.cause, said: phone.output })
        .toEqual({ cause: "transferred", said: phone.output });
      expect(rig.told(["transfer"]).at(-1)).toMatchObject({ status: "accepted", sip_status: 200 });
    });
  }

  for (const transport of TRANSPORTS) {
    peerTest(`${transport}: joined with the caller of another call`, ["linphone"], async () => {
      const server = await rig.gateway({
        routes: [
          { when: { user: "first" }, exec: rig.echo({ "1": [rig.commandFile()] }, "first") },
          { exec: rig.echo({}, "second") },
        ],
      });
      const at = `${server.at(transport)};transport=${transport}`;
      const [phone, other] = await Promise.all([
        rig.linphone({ transport }),
        rig.linphone({ transport }),
      ]);
      other.command(`call sip:second@${at}`);
      await other.says(/Media streams established/);
      await rig.untilTold("start", 1, "second");
      phone.command(`call sip:first@${at}`);
      await phone.says(/Media streams established/);
      const [start] = rig.told(["start"], "second") as readonly { call: { id: string } }[];
      rig.commandFile({ command: "transfer", replaces: start?.call.id ?? "" });
      await Bun.sleep(300);
      phone.command("1");
      const records = await server.ended(2);
      const causes = records.map(({ call, cause }) => `${call.user} ${cause}`).sort();
      const said = `${phone.output}\n${other.output}`;
      expect({ causes, said })
        .toEqual({ causes: ["first transferred", "second caller_hangup"], said });
      await server.idle();
    });
  }
});

describe("Linphone has the gateway call somebody else, RFC 3515, RFC 5589", () => {
  for (const transport of TRANSPORTS) {
    peerTest(`${transport}: blind`, ["linphone"], async () => {
      const other = await rig.linphone({ transport, answers: true });
      const server = await rig.gateway({ routes: [{ exec: rig.echo() }], sip: { refer: "any" } });
      const phone = await rig.linphone({ transport });
      phone.command(`call sip:100@${server.at(transport)};transport=${transport}`);
      await phone.says(/Media streams established/);
      // Who is to be replaced has been heard of
      await Bun.sleep(300);
      phone.command(`transfer ${other.uri}`);
      await other.says(/Media streams established/);
      await phone.says(/Call 1 .*ended/);
      await Bun.sleep(300);
      expect({ records: server.records, said: other.output })
        .toEqual({ records: [], said: other.output });
      other.command("1");
      await rig.untilTold("dtmf");
      other.command("terminate");
      const [record] = await server.ended(1);
      expect(record?.cause).toBe("caller_hangup");
      await server.idle();
    });
  }

  peerTest("joined with whom it talks to, RFC 3891", ["linphone"], async () => {
    // It says whom to call by address of record, which has neither port nor transport
    const address = `127.5.1.${1 + process.pid % 250}`;
    const other = await rig.linphone({ answers: true, address });
    const server = await rig.gateway({ routes: [{ exec: rig.echo() }], sip: { refer: "any" } });
    const phone = await rig.linphone();
    phone.command(`call sip:100@${server.udp}`);
    await phone.says(/Media streams established/);
    await Bun.sleep(300);
    phone.command("pause");
    await phone.says(/is now paused/);
    phone.command(`call ${other.uri}`);
    await phone.says(/Media streams established with .* for call 2/);
    phone.command("transfer 1 --to-call 2");
    await phone.says(/Call 1 .*ended/);
    await other.says(/Media streams established with .* for call 2/);
    expect({ records: server.records, said: other.output })
      .toEqual({ records: [], said: other.output });
    other.command("1");
    await rig.untilTold("dtmf");
    other.command("terminate");
    const [record] = await server.ended(1);
    expect(record?.cause).toBe("caller_hangup");
    await server.idle();
  });
});
